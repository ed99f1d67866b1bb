"""A run's journal: who trains it, what is wished of it, and what those see who watch."""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.files import atomic
from imgrec.files.paths import ROOT
from imgrec.models import run_control, run_log
from imgrec.models.run_control import StopTrainingError
from imgrec.models.run_log import EVENTS, Prediction, RunLog, Step
from imgrec.training import recipes
from imgrec.training.recipes import Recipe
from imgrec.training.scratch import draw_strip

HOLDER = """
import sys, time
from pathlib import Path
from imgrec.models import run_control
with run_control.hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

in_one_folder = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200
)


class Clock:
    """Stands in for the module `time`: it stands still but for sleeps and what a test adds."""

    localtime, strftime = staticmethod(time.localtime), staticmethod(time.strftime)

    def __init__(self) -> None:
        self.now = 1000.0
        self.on_sleep = lambda: None

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(run_log, "time", clock)
    return clock


@pytest.fixture
def run(tmp_path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def files(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir()}


def events(run: Path, *names: str) -> list[run_log.Event]:
    lines = (run / EVENTS).read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] in names or not names]


# A run's directory is opened


def test_a_fresh_run_gets_its_recipe(tmp_path):
    recipe = Recipe(epochs=3, augmentation=True)
    recipes.open_run(tmp_path / "runs" / "new", recipe)
    config = atomic.read_json(tmp_path / "runs" / "new" / "config.json")
    assert Recipe.of(config) == recipe
    assert config["network"] == "classic" and config["classes"] == list(labels.CIFAR10)


def test_a_run_is_opened_again_with_its_own_recipe_only(run):
    recipes.open_run(run, Recipe(epochs=3))
    before = files(run)
    recipes.open_run(run, Recipe(epochs=3))
    with pytest.raises(ModelError, match="The run run was started with another recipe"):
        recipes.open_run(run, Recipe(epochs=4))
    assert files(run) == before


def test_a_finished_run_is_not_opened(run):
    recipes.open_run(run, Recipe())
    (run / "report.json").touch()
    with pytest.raises(ModelError, match="The run run has already finished"):
        recipes.open_run(run, Recipe())


def test_a_run_that_cannot_be_made_is_told_with_the_reason(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ModelError, match=r"can't be read or written \([A-Z]"):
            recipes.open_run(place, Recipe())


def test_a_damaged_configuration_is_told(run):
    (run / "config.json").write_bytes(b"{")
    with pytest.raises(ModelError, match="The run run can't be read or written"):
        recipes.open_run(run, Recipe())


# One process holds a run


@pytest.fixture
def holder(run):
    """Another process that holds the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, run], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_run_is_held_as_long_as_its_process_lives(run, holder):
    assert run_control.is_held(run)
    with pytest.raises(ModelError, match="run is being trained already"), run_control.hold(run):
        pass
    holder.kill()
    holder.wait()
    assert not run_control.is_held(run)
    with run_control.hold(run):
        assert run_control.is_held(run)


def test_a_run_is_free_after_an_error(run):
    with pytest.raises(KeyError), run_control.hold(run):
        raise KeyError
    assert not run_control.is_held(run)


def test_a_run_that_was_never_trained_is_not_held(run):
    assert not run_control.is_held(run) and not run_control.is_held(run / "absent")
    assert list(run.iterdir()) == []


def test_many_who_look_at_once_do_not_take_each_other_for_a_holder(run):
    with run_control.hold(run):
        pass
    seen = []
    lookers = [
        threading.Thread(target=lambda: seen.extend(run_control.is_held(run) for _ in range(50)))
        for _ in range(8)
    ]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    assert seen == [False] * 400


def test_what_a_killed_process_left_half_written_is_removed(run):
    for name in (".checkpoint.npz.123.tmp", f".{run_log.STRIP}.tmp", "checkpoint.npz", ".hidden"):
        (run / name).touch()
    with run_control.hold(run):
        assert sorted(files(run)) == [".hidden", ".lock", "checkpoint.npz"]


# Wishes


@pytest.mark.parametrize("wish", ["pause", "stop", "finish"])
def test_a_wish_stands_until_it_is_taken_back(run, wish):
    assert run_control.pending_command(run) is None
    run_control.send_command(run, wish)
    assert run_control.pending_command(run) == wish
    for _ in range(2):
        run_control.send_command(run, None)
        assert run_control.pending_command(run) is None
    assert files(run) == {}


def test_nothing_can_be_wished_of_a_run_that_has_vanished(tmp_path):
    with pytest.raises(ModelError, match="run gone has vanished"):
        run_control.send_command(tmp_path / "gone", "pause")
    assert run_control.pending_command(tmp_path / "gone") is None
    assert not (tmp_path / "gone").exists()


def test_a_pause_waits_until_the_training_may_go_on(run, clock):
    def after_ten_seconds():
        if clock.now >= 1010:
            run_control.send_command(run, None)

    clock.on_sleep = after_ten_seconds
    run_control.send_command(run, "pause")
    RunLog(run).apply_command()
    assert clock.now == pytest.approx(1010, abs=1)
    assert [event["event"] for event in events(run)] == ["paused", "went on"]


def test_paused_time_is_no_training_time(run, clock):
    book = RunLog(run)
    book.epoch_starts()
    clock.now += 3
    run_control.send_command(run, "pause")
    clock.on_sleep = lambda: clock.now > 1100 and run_control.send_command(run, None)
    book.apply_command()
    clock.now += 4
    assert book.epoch_ends(loss=1.0) == 7
    assert events(run, "epoch")[0]["seconds"] == 7
    book.epoch_starts()
    clock.now += 2
    assert book.epoch_ends() == 2


@pytest.mark.parametrize("paused_before", [False, True])
def test_a_stop_ends_the_training(run, clock, paused_before):
    clock.on_sleep = lambda: run_control.send_command(run, "stop")
    run_control.send_command(run, "pause" if paused_before else "stop")
    with pytest.raises(StopTrainingError, match="stopped; it can be resumed"):
        RunLog(run).apply_command()


def test_a_finish_neither_stops_nor_pauses_the_epoch(run):
    run_control.send_command(run, "finish")
    RunLog(run).apply_command()
    assert run_control.pending_command(run) == "finish" and not (run / EVENTS).exists()


def test_the_training_ends_when_its_time_is_over(run, clock):
    book = RunLog(run, seconds=60)
    clock.now += 59
    book.apply_command()
    clock.now += 2
    with pytest.raises(StopTrainingError, match="time for this training is over"):
        book.apply_command()


def test_a_pause_does_not_outlive_its_run(run, clock):
    clock.on_sleep = lambda: shutil.rmtree(run, ignore_errors=True)
    run_control.send_command(run, "pause")
    with pytest.raises(FileNotFoundError):
        RunLog(run).apply_command()
    assert not run.exists()


def test_a_pause_does_not_outlast_the_time(run, clock):
    clock.on_sleep = lambda: None
    run_control.send_command(run, "pause")
    with pytest.raises(StopTrainingError, match="time for this training is over"):
        RunLog(run, seconds=60).apply_command()
    assert clock.now <= 1061


# Points of the curve


def steps(count: int, losses=None) -> list[Step]:
    """The steps of an epoch; of its losses each has the mean so far."""
    losses = np.ones(count) if losses is None else np.array(losses)
    means = np.cumsum(losses) / np.arange(1, count + 1)
    return [Step(1, 1, i + 1, count, float(mean), 0.5) for i, mean in enumerate(means)]


def train(book: RunLog, clock: Clock, progress: list[Step], seconds: float) -> list[float]:
    """Tells the steps, each after so many seconds; returns the times of the points."""
    times = []
    book.epoch_starts()
    for step in progress:
        clock.now += seconds
        if book.step(step):
            times.append(clock.now)
    return times


def test_a_point_comes_about_once_a_second(run, clock):
    times = train(RunLog(run), clock, steps(600), seconds=0.1)
    assert len(events(run, "step")) == len(times) == pytest.approx(60, abs=7)
    assert np.diff(times).max() < 1.2


def test_a_slow_network_has_a_point_a_step(run, clock):
    assert len(train(RunLog(run), clock, steps(20), seconds=5)) == 20


def test_points_come_ever_more_seldom(run, clock):
    times = train(RunLog(run), clock, steps(7200), seconds=0.5)
    assert len(times) == pytest.approx(2000, rel=0.1)  # in an hour
    gaps = np.diff(times)
    assert gaps[:500].max() == 1 and 3 <= gaps[-100:-1].min() <= gaps.max() <= 4


def test_the_last_step_of_an_epoch_is_always_a_point(run, clock):
    book = RunLog(run)
    assert train(book, clock, steps(5), seconds=0.01) == [pytest.approx(1000.05)]
    assert [event["step"] for event in events(run, "step")] == [5]


@in_one_folder
@given(st.lists(st.floats(0, 10), min_size=1, max_size=40), st.floats(0.05, 1.5))
def test_a_points_loss_is_the_mean_since_the_last_point(tmp_path_factory, losses, seconds):
    run, clock = tmp_path_factory.mktemp("run"), Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_log, "time", clock)
        train(RunLog(run), clock, steps(len(losses), losses), seconds)
    done = 0
    for point in events(run, "step"):
        mean = np.mean(losses[done : point["step"]])
        assert point["loss"] == pytest.approx(mean, abs=1e-4)
        assert point["accuracy"] == pytest.approx(0.5, abs=1e-4)
        done = point["step"]
    assert done == len(losses)


# Those who watch


STARTED = {"event": "started", "images": 256, "steps": 4, "strip": [3, 5]}
EPOCH = {"event": "epoch", "loss": 1.5, "accuracy": 0.4, "val_loss": 1.6, "val_accuracy": 0.375}


def started(epoch: int = 0, epochs: int = 2) -> run_log.Event:
    return {**STARTED, "epoch": epoch, "epochs": epochs}


def point(epoch: int, step: int, busy: float) -> run_log.Event:
    content = {"epoch": epoch, "epochs": 2, "step": step, "steps": 4, "busy": busy}
    return {"event": "step", **content, "loss": 2.0, "accuracy": 0.25}


def epoch(seconds: float) -> run_log.Event:
    return {**EPOCH, "seconds": seconds}


def tell(run: Path, *told: run_log.Event) -> None:
    with (run / EVENTS).open("a") as file:
        for event in told:
            file.write(json.dumps({"time": 1000, **event}) + "\n")


def test_a_watcher_sees_how_far_the_run_is(run):
    tell(run, started(), point(1, 2, 1.0), point(1, 4, 2.5), epoch(3.0), point(2, 1, 0.5))
    tell(run, {"event": "guesses", "guessed": [3, 4]})
    seen = run_log.watch(run)
    assert (seen.epoch, seen.epochs, seen.step, seen.steps) == (1, 2, 1, 4)
    assert [(p.epochs, p.seconds) for p in seen.points] == [(0.5, 1), (1, 2.5), (1.25, 3.5)]
    assert {(p.loss, p.accuracy) for p in seen.points} == {(2.0, 0.25)}
    assert seen.predictions == (Prediction(predicted=3, right=3), Prediction(predicted=4, right=5))


def test_what_a_journal_writes_a_watcher_reads(run, clock):
    book = RunLog(run)
    book.write("started", epoch=0, epochs=1, images=1, steps=8, strip=[0])
    train(book, clock, steps(8, range(8)), seconds=2)
    book.epoch_ends(**{name: 0.5 for name in EPOCH if name != "event"})
    book.write("finished", epoch=1, test_accuracy=0.7, test_loss=0.9)
    seen = run_log.watch(run)
    assert [p.epochs for p in seen.points] == [i / 8 for i in range(1, 9)]
    assert [p.seconds for p in seen.points] == [2 * i for i in range(1, 9)]
    assert [p.loss for p in seen.points] == pytest.approx(range(8))
    assert (seen.epoch, seen.step, seen.seconds_left) == (1, 0, 0)
    assert len(seen.log) == 3 and "test accuracy 0.7000" in seen.log[-1]


def test_a_resumed_runs_curve_forgets_what_came_after_the_last_whole_epoch(run):
    tell(run, started(), point(1, 4, 2.0), epoch(2.0), point(2, 1, 0.5), point(2, 3, 1.5))
    tell(run, started(epoch=1))
    assert [p.epochs for p in run_log.watch(run).points] == [1]
    tell(run, point(2, 2, 1.0))
    seen = run_log.watch(run)
    assert [(p.epochs, p.seconds) for p in seen.points] == [(1, 2), (1.5, 3)]
    tell(run, started(epoch=0))  # its checkpoint was deleted: from the very start
    seen = run_log.watch(run)
    assert seen.points == () and (seen.epoch, seen.step) == (0, 0)
    tell(run, point(1, 2, 1.0))
    assert [(p.epochs, p.seconds) for p in run_log.watch(run).points] == [(0.5, 1)]


def test_the_time_left_goes_by_the_last_epochs_or_the_present_one(run):
    tell(run, started(epochs=10))
    assert run_log.watch(run).seconds_left is None
    tell(run, point(1, 2, 3.0))  # half of the first epoch took 3 s
    assert run_log.watch(run).seconds_left == pytest.approx(6 * 9.5)
    tell(run, epoch(100.0), epoch(5.0), epoch(6.0), epoch(7.0))
    assert run_log.watch(run).seconds_left == pytest.approx(6 * 6)
    tell(run, point(5, 1, 1.5))
    assert run_log.watch(run).seconds_left == pytest.approx(6 * 5.75)


def test_the_log_tells_what_happened_in_sentences(run):
    told = ({"event": "starting"}, started(), epoch(2.0), {"event": "paused"}, started(epoch=1))
    tell(run, *told, {"event": "failed", "message": "The disk is full."})
    seen = run_log.watch(run)
    assert [line[10:] for line in seen.log] == [
        "starting",
        "starts with 256 images, 4 steps an epoch",
        "epoch 1 of 2: loss 1.5000, accuracy 0.4000; validation loss 1.6000, accuracy 0.3750; "
        "2.0 s",
        "paused",
        "goes on after epoch 1 of 2",
        "The disk is full.",
    ]
    assert seen.problem == "The disk is full."
    tell(run, {"event": "starting"})
    assert run_log.watch(run).problem == ""


def test_a_line_cut_short_is_left_out(run):
    tell(run, started(), point(1, 1, 1.0), {"event": "failed", "message": "No room."})
    expected = run_log.watch(run)
    assert expected.state == "failed"
    with (run / EVENTS).open("ab") as file:
        file.write(json.dumps(point(1, 2, 2.0)).encode()[:40])
    assert run_log.watch(run) == expected


def test_what_follows_a_line_cut_short_is_read(run):
    tell(run, started(), point(1, 1, 1.0))
    with (run / EVENTS).open("ab") as file:
        file.write(b'{"event": "st')
    with run_control.hold(run):
        RunLog(run).write("stopped", message="The training was stopped.")
    assert run_log.state_of(run) == "stopped"


words = st.sampled_from(["started", "step", "epoch", "guesses", "failed", "stopped", "finished"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
NAMES = ["time", "epoch", "epochs", "step", "steps", "strip", "guessed", "busy", "seconds"]
NAMES += ["loss", "accuracy", "val_loss", "val_accuracy", "images", "message"]
odd_events = st.builds(
    lambda event, content: json.dumps({"time": 1, **content, "event": event}).encode(),
    words | values,
    st.dictionaries(st.sampled_from(NAMES), values | st.integers(0, 5)),
)


@in_one_folder
@example([b"[" * 100_000])
@example([b"\xff", b"null", b"{}", b'{"event": [], "time": {}}'])
@given(st.lists(odd_events | st.binary(max_size=60), max_size=6))
def test_whatever_stands_in_the_journal_can_be_watched(tmp_path_factory, lines):
    run = tmp_path_factory.mktemp("run")
    (run / EVENTS).write_bytes(b"\n".join(lines))
    assert run_log.watch(run).state in ("interrupted", "stopped", "failed")


@in_one_folder
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_lines_of_strangers_change_nothing(tmp_path_factory, lines):
    run, plain = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("plain")
    for folder in (run, plain):
        tell(folder, started(), point(1, 1, 1.0), epoch(2.0))
    told = (run / EVENTS).read_bytes().splitlines()
    (run / EVENTS).write_bytes(b"\n".join([*told[:1], *lines, *told[1:]]) + b"\n")
    assert run_log.watch(run) == run_log.watch(plain)


def test_a_run_that_has_vanished_was_interrupted(tmp_path):
    assert run_log.watch(tmp_path / "gone") == run_log.RunStatus(state="interrupted")
    assert not (tmp_path / "gone").exists()


LIVING = [  # what happened last, what is wished, the state
    ([], None, "starting"),
    ([{"event": "starting"}], None, "starting"),
    ([{"event": "stopped", "message": ""}], None, "starting"),  # resumed: nothing told yet
    ([{"event": "failed", "message": ""}], None, "starting"),
    ([started()], None, "training"),
    ([started(), point(1, 1, 1.0)], "finish", "training"),
    ([started(), {"event": "paused"}], "pause", "paused"),
    ([started(), point(1, 1, 1.0)], "pause", "training"),  # it has not heard of it yet
    ([started(), {"event": "paused"}, {"event": "went on"}], None, "training"),
    ([started(), point(1, 1, 1.0)], "stop", "stopping"),
    ([started(), {"event": "paused"}], "stop", "stopping"),
    ([started(), epoch(2.0), {"event": "measuring"}], None, "measuring"),
    ([started(), epoch(2.0), {"event": "measuring"}], "stop", "measuring"),  # too late
]


@pytest.mark.parametrize(("told", "wish", "state"), LIVING)
def test_the_state_of_a_run_that_is_held(run, told, wish, state):
    tell(run, *told)
    with run_control.hold(run):
        if wish:
            run_control.send_command(run, wish)
        assert run_log.state_of(run) == run_log.watch(run).state == state


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ([], "interrupted"),
        ([started(), point(1, 1, 1.0)], "interrupted"),
        ([started(), {"event": "paused"}], "interrupted"),
        ([started(), epoch(2.0), {"event": "measuring"}], "interrupted"),
        ([started(), {"event": "stopped", "message": ""}], "stopped"),
        ([started(), {"event": "failed", "message": "x" * 3000}], "failed"),
        ([{"event": "stopped", "message": ""}, {"event": "starting"}], "interrupted"),
    ],
)
def test_the_state_of_a_run_that_nobody_holds(run, told, state):
    tell(run, *told)
    assert run_log.state_of(run) == run_log.watch(run).state == state


def test_a_run_with_a_report_has_finished(run):
    tell(run, started())
    (run / "report.json").touch()
    with contextlib.ExitStack() as stack:
        assert run_log.state_of(run) == "finished"
        stack.enter_context(run_control.hold(run))
        assert run_log.state_of(run) == "finished"


# The strip


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60))
@in_one_folder
def test_the_strip_shows_two_images_of_each_class_that_there_is(tmp_path_factory, classes):
    run = tmp_path_factory.mktemp("run")
    y = np.array(classes, np.uint8)
    x = np.arange(len(y), dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(32, 1).repeat(32, 2)
    chosen = draw_strip(run, x.repeat(3, 3), y)
    firsts = [classes.index(c) for c in range(10) if c in classes]
    seconds = [classes.index(c, classes.index(c) + 1) for c in range(10) if classes.count(c) > 1]
    assert chosen.tolist() == firsts + seconds
    with Image.open(run / run_log.STRIP) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (32, 32 * len(chosen), 3)
    assert pixels[16, 16::32, 1].tolist() == chosen.tolist()
    assert sorted(files(run)) == [run_log.STRIP]
