"""The measurements of the fast recipe: over seeds, without each ingredient, taken up again."""

import dataclasses
import statistics

import numpy as np
import pytest
from support.files import script_module

from imgrec.data.cifar10 import Cifar10
from imgrec.errors import ModelError
from imgrec.files import atomic
from imgrec.training import scratch
from imgrec.training.recipes import DEFAULT_RECIPES, Recipe

TINY = dataclasses.replace(
    DEFAULT_RECIPES["fast"], epochs=1, batch_size=4, limit=8, validation_images=10
)
IN_FLOAT32 = dataclasses.replace(TINY, mixed_precision=False)  # which any processor is quick at


@pytest.fixture
def measure(monkeypatch):
    """The script, with 150 + 20 images of noise for data."""
    random = np.random.default_rng(0)
    pixels = lambda n: random.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)  # noqa: E731
    classes = lambda n: random.integers(0, 10, n, dtype=np.uint8)  # noqa: E731
    script = script_module("measure_scratch")
    noise = Cifar10(pixels(150), classes(150), pixels(20), classes(20))
    monkeypatch.setattr(script, "data", lambda: noise)
    return script


@pytest.fixture
def instant(monkeypatch):
    """No training: each recipe in turn, and a report that tells them apart."""
    recipes: list[Recipe] = []

    def train(recipe, data, run, several):
        recipes.append(recipe)
        best_rate = recipe.optimizer == "sgd" and recipe.learning_rate == 0.3
        report = {
            "test_accuracy": 0.9 + len(recipes) / 1000,
            "test_accuracy_views": 0.92 + len(recipes) / 500,
            "val_accuracy": 0.95 if best_rate else 0.5,
            "seconds": 10.0 * len(recipes),
            "seed": recipe.seed,
            "test_images": 20,
            "data_sha256": {},
        }
        run.mkdir(parents=True)
        atomic.write_json(run / "config.json", {"recipe": dataclasses.asdict(recipe)})
        atomic.write_json(run / "report.json", report)
        return report

    monkeypatch.setattr(scratch, "train_scratch", train)
    return recipes


def test_seeds_are_trained_once_and_their_spread_is_that_of_a_sample(measure, instant, tmp_path):
    first = measure.seeds(TINY, (4, 5, 6), tmp_path)
    (tmp_path / "seed-5").rename(tmp_path / "another name")
    assert measure.seeds(TINY, (4, 5, 6), tmp_path) == first
    assert instant == [dataclasses.replace(TINY, seed=seed) for seed in (4, 5, 6)]
    assert [each["seed"] for each in first["seeds"]] == [4, 5, 6]
    for name in ("test_accuracy", "test_accuracy_views", "seconds"):
        values = np.array([each[name] for each in first["seeds"]])
        assert first[name]["mean"] == pytest.approx(values.mean())
        assert first[name]["deviation"] == pytest.approx(values.std(ddof=1))
    assert first["seconds"]["deviation"] == statistics.stdev([10, 20, 30])


def test_each_row_lacks_one_ingredient(measure, instant, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "times_as_long", lambda recipe: {"float32": 2.0})
    recipe = dataclasses.replace(TINY, label_smoothing=0.0)
    report = measure.ablation(recipe, tmp_path)
    whole, *others = report["rows"]
    assert whole["without"] is None
    assert "label smoothing" not in [row["without"] for row in others]  # there was none
    assert len({row["without"] for row in others}) == len(measure.INGREDIENTS) - 1
    assert instant[0] == recipe
    assert len(set(instant)) == len(instant)
    for row in others:
        without = dataclasses.replace(recipe, **row["settings"])
        assert row["seconds"] == 10.0 * (1 + instant.index(without))
    assert others[0]["settings"]["learning_rate"] == 0.3  # the best on the validation images


def test_every_ingredient_is_in_the_recipe(measure):
    for ingredient in measure.INGREDIENTS:
        for settings in ingredient.settings:
            assert (
                dataclasses.replace(DEFAULT_RECIPES["fast"], **settings) != DEFAULT_RECIPES["fast"]
            )


def test_a_run_is_trained_and_its_report_read(measure, tmp_path):
    report = measure.trained(IN_FLOAT32, "one", tmp_path)
    assert report == atomic.read_json(tmp_path / "one" / "report.json")
    assert report == measure.trained(IN_FLOAT32, "two", tmp_path)
    with pytest.raises(ModelError):  # the name is another recipe's
        measure.trained(dataclasses.replace(IN_FLOAT32, seed=9), "one", tmp_path)


def test_what_saves_time_is_timed_without_it(measure, monkeypatch):
    monkeypatch.setattr(measure, "STEPS", 1)
    monkeypatch.setattr(measure, "ROUNDS", 2)
    assert set(measure.times_as_long(TINY)) == {"float32", "keras_normalization"}
