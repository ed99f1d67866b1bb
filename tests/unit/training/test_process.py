"""The page's training process: one at a time, obeying, taken up after a kill, never left behind."""

import contextlib
import dataclasses
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from imgrec.approaches import scratch
from imgrec.data.cifar10 import cifar10_sample
from imgrec.errors import DataError, ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.files.paths import ROOT
from imgrec.models import run_control, run_log, store
from imgrec.models.run_log import EVENTS, RunStatus
from imgrec.training.permissions import Limits, Permissions
from imgrec.training.process import Trainer
from imgrec.training.recipes import DEFAULT_RECIPES, Recipe

RECIPE = Recipe(epochs=2, limit=320, validation_images=100)  # five steps an epoch
LONG = Recipe(epochs=1000, limit=64, validation_images=100)
WAIT = 600  # seconds, at most; a start takes five where nothing else runs

# A page that starts a training and then lives until it is ended, or ends by itself.
PAGE = """
import sys, time
from imgrec.training.process import Trainer
from imgrec.training.recipes import Recipe
trainer = Trainer()
trainer.start(Recipe(epochs=1000, limit=64, validation_images=100), "left")
print(trainer._process.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


def until(condition: Callable[[], object], seconds: float = WAIT) -> None:
    """Waits for what another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def ended(run: Path) -> RunStatus:
    """What is known of the run when its process has let go of it."""
    until(lambda: not run_control.is_held(run))
    return run_log.watch(run)


def exit_code(trainer: Trainer) -> int:
    """Of the last process, which is about to end."""
    return trainer._process.wait(WAIT)


def lines(run: Path) -> int:
    return len((run / EVENTS).read_bytes().splitlines())


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def runs_dir(cifar10, few_test_images, tmp_path_factory):
    """The folder of the runs of this module; CIFAR-10 is in the cache."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMGREC_RUNS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def shared(runs_dir):
    trainer = Trainer()
    yield trainer
    trainer.close()


@pytest.fixture
def trainer(shared):
    """The module's trainer, with every permission."""
    shared.permissions = Permissions()
    return shared


class Whole(NamedTuple):
    """A run from its start to its end, and what was seen and refused meanwhile."""

    run: Path
    seen: RunStatus
    paused: list[RunStatus]
    refused: list[str]


@pytest.fixture(scope="module")
def whole(shared, runs_dir) -> Whole:
    run, paused, refused = runs_dir / shared.start(RECIPE, "whole"), [], []
    for act in (
        lambda: shared.start(RECIPE, "second"),
        lambda: shared.resume("whole"),
        lambda: shared.start(RECIPE, "whole"),
    ):
        with pytest.raises(ImgrecError) as error:
            act()
        refused.append(str(error.value))
    until(lambda: run_log.watch(run).points)
    shared.control("whole", "pause")
    until(lambda: run_log.state_of(run) == "paused")
    for _ in range(3):
        paused.append(run_log.watch(run))
        time.sleep(0.3)
    shared.control("whole", None)
    assert exit_code(shared) == 0
    return Whole(run, run_log.watch(run), paused, refused)


@pytest.mark.slow
def test_a_started_run_ends_as_a_network_that_can_be_used(whole, trainer, few_test_images):
    assert whole.seen.state == "finished" and whole.seen.epoch == 2
    assert whole.seen.log[0].endswith("starting, to compute in float32")
    assert trainer.problem("whole") == "" and "whole" in scratch.trained()
    (probabilities,) = scratch.load("whole").run(scratch.preprocess(cifar10_sample()[0]))
    assert probabilities.shape == (100, 10)
    assert store.load(whole.run).report["test_images"] == few_test_images


@pytest.mark.slow
def test_while_a_run_goes_on_no_other_is_started(whole, runs_dir):
    second, again, same = whole.refused
    assert second == again == "whole is being trained; wait for it or stop it first."
    assert "whole" in same
    assert not (runs_dir / "second").exists()


@pytest.mark.slow
def test_a_paused_run_stands_still_and_then_goes_on(whole):
    assert [seen.state for seen in whole.paused] == ["paused"] * 3
    assert len({(seen.epoch, seen.step, seen.points) for seen in whole.paused}) == 1
    told = [line[10:] for line in whole.seen.log]
    assert told.index("went on") == told.index("paused") + 1


@pytest.mark.slow
def test_a_finished_run_is_neither_asked_nor_resumed(whole, trainer):
    with pytest.raises(ModelError, match="whole is not being trained now"):
        trainer.control("whole", "pause")
    with pytest.raises(ModelError, match="whole has finished: there is nothing to resume"):
        trainer.resume("whole")
    assert not (whole.run / "wish").exists()


# After a kill


@pytest.fixture(scope="module")
def killed(shared, runs_dir) -> Path:
    """A run of the same recipe whose process was killed, somewhere on its way."""
    run = runs_dir / shared.start(RECIPE, "killed")
    moment = random.randint(2, 9)  # events, of the ten that there are before it is measured
    until(lambda: lines(run) >= moment)
    shared._process.kill()
    exit_code(shared)
    return run


@pytest.mark.slow
def test_a_killed_run_was_interrupted_and_the_reason_is_told(killed, trainer):
    assert run_log.state_of(killed) == "interrupted"
    assert "was killed (signal 9)" in trainer.problem("killed")
    assert trainer.problem("whole") == ""


@pytest.mark.slow
def test_a_killed_run_ends_as_an_unbroken_one(killed, whole, trainer, runs_dir):
    told = (killed / EVENTS).read_text()
    run = Path(shutil.copytree(killed, runs_dir / "resumed"))
    trainer.resume("resumed")
    assert ended(run).state == "finished"
    one, other = (store.load(folder).report for folder in (whole.run, run))
    for figure in ("weights_sha256", "test_accuracy", "test_loss"):
        assert one[figure] == other[figure], told


@pytest.mark.slow
def test_a_damaged_checkpoint_fails_that_run_alone(killed, trainer, runs_dir):
    run = Path(shutil.copytree(killed, runs_dir / "damaged"))
    (run / "checkpoint.npz").write_bytes(b"damaged")
    others = contents(killed)
    trainer.resume("damaged")
    seen = ended(run)
    assert seen.state == "failed"
    assert seen.problem.startswith("The checkpoint of damaged is damaged")
    assert exit_code(trainer) == 1 and trainer.problem("damaged") == seen.problem
    assert contents(killed) == others


# Stopped


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "fit", "gains", "precise"),
    [
        (DEFAULT_RECIPES["fast"], True, lambda: True, False),
        (DEFAULT_RECIPES["fast"], True, lambda: False, True),
        (DEFAULT_RECIPES["fast"], False, lambda: False, False),
        (DEFAULT_RECIPES["classic"], True, lambda: pytest.fail("there is nothing to time"), True),
    ],
)
def test_the_configuration_tells_the_precision_that_fits_the_processor(
    trainer, runs_dir, monkeypatch, recipe, fit, gains, precise
):
    monkeypatch.setattr("imgrec.training.time_estimate.gains_by_bfloat16", gains)
    monkeypatch.setattr(trainer, "_spawn", lambda name: None)
    run = runs_dir / trainer.start(recipe, "fitting", fit=fit)
    done = Recipe.of(atomic.read_json(run / "config.json"))
    shutil.rmtree(run)
    assert done == dataclasses.replace(recipe, mixed_precision=not precise)


@pytest.mark.slow
def test_of_two_starts_at_once_one_wins_and_can_be_stopped_before_its_first_step(trainer, runs_dir):
    together, refused = threading.Barrier(2), []

    def press(name: str) -> None:
        together.wait()
        try:
            trainer.start(RECIPE, name)
        except ImgrecError as error:
            refused.append((name, str(error)))

    visitors = [threading.Thread(target=press, args=(name,)) for name in ("left", "right")]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    ((loser, reason),) = refused
    winner = {"left": "right", "right": "left"}[loser]
    assert f"{winner} is being trained" in reason and not (runs_dir / loser).exists()
    trainer.control(winner, "stop")
    assert ended(runs_dir / winner).state == "stopped"
    assert not list((runs_dir / winner).glob("*.npz"))
    with pytest.raises(ModelError, match=f"{winner} has no whole epoch yet; resume it instead"):
        trainer.resume(winner, finish=True)


@pytest.mark.slow
def test_a_stopped_run_can_be_finished_with_what_it_has(trainer, runs_dir):
    run = runs_dir / trainer.start(LONG, "long")
    until(lambda: run_log.watch(run).epoch >= 1)
    trainer.control("long", "stop")
    seen = ended(run)
    assert seen.state == "stopped" and seen.epoch >= 1 and not (run / "wish").exists()
    trainer.resume("long", finish=True)
    assert ended(run).state == "finished"
    assert store.load(run).report["epochs"] == seen.epoch


@pytest.mark.slow
def test_visitors_time_is_limited(trainer, runs_dir):
    trainer.permissions = Permissions(limits=Limits(seconds=0))
    run = runs_dir / trainer.start(RECIPE, "short")
    seen = ended(run)
    assert seen.state == "stopped" and seen.points == ()
    assert seen.log[-1].endswith("The time for this training is over.")
    assert exit_code(trainer) == 0 and trainer.problem("short") == ""


# What is refused


@pytest.mark.slow
def test_where_training_is_off_nothing_can_be_wished(trainer, runs_dir, killed):
    trainer.permissions = Permissions(train=False)
    before = contents(runs_dir)
    for act in (
        lambda: trainer.start(RECIPE, "new"),
        lambda: trainer.resume("killed"),
        lambda: trainer.control("killed", "stop"),
    ):
        with pytest.raises(ImgrecError, match="Training is off on this public page"):
            act()
    assert contents(runs_dir) == before


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(Limits(epochs=1), "may train 1 epochs; choose fewer"), (Limits(runs=0), "0 runs already")],
)
def test_visitors_may_not_have_more_than_their_limits(trainer, runs_dir, limits, reason):
    trainer.permissions = Permissions(limits=limits)
    with pytest.raises(ImgrecError, match=reason):
        trainer.start(RECIPE, "new")
    assert not (runs_dir / "new").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "CON", "x" * 61, "classic"])
def test_a_run_does_not_get_a_bad_or_taken_name(trainer, runs_dir, name):
    before = sorted(runs_dir.iterdir())
    with pytest.raises(ModelError):
        trainer.start(RECIPE, name)
    assert sorted(runs_dir.iterdir()) == before and not (runs_dir.parent / "x").exists()


@pytest.mark.parametrize("name", ["none", "", "../runs", "classic", "dog_pooled_64"])
def test_what_is_no_run_is_not_resumed(trainer, name):
    with pytest.raises(ModelError):
        trainer.resume(name)


def test_without_cifar10_nothing_is_started(cache, trainer, runs_dir):
    with pytest.raises(DataError, match="CIFAR-10 is not here yet; fetch it first"):
        trainer.start(RECIPE, "new")
    assert not (runs_dir / "new").exists()


@pytest.mark.slow
def test_a_damaged_cifar10_fails_the_run_and_is_forgotten(cache, trainer, runs_dir):
    cache.mkdir()
    (cache / "cifar10.npz").write_bytes(b"damaged")
    seen = ended(runs_dir / trainer.start(RECIPE, "undated"))
    assert seen.state == "failed"
    assert "CIFAR-10 can't be read" in seen.problem and "fetch it again" in seen.problem
    assert list(cache.iterdir()) == []


# No process is left behind


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lives", "end"),
    [
        pytest.param(600, lambda page: page.kill(), id="killed"),
        pytest.param(600, lambda page: page.terminate(), id="terminated"),
        pytest.param(0, lambda page: None, id="ended"),
    ],
)
def test_the_training_ends_with_the_page(cifar10, tmp_path, monkeypatch, request, lives, end):
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path))
    page = subprocess.Popen(
        [sys.executable, "-c", PAGE, str(lives)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    pid, run = int(page.stdout.readline()), tmp_path / "left"
    if "killed" in request.node.name:
        until(lambda: run_log.watch(run).points)  # in the middle of it
    end(page)
    page.wait()
    page.stdout.close()
    try:
        until(lambda: not run_control.is_held(run), seconds=30)
        until(lambda: not lives_on(pid), seconds=30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert run_log.state_of(run) == "interrupted"


def lives_on(pid: int) -> bool:
    """Whether the process is there, and no zombie that only waits to be counted."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
