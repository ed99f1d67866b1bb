"""The benchmark of training: an epoch of one, an epoch of the other, and on after a kill."""

import dataclasses
import itertools

import numpy as np
import pytest
from support.files import script_module

from imgrec.data.cifar10 import Cifar10
from imgrec.files import atomic
from imgrec.networks.cifar10 import SCRATCH
from imgrec.training.recipes import DEFAULT_RECIPES, Recipe

SMALL = {"validation_images": 10, "limit": 20, "batch_size": 10}
IN_FLOAT32 = {
    name: dataclasses.replace(DEFAULT_RECIPES[name], epochs=2, mixed_precision=False, **SMALL)
    for name in ("classic", "fast")
}
RECIPES = {
    "classic": Recipe(epochs=4, **SMALL),
    "fast": IN_FLOAT32["fast"],
    "classic_bfloat16": Recipe(epochs=2, mixed_precision=True, **SMALL),
}
# By the share of its epochs that each has done; who is named first goes first.
IN_TURN = ["classic", "fast", "classic_bfloat16", "classic"] * 2


class KillError(Exception):
    """Ends the benchmark from outside."""


@pytest.fixture(scope="module")
def benchmark():
    return script_module("benchmark").training


@pytest.fixture(scope="module")
def data():
    """100 + 20 images of noise."""
    random = np.random.default_rng(0)
    pixels = lambda n: random.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)  # noqa: E731
    classes = lambda n: random.integers(0, 10, n, dtype=np.uint8)  # noqa: E731
    return Cifar10(pixels(100), classes(100), pixels(20), classes(20))


def test_they_take_turns_and_go_on_after_a_kill(benchmark, data, tmp_path, capsys):
    turns = []

    def listen(name, laps):
        turns.append(name)
        if len(turns) == 3:
            raise KillError

    with pytest.raises(KillError):
        benchmark.race(RECIPES, data, tmp_path, listen)
    notes = atomic.read_json(tmp_path / "laps.json")
    lost = notes.pop("classic_bfloat16")  # as if the kill had come before its note
    atomic.write_json(tmp_path / "laps.json", notes)

    report = benchmark.training(tmp_path, data, RECIPES)
    laps = atomic.read_json(tmp_path / "laps.json")
    classic, fast, bfloat16 = (report[name] for name in RECIPES)
    told = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert (turns, told) == (IN_TURN[:3], IN_TURN[3:])
    assert report["sittings"] == 2
    assert laps["classic"][0] == notes["classic"][0]
    assert 0 < laps["classic_bfloat16"][0] <= lost[0]  # the run's own time knows no set-up
    for name, figures in {"classic": classic, "fast": fast}.items():
        own = atomic.read_json(tmp_path / name / "report.json")
        assert figures["epochs"] == len(figures["val_accuracy"]) == RECIPES[name].epochs
        assert figures["elapsed"] == pytest.approx(list(itertools.accumulate(laps[name])), abs=0.1)
        assert figures["seconds"] == pytest.approx(sum(laps[name]), abs=0.1)
        assert figures["test_accuracy"] == own["test_accuracy"]
        assert figures["parameters"] == SCRATCH[name]().count_params()
    assert 0 <= fast["test_accuracy_views"] <= 1
    first, second = laps["classic_bfloat16"]
    assert bfloat16 == {
        "epochs_timed": 2,
        "seconds_for_4": pytest.approx(first + 3 * second, abs=1),
    }
    assert report["ratio"] == pytest.approx(fast["seconds"] / classic["seconds"], rel=0.05)
    assert report["data_sha256"] == data.sha256()


def test_what_has_finished_is_not_trained_again(benchmark, data, tmp_path):
    turns = []
    recipes = {name: RECIPES[name] for name in ("classic_bfloat16",)}
    first = benchmark.race(recipes, data, tmp_path, lambda name, laps: turns.append(name))
    again = benchmark.race(recipes, data, tmp_path, lambda name, laps: turns.append(name))
    assert turns == ["classic_bfloat16"] * 2
    assert (first[0], again[0]) == (1, 2)
    assert first[1] == again[1]


def test_whole_trainings_in_float32_are_reckoned_from_a_few_epochs(benchmark, data, tmp_path):
    report = benchmark.training_float32(tmp_path, data, IN_FLOAT32)
    laps = atomic.read_json(tmp_path / "laps.json")
    for name, (first, second) in ((name, laps[name]) for name in IN_FLOAT32):
        epochs = DEFAULT_RECIPES[name].epochs
        seconds = pytest.approx(first + (epochs - 1) * second, abs=0.06)
        assert report[name] == {"epochs": epochs, "epochs_timed": 2, "seconds": seconds}
    short, classic = report["short"], report["classic"]["seconds"]
    assert report["ratio"] == pytest.approx(report["fast"]["seconds"] / classic, abs=0.002)
    assert report["ratio_short"] == pytest.approx(sum(laps["fast"]) / classic, abs=0.002)
    assert short["epochs"] == 2 and 0 <= short["test_accuracy_views"] <= 1
