"""Runs that the version before the packages made (2a228ef) are listed, read and used."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from imgrec.approaches import transfer
from imgrec.errors import ModelError
from imgrec.files.paths import ROOT
from imgrec.models import registry, run_log
from imgrec.models.calibration_file import load_calibration
from imgrec.models.curves import validation_curve
from imgrec.training import recipes
from imgrec.training.recipes import HEAD_RECIPES, HeadRecipe, Recipe

FIXTURES = ROOT / "tests" / "fixtures"
HEAD, SCRATCH = "head_before_the_house", "scratch_before_the_house"
DOG = 0.0535949  # that version's probability that ship.png is a dog, by that head


@pytest.fixture
def runs(tmp_path, monkeypatch) -> Path:
    folder = Path(shutil.copytree(FIXTURES / "runs", tmp_path / "runs"))
    monkeypatch.setenv("IMGREC_RUNS", str(folder))
    return folder


def test_both_runs_are_listed_with_their_figures(runs):
    listed = {entry.name: entry for entry in registry.entries() if not entry.shipped}
    assert {name: (entry.kind, entry.state) for name, entry in listed.items()} == {
        HEAD: ("transfer", "finished"),
        SCRATCH: ("scratch", "finished"),
    }
    scratch, head = listed[SCRATCH], listed[HEAD]
    assert (scratch.network, scratch.epochs, scratch.seconds) == ("fast", 1, 28.5)
    assert (scratch.test_accuracy, scratch.best_validation_accuracy) == (0.1389, 0.125)
    assert (head.network, head.epochs, head.seconds) == ("pooled", 3, 3.37)
    assert head.test_accuracy == pytest.approx(11 / 12)
    assert scratch.started == 1795892856.535
    assert len(validation_curve(scratch)) == 1


def test_the_scratch_runs_log_is_replayed(runs):
    status = run_log.watch(runs / SCRATCH)
    assert (status.state, status.epoch, status.epochs) == ("finished", 1, 1)
    assert (status.steps, len(status.predictions), len(status.points)) == (3, 19, 3)


def test_its_calibration_belongs_to_its_weights(runs):
    entry = registry.find(SCRATCH)
    calibration = load_calibration(entry)
    assert (calibration.n, calibration.score) == (40, "maximum_probability")
    assert calibration.temperature == pytest.approx(2.354280)


def test_an_unfinished_run_goes_on_with_the_recipe_it_was_started_with(runs):
    config = json.loads((runs / SCRATCH / "config.json").read_text())
    recipe = Recipe.of(config)
    assert (recipe.network, recipe.optimizer, recipe.whitening) == ("fast", "muon", True)
    assert (recipe.limit, recipe.validation_images, recipe.learning_rate) == (60, 40, 0.16)
    with pytest.raises(ModelError, match="finished"):
        recipes.open_run(runs / SCRATCH, recipe)
    (runs / SCRATCH / "report.json").unlink()
    recipes.open_run(runs / SCRATCH, recipe)
    with pytest.raises(ModelError, match="another recipe"):
        recipes.open_run(runs / SCRATCH, Recipe())
    assert registry.find(SCRATCH).state == "interrupted"


def test_the_head_answers_as_it_did(runs):
    assert HEAD in transfer.trained()
    settings = json.loads((runs / HEAD / "config.json").read_text())["recipe"]
    assert recipes.differences(HeadRecipe(**settings), HEAD_RECIPES["pooled"]) == {"epochs": 3}
    with Image.open(FIXTURES / "ship.png") as picture:
        (verdict,) = transfer.predict([picture.convert("RGB")], name=HEAD)
    assert verdict.dog == pytest.approx(DOG, abs=1e-3)
