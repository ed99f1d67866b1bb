"""The command line that measures, on small sets of its own, beside scikit-learn's figures."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics
from support.files import photograph, script_module

from imgrec.approaches import scratch
from imgrec.data import labelled_images, labels
from imgrec.data.cifar10 import Cifar10, cifar10_sample
from imgrec.files.paths import ROOT
from imgrec.images.decode import open_image

CHEETAH, LION, GOLDFISH = 293, 291, 1


@pytest.fixture
def evaluate(monkeypatch):
    """Runs the script in this process, where TensorFlow is loaded already; gives its exit code."""
    module = script_module("evaluate")

    def run_here(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, arguments)])
        return module.main()

    return run_here


def read(path) -> dict:
    """A report, which must be JSON as the standard has it."""

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


@pytest.fixture
def classes(tmp_path):
    """Folders with three images of each of four classes, larger than CIFAR-10's, and a bad file."""
    pixels, kinds = cifar10_sample()
    for index in (0, 3, 5, 8):
        folder = tmp_path / "classes" / labels.CIFAR10[index]
        folder.mkdir(parents=True)
        for number, image in enumerate(pixels[kinds == index][:3]):
            Image.fromarray(image).resize((70, 50 + number)).save(folder / f"{number}.png")
    (tmp_path / "classes" / "cat" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "classes"


@pytest.fixture
def photos(tmp_path):
    """Photos named by their WordNet id; nothing is right about the goldfish but its name."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, source in ((CHEETAH, "cheetah1.jpg"), (LION, "lion.jpg"), (GOLDFISH, "tower.jpg")):
        synset = labels.imagenet()[index]
        shutil.copy(photograph(source), folder / f"{synset.wnid}_{synset.name}.jpg")
    dog = np.kron(cifar10_sample()[0][52], np.ones((8, 8, 1), np.uint8))
    Image.fromarray(dog).save(folder / "n02085620-x.png")
    return folder


def test_cifar10_on_folders_of_images(evaluate, classes, tmp_path, capsys):
    everything, summary = tmp_path / "everything.json", tmp_path / "summary.json"
    options = ("cifar10", "--data", classes)
    assert evaluate(*options, "--json", everything, "--report", summary) == 0
    printed = capsys.readouterr()
    assert "12 pictures, 1 left out" in printed.out and "fast CNN: " in printed.out
    assert "left out: cat/broken.png is not a picture" in printed.err
    report = read(everything)
    pictures = report.pop("pictures")
    assert report == read(summary)
    assert (report["n"], report["unusable_count"]) == (12, 1)
    assert report["unusable"][0]["file"] == "cat/broken.png"
    assert report["command"] == "scripts/evaluate.py cifar10 --data DATA"
    assert len(report["data_sha256"]) == 64 and report["environment"]["python"]

    files = [f"{name}/{i}.png" for name in ("airplane", "cat", "dog", "ship") for i in range(3)]
    assert [picture["file"] for picture in pictures] == files
    right = np.repeat([0, 3, 5, 8], 3)
    said = scratch.predict([open_image(classes / file) for file in files])
    guessed = np.array([verdict.classes[0].index for verdict in said])
    assert report["accuracy"] == metrics.accuracy_score(right, guessed)
    expected = metrics.confusion_matrix(right, guessed, labels=range(10))
    assert report["confusion"] == expected.tolist()
    confident = [verdict.classes[0].probability for verdict in said]
    bins = np.ceil(np.array(confident) * 15)
    gaps = [
        abs(sum(np.array(confident)[bins == i]) - sum((guessed == right)[bins == i]))
        for i in range(1, 16)
    ]
    assert report["ece"] == pytest.approx(sum(gaps) / 12, abs=1e-5)
    (row,) = pictures[0]["verdicts"]
    assert row["classes"][0]["probability"] == pytest.approx(confident[0], abs=1e-5)

    assert report["views"] is False
    assert evaluate(*options, "--views", "--report", summary) == 0
    assert "fast CNN, 6 views of each: " in capsys.readouterr().out
    averaged = scratch.predict([open_image(classes / file) for file in files], use_tta=True)
    guessed = np.array([verdict.classes[0].index for verdict in averaged])
    found = read(summary)
    assert found["views"] is True and found["command"].endswith("--data DATA --views")
    assert found["accuracy"] == metrics.accuracy_score(right, guessed)
    assert found["ece"] != report["ece"]

    evaluate(*options, "--json", tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == everything.read_bytes()


def test_cifar10_on_an_array(evaluate, tmp_path):
    pixels, kinds = cifar10_sample()
    np.savez(tmp_path / "some.npz", x=pixels[::4], y=kinds[::4])
    report = tmp_path / "report.json"
    assert evaluate("cifar10", "--data", tmp_path / "some.npz", "--json", report) == 0
    said = scratch.predict([Image.fromarray(image) for image in pixels[::4]])
    right = [
        verdict.classes[0].index == kind for verdict, kind in zip(said, kinds[::4], strict=True)
    ]
    measured = read(report)
    assert (measured["n"], measured["accuracy"]) == (25, sum(right) / 25)


def test_imagenet_by_name_and_by_csv(evaluate, photos, tmp_path):
    path = tmp_path / "report.json"
    assert evaluate("imagenet", "--data", photos, "--json", path) == 0
    report = read(path)
    said = {
        picture["file"]: (picture["imagenet"], picture["verdicts"][0]["classes"])
        for picture in report["pictures"]
    }
    names = [synset.title for synset in labels.imagenet()]
    ranked = [[entry["label"] for entry in top] for _, top in said.values()]
    right = [names[index] for index, _ in said.values()]
    assert len(said) == report["n"] == 4
    first = [top[0] == name for top, name in zip(ranked, right, strict=True)]
    among = [name in top for top, name in zip(ranked, right, strict=True)]
    assert report["top1"] == sum(first) / 4 >= 0.5
    assert report["top5"] == sum(among) / 4 < 1
    assert (report["model"], report["stand_in"]) == ("EfficientNet-Lite0", True)

    lines = [f"{file},{index}" for file, (index, _) in said.items()]
    listed = tmp_path / "listed.csv"
    listed.write_text("\n".join(["file,label", *lines, "absent.jpg,7"]))
    options = ("--data", listed, "--root", photos, "--json", path)
    assert evaluate("imagenet", *options) == 0
    again = read(path)
    for name in ("n", "top1", "top5", "data_sha256"):
        assert again[name] == report[name]
    assert again["unusable"][0]["file"] == "absent.jpg"


def test_dogs_by_all_three(evaluate, photos, tmp_path, capsys):
    path = tmp_path / "report.json"
    assert evaluate("dogs", "--data", photos, "--json", path) == 0
    report = read(path)
    assert (report["n"], report["dogs"]) == (4, 1)
    assert list(report["approaches"]) == ["scratch", "pretrained", "transfer"]
    right = [picture["dog"] for picture in report["pictures"]]
    for place, (name, figures) in enumerate(report["approaches"].items()):
        said = np.array([picture["verdicts"][place]["dog"] for picture in report["pictures"]])
        assert figures["accuracy"] == metrics.accuracy_score(right, said >= 0.5)
        assert figures["auc"] == pytest.approx(metrics.roc_auc_score(right, said))
        assert 0 <= figures["low"] <= figures["accuracy"] <= figures["high"] <= 1
        assert name in capsys.readouterr().out or place
    assert report["approaches"]["pretrained"]["accuracy"] >= 0.75


def test_dogs_alone_have_no_roc_auc(evaluate, photos, tmp_path):
    (tmp_path / "dogs.csv").write_text("file,label\nn02085620-x.png,151\n")
    options = ("--root", photos, "--json", tmp_path / "report.json")
    assert evaluate("dogs", "--data", tmp_path / "dogs.csv", *options) == 0
    for figures in read(tmp_path / "report.json")["approaches"].values():
        assert figures["auc"] is None and figures["recall"] in (0, 1)


def test_without_data_it_takes_what_ships(evaluate, tmp_path, monkeypatch):
    pixels, kinds = cifar10_sample()
    monkeypatch.setattr("imgrec.data.cifar10.cifar10_sample", lambda: (pixels[48:52], kinds[48:52]))
    assert labelled_images.sample_set().count == 4
    assert evaluate("dogs", "--json", tmp_path / "report.json") == 0
    report = read(tmp_path / "report.json")
    assert (report["n"], report["dogs"], len(report["pictures"])) == (4, 2, 4)
    assert report["command"] == "scripts/evaluate.py dogs"


def test_cifar10_without_data_takes_the_test_images(evaluate, tmp_path, monkeypatch):
    x, y = cifar10_sample()
    data = Cifar10(x[:0], y[:0], x[::3], y[::3])
    monkeypatch.setattr("imgrec.data.cifar10.load_cifar10", lambda *listeners: data)
    assert evaluate("cifar10", "--report", tmp_path / "report.json") == 0
    report = read(tmp_path / "report.json")
    assert report["n"] == 34 and report["command"] == "scripts/evaluate.py cifar10"


def test_unfamiliar_photos(evaluate, photos, classes, tmp_path, capsys):
    path = tmp_path / "report.json"
    assert evaluate("unfamiliar", "--data", photos, "--cifar10", classes, "--json", path) == 0
    report = read(path)
    counts = {name: group["n"] for name, group in report["groups"].items()}
    assert counts == {"cifar10": 12, "ten_kinds": 1, "unclear": 2, "other": 1}
    assert (report["n"], report["unusable_count"], len(report["pictures"])) == (16, 1, 16)
    assert set(report["auroc"]) == {"energy", "maximum_logit", "maximum_probability"}
    assert "photos of other things" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("cifar10", "--data", "absent"), "absent "),
        (("cifar10", "--data", "{photos}"), "photos"),
        (("cifar10", "--data", "{classes}", "--weights", "none"), "no trained network 'none'"),
        (("cifar10", "--data", "{classes}", "--json", "absent/r.json"), "can't be written"),
        (("cifar10", "--data", "{classes}", "--report", "absent/r.json"), "can't be written"),
        (("cifar10", "--data", "{classes}", "--report", "{tmp}"), "is a folder"),
        (("imagenet", "--data", "{classes}"), "WordNet"),
        (("dogs", "--data", "{tmp}/wrong.csv"), "line 3"),
        (("dogs", "--data", "{tmp}/none.csv"), "No picture of none.csv can be used"),
    ],
)
def test_what_can_not_be_measured_is_told_in_a_sentence(
    evaluate, arguments, complaint, photos, classes, tmp_path, capsys
):
    (tmp_path / "wrong.csv").write_text("file,label\na.jpg,1\nb.jpg,1000\n")
    (tmp_path / "none.csv").write_text("file,label\na.jpg,1\n")
    places = {"photos": photos, "classes": classes, "tmp": tmp_path}
    before = sorted(tmp_path.rglob("*"))
    report = () if "--json" in arguments else ("--json", tmp_path / "report.json")
    assert evaluate(*(part.format(**places) for part in arguments), *report) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and complaint in printed.err.splitlines()[-1]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_it_runs_from_anywhere(classes, tmp_path):
    options = ("cifar10", "--data", "classes", "--json", "report.json")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "evaluate.py", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("12 pictures, 1 left out\nfast CNN: ")
    assert read(tmp_path / "report.json")["n"] == 12
