"""The catalogue: what ships and the user's runs, found, renamed, deleted, zipped, plotted."""

import dataclasses
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.files import atomic
from imgrec.files.paths import MODELS
from imgrec.models import manage_runs, registry, run_control, store
from imgrec.models.curves import training_curve, validation_curve
from imgrec.models.run_log import Point, RunLog
from imgrec.training import recipes
from imgrec.training.recipes import HEAD_RECIPES, Recipe

HEADS = ["dog_flatten_1000", "dog_flatten_64", "dog_pooled_1000", "dog_pooled_64"]
SHIPPED = ["classic", *HEADS, "fast"]
HISTORY = {
    "loss": [2.0, 1.5],
    "accuracy": [0.25, 0.5],
    "val_loss": [1.75, 1.875],
    "val_accuracy": [0.5, 0.375],
    "seconds": [10.0, 12.0],
}
CONFIGS = {
    "scratch": {
        "network": "classic",
        "classes": list(labels.CIFAR10),
        "recipe": dataclasses.asdict(Recipe()),
    },
    "transfer": {
        "network": "pooled",
        "classes": ["dog"],
        "options": HEAD_RECIPES["pooled"].options,
        "recipe": dataclasses.asdict(HEAD_RECIPES["pooled"]),
    },
}

in_one_folder = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150
)


@pytest.fixture
def runs_dir(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def finished(folder: Path, kind="scratch", config=None, **report) -> Path:
    weights = {"weight": np.zeros(3, "float32")}
    config = CONFIGS[kind] | (config or {})
    store.save(folder, config=config, weights=weights, history=HISTORY, report=report)
    return folder


def unfinished(folder: Path, moment: float = 1000) -> Path:
    recipes.open_run(folder, Recipe())
    os.utime(folder / "config.json", (moment, moment))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def names(entries) -> list[str]:
    return [entry.name for entry in entries]


# What is listed


def test_runs_come_first_the_latest_of_them_before_the_others(runs_dir):
    for moment, name in ((1000, "b"), (3000, "a"), (2000, "c")):
        unfinished(runs_dir / name, moment)
    entries = registry.entries()
    assert names(entries) == ["a", "c", "b", *SHIPPED]
    assert [entry.shipped for entry in entries] == [False] * 3 + [True] * len(SHIPPED)
    assert {entry.kind for entry in entries if entry.name in HEADS} == {"transfer"}
    assert {entry.kind for entry in entries if entry.name not in HEADS} == {"scratch"}
    assert [entry.started for entry in entries[:4]] == [3000, 2000, 1000, None]


def test_an_entry_tells_what_its_files_hold(runs_dir):
    finished(runs_dir / "done", seconds=23.5, test_accuracy=0.75)
    finished(runs_dir / "head", "transfer", seconds=1.5, test={"accuracy": 0.875})
    folder = unfinished(runs_dir / "stopped")
    atomic.write_json(folder / "history.json", HISTORY)
    RunLog(folder).write("stopped", message="")
    unfinished(runs_dir / "begun")
    told = {
        entry.name: (
            entry.state,
            entry.network,
            entry.epochs,
            entry.seconds,
            entry.best_validation_accuracy,
            entry.test_accuracy,
        )
        for entry in registry.entries()
        if not entry.shipped
    }
    assert told == {
        "done": ("finished", "classic", 2, 23.5, 0.5, 0.75),
        "head": ("finished", "pooled", 2, 1.5, 0.5, 0.875),
        "stopped": ("stopped", "classic", 2, 22.0, 0.5, None),
        "begun": ("interrupted", "classic", 0, None, None, None),
    }


def test_without_a_folder_of_runs_only_what_ships_is_there(runs_dir):
    assert names(registry.entries()) == SHIPPED
    assert not runs_dir.exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*HISTORY, "test"]), inner)
    ),
    max_leaves=5,
)
odd_files = st.binary(max_size=30) | json_values.map(lambda value: json.dumps(value).encode())


@in_one_folder
@example("history.json", b"[]")
@example("history.json", b'{"loss": 3}')
@example("report.json", b"[1]")
@example("config.json", json.dumps(CONFIGS["scratch"] | {"network": None}).encode())
@example("config.json", b'{"classes": ["dog"], "recipe": {"head": ""}}')
@given(st.sampled_from(["config.json", "history.json", "report.json"]), odd_files)
def test_a_broken_directory_disturbs_no_other(tmp_path_factory, file, content):
    runs_dir = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGREC_RUNS", str(runs_dir))
        finished(runs_dir / "whole")
        (finished(runs_dir / "broken") / file).write_bytes(content)
        (runs_dir / "file").touch()
        (runs_dir / "empty").mkdir()
        entries = registry.entries()
        assert {"whole", *SHIPPED} <= set(names(entries)) <= {"whole", "broken", *SHIPPED}
        for entry in entries:
            assert isinstance(entry.network, str) and entry.epochs >= 0
            assert len(validation_curve(entry)) <= entry.epochs
            training_curve(entry)


def test_what_can_be_used_is_finished_and_knows_the_right_classes(runs_dir):
    finished(runs_dir / "mine")
    unfinished(runs_dir / "begun")
    finished(runs_dir / "dogs", "transfer")
    finished(runs_dir / "cats", "transfer", {"classes": ["cat"]})
    assert names(registry.usable_models("scratch")) == ["classic", "fast", "mine"]
    assert names(registry.usable_models("transfer")) == [*HEADS, "dogs"]


# Names


HOSTILE = [
    "",
    " ",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "/etc",
    "~",
    "a\0b",
    "a\nb",
    "-x",
    ".x",
    "a:b",
]
RESERVED = ["CON", "con", "nul.txt", "LPT1", "Aux", "com9.zip", "end."]
LONG = "x" * 61


@pytest.mark.parametrize("name", [*HOSTILE, *RESERVED, LONG, "<b>", "a*", "a?"])
def test_a_name_that_no_folder_may_have_is_refused(runs_dir, name):
    with pytest.raises(ModelError, match="choose another one"):
        manage_runs.check_name(name)


@pytest.mark.parametrize("name", ["x", "Ünïcode 2", "数字", "a.b-c_d+e", "x" * 60, "constant", "1"])
def test_other_names_are_taken_as_they_are(runs_dir, name):
    assert manage_runs.check_name(name) == name
    assert manage_runs.check_name(f"  {name} ") == name


@in_one_folder
@given(st.text(max_size=70))
def test_every_accepted_name_is_a_folder_of_its_own(tmp_path_factory, name):
    runs_dir = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGREC_RUNS", str(runs_dir))
        try:
            accepted = manage_runs.check_name(name)
        except ModelError:
            return
        finished(runs_dir / accepted)
        assert names([registry.find(accepted)]) == listed(runs_dir) == [accepted]


@pytest.mark.parametrize("name", ["mine", "MINE", "classic", "Classic", "vgg16_base"])
def test_a_taken_name_is_refused(runs_dir, name):
    unfinished(runs_dir / "Mine")
    with pytest.raises(ModelError, match=f"There is a {name} already"):
        manage_runs.check_name(name)


def test_a_fresh_name_gets_a_number_where_it_is_taken(runs_dir):
    assert manage_runs.fresh_name("new") == "new"
    for expected in ("new", "new-2", "new-3"):
        assert manage_runs.fresh_name("new") == expected
        unfinished(runs_dir / expected)
    assert manage_runs.fresh_name("classic") == "classic-2"


# One entry


def test_an_entry_is_found_by_its_name_and_kind(runs_dir):
    finished(runs_dir / "mine", "transfer")
    assert registry.find("mine").folder == runs_dir / "mine"
    assert registry.find("mine", "transfer") == registry.find("mine")
    assert registry.find("classic", "scratch").folder == MODELS / "classic"
    for name, kind in (("mine", "scratch"), ("classic", "transfer"), ("vgg16_base", None)):
        with pytest.raises(ModelError, match=f"no trained network '{name}'"):
            registry.find(name, kind)


@given(st.text(max_size=70))
@example("../models/classic")
@example("classic/")
@example("./classic")
@example(str(MODELS / "classic"))
def test_no_name_leads_out_of_the_folders(name):
    if name in SHIPPED:
        return
    with pytest.raises(ModelError, match="no trained network"):
        registry.find(name)


@pytest.mark.parametrize("name", [*HOSTILE, LONG, "none", "runs/mine"])
def test_nothing_is_done_to_a_name_that_is_no_entry(runs_dir, tmp_path, name):
    finished(runs_dir / "mine")
    finished(tmp_path / "x")
    for act in (
        manage_runs.delete,
        lambda name: manage_runs.rename(name, "new"),
        lambda name: manage_runs.write_zip(name, tmp_path),
    ):
        with pytest.raises(ModelError, match="no trained network"):
            act(name)
    assert listed(runs_dir) == ["mine"] and (tmp_path / "x" / "weights.npz").exists()


# Renaming, deleting


def test_an_entry_is_the_same_by_its_name_and_its_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(MODELS / "classic")
    by_directory = registry.load_entry(Path())
    assert by_directory == registry.load_entry(MODELS / "classic") == registry.find("classic")
    with pytest.raises(ModelError, match="There is no trained network in"):
        registry.load_entry(tmp_path)


def test_a_renamed_run_is_the_same_run(runs_dir):
    before = contents(finished(runs_dir / "old"))
    assert manage_runs.rename("old", " new ") == "new"
    assert listed(runs_dir) == ["new"] and contents(runs_dir / "new") == before
    assert registry.find("new").state == "finished"


@pytest.mark.parametrize("new", [*HOSTILE, LONG, "CON", "other", "classic"])
def test_a_run_does_not_get_a_bad_or_taken_name(runs_dir, new):
    finished(runs_dir / "mine")
    finished(runs_dir / "other", test_accuracy=0.5)
    with pytest.raises(ModelError):
        manage_runs.rename("mine", new)
    assert listed(runs_dir) == ["mine", "other"]
    assert registry.find("other").test_accuracy == 0.5


def test_a_deleted_run_is_gone_and_no_other(runs_dir):
    finished(runs_dir / "mine")
    finished(runs_dir / "other")
    manage_runs.delete("mine")
    assert listed(runs_dir) == ["other"]
    with pytest.raises(ModelError, match="no trained network 'mine'"):
        manage_runs.delete("mine")


@pytest.mark.parametrize("act", [manage_runs.delete, lambda name: manage_runs.rename(name, "new")])
def test_what_ships_stays_as_it_is(runs_dir, tmp_path, monkeypatch, act):
    monkeypatch.setattr(registry, "MODELS", tmp_path)
    before = contents(finished(tmp_path / "classic"))
    with pytest.raises(ModelError, match="classic ships with the project"):
        act("classic")
    assert contents(tmp_path / "classic") == before


@pytest.mark.parametrize("act", [manage_runs.delete, lambda name: manage_runs.rename(name, "new")])
def test_what_is_being_trained_stays_as_it_is_until_it_is_not(runs_dir, act):
    folder = unfinished(runs_dir / "mine")
    with run_control.hold(folder):
        before = contents(folder)
        with pytest.raises(ModelError, match="mine is being trained; stop it first"):
            act("mine")
        assert contents(folder) == before
    act("mine")
    assert not folder.exists()


# Zips


def test_a_zip_holds_the_runs_files_and_no_hidden_ones(runs_dir, tmp_path):
    folder = finished(runs_dir / "mine")
    before = contents(folder)
    (folder / "tensorboard").mkdir()
    (folder / "tensorboard" / "events").write_text("curves")
    for hidden in (".lock", ".checkpoint.npz.1.tmp"):
        (folder / hidden).touch()
    os.utime(folder / "config.json", (0, 0))  # before the first year that a zip knows
    archive = manage_runs.write_zip("mine", tmp_path / "zips")
    assert archive == tmp_path / "zips" / "mine.zip"
    with zipfile.ZipFile(archive) as bundle:
        found = {name: bundle.read(name) for name in bundle.namelist()}
    expected = {f"mine/{name}": content for name, content in before.items()}
    assert found == {**expected, "mine/tensorboard/events": b"curves"}


def test_what_ships_can_be_zipped_too(runs_dir, tmp_path):
    with zipfile.ZipFile(manage_runs.write_zip("classic", tmp_path)) as bundle:
        assert bundle.read("classic/weights.npz") == (MODELS / "classic/weights.npz").read_bytes()


def test_a_folder_that_cannot_be_written_is_told(runs_dir, tmp_path):
    finished(runs_dir / "mine")
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="can't be read or written"):
        manage_runs.write_zip("mine", tmp_path / "file")


# Curves


def test_curves_of_a_finished_model_have_a_point_an_epoch(runs_dir):
    finished(runs_dir / "mine", seconds=22.0)
    entry = registry.find("mine")
    assert training_curve(entry) == [Point(1, 10, 2.0, 0.25), Point(2, 22, 1.5, 0.5)]
    assert validation_curve(entry) == [
        Point(1, 10, 1.75, 0.5),
        Point(2, 22, 1.875, 0.375),
    ]


def test_a_run_whose_points_were_kept_has_them_in_its_curve(runs_dir):
    folder = finished(runs_dir / "mine")
    book = RunLog(folder)
    book.write("started", epoch=0, epochs=2, images=1, steps=2, strip=[])
    for step in (1, 2):
        content = {"epoch": 1, "step": step, "steps": 2, "busy": step, "loss": 3, "accuracy": 0}
        book.write("step", **content)
    assert training_curve(registry.find("mine")) == [
        Point(0.5, 1, 3, 0),
        Point(1, 2, 3, 0),
    ]


def test_where_only_the_whole_time_is_known_the_epochs_share_it(runs_dir):
    folder = finished(runs_dir / "mine", seconds=8.0)
    history = {name: HISTORY[name] for name in ("loss", "accuracy")}
    atomic.write_json(folder / "history.json", history)
    entry = registry.find("mine")
    assert [point.seconds for point in training_curve(entry)] == [4, 8]
    assert validation_curve(entry) == []


def test_the_curves_of_all_that_ships_are_whole(runs_dir):
    for entry in registry.entries():
        curve = training_curve(entry)
        assert [point.epochs for point in curve] == list(range(1, entry.epochs + 1))
        assert entry.epochs > 0


def test_a_run_that_vanished_meanwhile_has_the_curve_that_is_known(runs_dir):
    entry = registry.find(finished(runs_dir / "mine").name)
    shutil.rmtree(runs_dir)
    assert len(training_curve(entry)) == 2
