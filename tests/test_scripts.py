"""The command lines, run as a person runs them, and what importing them loads."""

import json
import os
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from imgrec import runs
from imgrec.datasets import SAMPLE_FILE
from imgrec.paths import IMAGES, ROOT

VERDICT_KEYS = ["approach", "model", "stand_in", "classes", "dog", "milliseconds"]
# TensorFlow, CUDA and absl log to stderr whatever one does.
LIBRARY_LOG = re.compile(
    r"[IWEF]\d{4} |WARNING: All log messages|20\d\d-\d\d-\d\d \d\d:\d\d|To enable the following"
)


def run(*arguments: object, expect: int) -> tuple[str, list[str]]:
    """What a command printed on stdout, and its own lines on stderr; checks its exit code."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == expect, done.stderr
    lines = [line for line in done.stderr.splitlines() if not LIBRARY_LOG.match(line)]
    return done.stdout, lines


@pytest.fixture
def script(monkeypatch):
    """Runs a script in this process, where TensorFlow is loaded already; gives its exit code."""

    def run_here(name: str, *arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / "scripts" / name), run_name="__main__")
        return end.value.code

    return run_here


@pytest.fixture
def pictures(tmp_path):
    """Two good pictures, one that is broken, one that isn't there."""
    dog, noise = IMAGES / "examples" / "cifar10_dog.png", tmp_path / "noise.jpg"
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(noise)
    (tmp_path / "broken.png").write_bytes(SAMPLE_FILE.read_bytes()[:1000])
    return dog, tmp_path / "broken.png", noise, tmp_path / "absent.png"


# predict.py


def test_predict_answers_for_the_good_and_tells_of_the_bad(cache, pictures):
    dog, broken, noise, absent = pictures
    stdout, stderr = run("scripts/predict.py", *pictures, "--json", expect=1)
    answers = json.loads(stdout)
    assert [answer["file"] for answer in answers] == [str(dog), str(noise)]
    assert stderr == [
        f"{broken}: broken.png is damaged or incomplete; save or download it again.",
        f"{absent}: absent.png does not exist; check the path.",
    ]
    for answer in answers:
        assert list(answer) == ["file", "verdicts"]
        names = [verdict["approach"] for verdict in answer["verdicts"]]
        assert names == ["scratch", "pretrained", "transfer"]
        for verdict in answer["verdicts"]:
            assert list(verdict) == VERDICT_KEYS
            likelihoods = [entry["probability"] for entry in verdict["classes"]]
            assert all(list(entry) == ["label", "probability"] for entry in verdict["classes"])
            assert likelihoods == sorted(likelihoods, reverse=True) and 0 < sum(likelihoods) < 1.001
            assert 0 <= verdict["dog"] <= 1 and verdict["milliseconds"] > 0
        assert [verdict["stand_in"] for verdict in answer["verdicts"]] == [False, True, False]
    assert answers[0]["verdicts"][0]["classes"][0]["label"] == "dog"


def test_predict_of_one_approach_prints_as_many_classes_as_asked_for(script, capsys):
    dog = IMAGES / "examples" / "cifar10_dog.png"
    assert script("predict.py", dog, "--approach", "scratch", "--top", 3) == 0
    printed = capsys.readouterr()
    file, heading, *classes = printed.out.splitlines()
    assert file == str(dog) and printed.err == ""
    assert re.fullmatch(r"  scratch: classic CNN, dog \d+\.\d%", heading)
    assert len(classes) == 3
    assert re.fullmatch(r" +\d+\.\d%  dog", classes[0])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "the following arguments are required: IMAGE"),
        (("a.png", "--approach", "none"), "invalid choice: 'none'"),
        (("a.png", "--top", "0"), "at least 1"),
    ],
)
def test_predict_shows_how_it_is_used(arguments, complaint):
    stdout, stderr = run("scripts/predict.py", *arguments, expect=2)
    assert stdout == "" and stderr[0].startswith("usage: predict.py")
    assert complaint in stderr[-1]


# train_transfer.py


@pytest.fixture
def photos(tmp_path):
    """Four pictures of each of two classes, which differ in colour."""
    random = np.random.default_rng(0)
    for name, colour in (("dog", (160, 90, 30)), ("sky", (60, 120, 220))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            noise = random.integers(-30, 31, (240, 260, 3)) + np.array(colour)
            picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
            picture.save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def test_train_transfer_leaves_a_model_that_loads(cache, photos, tmp_path):
    (photos / "sky" / "broken.png").write_bytes(b"no picture")
    stdout, stderr = run(
        "scripts/train_transfer.py",
        *("--data", photos, "--test", photos, "--epochs", 30),
        *("--runs-dir", tmp_path, "--run", "dog_pooled_mine"),
        expect=0,
    )
    assert "8 photos" in stdout and "on 8 photos kept apart: accuracy 1.000" in stdout
    told = [line for line in stderr if line.startswith("left out:")]
    assert len(told) == 2 and "broken.png is not a picture" in told[0]  # in --data and in --test
    saved = runs.load(tmp_path / "dog_pooled_mine")
    assert saved.config["network"] == "pooled" and saved.config["classes"] == ["dog"]
    assert len(saved.history["loss"]) == saved.config["recipe"]["epochs"] == 30
    assert saved.report["photos"] == 8 and saved.report["positive"] == 4
    assert saved.report["test"]["accuracy"] == 1 and saved.report["parameters"] == 513
    features = runs.unpack((tmp_path / "dog_pooled_mine" / "features.npz").read_bytes())
    assert features["features"].shape == (8, 7, 7, 512)
    assert len(list((cache / "features").iterdir())) == 8


def test_train_transfer_of_no_classes_says_so_in_one_sentence(script, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    options = ("--data", tmp_path / "photos", "--runs-dir", tmp_path / "runs")
    assert script("train_transfer.py", *options) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "photos must hold two folders of photos, one of them named dog; it holds: none.\n"
    )
    assert not (tmp_path / "runs").exists()


# What an import loads


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("demo", {"tensorflow", "keras"}),
        ("imgrec", {"tensorflow", "keras", "gradio", "numpy"}),
        ("imgrec.approaches", {"tensorflow", "keras", "gradio"}),
    ],
)
def test_an_import_loads_no_more_than_it_must(module, unwanted):
    _, stderr = run("-X", "importtime", "-c", f"import {module}", expect=0)
    loaded = {line.rpartition("|")[2].strip() for line in stderr if line.startswith("import time")}
    assert module in loaded
    assert not {name.partition(".")[0] for name in loaded} & unwanted


def test_the_package_never_imports_gradio():
    sources = [path for path in (ROOT / "imgrec").rglob("*.py") if path.parent.name != "ui"]
    assert len(sources) > 15
    for source in sources:
        assert not re.search(r"^\s*(import|from) (gradio|imgrec\.ui)", source.read_text(), re.M)
