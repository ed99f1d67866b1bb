"""The event log of a training run, written by the training process and read by the page.

    events.jsonl    the events, one JSON object per line, for everyone who watches
    strip.png       the validation images whose predictions are logged, side by side

Nothing here loads TensorFlow: the page reads what the training process writes.
"""

import contextlib
import dataclasses
import json
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imgrec.models.run_control import POLL_SECONDS, StopTrainingError, is_held, pending_command

State = Literal[
    "starting",
    "training",
    "paused",
    "stopping",
    "measuring",
    "finished",
    "stopped",
    "interrupted",
    "failed",
]
Event = dict[str, Any]

EVENTS = "events.jsonl"
STRIP = "strip.png"
STRIP_TURNS = 2  # validation images per class
# One point per second for the first ten minutes, then ever fewer: a run of hours has about 2,000.
POINT_SECONDS, POINTS_AT_FULL_RATE = 1.0, 600


@dataclass(frozen=True)
class Step:
    """Progress: `step` of `steps` batches of `epoch` (from 1) are done; the means so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float


class RunLog:
    """Writes a run's events, and applies the commands to pause or stop the training."""

    def __init__(self, run: Path, seconds: float | None = None):
        """`seconds` limits the training time in this process."""
        self.run, self.ends = run, None if seconds is None else time.monotonic() + seconds
        self.busy = 0.0  # seconds of training in the current epoch, without pauses
        self._since = time.monotonic()
        self._last_point = -np.inf
        self._points = 0
        self._sums = (0, 0.0, 0.0)  # at the last point: step, sums of loss and accuracy

    def write(self, event: str, **content: Any) -> None:
        """Appends an event. Raises OSError, also if the run's directory has vanished."""
        line = json.dumps({"event": event, "time": round(time.time(), 3), **content})
        with (self.run / EVENTS).open("ab+") as file:
            file.seek(-min(1, file.seek(0, 2)), 2)
            cut_short = file.read() not in (b"", b"\n")  # last line: by a kill or a full disk
            file.write(b"\n" * cut_short + line.encode() + b"\n")

    def epoch_starts(self) -> None:
        """Resets the epoch's seconds and sums."""
        self.busy, self._since, self._sums = 0.0, time.monotonic(), (0, 0.0, 0.0)
        self._last_point = self._since  # a point of one batch alone would be noise

    def epoch_ends(self, **means: float) -> float:
        """Writes the epoch's means and returns its seconds."""
        self._count()
        seconds = round(self.busy, 3)
        self.write("epoch", **means, seconds=seconds)
        return seconds

    def step(self, step: Step) -> bool:
        """Writes a point of the curve after a batch if one is due; returns whether it did.

        The point holds the means over the batches since the last one.
        """
        self._count()
        due = self._last_point + self._interval()
        last = step.step == step.steps
        if time.monotonic() >= due or last:
            done, loss, accuracy = self._sums
            sums = (step.step, step.loss * step.step, step.accuracy * step.step)
            batches = max(1, step.step - done)
            self.write(
                "step",
                epoch=step.epoch,
                epochs=step.epochs,
                step=step.step,
                steps=step.steps,
                loss=round((sums[1] - loss) / batches, 5),
                accuracy=round((sums[2] - accuracy) / batches, 5),
                busy=round(self.busy, 2),
            )
            self._sums, self._last_point = sums, time.monotonic()
            self._points += 1
            return True
        return False

    def apply_command(self) -> None:
        """Blocks while paused.

        Raises StopTrainingError on a stop command or when the time is over.
        """
        self._count()
        command = pending_command(self.run)
        if command == "pause":
            self.write("paused")
            while (command := pending_command(self.run)) == "pause" and not self._time_is_over():
                time.sleep(POLL_SECONDS)
            self.write("went on")
        self._since = time.monotonic()
        if command == "stop":
            raise StopTrainingError("The training was stopped; it can be resumed.")
        if self._time_is_over():
            raise StopTrainingError("The time for this training is over.")

    def _time_is_over(self) -> bool:
        return self.ends is not None and time.monotonic() > self.ends

    def _count(self) -> None:
        now = time.monotonic()
        self.busy += now - self._since
        self._since = now

    def _interval(self) -> float:
        return POINT_SECONDS * max(1.0, self._points / POINTS_AT_FULL_RATE)


@dataclass(frozen=True)
class Point:
    """A point of the training curve."""

    epochs: float  # of training so far
    seconds: float  # of training so far
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Prediction:
    """The predicted and the right class of an image of the strip: CIFAR-10 class indices."""

    predicted: int
    right: int


@dataclass(frozen=True)
class RunStatus:
    """A run's status, as the page displays it."""

    state: State
    epoch: int = 0  # completed epochs
    epochs: int = 0
    step: int = 0  # completed batches of the current epoch
    steps: int = 0
    seconds_left: float | None = None  # None: unknown so far
    points: tuple[Point, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    log: tuple[str, ...] = ()
    problem: str = ""  # why it failed


def watch(run: Path) -> RunStatus:
    """Returns a run's current status; one that has vanished is interrupted and otherwise empty."""
    try:
        file = (run / EVENTS).stat()
        version = (file.st_size, file.st_mtime_ns)
    except OSError:
        version = (0, 0)
    return dataclasses.replace(_replayed(run, *version), state=state_of(run))


def state_of(run: Path) -> State:
    """Returns whether the run is in training, has finished, or why it has not."""
    if (run / "report.json").exists():
        return "finished"
    last = _last_event(run)
    if is_held(run):
        if last == "measuring":
            return "measuring"  # whatever the command: no step is left to apply it after
        if pending_command(run) == "stop":
            return "stopping"
        if last in ("", "stopped", "failed", "starting"):
            return "starting"
        return "paused" if last == "paused" else "training"
    return last if last in ("stopped", "failed") else "interrupted"  # type: ignore[return-value]


def started(run: Path) -> float:
    """Returns the start of the run, in seconds since 1970. Raises OSError if it has vanished."""
    try:
        with (run / EVENTS).open("rb") as file:
            return float(_events([file.readline()])[0]["time"])
    except (OSError, IndexError, TypeError, ValueError):
        return (run / "config.json").stat().st_mtime  # a head, or not logged yet


def _last_event(run: Path) -> str:
    """Reads the name of the last event from the file's end; empty if there is none."""
    try:
        with (run / EVENTS).open("rb") as file:
            file.seek(-min(4096, file.seek(0, 2)), 2)
            last = _events(file.read().splitlines()[-2:])
    except OSError:
        return ""
    return last[-1]["event"] if last else ""


def _events(lines: list[bytes]) -> list[Event]:
    """Parses lines to events; skips a line that a kill cut short or that is not an event."""
    events = []
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            event = json.loads(line)
            if isinstance(event, dict) and "event" in event and "time" in event:
                events.append(event)
    return events


@lru_cache(maxsize=16)
def _replayed(run: Path, size: int, changed: int) -> RunStatus:
    """Replays the first `size` bytes of events; `changed`, the file's time, is for the cache."""
    try:
        with (run / EVENTS).open("rb") as file:
            events = _events(file.read(size).splitlines())
    except OSError:
        events = []
    replay = _LogReplay()
    for event in events:
        with contextlib.suppress(KeyError, TypeError, ValueError, ArithmeticError, OSError):
            replay.apply(event)
    return replay.snapshot()


class _LogReplay:
    """Applies the events of a log, one after the other, to a run's status."""

    def __init__(self) -> None:
        self.epoch = self.epochs = self.step = self.steps = 0
        self.busy = 0.0  # seconds in the current epoch
        self.durations: list[float] = []  # seconds of each completed epoch
        self.points: list[Point] = []
        self.right: list[int] = []
        self.guessed: list[int] = []
        self.log: list[str] = []
        self.problem = ""

    def apply(self, event: Event) -> None:
        handler = {
            "started": self._started,
            "step": self._step,
            "epoch": self._epoch,
            "guesses": self._guesses,
        }.get(event["event"])
        if handler:
            handler(event)
        self.problem = str(event.get("message", "")) if event["event"] == "failed" else ""
        sentence = _sentence(event, self.epoch, self.epochs)
        if sentence:
            clock = time.strftime("%H:%M:%S", time.localtime(event["time"]))
            self.log.append(f"{clock}  {sentence}")

    def _started(self, event: Event) -> None:
        """Discards what a killed process had done of its last epoch."""
        self.epoch, self.epochs = int(event["epoch"]), int(event["epochs"])
        self.step, self.steps, self.busy = 0, int(event["steps"]), 0.0
        self.durations = self.durations[: self.epoch]
        self.points = [point for point in self.points if point.epochs <= self.epoch]
        self.right = [int(number) for number in event["strip"]]

    def _step(self, event: Event) -> None:
        self.step, self.busy = int(event["step"]), float(event["busy"])
        self.points.append(
            Point(
                epochs=event["epoch"] - 1 + event["step"] / event["steps"],
                seconds=sum(self.durations) + self.busy,
                loss=float(event["loss"]),
                accuracy=float(event["accuracy"]),
            )
        )

    def _epoch(self, event: Event) -> None:
        self.durations.append(float(event["seconds"]))
        self.epoch += 1
        self.step = 0

    def _guesses(self, event: Event) -> None:
        self.guessed = [int(number) for number in event["guessed"]]

    def _seconds_left(self) -> float | None:
        """Extrapolates the pace of the last epochs, or else of the current one."""
        share = self.step / self.steps if self.steps else 0.0
        if self.durations:
            each = float(np.mean(self.durations[-3:]))
        elif share:
            each = self.busy / share
        else:
            return None
        return each * (self.epochs - self.epoch - share)

    def snapshot(self) -> RunStatus:
        return RunStatus(
            state="interrupted",  # `watch` sets the actual state
            epoch=self.epoch,
            epochs=self.epochs,
            step=self.step,
            steps=self.steps,
            seconds_left=self._seconds_left(),
            points=tuple(self.points),
            predictions=tuple(
                Prediction(*pair) for pair in zip(self.guessed, self.right, strict=False)
            ),
            log=tuple(self.log),
            problem=self.problem,
        )


def _sentence(event: Event, epoch: int, epochs: int) -> str:
    """Returns an event as a line of the log; empty for the small steps."""
    match event["event"]:
        case "started" if epoch:
            return f"goes on after epoch {epoch} of {epochs}"
        case "started":
            return f"starts with {event['images']:,} images, {event['steps']:,} steps an epoch"
        case "epoch":
            return (
                f"epoch {epoch} of {epochs}: loss {event['loss']:.4f}, "
                f"accuracy {event['accuracy']:.4f}; validation loss {event['val_loss']:.4f}, "
                f"accuracy {event['val_accuracy']:.4f}; {event['seconds']:.1f} s"
            )
        case "finished":
            return (
                f"finished after epoch {event['epoch']}: test accuracy "
                f"{event['test_accuracy']:.4f}, test loss {event['test_loss']:.4f}"
            )
        case "stopped" | "failed":
            return event["message"]
        case "measuring":
            return "is measured on the test images"
        case "starting" | "paused" | "went on" | "early stop" | "best epoch":
            return str(event.get("message", event["event"]))
    return ""
