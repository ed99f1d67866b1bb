"""The command lines, run as a person runs them, and what importing them loads."""

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.files import script_module
from support.reports import CLASS_KEYS, VERDICT_KEYS

from imgrec.approaches import transfer
from imgrec.data.cifar10 import SAMPLE_FILE
from imgrec.files import atomic
from imgrec.files.paths import IMAGES, ROOT
from imgrec.models import run_log, store
from imgrec.teaching import classifier, project_file
from imgrec.teaching.project_parts import Settings
from imgrec.training import recipes
from imgrec.training.recipes import DEFAULT_RECIPES, Recipe

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


@pytest.mark.slow
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
            assert all(list(entry) == CLASS_KEYS for entry in verdict["classes"])
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
    assert re.fullmatch(r"  scratch: fast CNN, dog \d+\.\d%", heading)
    assert len(classes) == 3
    assert re.fullmatch(r" +\d+\.\d%  dog", classes[0])
    assert script("predict.py", dog, "--approach", "scratch", "--top", 1, "--views") == 0
    assert "  scratch: fast CNN, 6 looks, dog " in capsys.readouterr().out
    assert script("predict.py", dog, "--approach", "transfer", "--views") == 2
    assert "--views is for the approach scratch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "the following arguments are required: IMAGE"),
        (("a.png", "--approach", "none"), "invalid choice: 'none'"),
        (("a.png", "--top", "0"), "at least 1"),
    ],
)
def test_predict_shows_how_it_is_used(script, capsys, arguments, complaint):
    assert script("predict.py", *arguments) == 2
    printed = capsys.readouterr()
    stderr = printed.err.splitlines()
    assert printed.out == "" and stderr[0].startswith("usage: predict.py")
    assert complaint in stderr[-1]


# train_transfer.py


@pytest.mark.slow
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
    saved = store.load(tmp_path / "dog_pooled_mine")
    assert saved.config["network"] == "pooled" and saved.config["classes"] == ["dog"]
    assert len(saved.history["loss"]) == saved.config["recipe"]["epochs"] == 30
    assert saved.report["photos"] == 8 and saved.report["positive"] == 4
    assert saved.report["test"]["accuracy"] == 1 and saved.report["parameters"] == 513
    features = atomic.unpack((tmp_path / "dog_pooled_mine" / "features.npz").read_bytes())
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


def test_train_transfer_builds_the_head_it_is_told_to(script, photos, tmp_path, monkeypatch):
    def base_features(images):
        features = np.zeros((len(images), 7, 7, 512), "float32")
        for feature, image in zip(features, images, strict=True):
            feature[..., :3] = np.asarray(image).mean((0, 1))
        return features

    monkeypatch.setattr("imgrec.approaches.vgg16.base_features", base_features)
    monkeypatch.setenv("IMGREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path / "runs"))
    settings = {"hidden": 4, "l2": 0.01, "apart": 0.25, "epochs": 3, "learning_rate": 0.01}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    options = ("--data", photos, "--head", "flatten", "--run", "mine", *flags)
    assert script("train_transfer.py", *options, "--runs-dir", tmp_path / "runs") == 0
    saved = store.load(tmp_path / "runs" / "mine")
    assert saved.config["options"] == {"hidden": 4, "l2": 0.01}
    assert settings.items() <= saved.config["recipe"].items()
    assert [len(values) for values in saved.history.values()] == [3] * 4
    assert transfer.load("mine").model.count_params() == 25089 * 4 + 5


@pytest.fixture
def mean_colours(monkeypatch):
    """In place of VGG16's features, the mean colour of what it would see."""

    def pooled(views):
        features = np.zeros((len(views), classifier.FEATURES), "float32")
        features[:, :3] = [np.asarray(view).mean((0, 1)) for view in views]
        return features / np.linalg.norm(features, axis=1, keepdims=True)

    for module in ("pictures", "features"):
        monkeypatch.setattr(f"imgrec.teaching.{module}.pooled_features", pooled)


@pytest.fixture
def three_classes(photos):
    """As `photos`, with a third class; in it is one file that is no picture, and one twice."""
    (photos / "grass").mkdir()
    for number, green in enumerate((120, 140, 160, 180)):
        Image.new("RGB", (240, 260), (60, green, 40)).save(photos / "grass" / f"{number}.png")
    shutil.copy(photos / "grass" / "0.png", photos / "grass" / "twin.png")
    (photos / "grass" / "broken.png").write_bytes(b"no picture")
    return photos


def test_train_transfer_of_several_classes_teaches_as_the_page_does(
    script, three_classes, mean_colours, tmp_path, capsys
):
    options = ("--data", three_classes, "--test", three_classes, "--augment", "--seed", 5)
    assert script("train_transfer.py", *options, "--runs-dir", tmp_path, "--run", "mine") == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert re.fullmatch(r".*mine\.zip: 12 photos, 3 classes, \d+\.\d\d s", lines[0])
    assert lines[1:6] == [
        "accuracy on photos that it had not seen: between 76 % and 100 %, from 12 pictures",
        "12 of the 12 pictures are nearly the same as another one, so new pictures, which differ "
        "more, will do worse than this; add some that differ.",
        *(f"  {name}: 100 % found" for name in ("dog", "grass", "sky")),
    ]
    assert lines[6].startswith("on 13 photos kept apart: accuracy 1.000 (0.772 to 1.000), ")
    told = [line for line in printed.err.splitlines() if line.startswith("left out: ")]
    assert "left out: twin.png is the same picture as 0.png." in told
    assert sum("broken.png is not a picture" in line for line in told) == 2
    project = project_file.read_project(tmp_path / "mine.zip")
    assert project.class_names == ("dog", "grass", "sky")
    assert project.settings == Settings(augment=True, seed=5)
    sky = Image.new("RGB", (300, 300), (60, 120, 220))
    assert classifier.answer_picture(project.head, sky).classes[0].label == "sky"
    project.close()


def test_train_transfer_asks_which_of_two_classes_if_it_is_told_to(
    script, photos, mean_colours, tmp_path, capsys
):
    options = ("--data", photos, "--classes", "--runs-dir", tmp_path, "--run", "mine")
    assert script("train_transfer.py", *options) == 0
    assert "mine.zip: 8 photos, 2 classes" in capsys.readouterr().out
    assert script("train_transfer.py", *options) == 1
    assert capsys.readouterr().err.endswith("mine.zip exists; choose another --run.\n")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--classes", "--epochs", 3), "--epochs is for yes or no, not for several classes"),
        (("--classes", "--learning-rate", 1), "--learning-rate is for yes or no, not for several"),
        (("--augment",), "--augment is for several classes; leave it out, or add --classes."),
    ],
)
def test_train_transfer_refuses_settings_of_the_other_kind(
    script, photos, tmp_path, capsys, options, complaint
):
    arguments = ("--data", photos, "--runs-dir", tmp_path / "runs", *options)
    assert script("train_transfer.py", *arguments) == 1
    assert capsys.readouterr().err.startswith(complaint)
    assert not (tmp_path / "runs").exists()


# train_scratch.py


def test_train_scratch_has_a_flag_for_every_setting(script, capsys):
    assert script("train_scratch.py", "--help") == 0
    stdout = capsys.readouterr().out
    assert stdout.startswith("usage: train_scratch.py")
    for name in Recipe.__dataclass_fields__:
        assert re.search(rf"--{name.replace('_', '-')}\b", stdout), name


EVERYTHING_OFF = {
    "optimizer": "sgd",
    "schedule": "constant",
    "label_smoothing": 0.0,
    "augmentation": False,
    "flip": "random",
    "shift": 0,
    "cutout": 0,
    "whitening": False,
    "mixed_precision": False,
}


def as_flags(settings: dict[str, object]) -> list[str]:
    return [
        f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else f"--{name}={value}"
        for name, value in ((name.replace("_", "-"), value) for name, value in settings.items())
    ]


@pytest.mark.parametrize(
    ("flags", "gains", "recipe"),
    [
        ([], True, Recipe()),
        (["--network=fast"], True, DEFAULT_RECIPES["fast"]),
        (["--network=fast"], False, replace(DEFAULT_RECIPES["fast"], mixed_precision=False)),
        (["--network=fast", "--mixed-precision"], False, DEFAULT_RECIPES["fast"]),
        (
            ["--network=fast", "--epochs=3", *as_flags(EVERYTHING_OFF)],
            True,
            replace(DEFAULT_RECIPES["fast"], epochs=3, **EVERYTHING_OFF),
        ),
        (
            ["--network=classic", "--whitening", "--no-whitening", "--restore-best"],
            True,
            Recipe(restore_best=True),
        ),
    ],
)
def test_train_scratch_takes_the_networks_own_recipe_and_changes_what_is_told(
    monkeypatch, tmp_path, flags, gains, recipe
):
    monkeypatch.setattr("imgrec.training.time_estimate.gains_by_bfloat16", lambda: gains)
    monkeypatch.setattr(sys, "argv", ["train_scratch.py", *flags])
    train_scratch = script_module("train_scratch")
    _, settings = train_scratch.parse_arguments()
    assert train_scratch.chosen(tmp_path / "new", settings, resume=False) == recipe


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--run", "old"), "old exists: use --resume to go on with it, or another --run."),
        (("--run", "new", "--resume"), "There is no run .*new; name one that was started before"),
        (("--resume",), "There is no run .*; name one"),
        (("--run", "old", "--resume", "--epochs", "4"), "old was started with another recipe"),
        (("--run", "done", "--resume"), "The run done has already finished"),
        (("--run", "new", "--epochs", "0"), "Epochs: choose a whole number from 1 to 1,000."),
        (("--run", "new", "--whitening"), "Whitening is for the network fast"),
    ],
)
def test_train_scratch_refuses_in_one_sentence(script, capsys, tmp_path, options, complaint):
    for name in ("old", "done"):
        recipes.open_run(tmp_path / name, Recipe(epochs=3))
    (tmp_path / "done" / "report.json").touch()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert script("train_scratch.py", "--runs-dir", tmp_path, *options) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1 and re.search(complaint, printed.err)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def start_training(folder: Path, *options: str) -> subprocess.Popen[str]:
    """The script with the run `mine` in the folder, in a process of its own."""
    script = "tests/support/train_with_few_test_images.py"
    command = [sys.executable, script, "--runs-dir", folder, "--run", "mine"]
    return subprocess.Popen(
        [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def interrupted(cifar10, tmp_path_factory):
    """A run whose process got Ctrl+C, what that process printed, and its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    folder = tmp_path_factory.mktemp("runs")
    process = start_training(folder, "--epochs=2", "--limit=3200", "--validation-images=100")
    while not run_log.watch(folder / "mine").points:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=300)
    return folder, stderr.splitlines()[-1], process.returncode


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_was_stopped(interrupted):
    folder, told, code = interrupted
    assert code == 1
    assert told == f"{folder / 'mine'}: stopped; --resume --run mine goes on with it."
    seen = run_log.watch(folder / "mine")
    assert seen.state == "stopped" and seen.log[-1].endswith("it can be resumed.")


@pytest.mark.slow
def test_a_disk_without_room_fails_the_run_which_can_be_resumed(interrupted, tmp_path):
    import resource  # there is none on Windows

    run = Path(shutil.copytree(interrupted[0] / "mine", tmp_path / "mine"))
    recipes.open_run(tmp_path / "other", Recipe())
    process = start_training(tmp_path, "--resume")
    megabyte = 2**20  # a checkpoint has 15
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (megabyte, megabyte))
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 1 and stdout == ""
    sentence = "can't be read or written (File too large): see that its disk has room"
    assert sentence in stderr.splitlines()[-1] and "Traceback" not in stderr
    seen = run_log.watch(run)
    assert seen.state == "failed" and sentence in seen.problem
    assert not list(run.glob("*.npz")) and not list(run.glob(".*.tmp"))
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["config.json"]

    process = start_training(tmp_path, "--resume")
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    assert re.search(r"mine: test accuracy 0\.\d{4}, test loss", stdout)
    assert run_log.state_of(run) == "finished"


@pytest.mark.parametrize("name", ["../outside", "a/b", "my:run"])
def test_a_name_that_is_no_folders_is_refused(script, name, tmp_path, capsys):
    options = ("--run", name, "--runs-dir", tmp_path / "runs")
    for command in (("train_scratch.py",), ("train_transfer.py", "--data", tmp_path)):
        assert script(*command, *options) == 1
        assert "A run's name has up to 60 letters" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# What an import loads


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("demo", {"tensorflow", "keras"}),
        ("imgrec", {"tensorflow", "keras", "gradio", "numpy"}),
        ("imgrec.approaches", {"tensorflow", "keras", "gradio"}),
        ("imgrec.training.process", {"tensorflow", "keras", "gradio"}),
    ],
)
def test_an_import_loads_no_more_than_it_must(module, unwanted):
    _, stderr = run("-X", "importtime", "-c", f"import {module}", expect=0)
    loaded = {line.rpartition("|")[2].strip() for line in stderr if line.startswith("import time")}
    assert module in loaded
    assert not {name.partition(".")[0] for name in loaded} & unwanted


def test_the_package_never_imports_gradio():
    package = ROOT / "imgrec"
    sources = [path for path in package.rglob("*.py") if package / "ui" not in path.parents]
    assert len(sources) > 15
    for source in sources:
        assert not re.search(r"^\s*(import|from) (gradio|imgrec\.ui)", source.read_text(), re.M)
