"""A project as a zip: what comes back is what went in; what a stranger made up is refused."""

import io
import json
import stat
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgrec.errors import CancelledError, ImgrecError, TeachError
from imgrec.files import atomic
from imgrec.files.paths import ROOT
from imgrec.teaching import classifier, project_file
from imgrec.teaching import project as teaching_project
from imgrec.teaching.classifier import CrossValidation, EvaluatedPicture, TaughtHead
from imgrec.teaching.project import Project
from imgrec.teaching.project_parts import Settings

Members = dict[str, bytes]
FORMATS = ("PNG", "JPEG", "WEBP")
OLDER = ROOT / "tests" / "fixtures" / "project_before_the_house.zip"  # by the version 2a228ef


@cache
def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (9, 11, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, FORMATS[number % 3])
    return buffer.getvalue()


def head_of(project: Project) -> TaughtHead:
    """A made-up head, which took every second picture for one of the other class."""
    random = np.random.default_rng(1)
    known = random.random((12, classifier.FEATURES), "float32")
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    labelled = [(id, label) for label, each in enumerate(project.classes) for id in each.ids()]
    measured = CrossValidation(
        pictures=12,
        accuracy=0.5,
        low=0.25,
        high=0.75,
        recall=(0.5, 0.5),
        confusion=((3.0, 3.0), (3.0, 3.0)),
        wrong=tuple(EvaluatedPicture(id, label, 1 - label, 0.9) for id, label in labelled[::2]),
        unsure=tuple(EvaluatedPicture(id, label, label, 0.6) for id, label in labelled[1::2]),
        temperature=1.5,
        folds=12,
        repeats=1,
        alike=2,
    )
    kernel = random.normal(size=(classifier.FEATURES, 2)).astype("float32")
    bias = np.array([0.1, -0.1], "float32")
    return TaughtHead(kernel, bias, project.class_names, known, 0.7, 0.05, measured, 0.25)


@pytest.fixture(scope="module")
def project() -> Project:
    """Two classes of six pictures each, in all formats that are kept, and a head."""
    project = Project()
    for start, name in ((0, "Kätzchen 🐈"), (6, "<b>dog</b>")):
        index = project.add_class(name)
        project.add(index, [(f"{n}.jpg", picture(n)) for n in range(start, start + 6)])
    project.keep_head(head_of(project))
    return project


@pytest.fixture(scope="module")
def file(project, tmp_path_factory) -> Path:
    return project_file.write_project(project, tmp_path_factory.mktemp("bundle") / "mine.zip")


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Where temporary folders are made; a project that is left behind would be seen here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def members_of(file: Path) -> Members:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zip_of(file: Path, members: Members, packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def told(members: Members) -> dict:
    return json.loads(members[project_file.PROJECT])


def saying(members: Members, change: Callable[[dict], object]) -> Members:
    """The members with another project.json."""
    content = told(members)
    change(content)
    return members | {project_file.PROJECT: json.dumps(content).encode()}


def with_head(members: Members, packed: bytes) -> Members:
    """The members with another head, whose hash is right."""
    hashed = saying(members, lambda content: content["head"].update(sha256=atomic.sha256(packed)))
    return hashed | {project_file.HEAD: packed}


def refusal(file: Path) -> str:
    with pytest.raises(TeachError) as caught:
        project_file.read_project(file)
    message = str(caught.value)
    assert "\n" not in message and str(file.parent) not in message and message.endswith(".")
    assert len(message) < 300
    assert not list(file.parent.glob("imgrec-*"))
    return message


def noted(file: Path) -> tuple[Project, str]:
    """The project that is opened, and the one note about it."""
    notes: list[str] = []
    project = project_file.read_project(file, notes.append)
    (note,) = notes
    assert project.head is None and project.count == 12
    return project, note


# What comes back


def test_what_comes_back_is_what_went_in(project, file, tmp_path):
    notes: list[str] = []
    steps: list[tuple[int, int]] = []
    again = project_file.read_project(file, notes.append, lambda *step: steps.append(step))
    assert notes == [] and steps == [(done, 12) for done in range(1, 13)]
    assert again.class_names == project.class_names and again.settings == project.settings
    for one, other in zip(project.classes, again.classes, strict=True):
        assert one.pictures == other.pictures
        for id in one.ids():
            assert again.path(id).read_bytes() == project.path(id).read_bytes()
            assert again.path(id).name == project.path(id).name
    assert again.folder != project.folder and len(again.missing_features()) == 12
    packed = project_file.write_project(again, tmp_path / "again.zip")
    assert packed.read_bytes() == file.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.zip"]


def test_the_head_answers_the_same_at_once(project, file):
    """To the last bit, of one picture or many."""
    head, again = project.head, project_file.read_project(file).head
    features = head.known + np.float32(0.01)
    for rows in (features, features[:1]):
        for one, other in zip(
            classifier.answer(head, rows), classifier.answer(again, rows), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    assert again.cross_validation == head.cross_validation and again.class_names == head.class_names
    assert again.similarity_threshold == head.similarity_threshold


def test_the_format_is_that_of_the_version_before(tmp_path):
    notes: list[str] = []
    project = project_file.read_project(OLDER, notes.append)
    assert notes == [] and project.settings == Settings(augment=False, seed=7)
    counts = {each.name: len(each.pictures) for each in project.classes}
    assert counts == {"Kätzchen 🐈": 7, "ship": 7, "truck": 7}
    again = members_of(project_file.write_project(project, tmp_path / "again.zip"))
    assert again == members_of(OLDER)


@pytest.mark.parametrize("names", [[], ["one"], ["one", "two"]])
def test_a_project_without_pictures_or_head_can_be_kept_too(names, tmp_path):
    project = Project()
    project.configure(Settings(augment=True, seed=7))
    for name in names:
        project.add_class(name)
    again = project_file.read_project(project_file.write_project(project, tmp_path / "x.zip"))
    assert again.class_names == tuple(names) and again.head is None
    assert again.settings == Settings(augment=True, seed=7)


def test_the_head_goes_by_the_names_that_the_classes_have_now(file, tmp_path):
    project = project_file.read_project(file)
    project.rename(1, "wolf")
    assert project.head.class_names == ("Kätzchen 🐈", "wolf")
    assert (
        project_file.read_project(
            project_file.write_project(project, tmp_path / "x.zip")
        ).head.class_names[1]
        == "wolf"
    )


def test_a_head_of_other_pictures_is_not_kept(file, tmp_path):
    project = project_file.read_project(file)
    project.remove(0, project.classes[0].ids()[0])
    assert project.head is None
    members = members_of(project_file.write_project(project, tmp_path / "x.zip"))
    assert project_file.HEAD not in members and told(members)["head"] is None


def test_a_picture_in_two_classes_is_in_the_zip_once(tmp_path):
    project = Project()
    for name in ("one", "two"):
        project.add(project.add_class(name), [("same.png", picture(0))])
    packed = project_file.write_project(project, tmp_path / "x.zip")
    assert len(members_of(packed)) == 2
    assert (
        project_file.read_project(packed).classes[0].ids()
        == project_file.read_project(packed).classes[1].ids()
    )


def test_where_it_cannot_be_written_nothing_is_left(project, tmp_path, monkeypatch):
    with pytest.raises(TeachError, match="could not be written"):
        project_file.write_project(project, tmp_path / "nowhere" / "x.zip")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(TeachError, match="No space left"):
        project_file.write_project(project, tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def test_opening_can_be_stopped(file, temporary):
    steps: list[int] = []
    with pytest.raises(CancelledError):
        project_file.read_project(
            file,
            on_progress=lambda done, total: steps.append(done),
            cancelled=lambda: len(steps) == 8,
        )
    assert len(steps) == 8 and list(temporary.iterdir()) == []


def test_pictures_that_another_decoder_reads_otherwise_are_the_same_pictures(file, tmp_path):
    """Their ids are made of pixels, and a JPEG's may differ between versions of a decoder."""
    members = members_of(file)
    before = members[project_file.PROJECT].decode()
    other = "0" * 64
    old = next(name for name in members if name.endswith(".jpg"))
    id = Path(old).stem
    members = {name.replace(id, other): content for name, content in members.items()}
    members[project_file.PROJECT] = before.replace(id, other).encode()
    project = project_file.read_project(zip_of(tmp_path / "x.zip", members))
    judged = (*project.head.cross_validation.wrong, *project.head.cross_validation.unsure)
    ids = {id for each in project.classes for id in each.ids()}
    assert id in ids == {one.picture for one in judged}


# What is refused


EVIL = {
    "a path out of it": "../evil.txt",
    "a whole path": "/etc/passwd",
    "a path on Windows": "..\\..\\evil.jpg",
    "a path within": f"pictures/../{'0' * 64}.jpg",
    "another program's model": "model.keras",
    "a picture of another name": "pictures/cat.jpg",
    "a program": "pictures/" + "0" * 64 + ".py",
    "a folder elsewhere": "../../",
    "a name as long as allowed": "x" * 60_000,
}


@pytest.mark.parametrize("name", EVIL.values(), ids=EVIL)
def test_a_file_that_is_no_part_of_a_project(name, file, temporary):
    zip_of(temporary / "x.zip", members_of(file) | {name: b"evil"})
    assert "no part of a project" in refusal(temporary / "x.zip")
    assert [path.name for path in temporary.iterdir()] == ["x.zip"]


def test_a_link(file, temporary):
    name = next(name for name in members_of(file) if name.startswith(project_file.PICTURES))
    link = zipfile.ZipInfo(name)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(temporary / "x.zip", "w") as archive:
        for other, content in members_of(file).items():
            archive.writestr(link if other == name else other, content)
    assert "a link" in refusal(temporary / "x.zip")


def test_two_files_of_one_name(file, temporary):
    with (
        pytest.warns(UserWarning, match="Duplicate"),
        zipfile.ZipFile(temporary / "x.zip", "w") as archive,
    ):
        for name, content in [*members_of(file).items(), (project_file.PROJECT, b"{}")]:
            archive.writestr(name, content)
    assert "same name" in refusal(temporary / "x.zip")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_way_of_packing_that_unpacks_without_a_bound(packing, file, temporary):
    zip_of(temporary / "x.zip", members_of(file), packing)
    assert "unusual way" in refusal(temporary / "x.zip")


def test_a_password(file, temporary):
    content = bytearray(file.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # in the list of files, the last one's flag
    (temporary / "x.zip").write_bytes(content)
    assert "password" in refusal(temporary / "x.zip")


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_or_an_empty_one(content, temporary):
    (temporary / "x.zip").write_bytes(content)
    refusal(temporary / "x.zip")


def test_a_file_that_is_not_there(temporary):
    refusal(temporary / "nowhere.zip")


def test_too_many_files(file, temporary):
    many = {f"pictures/{number:064x}.jpg": b"" for number in range(project_file.MAX_FILES)}
    zip_of(temporary / "x.zip", members_of(file) | many)
    assert "more than 602 files" in refusal(temporary / "x.zip")


def test_bombs_are_not_unpacked(file, temporary):
    members = members_of(file)
    name = next(name for name in members if name.endswith(".jpg"))
    bomb = b"\xff\xd8\xff" + bytes(30 * 2**20)
    for member in (name, project_file.PROJECT, project_file.HEAD):
        zip_of(temporary / f"{member[:4]}.zip", members | {member: bomb})
    del bomb
    tracemalloc.start()
    for file in temporary.iterdir():
        refusal(file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2.5 * 20 * 2**20  # the most that is read, beside what the test itself has


def test_pictures_that_are_too_much_together(file, temporary, monkeypatch):
    monkeypatch.setattr(
        teaching_project,
        "MAX_PROJECT_BYTES",
        -project_file.MAX_JSON - project_file.MAX_HEAD + 2**20,
    )
    zip_of(temporary / "x.zip", members_of(file) | {f"pictures/{0:064x}.jpg": bytes(2**20)})
    assert "more than 1 MB" in refusal(temporary / "x.zip")


def test_a_bomb_that_lies_about_its_size(file, temporary):
    members = members_of(file)
    zip_of(temporary / "x.zip", members | {project_file.HEAD: bytes(30 * 2**20)})
    content = (temporary / "x.zip").read_bytes()
    size = (30 * 2**20).to_bytes(4, "little")
    (temporary / "x.zip").write_bytes(content.replace(size, (1000).to_bytes(4, "little")))
    assert "damaged" in refusal(temporary / "x.zip")


def test_a_picture_that_is_none(file, temporary):
    members = members_of(file)
    name = next(name for name in members if name.endswith(".jpg"))
    for content, complaint in (
        (b"text", "damaged or changed"),  # not what is listed
        (picture(0), "damaged or changed"),  # a PNG under a JPEG's name
        (b"\xff\xd8\xffand then nothing", "damaged"),
    ):

        def change(said, content=content):
            for each in said["classes"]:
                for listed in each["pictures"]:
                    if listed["file"] == name:
                        listed["sha256"] = atomic.sha256(content)

        changed = saying(members, change) | {name: content}
        assert complaint in refusal(zip_of(temporary / "x.zip", changed))
    assert "damaged or changed" in refusal(
        zip_of(temporary / "x.zip", members | {name: picture(100)})
    )


@pytest.mark.parametrize(
    "size, complaint",
    [((8000, 8000), "64.0 million pixels"), ((1025, 1), "not as a project keeps")],
)
def test_a_picture_with_many_pixels(size, complaint, file, temporary):
    members = members_of(file)
    name = next(name for name in members if name.endswith(".png"))
    buffer = io.BytesIO()
    Image.new("1", size).save(buffer, "PNG")
    hashes = atomic.sha256(members[name]), atomic.sha256(buffer.getvalue())
    text = members[project_file.PROJECT].decode().replace(*hashes).encode()
    changed = members | {project_file.PROJECT: text, name: buffer.getvalue()}
    assert complaint in refusal(zip_of(temporary / "x.zip", changed))


def test_the_first_wrong_picture_is_the_last_that_is_read(file, temporary, monkeypatch):
    members = members_of(file)
    wrong = b"\xff\xd8\xff wrong"
    hashes = [atomic.sha256(content) for name, content in members.items() if name.endswith("jpg")]
    members |= {name: wrong for name in members if name.endswith("jpg")}
    for old in hashes:
        text = members[project_file.PROJECT].decode().replace(old, atomic.sha256(wrong))
        members[project_file.PROJECT] = text.encode()
    read: list[str] = []
    monkeypatch.setattr(
        project_file, "_picture", lambda source, listed: read.append(listed.file) or wrong
    )
    refusal(zip_of(temporary / "x.zip", members))
    assert len(read) == 1


WRONG = {
    "no object": lambda said: said.clear(),
    "another program": lambda said: said.update(program="teachable machine"),
    "a newer version": lambda said: said.update(version=2),
    "no number": lambda said: said.update(version="1"),
    "classes that are none": lambda said: said.update(classes={"name": "cat"}),
    "a class that is none": lambda said: said["classes"].append("cat"),
    "a name that is none": lambda said: said["classes"][0].update(name=["cat"]),
    "a huge name": lambda said: said["classes"][0].update(name="x" * 1_000_000),
    "an empty name": lambda said: said["classes"][0].update(name=" \u202e\n"),
    "one name twice": lambda said: said["classes"][1].update(name=said["classes"][0]["name"]),
    "too many classes": lambda said: said["classes"].extend(
        {"name": str(number), "pictures": []} for number in range(19)
    ),
    "too many pictures": lambda said: said["classes"][0].update(
        pictures=said["classes"][0]["pictures"] * 101
    ),
    "a picture twice": lambda said: said["classes"][0].update(
        pictures=said["classes"][0]["pictures"] * 2
    ),
    "a picture less": lambda said: said["classes"][0]["pictures"].pop(),
    "a picture elsewhere": lambda said: said["classes"][0]["pictures"][0].update(
        file="../../etc/passwd"
    ),
    "the head as a picture": lambda said: said["classes"][0]["pictures"][0].update(file="head.npz"),
    "a number for a hash": lambda said: said["classes"][0]["pictures"][0].update(sha256=1),
    "more of a picture": lambda said: said["classes"][0]["pictures"][0].update(more=1),
    "other settings": lambda said: said["settings"].update(epochs=10**9),
    "settings of other types": lambda said: said["settings"].update(augment="yes"),
    "a seed that is none": lambda said: said["settings"].update(seed=-1),
    "a head that is none": lambda said: said.update(head=[1]),
    "something else": lambda said: said.update(layers=[{"class_name": "Lambda"}]),
    "another layer in the head": lambda said: said["head"].update(layers=["Lambda"]),
    "an array in the head's figures": lambda said: said["head"].update(kernel=[[0.0]]),
    "more of a class": lambda said: said["classes"][0].update(script="evil"),
    "no head, and its file": lambda said: said.update(head=None),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_project_that_says_something_else(change, file, temporary):
    refusal(zip_of(temporary / "x.zip", saying(members_of(file), change)))


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe", b"[" * 100_000, b'{"program": NaN}', b"9" * 10_000, b"null", b"[]"],
)
def test_a_project_that_says_nothing(text, file, temporary):
    zip_of(temporary / "x.zip", members_of(file) | {project_file.PROJECT: text})
    assert "doesn’t say what it should" in refusal(temporary / "x.zip")


def test_a_project_without_its_description(file, temporary):
    members = members_of(file)
    del members[project_file.PROJECT]
    assert "no project" in refusal(zip_of(temporary / "x.zip", members))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
PLACES = [
    ("classes",),
    ("classes", 0),
    ("classes", 0, "pictures", 0),
    ("settings",),
    ("settings", "seed"),
    ("head",),
    ("head", "familiar"),
    ("head", "class_names"),
    ("head", "honest"),
    ("head", "honest", "confusion"),
    ("head", "honest", "wrong"),
    ("head", "honest", "unsure"),
    ("head", "honest", "temperature"),
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), json_values)
def test_any_value_anywhere_is_read_or_refused(file, place, value):
    def change(content):
        for key in place[:-1]:
            content = content[key]
        content[place[-1]] = value

    folder = file.parent
    zip_of(folder / "changed.zip", saying(members_of(file), change))
    try:
        project_file.read_project(folder / "changed.zip").close()
    except ImgrecError as error:
        assert isinstance(error, TeachError)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_zip_with_wrong_bytes_is_a_project_or_refused(file, data):
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    broken = file.with_name("broken.zip")
    broken.write_bytes(content)
    try:
        project_file.read_project(broken).close()
    except ImgrecError as error:
        assert isinstance(error, TeachError)


# The head


def test_a_head_whose_hash_is_wrong_is_left_out(file, tmp_path):
    members = members_of(file)
    members[project_file.HEAD] = members[project_file.HEAD][:-400] + bytes(400)
    _, note = noted(zip_of(tmp_path / "x.zip", members))
    assert "damaged or changed" in note and "teach it again" in note


@pytest.mark.parametrize(
    "name, array",
    [
        ("kernel", np.zeros((classifier.FEATURES, 3), "float32")),
        ("kernel", np.zeros((2, classifier.FEATURES), "float32").T),
        ("kernel", np.zeros((classifier.FEATURES, 2), "float64")),
        ("kernel", np.full((classifier.FEATURES, 2), np.nan, "float32")),
        ("bias", np.zeros((2, 1), "float32")),
        ("bias", np.zeros((), "float32")),
        ("known", np.zeros((13, classifier.FEATURES), "float32")),
        ("known", np.zeros((12, classifier.FEATURES), "S4")),
    ],
)
def test_a_head_that_does_not_fit_is_left_out(name, array, file, tmp_path):
    members = members_of(file)
    arrays = atomic.unpack(members[project_file.HEAD]) | {name: array}
    noted(zip_of(tmp_path / "x.zip", with_head(members, atomic.pack(arrays))))


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head.pop("sha256"),
        lambda head: head.pop("honest"),
        lambda head: head.update(class_names=["dog", "cat"]),
        lambda head: head["honest"].update(temperature=0),
    ],
)
def test_a_head_with_wrong_figures_is_left_out(change, file, tmp_path):
    members = saying(members_of(file), lambda content: change(content["head"]))
    noted(zip_of(tmp_path / "x.zip", members))


def test_a_file_of_the_head_that_holds_something_else_is_refused(file, temporary):
    members = members_of(file)
    arrays = atomic.unpack(members[project_file.HEAD])
    pickled, bomb = io.BytesIO(), io.BytesIO()
    np.savez(pickled, allow_pickle=True, **arrays | {"bias": np.array([print, len])})
    np.savez_compressed(
        bomb, **arrays | {"known": np.zeros((2**14, classifier.FEATURES), "float32")}
    )
    for packed in (
        b"no arrays",
        atomic.pack(arrays | {"conv": np.zeros(3)}),  # a layer more
        atomic.pack({"kernel": arrays["kernel"]}),
    ):
        refusal(zip_of(temporary / "x.zip", with_head(members, packed)))
    for packed in (pickled.getvalue(), bomb.getvalue()):
        noted(zip_of(temporary / "x.zip", with_head(members, packed)))[0].close()


def test_a_header_that_promises_too_much_is_not_believed(file, tmp_path):
    members = members_of(file)
    with zipfile.ZipFile(io.BytesIO(members[project_file.HEAD])) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    huge = arrays["kernel.npy"].replace(b"(512, 2), }    ", b"(99999999, 99),}")
    assert huge != arrays["kernel.npy"]
    zip_of(tmp_path / "head.npz", arrays | {"kernel.npy": huge})
    noted(zip_of(tmp_path / "x.zip", with_head(members, (tmp_path / "head.npz").read_bytes())))
