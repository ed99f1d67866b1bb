"""The training tab without a browser: what it shows of a run, its curves, its settings."""

import dataclasses
import re

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

import demo
from imgrec.background_job import Status
from imgrec.errors import ImgrecError
from imgrec.files import atomic
from imgrec.models import manage_runs, registry, run_control, run_log
from imgrec.models.curves import thinned
from imgrec.models.run_log import Point, Prediction, RunStatus
from imgrec.training import recipes
from imgrec.training.permissions import Limits, Permissions
from imgrec.training.process import trainer
from imgrec.training.recipes import (
    DEFAULT_RECIPES,
    HEAD_RECIPES,
    NETWORKS,
    RECIPES,
    HeadRecipe,
    Recipe,
)
from imgrec.ui.components import cifar10_download
from imgrec.ui.components.formatting import duration
from imgrec.ui.components.model_choosers import Choosers
from imgrec.ui.train import curves, endpoints, tab
from imgrec.ui.train import html as train_html
from imgrec.ui.train import settings as train_settings
from imgrec.ui.train.refresh import Picks, View, refresh_view

HISTORY = {
    "loss": [2.0, 1.5],
    "accuracy": [0.3, 0.5],
    "val_loss": [1.8, 1.6],
    "val_accuracy": [0.4, 0.45],
    "seconds": [60.0, 30.0],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for runs, and an empty cache."""
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("IMGREC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "runs"


def unfinished(folder, name="mine", recipe=Recipe(epochs=4), history=HISTORY):  # noqa: B008
    """A run with two of its epochs that nobody trains."""
    recipes.open_run(folder / name, recipe)
    atomic.write_json(folder / name / "history.json", history)
    return registry.find(name)


def finished(folder, name="mine", recipe=Recipe(epochs=2), **report):  # noqa: B008
    entry = unfinished(folder, name, recipe)
    report = {"test_accuracy": 0.42, "seconds": 90.0, **report}
    atomic.write_json(entry.folder / "report.json", report)
    return registry.find(name)


def tiles(html: str) -> list[str]:
    return re.findall(r'<figure class="tile (\w+)">', html)


# What is shown of a run


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.6, "60 s"), (754, "13 min"), (3900, "1 h 5 min")],
)
def test_a_duration_is_told_as_people_tell_it(seconds, said):
    assert duration(seconds) == said


def test_a_run_that_learns_shows_its_epoch_its_step_and_the_time_left(folder):
    entry = unfinished(folder)
    watched = RunStatus("training", epoch=2, epochs=4, step=30, steps=40, seconds_left=125.0)
    html = train_html.progress(entry, watched, "")
    assert "mine" in html and "is learning" in html
    assert "3 of 4" in html and "30 of 40" in html
    assert 'aria-valuenow="75"' in html and "About 2 min left" in html
    assert "Best validation accuracy 45 %" in html


def test_a_finished_run_shows_what_it_reached(folder):
    html = train_html.progress(finished(folder), RunStatus("finished"), "")
    assert "Test accuracy 42 %" in html and "learned for 2 min" in html
    assert "progressbar" not in html


@pytest.mark.parametrize(
    ("state", "history", "kept"),
    [
        ("stopped", HISTORY, "2 whole epochs are kept"),
        ("interrupted", HISTORY, "2 whole epochs are kept"),
        ("interrupted", {}, "No whole epoch is kept"),
    ],
)
def test_an_unfinished_run_says_what_is_kept_and_how_to_go_on(folder, state, history, kept):
    html = train_html.progress(unfinished(folder, history=history), RunStatus(state), "")
    assert kept in html and "resume it" in html


def test_a_failure_says_why_as_text(folder):
    watched = RunStatus("failed", problem="No room <b>left</b>.")
    html = train_html.progress(unfinished(folder), watched, "")
    assert "No room &lt;b&gt;left&lt;/b&gt;." in html
    html = train_html.progress(unfinished(folder), RunStatus("interrupted"), "It was killed.")
    assert "It was killed." in html


def test_the_strip_marks_right_and_wrong_guesses_in_words_and_signs():
    html = train_html.strip([Prediction(3, 3), Prediction(5, 3)])
    assert tiles(html) == ["good", "wrong"]
    assert "1 right" in html and "✓" in html and "✗" in html
    assert "dog<small>is cat</small>" in html
    assert html.count('aria-label="cat"') == 2


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_the_strip_counts_what_is_right(pairs):
    html = train_html.strip([Prediction(*pair) for pair in pairs])
    right = sum(guessed == is_ for guessed, is_ in pairs)
    assert tiles(html).count("good") == right and f": {right} right" in html
    places = [float(x) for x in re.findall(r"position-x:([\d.]+)%", html)]
    assert places[0] == 0 and places == sorted(places) and places[-1] <= 100


def test_the_table_has_a_row_for_each_run_and_for_what_ships(folder):
    finished(folder, "first")
    unfinished(folder, "second", Recipe(epochs=4, limit=2000, augmentation=True))
    html = train_html.runs_table(registry.entries())
    assert "4 epochs, augmentation, 2,000 images" in html
    shipped = [entry.name for entry in registry.entries() if entry.shipped]
    assert html.count("<tr>") == 1 + 2 + len(shipped)
    row = re.search(r"<tr><td>first</td>.*?</tr>", html).group()
    assert "42.0 %" in row and "45.0 %" in row and "2 min" in row and "finished" in row
    assert "interrupted" in re.search(r"<tr><td>second</td>.*?</tr>", html).group()
    for network in NETWORKS:
        assert "as it comes" in re.search(rf"<tr><td>{network}</td>.*?</tr>", html).group()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "as it comes"),
        ({"mixed_precision": False}, "no mixed precision"),
        ({"epochs": 1, "cutout": 5, "limit": 2000}, "1 epoch, cutout 5, 2,000 images"),
    ],
)
def test_a_recipe_is_told_by_what_differs_from_its_networks_own(folder, changes, told):
    entry = finished(folder, recipe=dataclasses.replace(DEFAULT_RECIPES["fast"], **changes))
    assert train_html.recipe_in_short(entry) == told


@pytest.mark.parametrize("recipe", [{"steps": 3}, {"epochs": 0}])
def test_a_recipe_that_cannot_be_read_does_not_hide_the_run(folder, recipe):
    entry = dataclasses.replace(finished(folder), config={"network": "classic", "recipe": recipe})
    assert train_html.recipe_in_short(entry) == "unknown"


def test_the_fetching_of_cifar_10_shows_how_far_it_is():
    running = Status(running=True, what="the npm mirror", done=70_000_000, total=140_000_000)
    html = cifar10_download.fetch(running, allowed=True)
    assert "70 of 140 MB" in html and "the npm mirror" in html
    assert "off on this server" in cifar10_download.fetch(Status(), allowed=False)
    assert "line &lt;broke&gt;" in cifar10_download.fetch(
        Status(problem="line <broke>"), allowed=True
    )


# The curves


def lines(data) -> dict[str, list[tuple[float, float]]]:
    """The points (x, accuracy) of each line that is to be seen."""
    drawn = data.dropna()
    drawn = drawn[drawn["line"] != curves.EXTENT]
    return {
        line: list(zip(points["x"], points["accuracy"], strict=True))
        for line, points in drawn.groupby("line")
    }


def test_one_run_gives_a_training_and_a_validation_line(folder):
    entry = finished(folder)
    assert lines(curves.frame([entry], "epochs")) == {
        "training 0": [(1, 0.3), (2, 0.5)],
        "validation 0": [(1, 0.4), (2, 0.45)],
    }
    over_minutes = lines(curves.frame([entry], "minutes"))
    assert [x for x, _ in over_minutes["validation 0"]] == [1, 1.5]


def test_several_runs_have_lines_of_their_own_and_a_legend(folder):
    entries = [finished(folder, "one"), finished(folder, "two")]
    drawn = lines(curves.frame(entries, "epochs"))
    assert set(drawn) == {"training 0", "validation 0", "training 1", "validation 1"}
    html = curves.legend(entries, "epochs")
    assert all(curves.COLOURS[line] in html for line in drawn)
    assert "two, validation" in html and "over epochs" in html
    assert len(set(curves.COLOURS.values())) == 2 * curves.MAX_RUNS


def test_whose_loss_cannot_be_compared_is_said():
    fast, classic = (registry.find(name) for name in ("fast", "classic"))
    assert "the loss of fast is of smoothed labels" in curves.legend([classic, fast], "epochs")
    for alone in ([fast], [classic]):
        assert "smoothed" not in curves.legend(alone, "epochs")


@pytest.mark.parametrize("names", [[], ["one"], ["one", "two"]])
def test_every_line_is_always_there_so_that_a_plot_changes_only_in_its_data(folder, names):
    data = curves.frame([finished(folder, name) for name in names], "epochs")
    assert set(data["line"]) == {*curves.COLOURS, curves.EXTENT}
    assert [str(kind) for kind in data.dtypes.iloc[:3]] == ["float64"] * 3


def test_over_minutes_each_shipped_network_ends_when_it_was_trained():
    entries = [registry.find(name) for name in ("fast", "classic")]
    data = curves.frame(entries, "minutes")
    drawn = lines(data)
    ends = [drawn[f"validation {number}"][-1][0] for number in (0, 1)]
    assert ends == pytest.approx([sum(e.history["seconds"]) / 60 for e in entries])
    end = data[data["line"] == curves.EXTENT]["x"].max()
    assert max(ends) <= end <= 2.5 * max(ends)


@pytest.mark.parametrize(("over", "end"), [("epochs", 4), ("minutes", 2)])
def test_the_axis_is_as_long_as_what_is_planned_or_was_spent(folder, over, end):
    data = curves.frame([unfinished(folder, recipe=Recipe(epochs=4))], over)
    assert data[data["line"] == curves.EXTENT]["x"].tolist() == [0, end]


def test_more_runs_than_can_be_told_apart_are_left_out_and_said_so(folder):
    entries = [finished(folder, f"run {i}") for i in range(curves.MAX_RUNS + 2)]
    assert len(lines(curves.frame(entries, "epochs"))) == 2 * curves.MAX_RUNS
    assert "and 2 more" in curves.legend(entries, "epochs")


points = st.builds(
    Point,
    epochs=st.floats(0, 100),
    seconds=st.floats(0, 1e5),
    loss=st.floats(0, 10),
    accuracy=st.floats(0, 1),
)


@given(st.lists(points, max_size=700))
def test_a_thinned_line_keeps_its_end_and_stays_within_its_values(line):
    thin = thinned(line, curves.MAX_POINTS)
    assert len(thin) <= curves.MAX_POINTS and (len(thin) == 0) == (len(line) == 0)
    if line:
        assert thin[-1].epochs == line[-1].epochs
        assert min(p.loss for p in line) - 1e-9 <= min(p.loss for p in thin)
        assert max(p.loss for p in thin) <= max(p.loss for p in line) + 1e-9


@given(st.floats(0, 1e6))
def test_an_axis_ends_at_or_little_after_its_data(value):
    end = curves.rounded_up(value)
    assert value <= end <= max(0.1, 2.5 * value)


# The settings


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_a_recipe_comes_back_from_its_settings(recipe):
    values = train_settings.scratch_values(recipe)
    as_a_browser_sends_them = [float(v) if type(v) is int else v for v in values]
    assert train_settings.scratch_recipe(*values) == recipe
    assert train_settings.scratch_recipe(*as_a_browser_sends_them) == recipe


def choices(label: str) -> list[object]:
    """What a dropdown of the settings offers."""
    with gr.Blocks():
        controls = train_settings.build_scratch_settings()
    (dropdown,) = (c for c in controls if c.label == label)
    return [value for _, value in dropdown.choices]


def test_every_recipe_can_be_chosen_on_the_page():
    batch_sizes = choices("Batch size")
    for recipe in RECIPES.values():
        assert recipe.batch_size in batch_sizes


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_visitors_are_offered_no_more_epochs_than_they_may_train(monkeypatch, recipe):
    monkeypatch.setattr(trainer, "permissions", Permissions(limits=Limits(epochs=4)))
    epochs = train_settings._filled(recipe)[train_settings.SCRATCH_FIELDS.index("epochs")]
    assert (epochs.value, epochs.maximum) == (min(4, recipe.epochs), 4)
    assert "4" in epochs.info


@pytest.mark.parametrize("network", NETWORKS)
def test_the_images_go_up_to_all_that_the_network_does_not_keep_apart(network):
    filled = dict(
        zip(
            train_settings.SCRATCH_FIELDS,
            train_settings._filled(DEFAULT_RECIPES[network]),
            strict=True,
        )
    )
    most = 50_000 - DEFAULT_RECIPES[network].validation_images
    assert filled["limit"].maximum == filled["limit"].value == most
    assert filled["whitening"].visible == (network == "fast")
    values = train_settings.scratch_values(DEFAULT_RECIPES[network])
    place = train_settings.SCRATCH_FIELDS.index("limit")
    values[place] = most - 1000
    assert train_settings.scratch_recipe(*values).limit == most - 1000
    values[place] = most
    assert train_settings.scratch_recipe(*values).limit is None


@pytest.mark.parametrize("recipe", HEAD_RECIPES.values(), ids=list(HEAD_RECIPES))
def test_a_head_recipe_comes_back_from_its_settings(recipe):
    assert train_settings.head_recipe(*train_settings.head_values(recipe)) == recipe


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("epochs", None), ("epochs", 2.5), ("seed", -1), ("learning_rate", "much")],
        *[("label_smoothing", float("nan")), ("cutout", "x"), ("shift", 99)],
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_a_sentence(name, value):
    values = train_settings.scratch_values(Recipe())
    values[train_settings.SCRATCH_FIELDS.index(name)] = value
    with pytest.raises(ImgrecError, match=f"{name.replace('_', ' ').capitalize()}: choose"):
        train_settings.scratch_recipe(*values)


@pytest.mark.parametrize("network", ["none", None, [], {"fast": 1}, 3])
def test_a_network_that_there_is_not_is_refused_in_a_sentence(network):
    _, *rest = train_settings.scratch_values(Recipe())
    with pytest.raises(ImgrecError, match="There is no network"):
        train_settings.scratch_recipe(network, *rest)


@pytest.mark.parametrize(
    ("settings", "recipe"),
    [
        ({"epochs": 3}, Recipe(epochs=3)),
        ({"network": "fast"}, DEFAULT_RECIPES["fast"]),
        (
            {"network": "fast", "whitening": False, "cutout": 0},
            dataclasses.replace(DEFAULT_RECIPES["fast"], whitening=False, cutout=0),
        ),
    ],
)
def test_a_program_names_what_differs_from_the_networks_own_recipe(monkeypatch, settings, recipe):
    started = []
    monkeypatch.setattr(
        trainer, "start", lambda recipe, name, fit: started.append((recipe, fit)) or name
    )
    assert endpoints.train_scratch(settings, "mine") == "mine"
    assert endpoints.train_scratch({**settings, "mixed_precision": True}, "mine") == "mine"
    assert started == [
        (recipe, True),
        (dataclasses.replace(recipe, mixed_precision=True), False),
    ]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"network": ["fast"]}, "There is no network"),
        ({"whitening": True}, "Whitening is for the network fast"),
        ({"network": "fast", "flip": "sideways"}, "There is no flip sideways"),
        (None, "A recipe is an object"),
        ("fast", "A recipe is an object"),
    ],
)
def test_a_program_is_told_what_is_wrong_with_its_recipe(settings, reason):
    with pytest.raises(gr.Error, match=reason):
        endpoints.train_scratch(settings)


def test_every_setting_of_a_recipe_is_on_the_page():
    assert set(train_settings.SCRATCH_FIELDS) | {"validation_images"} == {
        field.name for field in dataclasses.fields(Recipe)
    }
    assert set(train_settings.HEAD_FIELDS) | {"batch_size"} == {
        field.name for field in dataclasses.fields(HeadRecipe)
    }


# What is looked at


def seen(folder, before, shown=(), chosen="", over="epochs"):
    """What a look gives: the new `seen`, and the parts that are not skipped, by name."""
    picks = Picks(before.get("run", chosen), tuple(shown), chosen)
    state, *updates = refresh_view(before, picks, over)
    changed = {
        name: update
        for name, update in zip(View._fields, updates, strict=True)
        if not isinstance(update, dict)  # as `gr.skip()` is
    }
    return state, changed


def test_the_first_look_fills_every_part_and_the_second_none(folder):
    finished(folder)
    state, changed = seen(folder, {})
    assert set(changed) == set(View._fields)
    assert state["run"] == "mine"
    assert seen(folder, state, ["mine"], "mine") == (state, {})


def test_without_a_run_what_ships_is_shown(folder):
    state, changed = seen(folder, {})
    assert state["run"] == "fast" and "has finished" in changed["status"]
    assert changed["shown"].value == ["fast", "classic"] and changed["chosen"].value == "fast"
    assert set(lines(changed["accuracy"])) == {
        *("training 0", "validation 0", "training 1", "validation 1")
    }


def test_a_new_run_comes_to_the_front(folder):
    state, _ = seen(folder, {}, ["classic"], "classic")
    unfinished(folder, "newer")
    state, changed = seen(folder, state, ["classic"], "classic")
    assert state["run"] == "newer"
    assert changed["shown"].value == ["newer"] and changed["chosen"].value == "newer"


def test_what_was_picked_before_a_run_began_no_longer_counts(folder):
    finished(folder, "older")
    state, _ = seen(folder, {}, ["older", "classic"], "classic")
    unfinished(folder, "newer")
    picked_late = Picks("older", ("older", "classic"), "classic")
    _, *updates = refresh_view(state, picked_late, "epochs")
    changed = dict(zip(View._fields, updates, strict=True))
    assert changed["shown"].value == ["newer"] and changed["chosen"].value == "newer"


def test_a_run_that_is_trained_is_followed_though_another_is_newer(folder):
    older, _ = unfinished(folder, "older"), finished(folder, "newer")
    with run_control.hold(older.folder):
        state, changed = seen(folder, {})
        assert state["run"] == "older"
        assert changed["pause"].interactive is trainer.permissions.train
        assert not changed["start"].interactive
        assert not changed["rename"].interactive and not changed["delete"].interactive


def test_a_run_that_is_measured_is_followed_but_obeys_no_more(folder):
    entry = unfinished(folder)
    run_log.RunLog(entry.folder).write("measuring")
    with run_control.hold(entry.folder):
        _, changed = seen(folder, {})
    assert "is being measured" in changed["status"] and "test images" in changed["status"]
    for name in ("start", "pause", "stop", "finish"):
        assert not changed[name].interactive, name


def test_a_deleted_run_gives_way(folder):
    finished(folder, "older"), finished(folder, "newer")
    state, _ = seen(folder, {})
    shown = state["run"]
    manage_runs.delete(shown)
    state, changed = seen(folder, state, [shown], shown)
    assert state["run"] in ("older", "newer") and state["run"] != shown
    assert changed["chosen"].value == state["run"]


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_only_what_has_ended_can_be_resumed_and_only_what_is_finished_used(folder, state):
    entry = unfinished(folder)
    run_log.RunLog(entry.folder).write(state, message="why")
    _, changed = seen(folder, {})
    can = {name: changed[name].interactive for name in ("use", "resume", "measure", "delete")}
    assert can == {"use": False, "resume": True, "measure": True, "delete": True}
    finished(folder, "later")
    _, changed = seen(folder, {}, [], "later")
    assert changed["use"].interactive and not changed["resume"].interactive


def test_what_ships_can_be_used_but_not_changed(folder):
    _, changed = seen(folder, {})
    assert changed["use"].interactive
    assert not changed["rename"].interactive and not changed["delete"].interactive


def test_visitors_of_a_public_page_can_neither_train_nor_delete(folder, monkeypatch):
    monkeypatch.setattr(trainer, "permissions", Permissions(train=False, manage=False))
    unfinished(folder)
    _, changed = seen(folder, {})
    for name in ("start", "pause", "stop", "finish", "resume", "measure", "rename", "delete"):
        assert not changed[name].interactive, name
    assert changed["head_start"].interactive


def test_pause_pressed_again_goes_on_even_before_it_was_obeyed(folder):
    entry = unfinished(folder)
    with run_control.hold(entry.folder):
        tab.pause({"run": "mine"})
        assert run_control.pending_command(entry.folder) == "pause"
        assert seen(folder, {})[1]["pause"].value == "Go on"
        tab.pause({"run": "mine"})
        assert run_control.pending_command(entry.folder) is None


def test_a_run_is_used_in_its_own_dropdowns_only(folder):
    choosers = Choosers((gr.Dropdown(), gr.Dropdown()), (gr.Dropdown(), gr.Dropdown()))
    finished(folder)
    said, *updates = tab.use_run("mine", choosers)
    assert "From scratch answer with mine" in said
    assert [getattr(update, "value", None) for update in updates] == ["mine", "mine", None, None]
    said, *updates = tab.use_run("gone", choosers)
    assert "There is no trained network" in said and updates == [gr.skip()] * 4


def test_without_cifar_10_it_is_offered_and_nothing_starts(folder):
    _, changed = seen(folder, {})
    assert changed["fetch_box"].visible and changed["fetch"].visible
    assert not changed["start"].interactive


# Who may do what


@pytest.mark.parametrize(
    ("flags", "train", "manage"),
    [
        ([], True, True),
        (["--host", "localhost"], True, True),
        (["--host", "::1"], True, True),
        (["--host", "0.0.0.0"], False, False),
        (["--host", "example.org"], False, False),
        (["--share"], False, False),
        (["--share", "--allow-training"], True, False),
    ],
)
def test_a_public_page_trains_only_if_asked_to(flags, train, manage):
    granted = demo.permissions(demo.parse_arguments(flags))
    assert (granted.train, granted.manage) == (train, manage)
    assert (granted.limits is None) == manage
    assert granted.download


def test_the_curves_of_a_finished_run_are_sent_once_more(monkeypatch):
    """gradio's plot may have lost the last update while it was being built."""

    def accuracy_after(seen: dict[str, object]) -> object:
        _, *updates = refresh_view(dict(seen), Picks(), "epochs")
        return View(*updates).accuracy

    monkeypatch.setattr("imgrec.ui.train.refresh.SETTLE_SECONDS", 10**12)
    seen, *_ = refresh_view({}, Picks(), "epochs")
    assert accuracy_after(seen) == gr.skip()
    monkeypatch.setattr("imgrec.ui.train.refresh.SETTLE_SECONDS", 0)
    assert not isinstance(accuracy_after(seen), dict)
