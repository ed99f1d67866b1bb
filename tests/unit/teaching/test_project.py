"""A visitor's project: its classes, what becomes of pictures, their features, and the store."""

import base64
import contextlib
import io
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.data import cifar10, labels
from imgrec.errors import CancelledError, ImageError, TeachError
from imgrec.files.display_names import NAME_LENGTH, displayable_name
from imgrec.files.paths import ROOT
from imgrec.images import decode
from imgrec.networks.heads import PowerPooling
from imgrec.teaching import features as teaching_features
from imgrec.teaching import pictures
from imgrec.teaching import project as teaching_project
from imgrec.teaching import store as teaching_store
from imgrec.teaching.built_in_pictures import add_built_in
from imgrec.teaching.checks import problems
from imgrec.teaching.project import Project
from imgrec.teaching.project_parts import Settings, class_name
from imgrec.teaching.store import FORGOTTEN_SECONDS, IDLE_SECONDS, Projects


@pytest.fixture
def project():
    project = Project()
    yield project
    project.close()


@pytest.fixture
def passes(monkeypatch):
    """Replaces VGG16: each pass is noted with how many views it had; a view's row is its mean."""
    sizes = []

    def pooled(views):
        sizes.append(len(views))
        means = [np.asarray(view, "float32").mean() for view in views]
        return np.repeat(np.array(means, "float32")[:, None], 512, axis=1)

    monkeypatch.setattr(teaching_features, "pooled_features", pooled)
    return sizes


def picture(seed=0, size=(40, 30)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels)


def encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def some(count, start=0):
    """Pictures, each of one gray, by name."""
    grays = range(start, start + count)
    return [(f"{gray}.png", np.full((8, 8), gray, np.uint8)) for gray in grays]


# Classes


def test_classes_are_added_named_renamed_and_removed(project):
    assert project.add_class() == 0
    assert project.add_class("  My\n cat ") == 1
    assert project.add_class() == 2
    assert project.class_names == ("Class 1", "My cat", "Class 2")
    project.rename(0, "Dog")
    project.rename(1, "MY CAT")  # its own name in other letters
    project.remove_class(2)
    assert project.class_names == ("Dog", "MY CAT")
    assert project.add_class() == 2
    assert project.class_names[2] == "Class 1"


def test_two_classes_never_have_one_name(project):
    project.add_class("Straße")
    with pytest.raises(TeachError, match="There is a class Straße already"):
        project.add_class("STRASSE")
    project.add_class("Weg")
    with pytest.raises(TeachError, match="already"):
        project.rename(1, " straße")
    assert project.class_names == ("Straße", "Weg")


@pytest.mark.parametrize("name", [" ", "\x00", "\u202e", "a" * 41, None, 3])
def test_what_is_no_name_is_refused(project, name):
    project.add_class("one")
    with pytest.raises(TeachError, match="name"):
        project.rename(0, name)
    assert project.class_names == ("one",)


@given(st.text())
def test_a_name_stays_itself_once_it_is_taken(text):
    try:
        name = class_name(text)
    except TeachError:
        return
    assert class_name(name) == name
    assert 0 < len(name) <= NAME_LENGTH
    assert name == name.strip()
    assert all(each.isprintable() or each in "\u200c\u200d" for each in name)


@given(st.text())
def test_the_name_of_a_file_is_fit_to_be_shown(text):
    name = displayable_name(text)
    assert 0 < len(name) <= NAME_LENGTH
    assert not set(name) & set("/\\\n\r\x00\u202e")


def test_joiners_within_emoji_stay():
    assert class_name("👩‍🔬 work") == "👩‍🔬 work"


def test_there_are_so_many_classes_at_most(project):
    for _ in range(teaching_project.MAX_CLASSES):
        project.add_class()
    with pytest.raises(TeachError, match="20 classes"):
        project.add_class()


@pytest.mark.parametrize("index", [-1, 1, None, "0", True, 0.0, float("nan")])
def test_a_class_that_is_not_there_is_said(project, index):
    project.add_class("one")
    for act in (
        lambda: project.add(index, some(1)),
        lambda: project.rename(index, "two"),
        lambda: project.remove_class(index),
        lambda: project.remove(index, "x"),
    ):
        with pytest.raises(TeachError, match="no such class"):
            act()


# Pictures


def test_the_same_picture_is_known_again_in_another_file(project, tmp_path):
    project.add_class("one")
    image = picture()
    file = tmp_path / "third.tiff"
    image.save(file)
    added = project.add(
        0,
        [
            ("holiday/first.png", encoded(image, "PNG")),
            ("second.bmp", encoded(image, "BMP")),
            ("third.tiff", file),
            ("fourth.webp", encoded(image, "WEBP", lossless=True)),
            ("fifth", np.asarray(image)),
            ("sixth.png", lambda: encoded(image, "PNG", compress_level=0)),
        ],
    )
    assert [each.name for each in added.added] == ["first.png"]
    names = ["second.bmp", "third.tiff", "fourth.webp", "fifth", "sixth.png"]
    assert added.duplicates == [(name, "first.png") for name in names]
    assert added.refused == added.elsewhere == []
    assert project.count == 1


def test_a_large_picture_is_kept_smaller_and_known_again_too(project):
    project.add_class("one")
    image = picture(size=(64, 48)).resize((1600, 1200), Image.Resampling.BICUBIC)
    added = project.add(0, [("a.bmp", encoded(image, "BMP")), ("b.tiff", encoded(image, "TIFF"))])
    assert added.duplicates == [("b.tiff", "a.bmp")]
    (kept,) = added.added
    file = project.path(kept.id)
    assert file.suffix == ".jpg"
    assert project.image(kept.id).size == (pictures.STORED_SIDE, 768)
    difference = np.asarray(project.image(kept.id), int) - np.asarray(image.resize((1024, 768)))
    assert abs(difference).mean() < 2
    again = Project()
    again.add_class("one")
    assert again.add(0, [("a.jpg", file.read_bytes())]).added[0].id == kept.id


@pytest.mark.parametrize("size", [(2, 8), (8, 2)])
def test_the_id_is_of_size_and_pixels(size):
    assert pictures.picture_id(Image.new("RGB", size)) != pictures.picture_id(
        Image.new("RGB", (4, 4))
    )


@pytest.mark.parametrize(
    ("format", "extension", "options"),
    [
        ("JPEG", "jpg", {}),
        ("PNG", "png", {}),
        ("WEBP", "webp", {}),
        ("GIF", "png", {}),
        ("BMP", "png", {}),
        ("TIFF", "png", {}),
    ],
)
def test_the_kept_file_has_the_pixels_that_came(project, format, extension, options):
    project.add_class("one")
    content = encoded(picture(), format, **options)
    (kept,) = project.add(0, [("../../etc/passwd", content)]).added
    file = project.path(kept.id)
    assert file.name == f"{kept.id}.{extension}"
    assert file.is_relative_to(project.folder)
    opened = decode.open_image(content)
    assert np.array_equal(decode.open_image(file), opened)
    assert np.array_equal(project.image(kept.id), opened)
    assert kept.id == pictures.picture_id(opened)
    if format in ("JPEG", "PNG", "WEBP"):
        assert file.read_bytes() == content


def test_a_picture_is_kept_upright(project):
    project.add_class("one")
    exif = Image.Exif()
    exif[0x0112] = 6
    (kept,) = project.add(0, [("a.jpg", encoded(picture(), "JPEG", exif=exif))]).added
    assert project.image(kept.id).size == (30, 40)


def test_what_hangs_on_a_picture_is_not_kept(project):
    project.add_class("one")
    content = encoded(picture(), "JPEG") + bytes(2**20)
    (kept,) = project.add(0, [("a.jpg", content)]).added
    assert project.path(kept.id).stat().st_size < 10_000
    assert np.array_equal(project.image(kept.id), decode.open_image(content))


def test_a_picture_in_two_classes_is_told_and_lies_on_disk_once(project):
    for name in ("one", "two"):
        project.add_class(name)
    (kept,) = project.add(0, some(1)).added
    added = project.add(1, [("again.png", some(1)[0][1])])
    assert added.elsewhere == [("again.png", "one")]
    assert [each.id for each in added.added] == [kept.id]
    file = project.path(kept.id)
    project.remove(0, kept.id)
    assert file.exists()
    project.remove_class(1)
    assert not file.exists()
    with pytest.raises(TeachError, match="not here any more"):
        project.image(kept.id)


def test_what_is_no_picture_is_refused_and_the_others_are_added(project):
    project.add_class("one")

    def unreadable():
        raise ImageError("It is stuck in the archive.")

    added = project.add(
        0, [("a.txt", b"no picture"), ("b.png", unreadable), *some(1), ("c.png", Path("/nowhere"))]
    )
    assert len(added.added) == 1
    assert [name for name, _ in added.refused] == ["a.txt", "b.png", "c.png"]
    assert added.refused[1][1] == "It is stuck in the archive."
    assert all(sentence.endswith(".") for _, sentence in added.refused)


def test_pictures_are_limited_in_number(project, monkeypatch):
    monkeypatch.setattr(teaching_project, "MAX_PICTURES", 3)
    project.add_class("one")
    added = project.add(0, some(5))
    assert len(added.added) == project.count == 3
    assert len(added.refused) == 2 and "3 pictures already" in added.refused[0][1]
    project.remove(0, added.added[0].id)
    assert len(project.add(0, some(5)).added) == 1


def test_pictures_are_limited_in_bytes(project, monkeypatch):
    content = encoded(picture(), "PNG")
    monkeypatch.setattr(teaching_project, "MAX_PROJECT_BYTES", 2 * len(content) + 100)
    project.add_class("one")
    added = project.add(0, [(f"{n}.png", encoded(picture(n), "PNG")) for n in range(3)])
    assert len(added.added) == 2
    assert "that is the limit" in added.refused[0][1]
    assert project.size().disk <= teaching_project.MAX_PROJECT_BYTES
    assert len(list((project.folder / "pictures").iterdir())) == 2
    project.remove(0, added.added[1].id)
    assert len(project.add(0, [("2.png", encoded(picture(2), "PNG"))]).added) == 1


def test_limits_and_duplicates_hold_where_many_add_at_once(project, monkeypatch):
    monkeypatch.setattr(teaching_project, "MAX_PICTURES", 25)
    project.add_class("one")
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: project.add(0, some(20)), range(6)))
        assert sum(len(each.added) for each in told) == project.count == 20
        assert sum(len(each.duplicates) for each in told) == 5 * 20
        told = list(pool.map(lambda n: project.add(0, some(4, start=100 + 4 * n)), range(6)))
    assert sum(len(each.added) for each in told) == 5
    assert len(list((project.folder / "pictures").iterdir())) == project.count == 25


def test_a_disk_that_is_full_is_said(project, monkeypatch):
    def full(self, content):
        raise OSError(28, "No space left on device")

    project.add_class("one")
    monkeypatch.setattr(Path, "write_bytes", full)
    added = project.add(0, some(1))
    ((name, sentence),) = added.refused
    assert name == "0.png" and "No space left on device" in sentence
    assert project.count == 0


def test_adding_tells_how_far_it_is_and_stops_when_asked(project):
    project.add_class("one")
    told = []
    with pytest.raises(CancelledError):
        project.add(0, some(5), lambda *now: told.append(now), lambda: len(told) == 2)
    assert told == [(1, 5), (2, 5)]
    assert project.count == 2


def test_a_class_that_goes_meanwhile_takes_no_more_pictures(project):
    for name in ("one", "two"):
        project.add_class(name)

    def removes():
        project.remove_class(0)
        return some(1)[0][1]

    with pytest.raises(TeachError, match="removed meanwhile"):
        project.add(0, [("a.png", removes)])
    assert project.class_names == ("two",)
    assert project.count == 0


def test_pictures_follow_their_class_where_another_goes(project):
    for name in ("one", "two", "three"):
        project.add_class(name)

    def removes():
        project.remove_class(0)
        return some(1)[0][1]

    project.add(1, [("a.png", removes)])
    assert [len(each.pictures) for each in project.classes] == [1, 0]


def test_thumbnails_are_small(project):
    project.add_class("one")
    (kept,) = project.add(0, [("a.png", encoded(picture(size=(300, 200)), "PNG"))]).added
    head, content = project.thumbnail(kept.id).split(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as thumbnail:
        assert thumbnail.size == (112, 75)


@pytest.mark.parametrize("id", ["", "../x", None, 3, "0" * 64, [], {}])
def test_a_picture_that_is_not_there_is_said(project, id):
    project.add_class("one")
    for act in (project.path, project.image, project.thumbnail, project.features):
        with pytest.raises(TeachError, match="not here any more"):
            act(id)
    with pytest.raises(TeachError, match="not in the class"):
        project.remove(0, id)


def test_built_in_pictures_are_those_that_ship(project):
    project.add_class("my frogs")
    added = add_built_in(project, 0, "frog")
    assert [each.name for each in added.added] == [f"frog {n}" for n in range(1, 11)]
    pixels, classes = cifar10.cifar10_sample()
    kept = np.stack([np.asarray(project.image(each.id)) for each in added.added])
    assert np.array_equal(kept, pixels[classes == labels.CIFAR10.index("frog")])
    with pytest.raises(TeachError, match="airplane"):
        add_built_in(project, 0, "unicorn")


# Features


def test_features_are_what_a_head_sees(project, keras_vgg16):
    """Beside Keras's own VGG16 and the pooling written out in numpy."""
    import keras

    project.add_class("one")
    image = picture(size=(300, 260))
    (kept,) = project.add(0, [("a.png", encoded(image, "PNG"))]).added
    project.configure(Settings(augment=True))
    rows = project.features(kept.id)

    whole = image.resize((round(300 * 256 / 260), 256), Image.Resampling.BICUBIC)
    central = image.crop((20, 0, 280, 260))
    side = 260 * 7 / 8
    corners = [
        (0, 0, side, side),
        (260 - side, 0, 260, side),
        (0, 260 - side, side, 260),
        (260 - side, 260 - side, 260, 260),
    ]
    left = round((whole.width - 224) / 2)
    own = np.asarray(whole.crop((left, 16, left + 224, 240)), "float32")
    views = [own, own[:, ::-1]]
    views += [np.asarray(central.resize((224, 224), 3, box), "float32") for box in corners]
    base = keras.Model(keras_vgg16.input, keras_vgg16.get_layer("block5_pool").output)
    maps = base.predict(keras.applications.vgg16.preprocess_input(np.stack(views)), verbose=0)
    pooled = (maps**2).mean(axis=(1, 2)) ** 0.75
    expected = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    assert rows.shape == (teaching_project.VIEWS, 512)
    assert rows.dtype == np.float32
    assert (rows * expected).sum(axis=1) == pytest.approx(1, abs=2e-3)
    alone = PowerPooling()(vgg16.base_features([image]))
    assert rows[0] == pytest.approx(np.asarray(alone)[0], abs=1e-5)


def test_features_come_in_small_batches_with_progress_and_only_once(project, passes):
    project.add_class("one")
    added = project.add(0, some(20)).added
    assert project.missing_features() == [each.id for each in added]
    told = []
    project.extract(lambda *now: told.append(now))
    assert passes == [8, 8, 4]
    assert told == [(0, 20), (8, 20), (16, 20), (20, 20)]
    assert project.missing_features() == []
    project.extract()
    for gray, each in enumerate(added):
        assert project.features(each.id).tolist() == [[gray] * 512]
    project.remove(0, added[3].id)
    project.add(0, some(20))
    project.extract()
    assert passes == [8, 8, 4]


def test_copies_are_extracted_beside_what_is_there(project, passes):
    project.add_class("one")
    (kept,) = project.add(0, some(1)).added
    own = project.features(kept.id)
    project.configure(Settings(augment=True))
    assert project.missing_features() == [kept.id]
    assert project.features(kept.id).shape == (6, 512)
    assert passes == [1, 5]
    assert np.array_equal(project.features(kept.id)[:1], own)
    project.configure(Settings())
    assert project.features(kept.id).shape == (1, 512)
    assert passes == [1, 5]


def test_copies_count_for_how_much_goes_into_a_pass(project, passes):
    project.add_class("one")
    project.add(0, some(3))
    project.configure(Settings(augment=True))
    project.extract()
    assert passes == [6, 6, 6]


def test_several_who_extract_share_the_work(project, passes):
    project.add_class("one")
    project.add(0, some(100))
    threads = [threading.Thread(target=project.extract) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sum(passes) == 100
    assert project.missing_features() == []


def test_nobody_waits_for_a_pass(project, monkeypatch):
    inside, go_on = threading.Event(), threading.Event()

    def pooled(views):
        inside.set()
        assert go_on.wait(20)
        return np.zeros((len(views), 512), "float32")

    monkeypatch.setattr(teaching_features, "pooled_features", pooled)
    project.add_class("one")
    kept = project.add(0, some(8)).added
    thread = threading.Thread(target=project.extract)
    thread.start()
    assert inside.wait(20)
    started = time.perf_counter()
    project.add(0, some(1, start=100))
    project.rename(0, "two")
    project.remove(0, kept[0].id)
    assert len(project.missing_features()) == 8
    assert time.perf_counter() - started < 5
    go_on.set()
    thread.join(20)
    assert project.missing_features() == []


def test_extracting_stops_when_asked_and_keeps_what_it_has(project, passes):
    project.add_class("one")
    project.add(0, some(20))
    with pytest.raises(CancelledError):
        project.extract(cancelled=lambda: bool(passes))
    assert len(project.missing_features()) == 12


def test_a_pass_that_fails_is_not_waited_for(project, monkeypatch):
    def broken(views):
        raise ImageError("broken")

    project.add_class("one")
    project.add(0, some(2))
    monkeypatch.setattr(teaching_features, "pooled_features", broken)
    for _ in range(2):
        with pytest.raises(ImageError, match="broken"):
            project.extract()


def test_features_of_removed_pictures_are_bounded(project, passes, monkeypatch):
    monkeypatch.setattr(teaching_project, "MAX_PICTURES", 10)
    project.add_class("one")
    for start in range(0, 50, 10):
        for each in project.classes[0].pictures:
            project.remove(0, each.id)
        project.add(0, some(10, start))
        project.extract()
    thumbnails = sum(
        len(base64.b64decode(project.thumbnail(each.id).split(",")[1]))
        for each in project.classes[0].pictures
    )
    assert project.size().memory <= thumbnails + 20 * 512 * 4


# The head


@dataclass(frozen=True, eq=False)
class Head:
    """What a project knows of a head."""

    class_names: tuple[str, ...]
    kernel: np.ndarray
    bias: np.ndarray
    known: np.ndarray


def head_of(project):
    classes = len(project.classes)
    shapes = (512, classes), (classes,), (project.count, 512)
    return Head(project.class_names, *(np.zeros(shape, "float32") for shape in shapes))


def test_a_head_answers_by_the_names_that_the_classes_have_now(project):
    for name in ("one", "two"):
        project.add(project.add_class(name), some(2))
    head = head_of(project)
    before = project.size().memory
    project.keep_head(head)
    assert project.size().memory - before == (512 * 2 + 2 + 4 * 512) * 4
    project.rename(0, "uno")
    assert project.head.class_names == ("uno", "two") and not project.stale
    assert project.head.known is head.known


def test_a_head_holds_as_long_as_what_taught_it(project, passes):
    for name in ("one", "two"):
        project.add(project.add_class(name), some(2))
    assert project.head is None and not project.stale
    head = head_of(project)
    project.keep_head(head, project.snapshot())
    assert project.head is head and not project.stale
    project.configure(Settings())
    assert project.head is head
    (new,) = project.add(0, some(1, start=50)).added
    assert project.head is None and project.stale
    project.remove(0, new.id)
    assert project.head is head
    for change in (
        lambda: project.add(0, some(1, start=60)),
        lambda: project.configure(Settings(augment=True)),
        lambda: project.configure(Settings(seed=2)),
        lambda: project.add_class(),
        lambda: project.remove_class(1),
    ):
        head = head_of(project)
        project.keep_head(head)
        assert project.head is head
        change()
        assert project.head is None and project.stale


def test_a_head_of_what_was_there_before_is_stale_at_once(project):
    project.add_class("one")
    before = project.snapshot()
    project.add(0, some(1))
    project.keep_head(head_of(project), before)
    assert project.head is None and project.stale


@pytest.mark.parametrize(
    "wrong", [Settings(augment=1), Settings(seed=-1), Settings(seed=2**31), Settings(seed=True)]
)
def test_forged_settings_are_refused(project, wrong):
    with pytest.raises(TeachError):
        project.configure(wrong)
    assert project.settings == Settings()


# Problems


def told(project):
    return [(problem.blocks, problem.sentence) for problem in problems(project)]


def test_problems_say_what_to_do(project):
    ((blocks, sentence),) = told(project)
    assert blocks and "no classes yet: add" in sentence
    project.add_class("cat")
    project.add(0, some(30))
    ((blocks, sentence),) = told(project)
    assert blocks and "only one class: add" in sentence
    project.add_class("dog")
    ((blocks, sentence),) = told(project)
    assert blocks and sentence.startswith("dog has no pictures yet")
    project.add(1, some(1, start=100))
    few, unbalanced = told(project)
    assert few[0] and few[1].startswith("dog has only 1 picture: add some until there are 5")
    assert not unbalanced[0] and "cat has 30 pictures and dog only 1:" in unbalanced[1]
    project.add(1, some(4, start=110))
    ((blocks, sentence),) = told(project)
    assert not blocks and "cat has 30 pictures and dog only 5" in sentence
    project.add(1, some(1, start=120))
    assert told(project) == []
    project.add(1, some(1))
    assert told(project) == [(False, "0.png is in cat and in dog: remove one of the two.")]
    project.add(1, some(2))
    ((blocks, sentence),) = told(project)
    assert not blocks and sentence.startswith("2 pictures (0.png, …) are in cat and in dog")


# The store


class Clock:
    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(teaching_store, "time", clock)
    return clock


@pytest.fixture
def store():
    store = Projects()
    yield store
    for token in list(store._kept):
        store.remove(token)


def test_a_project_is_found_by_its_token_alone(store):
    first, second = store.create(), store.create()
    assert first != second and len(first) >= 32
    store.get(first).add_class("mine")
    assert store.get(first).class_names == ("mine",)
    assert store.get(second).class_names == ()
    assert store.get(first).folder != store.get(second).folder
    for wrong in ("", first[:-1], None, 3, float("nan"), [first], {}):
        with pytest.raises(TeachError, match="not here any more"):
            store.get(wrong)
        store.leave(wrong)
        store.remove(wrong)


def test_an_opened_project_can_be_kept(store, project):
    project.add_class("mine")
    assert store.get(store.create(project)) is project


def test_a_reload_finds_the_project_and_a_visitor_who_stays_away_does_not(store, clock):
    token = store.create()
    folder = store.get(token).folder
    for _ in range(3):
        store.leave(token)
        clock.now += IDLE_SECONDS - 1
        assert store.get(token).folder == folder
    clock.now += IDLE_SECONDS + 1  # an open page
    store.get(token)
    store.leave(token)
    clock.now += IDLE_SECONDS + 1
    with pytest.raises(TeachError):
        store.get(token)
    assert not folder.exists()


def test_a_project_that_nobody_closed_goes_in_the_end(store, clock):
    token = store.create()
    clock.now += FORGOTTEN_SECONDS + 1
    store.sweep()
    assert len(store) == 0
    with pytest.raises(TeachError):
        store.get(token)


def test_what_was_left_goes_even_if_nobody_comes(store, monkeypatch):
    monkeypatch.setattr(teaching_store, "IDLE_SECONDS", -0.9)  # at once; the sweep is after 0.1 s
    first, second = store.create(), store.create()
    folder = store.get(first).folder
    store.leave(first)
    deadline = time.perf_counter() + 10
    while folder.exists() and time.perf_counter() < deadline:
        time.sleep(0.02)
    assert len(store) == 1 and not folder.exists()
    assert store.get(second)


def test_where_it_is_full_the_empty_one_gives_way(store, clock, monkeypatch):
    monkeypatch.setattr(teaching_store, "MAX_PROJECTS", 3)
    tokens = []
    for _ in range(3):
        clock.now += 1
        tokens.append(store.create())
    store.get(tokens[0]).add_class("one")
    store.get(tokens[0]).add(0, some(1))
    fourth = store.create()
    with pytest.raises(TeachError):
        store.get(tokens[1])
    for token in (tokens[2], fourth):
        store.get(token).add_class("one")
        store.get(token).add(0, some(1))
    with pytest.raises(TeachError, match="try again later"):
        store.create()
    assert len(store) == 3
    store.remove(fourth)
    store.create()


def test_whoever_works_on_a_project_that_goes_is_told(project, passes):
    project.add_class("one")
    (kept,) = project.add(0, some(1)).added

    def closes():
        project.close()
        return some(1, start=9)[0][1]

    with pytest.raises(TeachError, match="not here any more"):
        project.add(0, [("a.png", closes)])
    for act in (project.extract, project.add_class, lambda: project.features(kept.id)):
        with pytest.raises(TeachError, match="not here any more"):
            act()
    assert not project.folder.exists()
    assert project.size() == (0, 0)
    project.close()


def test_projects_go_when_the_process_ends():
    code = (
        "import sys; from imgrec.teaching.built_in_pictures import add_built_in;"
        "from imgrec.teaching.store import projects;"
        "token = projects.create(); project = projects.get(token);"
        "project.add_class('one'); add_built_in(project, 0, 'cat');"
        "assert 'tensorflow' not in sys.modules and 'gradio' not in sys.modules;"
        "print(project.folder)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "imgrec-teach-" in done.stdout
    assert not Path(done.stdout.strip()).exists()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "remove", "add class", "rename", "remove class"]),
            st.integers(-1, 4),
            st.integers(0, 9),
        ),
        max_size=25,
    )
)
def test_whatever_is_done_the_files_are_those_of_the_classes(steps):
    project = Project()
    for kind, index, number in steps:
        with contextlib.suppress(TeachError):
            if kind == "add":
                project.add(index, some(2, start=number))
            elif kind == "add class":
                project.add_class("abcdefghij"[number])
            elif kind == "rename":
                project.rename(index, "abcdefghij"[number])
            elif kind == "remove class":
                project.remove_class(index)
            elif project.count:
                chosen = next(i for i, each in enumerate(project.classes) if each.pictures)
                project.remove(chosen, project.classes[chosen].pictures[0].id)
    names = [name.casefold() for name in project.class_names]
    assert len(names) == len(set(names)) <= teaching_project.MAX_CLASSES
    ids = {id for each in project.classes for id in each.ids()}
    for each in project.classes:
        assert len(set(each.ids())) == len(each.ids())
    folder = project.folder / "pictures"
    on_disk = {file.stem for file in folder.iterdir()} if folder.exists() else set()
    assert on_disk == ids
    assert project.count == sum(len(each.pictures) for each in project.classes)
    project.close()
