"""The tab to teach it: files by class, what is pressed and forged, HTML, endpoints, visits."""

import base64
import io
import itertools
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.html import Page, text

from imgrec.approaches.verdict import ClassProbability
from imgrec.data import cifar10, label_names, labels
from imgrec.errors import DataError, ImageError, TeachError
from imgrec.teaching import classifier, features
from imgrec.teaching.checks import problems
from imgrec.teaching.classifier import CrossValidation, EvaluatedPicture, TaughtHead, TaughtVerdict
from imgrec.teaching.project import MAX_PICTURES, Project
from imgrec.teaching.store import projects
from imgrec.ui.components import webcam
from imgrec.ui.teach import handlers, save_and_export, sessions
from imgrec.ui.teach import html as teach_html
from imgrec.ui.teach import uploads as teach_uploads
from imgrec.ui.teach.handlers import View

HOSTILE = """<b onclick='x("1")'>&"""


def pixels(seed: int, colour: tuple[int, int, int] = (120, 120, 120)) -> np.ndarray:
    """A picture of its own, around a colour."""
    noise = np.random.default_rng(seed).integers(-40, 41, (24, 24, 3)) + np.array(colour)
    return noise.clip(0, 255).astype(np.uint8)


def encoded(seed: int, colour: tuple[int, int, int] = (120, 120, 120)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(seed, colour)).save(buffer, "PNG")
    return buffer.getvalue()


def visitor(session: str = "somebody") -> gr.Request:
    return SimpleNamespace(session_hash=session, cookies={})


def event(**data) -> gr.EventData:
    return gr.EventData(None, data)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def token():
    """A project with two classes of three pictures each."""
    project = Project()
    for number, name in enumerate(("cat", "dog")):
        index = project.add_class(name)
        project.add(index, [(f"{name}{k}.png", pixels(10 * number + k)) for k in range(3)])
    kept = projects.create(project)
    yield kept
    projects.remove(kept)
    sessions._visits.clear()


# Files by class


@pytest.mark.parametrize(
    ("names", "classes", "outer"),
    [
        (["a.png", "b.png"], {"": 2}, ""),
        (["cats/a.png", "cats/b.png"], {"": 2}, "cats"),
        (["set/cats/a.png", "set/dogs/b.png"], {"cats": 1, "dogs": 1}, "set"),
        (["cats/a.png", "dogs/b.png"], {"cats": 1, "dogs": 1}, ""),
        (["set/cats/a.png", "set/b.png"], {"cats": 1, "": 1}, "set"),
        (["s/t/cats/1/a.png", "s/t/cats/2/b.png", "s/t/d/c.png"], {"cats": 2, "d": 1}, "t"),
        (["cats\\a.png", "__MACOSX/cats/a.png", "cats/.DS_Store"], {"": 1}, "cats"),
    ],
)
def test_folders_tell_the_classes_as_files_and_in_a_zip(tmp_path, names, classes, outer):
    found, around = teach_uploads.batches([(name, "/nowhere") for name in names])
    assert {batch.folder: len(batch.pictures) for batch in found} == classes
    assert around == outer
    archive = zipped(tmp_path / "upload", {name: encoded(1) for name in names})
    found, around = teach_uploads.batches([("all of it.zip", str(archive))])
    assert {batch.folder: len(batch.pictures) for batch in found} == classes
    assert around == outer or around == "all of it"
    for batch in found:
        for _, read in batch.pictures:
            assert read() == encoded(1)


part = st.text(st.characters(exclude_characters="/\\", codec="utf-8"), max_size=5)


@given(st.lists(st.lists(part, min_size=1, max_size=4).map("/".join), min_size=1, max_size=8))
def test_each_file_comes_to_exactly_one_class(names):
    wanted = [name for name in names if not re.search(r"(^|/)\.", name) and name.strip("/")]
    junk = any(each.casefold() in label_names.JUNK for n in names for each in n.split("/"))
    if not wanted or junk or any(name.lower().endswith(".zip") for name in names):
        return
    found, _ = teach_uploads.batches([(name, f"/{number}") for number, name in enumerate(names)])
    assert sum(len(batch.pictures) for batch in found) == len(wanted)
    assert len({batch.folder for batch in found}) == len(found)


def test_no_files_and_wrong_zips_are_refused(tmp_path):
    with pytest.raises(DataError, match="no picture in it"):
        teach_uploads.batches([(".DS_Store", "/nowhere")])
    (tmp_path / "a.zip").write_bytes(b"no zip")
    for look in (teach_uploads.batches, teach_uploads.is_project):
        with pytest.raises(DataError, match="not a whole zip"):
            look([("a.zip", str(tmp_path / "a.zip"))])
    many = {f"{number}.png": b"" for number in range(2 * MAX_PICTURES + 1)}
    with pytest.raises(DataError, match="holds 1,201 files"):
        teach_uploads.batches([("many.zip", str(zipped(tmp_path / "many.zip", many)))])


def uploads(tmp_path: Path, names: list[str]) -> list[tuple[str, str]]:
    """A picture of its own for each name."""
    made = []
    for number, name in enumerate(names):
        (tmp_path / f"{number}").write_bytes(encoded(100 + number))
        made.append((name, str(tmp_path / f"{number}")))
    return made


def test_what_no_folder_names_goes_to_the_chosen_class(tmp_path):
    project = Project()
    teach_uploads.add_uploads(project, uploads(tmp_path, ["loose.png"]), 0)
    assert project.class_names == ("Class 1",)
    project.remove_class(0)
    first, second = project.add_class(), project.add_class("dog")
    key = project.classes[first].key
    teach_uploads.add_uploads(project, uploads(tmp_path, ["cats/a.png", "cats/b.png"]), key)
    assert project.class_names == ("cats", "dog")  # it had no name of its own
    named = project.classes[second].key
    found = teach_uploads.add_uploads(project, uploads(tmp_path, ["x/a.png", "x/c.png"]), named)
    assert project.class_names == ("cats", "dog")
    assert [(name, other) for name, other in found["dog"].elsewhere] == [
        ("a.png", "cats"),
        ("c.png", "cats"),
    ]
    told: list[tuple[int, int]] = []
    files = uploads(tmp_path, ["DOG/a.png", "owl/b.png", "owl/c.png"])
    teach_uploads.add_uploads(project, files, key, lambda done, total: told.append((done, total)))
    assert project.class_names == ("cats", "dog", "owl")
    assert told == [(1, 3), (2, 3), (3, 3)]
    unused = project.add_class()
    assert project.class_names[unused] == "Class 1"
    teach_uploads.add_uploads(project, uploads(tmp_path, ["emu/d.png", "cow/e.png"]), key)
    assert project.class_names == ("cats", "dog", "owl", "cow", "emu")
    with pytest.raises(TeachError, match="no such class"):
        teach_uploads.add_uploads(project, uploads(tmp_path, ["a.png"]), 99)
    project.close()


# What is pressed


def shown(view: list) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip(View._fields, view, strict=True)))


def test_a_visitor_begins_names_adds_and_removes(token):
    asking = visitor()
    begun = shown(handlers.press("", 0, event(value="begin"), asking))
    assert text(begun.classes).startswith("Class 1 no pictures yet Class 2")
    assert "data-focus" in begun.head and not begun.teach.interactive
    project = projects.get(begun.token)
    key = str(project.classes[0].key)
    assert handlers.rename(begun.token, event(key=key, value="owl"), asking) == ""
    assert "There is a class owl" in handlers.rename(
        begun.token, event(key=str(project.classes[1].key), value="OWL"), asking
    )
    view = shown(handlers.press(begun.token, int(key), event(value="built-in:bird"), asking))
    assert "10 pictures added to owl." in view.message
    id = project.classes[0].pictures[0].id
    press = handlers.press
    view = shown(press(begun.token, int(key), event(value=f"picture:{id}"), asking))
    assert "Press one to remove it" in view.tiles and len(project.classes[0].pictures) == 9
    view = shown(press(begun.token, int(key), event(value=f"remove:{key}"), asking))
    assert "Remove owl and its 9 pictures?" in text(view.head) and len(project.classes) == 2
    view = shown(press(begun.token, int(key), event(value=f"removed:{key}"), asking))
    assert project.class_names == ("Class 2",) and "Class 2" in view.classes
    projects.remove(begun.token)


@pytest.mark.parametrize("kind", handlers.EXAMPLES)
def test_an_example_can_be_taught_at_once(kind):
    view = shown(handlers.press("", 0, event(value=f"example:{kind}"), visitor()))
    project = projects.get(view.token)
    assert project.class_names == handlers.EXAMPLES[kind]
    assert view.teach.interactive and "it can be taught" in view.state
    assert not problems(project)
    projects.remove(view.token)


pressing = st.one_of(
    st.text(max_size=20),
    st.none(),
    st.integers(),
    st.builds(
        "{}:{}".format,
        st.sampled_from(["choose", "removed", "picture", "built-in", "remove", "other"]),
        st.text(max_size=12),
    ),
)


@given(pressing)
def test_a_forged_press_changes_nothing_and_gets_a_sentence(value):
    project = Project()
    project.add(project.add_class("cat"), [("a.png", pixels(1))])
    kept = projects.create(project)
    before = project.classes
    if value not in ("example", "begin", "add"):
        view = shown(handlers.press(kept, 1, event(value=value), visitor()))
        assert project.classes == before
        assert view.token == kept and "cat" in view.classes
    projects.remove(kept)


@pytest.mark.parametrize(
    "data", [{}, {"key": None, "value": 3}, {"key": "1", "value": 5}, {"key": "x"}]
)
def test_a_forged_name_gets_a_sentence(token, data):
    assert 'role="status"' in handlers.rename(token, event(**data), visitor())
    assert projects.get(token).class_names == ("cat", "dog")


@pytest.mark.parametrize("gone", ["x", None, 5, ["x"]])
def test_a_project_that_is_gone_is_told_and_one_can_begin_anew(gone):
    view = shown(handlers.look(gone, 3, visitor()))
    assert view.token == ""
    if gone:
        assert "not here any more" in text(view.message)
    assert "Begin with my own pictures" in view.classes


def test_files_that_were_not_uploaded_are_refused(token):
    data = {"files": [{"name": "a.png", "path": "/etc/passwd"}]}
    ((same, said),) = handlers.take(token, 1, event(**data), visitor())
    assert same == token and "was not uploaded here" in said


def test_a_drop_onto_a_class_goes_there(token):
    folder = Path(get_upload_folder()) / "teach-tab-test"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "new.png").write_bytes(encoded(99))
    project = projects.get(token)
    chosen, target = (each.key for each in project.classes)
    data = {"files": [{"name": "new.png", "path": str(folder / "new.png")}], "into": str(target)}
    *_, (_, said) = handlers.take(token, chosen, event(**data), visitor())
    assert "1 picture added to dog." in said
    assert [len(each.pictures) for each in project.classes] == [3, 4]
    *_, (_, said) = handlers.take(token, chosen, event(**data), visitor())
    assert "new.png was there already." in said
    (folder / "new.png").unlink()
    folder.rmdir()


# HTML


def head_of(project: Project, **changes) -> TaughtHead:
    """A head with made-up figures."""
    ids = [picture.id for each in project.classes for picture in each.pictures]
    honest = CrossValidation(
        pictures=4,
        accuracy=0.75,
        low=0.3,
        high=0.95,
        recall=(1.0, 0.5),
        confusion=((2.0, 0.0), (1.0, 1.0)),
        wrong=(EvaluatedPicture(ids[3], 1, 0, 0.8),),
        unsure=(EvaluatedPicture(ids[0], 0, 0, 0.55),),
        temperature=1.0,
        folds=2,
        repeats=3,
    )
    given = {
        "kernel": np.zeros((512, 2), "float32"),
        "bias": np.zeros(2, "float32"),
        "class_names": project.class_names,
        "known": np.zeros((4, 512), "float32"),
        "similarity_threshold": 0.5,
        "rejection_rate": 0.0,
        "cross_validation": honest,
        "seconds": 0.2,
    }
    return TaughtHead(**{**given, **changes})


def test_the_report_shows_what_was_measured_and_leads_to_the_pictures(token):
    project = projects.get(token)
    head = head_of(project)
    project.keep_head(head)
    said = text(teach_html.accuracy_panel(head))
    assert "between 30 % and 95 %, from 4 pictures" in said
    assert "Guessing would be right on 50 %" in said and "not surely better" in said
    assert "nearly the same" not in said
    alike = replace(head, cross_validation=replace(head.cross_validation, alike=4))
    assert "4 of the 4 pictures are nearly the same" in text(teach_html.accuracy_panel(alike))
    report = teach_html.report(project)
    assert "dog, taken for cat: 80 %" in text(report) and "cat: 55 %" in text(report)
    places = [a["data-picture"] for tag, a in Page(report).tags if "data-picture" in a]
    assert places == [project.classes[1].pictures[0].id, project.classes[0].pictures[0].id]
    project.remove(0, project.classes[0].pictures[0].id)
    assert project.stale and teach_html.report(project) == ""
    assert "Something has changed since" in text(teach_html.state(project))
    assert "have changed since it was taught" in text(teach_html.before_asking(project))


def test_names_from_visitors_are_text_not_html(token):
    project = projects.get(token)
    project.rename(0, HOSTILE)
    project.add(0, [(HOSTILE, pixels(77)), (HOSTILE, b"no picture")])
    project.keep_head(head_of(project))
    each = project.classes[0]
    probability = ClassProbability(0, HOSTILE, 0.9)
    said = TaughtVerdict((probability,), False, 0.9, 5.0, Image.new("RGB", (224, 224)))
    told = project.add(0, [(HOSTILE, pixels(77)), (HOSTILE, b"no picture")])
    pieces = [
        teach_html.classes(project, each.key),
        teach_html.chosen_class(each, removing=True, new=False),
        teach_html.chosen_class(each, removing=False, new=True),
        teach_html.tiles(project, each),
        teach_html.added_summary({HOSTILE: told}),
        teach_html.state(project),
        teach_html.accuracy_panel(project.head),
        teach_html.report(project),
        teach_html.verdict(said, project.head),
        teach_html.opened(HOSTILE, project, [HOSTILE]),
    ]
    for piece in pieces:
        assert not [tag for tag, attributes in Page(piece).tags if "onclick" in attributes]
    assert HOSTILE in text(pieces[0])


def test_none_of_these_is_said_first(token):
    project = projects.get(token)
    classes = (ClassProbability(0, "cat", 0.9), ClassProbability(1, "dog", 0.1))
    said = TaughtVerdict(classes, True, 0.2, 5.0, Image.new("RGB", (224, 224)))
    html = teach_html.verdict(said, head_of(project, rejection_rate=0.05))
    assert text(html).startswith("None of these It is unlike every picture")
    assert "turns away 5.0 % of them" in text(html) and "Why?" in html
    assert "Why?" not in teach_html.verdict(said, head_of(project), live=True)


# The webcam


def test_a_frame_comes_as_a_picture():
    address = f"data:image/png;base64,{base64.b64encode(encoded(5)).decode()}"
    np.testing.assert_array_equal(np.asarray(webcam.frame(event(image=address))), pixels(5))


@pytest.mark.parametrize(
    "image", [None, 5, "", "data:image/png;base64,§", "data:,AAAA", "x" * (webcam.MAX_LENGTH + 1)]
)
def test_a_forged_frame_is_refused(image):
    with pytest.raises(ImageError):
        webcam.frame(event(image=image))


# Visits


def test_who_leaves_stops_their_own_work_and_leaves_their_project(token, monkeypatch):
    left: list[str] = []
    monkeypatch.setattr(projects, "leave", left.append)
    here, there = visitor("here"), visitor("there")
    for asking in (here, there):  # one project in two tabs
        sessions.project_of(token, asking)
    ended = threading.Event()

    def work(report, cancelled):
        report("It goes on", 1, 2)
        deadline = time.monotonic() + 30
        while not cancelled() and time.monotonic() < deadline:
            time.sleep(0.01)
        ended.set()

    going = sessions.run_job(work, here)
    assert next(going).running
    sessions.leave(there)
    assert left == [] and not ended.wait(0.1)
    sessions.leave(here)
    assert left == [token] and ended.wait(5)
    assert list(itertools.islice(going, 5)) is not None


def test_another_project_takes_the_place_of_the_one_before(token):
    asking = visitor("opens another")
    sessions.project_of(token, asking)
    assert not projects._kept[token].left
    other = sessions.start_project(asking)
    assert projects._kept[token].left and not projects._kept[other].left
    projects.remove(other)


def test_a_download_goes_with_the_visit(token, tmp_path):
    asking = visitor("downloads")
    sessions.project_of(token, asking)
    for name in ("one.zip", "two.zip"):
        (tmp_path / name).write_bytes(b"x")
        place = Path(sessions.publish_download(tmp_path / name, token))
        assert place.read_bytes() == b"x" and token not in str(place)
    assert [file.name for file in place.parent.iterdir()] == ["two.zip"]
    sessions.leave(asking)
    assert not place.parent.exists()


# By program


@pytest.fixture(scope="module")
def client(app) -> Client:
    return Client(app.url, verbose=False)


@pytest.fixture(scope="module")
def animals(tmp_path_factory) -> SimpleNamespace:
    """A zip of five frogs and five ships, and a ship that isn't in it."""
    folder = tmp_path_factory.mktemp("animals")
    images, classes = cifar10.cifar10_sample()
    files = {"animals/notes.txt": b"no picture"}
    for name in ("frog", "ship"):
        for number, image in enumerate(images[classes == labels.CIFAR10.index(name)][:6]):
            Image.fromarray(image).save(folder / f"{name}{number}.png")
            if number:
                files[f"animals/{name}/{number}.png"] = (
                    folder / f"{name}{number}.png"
                ).read_bytes()
    archive = zipped(folder / "animals.zip", files)
    return SimpleNamespace(zip=archive, unseen=folder / "ship0.png")


def test_a_program_teaches_asks_saves_and_opens(client, animals):
    token = client.predict(api_name="/teach_new")["token"]
    told = client.predict(token, "", handle_file(animals.zip), api_name="/teach_add")["classes"]
    assert told["frog"]["pictures"] == told["ship"]["pictures"] == 5
    again = client.predict(token, "frog", handle_file(animals.zip), api_name="/teach_add")
    assert len(again["classes"]["frog"]["duplicates"]) == 5
    found = client.predict(token, api_name="/teach_train")
    assert found["classes"] == ["frog", "ship"]
    assert found["pictures"] == 10 and 0 < found["low"] < found["accuracy"] <= found["high"] <= 1
    head = projects.get(token).head
    assert found["accuracy"] == head.cross_validation.accuracy and found["confusion"][0][0] > 2
    ask = {"api_name": "/teach_ask"}
    answer = client.predict(token, handle_file(animals.unseen), **ask)
    expected = classifier.answer_picture(head, Image.open(animals.unseen).convert("RGB"))
    assert answer["classes"][0]["label"] == expected.classes[0].label == "ship"
    assert answer["classes"][0]["probability"] == pytest.approx(
        expected.classes[0].probability, abs=1e-5
    )
    saved, file = client.predict(token, api_name="/teach_save")
    assert saved["bytes"] == Path(file).stat().st_size
    opened = client.predict(handle_file(file), api_name="/teach_open")
    assert opened["token"] != token and opened["taught"] and opened["notes"] == []
    assert opened["classes"] == {"frog": 5, "ship": 5}
    same = client.predict(opened["token"], handle_file(animals.unseen), **ask)
    for one, other in zip(answer["classes"], same["classes"], strict=True):
        assert one["label"] == other["label"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)
    for each in (token, opened["token"]):
        projects.remove(each)


@pytest.mark.parametrize(
    ("endpoint", "arguments", "sentence"),
    [
        ("/teach_train", ("nobody's",), "not here any more"),
        ("/teach_ask", ("nobody's", None), "not here any more"),
        ("/teach_save", ("nobody's",), "not here any more"),
        ("/teach_add", ("nobody's", "cat", None), "not here any more"),
        ("/teach_train", (None,), "no classes yet"),
        ("/teach_ask", (None, None), "teach it first"),
        ("/teach_save", (None, "explode"), "no such form"),
        ("/teach_save", (None, "keras"), "teach it first"),
        ("/teach_add", (None, "cat", None), "There is no file"),
        ("/teach_open", (None,), "There is no file"),
    ],
)
def test_what_makes_no_sense_gets_one_sentence(client, endpoint, arguments, sentence):
    token = projects.create()
    given = [token if argument is None and number == 0 and endpoint != "/teach_open" else argument
             for number, argument in enumerate(arguments)]  # fmt: skip
    with pytest.raises(AppError, match=sentence):
        client.predict(*given, api_name=endpoint)
    projects.remove(token)


def test_a_file_that_is_no_project_is_refused(client, animals):
    with pytest.raises(AppError, match=r"animals\.zip"):
        client.predict(handle_file(animals.zip), api_name="/teach_open")


# Works


def test_what_cannot_be_taught_gets_a_sentence(token, monkeypatch):
    monkeypatch.setattr(features, "pooled_features", lambda views: np.zeros((len(views), 512)))
    projects.get(token).add_class("empty")
    steps = list(handlers.teach(token, 3, visitor()))
    version, said, _ = steps[-1]
    assert version == 3 and 'class="happened wrong"' in said and "empty" in said


def test_an_export_tells_how_far_it_is_and_is_offered(token, monkeypatch):
    def offered(kind, project, on_progress, cancelled):
        on_progress("Comparing it…")
        deadline = time.monotonic() + 10
        while not seen.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)
        made = project.folder / f"{kind}.zip"
        made.write_bytes(b"a network")
        return made

    seen = threading.Event()
    monkeypatch.setattr(save_and_export.export, "export_project", offered)
    told = []
    for step in save_and_export.exporter("tflite")(token, visitor()):
        said, file = step
        told.append(text(said))
        if "Comparing it" in said:
            seen.set()
    assert any("Comparing it" in each for each in told) and "tflite.zip" in told[-1]
    assert Path(file).read_bytes() == b"a network"
    sessions.leave(visitor())
    ((said, file),) = save_and_export.exporter("tflite")("nobody's", visitor())
    assert file is None and "not here any more" in said
