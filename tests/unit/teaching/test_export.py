"""What other programs get: a network that says what the page says, and an example that runs."""

import ast
import functools
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import types
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.files import photograph

from imgrec.approaches import vgg16
from imgrec.data import cifar10
from imgrec.errors import CancelledError, TeachError
from imgrec.images import decode
from imgrec.teaching import classifier, export, export_texts, pictures
from imgrec.teaching.project import Project
from imgrec.teaching.train import teach_project


@pytest.fixture(scope="module")
def project() -> Project:
    """Cats and ships, taught, with probabilities that are far from what the head itself says."""
    project = Project()
    pixels, labels = cifar10.cifar10_sample()
    for name, label in (("Kätzchen", 3), ("a <ship>", 8)):
        chosen = pixels[labels == label][:3]
        project.add(project.add_class(name), [(str(n), each) for n, each in enumerate(chosen)])
    teach_project(project)
    honest = replace(project.head.cross_validation, temperature=3.0)
    project.keep_head(replace(project.head, cross_validation=honest))
    return project


@pytest.fixture(scope="module")
def photo() -> Path:
    """A photo that was not taught."""
    return photograph("cheetah1.jpg")


@pytest.fixture(scope="module")
def exported(project, tmp_path_factory):
    """The folder that an export of that kind is unpacked into; each is made once."""

    @functools.cache
    def unpacked(kind: export.Kind) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(export, "COMPARED_PICTURES", 2)  # each is a pass of VGG16
            made = export.export_project(kind, project)
        with zipfile.ZipFile(made) as archive:
            archive.extractall(folder)
        return folder

    return unpacked


def said_by_the_page(project: Project, photo: Path) -> dict[str, float]:
    verdict = classifier.answer_picture(project.head, decode.open_image(photo))
    return {entry.label: entry.probability for entry in verdict.classes}


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("kind", export.KINDS)
def test_the_example_says_what_the_page_says(kind, project, photo, exported):
    """As another program: nothing of this project can be imported there."""
    folder = exported(kind)
    ran = subprocess.run(
        [sys.executable, "-I", "example.py", photo],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8", "PATH": ""},
    )
    assert ran.returncode == 0, ran.stderr
    said = dict(line.removesuffix(" %").rsplit(": ", 1) for line in ran.stdout.splitlines())
    wanted = said_by_the_page(project, photo)
    assert list(said) == list(wanted)  # the most probable first
    for name, probability in wanted.items():
        assert float(said[name]) == pytest.approx(100 * probability, abs=0.06)
    assert (folder / "labels.txt").read_text(encoding="utf-8") == "Kätzchen\na <ship>\n"
    readme = (folder / "README.txt").read_text(encoding="utf-8")
    assert project.head.cross_validation.in_words in readme and "$" not in readme
    assert "CC BY 4.0" in readme and "creativecommons" in (folder / "LICENSE-VGG16.txt").read_text()


@pytest.mark.slow
def test_the_keras_file_has_nothing_but_keras_in_it(exported):
    with zipfile.ZipFile(exported("keras") / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    modules = {layer["module"].split(".")[0] for layer in config["config"]["layers"]}
    names = {layer["registered_name"] for layer in config["config"]["layers"]}
    assert modules == {"keras"}
    assert not {name for name in names if name and ">" in name}


@pytest.mark.slow
def test_whole_pictures_of_bytes_or_floats_go_in(project, photo, exported):
    import keras
    import tensorflow as tf

    view = np.asarray(vgg16.view(decode.open_image(photo)))
    pair = np.stack([view, view[:, ::-1]])
    model = keras.models.load_model(exported("keras") / "model.keras", safe_mode=True)
    served = tf.saved_model.load(str(exported("saved_model") / "model"))
    wanted = [said_by_the_page(project, photo)[name] for name in project.class_names]
    for ask in (model, functools.partial(model.predict, verbose=0), served.serve):
        said = np.asarray(ask(pair))
        np.testing.assert_allclose(said[0], wanted, atol=export.TOLERANCE)
        np.testing.assert_allclose(said, np.asarray(ask(pair.astype("float32"))), atol=1e-6)
        np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_the_weights_are_in_it_once(exported):
    for kind in export.KINDS:
        size = sum(file.stat().st_size for file in exported(kind).rglob("*") if file.is_file())
        assert size / (4 * vgg16.BASE_PARAMETERS) == pytest.approx(1, abs=0.01)


# How an export goes, with a form that costs nothing


@pytest.fixture
def form(project, monkeypatch):
    """Lets the Keras form write a few bytes that answer as the page does, but for `off`.

    Features are the mean of a view in place of what VGG16 says.
    """
    told = types.SimpleNamespace(off=0.0)

    def pooled(views) -> np.ndarray:
        means = np.array([np.asarray(view).mean() / 255 for view in views], "float32")
        return np.repeat(means[:, None], classifier.FEATURES, axis=1)

    def answers(views: np.ndarray) -> np.ndarray:
        seen = [Image.fromarray(view.astype(np.uint8)) for view in views]
        said = classifier.answer(project.head, pictures.pooled_features(seen)).probabilities
        said[-1, -1] += told.off
        return said

    monkeypatch.setattr(pictures, "pooled_features", pooled)
    monkeypatch.setattr(export, "network", lambda head: None)
    monkeypatch.setitem(
        export.FORMS,
        "keras",
        export.Form("model.keras", lambda model, file: file.write_bytes(b"x"), lambda _: answers),
    )
    return told


def write(project: Project, to: Path, **options) -> Path:
    seen = [project.image(project.classes[0].pictures[0].id)]
    return export.write_export("keras", project.head, to, seen, **options)


def test_a_project_has_one_export_at_a_time(form, project):
    (project.folder / "imgrec-saved-model.zip").write_bytes(b"made before")
    steps: list[str] = []
    first = export.export_project("keras", project, steps.append)
    assert [file.name for file in project.folder.glob("*.zip")] == [first.name]
    assert "takes about" in steps[0] and steps[-1] == "Done."


@pytest.mark.parametrize("off", [2 * export.TOLERANCE, -1.0, float("nan")])
def test_a_model_that_says_something_else_is_not_given_away(off, form, project, temporary):
    form.off = off
    with pytest.raises(TeachError, match="did not say what the page says"):
        write(project, temporary / "x.zip")
    assert list(temporary.iterdir()) == []


def test_a_model_that_says_nearly_the_same_is_good_enough(form, project, tmp_path):
    form.off = export.TOLERANCE / 2
    with zipfile.ZipFile(write(project, tmp_path / "x.zip")) as archive:
        assert archive.read("model.keras") == b"x"


def test_an_export_can_be_stopped_before_each_step(form, project, temporary):
    for number in range(4):  # writing, comparing, packing, done
        steps: list[str] = []
        with pytest.raises(CancelledError):
            write(
                project,
                temporary / "x.zip",
                on_progress=steps.append,
                cancelled=lambda number=number, steps=steps: len(steps) == number,
            )
        assert len(steps) == number and list(temporary.iterdir()) == []


def test_where_there_is_no_room_it_is_told(form, project, temporary, monkeypatch):
    with pytest.raises(TeachError, match="could not be written"):
        write(project, temporary / "nowhere" / "x.zip")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1000))
    with pytest.raises(TeachError, match="no room"):
        write(project, temporary / "x.zip")
    assert list(temporary.iterdir()) == []


def test_visitors_take_turns(form, project, tmp_path):
    steps: list[str] = []
    told = threading.Event()

    def step(sentence: str) -> None:
        steps.append(sentence)
        told.set()

    with ThreadPoolExecutor() as pool:
        with export._exporting:
            waiting = pool.submit(write, project, tmp_path / "x.zip", on_progress=step)
            assert told.wait(30) and "yours is next" in steps[0] and not waiting.done()
        assert waiting.result(60).exists() and steps[-1] == "Done."


@pytest.mark.parametrize("kind", ["onnx", "", None, 3])
def test_another_form_is_refused(kind, project, tmp_path):
    with pytest.raises(TeachError, match="Keras, TFLite, SavedModel"):
        export.write_export(kind, project.head, tmp_path / "x.zip", [])


def test_without_a_head_there_is_nothing_to_export():
    with pytest.raises(TeachError, match="teach it first"):
        export.export_project("keras", Project())


def test_it_is_compared_on_pictures_of_each_class(project):
    ids = export._comparison_ids(project)
    assert len(ids) == len(set(ids)) == export.COMPARED_PICTURES
    assert [[id in each.ids() for id in ids].count(True) for each in project.classes] == [3, 3]


# The texts


def test_each_template_is_used_and_each_example_is_whole():
    names = {"README.txt", "example.py", *(f"ask_{kind}.py" for kind in export.KINDS)}
    assert {file.name for file in export_texts.TEMPLATES.glob("[!_]*")} == names
    for kind in export.KINDS:
        defined = {
            node.name
            for node in ast.parse(export_texts.example(kind)).body
            if isinstance(node, ast.FunctionDef)
        }
        assert defined == {"ask", "view"} and export_texts.ASK not in export_texts.example(kind)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example without its model."""
    folder = tmp_path_factory.mktemp("example")
    (folder / "labels.txt").write_text("a\nb\n")
    names = {"__name__": "example", "__file__": str(folder / "example.py")}
    source = (export_texts.TEMPLATES / "example.py").read_text(encoding="utf-8")
    exec(source.replace(export_texts.ASK, ""), names)
    return types.SimpleNamespace(**names)


def difference(example, file: Path) -> float:
    """Between what the network sees of the file in the example and on the page, 0 to 255."""
    (seen,) = example.view(file)
    return float(np.abs(seen - np.asarray(vgg16.view(decode.open_image(file)))).max())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 600), st.integers(1, 600), st.sampled_from(["RGB", "RGBA", "L", "P"]))
def test_the_example_cuts_pictures_as_the_page_does(example, tmp_path_factory, width, height, mode):
    file = tmp_path_factory.getbasetemp() / "cut.png"
    noise = np.random.default_rng(width).integers(0, 256, (height, width, 4), np.uint8)
    Image.fromarray(noise).convert("RGB" if mode == "P" else mode).convert(mode).save(file)
    assert difference(example, file) == 0


def test_the_example_turns_and_reduces_pictures_as_the_page_does(example, photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(photo) as picture:
        picture.save(tmp_path / "turned.jpg", exif=exif)
        picture.resize((3000, 1500)).save(tmp_path / "large.png")
        picture.resize((3000, 1500)).save(tmp_path / "both.jpg", exif=exif)
    assert difference(example, tmp_path / "turned.jpg") == 0
    assert difference(example, tmp_path / "large.png") == 0
    assert difference(example, tmp_path / "both.jpg") <= 2  # reduced before it is turned there
