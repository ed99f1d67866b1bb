"""A run while it is made: who holds it, what happens in it, what is wished of it.

    .lock           held by the process that trains; the system frees it however the process ends
    wish            what a person wants of the training: pause, stop or finish
    events.jsonl    what happened, one JSON object a line, for everyone who watches
    strip.png       the validation images whose guesses are told, side by side

Nothing here loads TensorFlow: the page reads what the training process writes.
"""

import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

from imgrec.data import labels
from imgrec.errors import CancelledError, ModelError
from imgrec.models import store
from imgrec.training.recipes import Recipe

Wish = Literal["pause", "stop", "finish"]
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
STRIP_TURNS = 2  # validation images of each class
LOOK = 0.2  # seconds between looks at the wish while paused
# A point a second for the first ten minutes, then ever fewer: a run of hours has 2,000 or so.
POINT_SECONDS, POINTS_AT_FULL_RATE = 1.0, 600

_looking = threading.Lock()  # a look holds the run for a moment: two at once would see each other


@dataclass(frozen=True)
class Step:
    """Progress: `step` of `steps` batches of `epoch` (from 1) are done; its means so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float


class StopTrainingError(CancelledError):
    """A person wishes that the training stops."""


def open_run(run: Path, recipe: Recipe) -> None:
    """Starts a run's directory, or checks that what is there is this recipe, unfinished.

    Raises ModelError if it holds a finished run, one of another recipe, or can't be written.
    """
    config = {
        "network": recipe.network,
        "classes": list(labels.CIFAR10),
        "recipe": dataclasses.asdict(recipe),
    }
    if (run / "report.json").exists():
        raise ModelError(f"The run {run.name} has already finished; choose another name.")
    try:
        if (run / "config.json").exists():
            if Recipe.of(store.read_json(run / "config.json")) != recipe:
                raise ModelError(
                    f"The run {run.name} was started with another recipe; resume it with the same "
                    "one or choose another name."
                )
            return
        run.mkdir(parents=True, exist_ok=True)
        store.write_json(run / "config.json", config)
    except (OSError, ValueError) as error:
        raise unusable(run, error) from error


def unusable(run: Path, error: OSError | ValueError) -> ModelError:
    """The error of a run whose files can't be read or written, as a sentence."""
    if isinstance(error, FileNotFoundError) and not run.is_dir():
        return ModelError(f"The folder of the run {run.name} has vanished; start a new run.")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return ModelError(
        f"The run {run.name} can't be read or written ({reason}): see that its disk has room, "
        "then resume it."
    )


@contextlib.contextmanager
def hold(run: Path) -> Iterator[None]:
    """Makes this process the one that trains the run. Raises ModelError if another one does."""
    lock = FileLock(run / ".lock")
    try:
        lock.acquire(timeout=1)  # a look at `is_held` may hold it for a moment
    except Timeout:
        raise ModelError(f"The run {run.name} is being trained already.") from None
    except OSError as error:
        raise unusable(run, error) from error
    try:
        for left_over in run.glob(".*.tmp"):  # of a process that was killed while it wrote
            left_over.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def is_held(run: Path) -> bool:
    """Whether a process trains the run now."""
    if not (run / ".lock").exists():
        return False
    lock = FileLock(run / ".lock")
    with _looking:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        except OSError:
            return False  # the run has just vanished
        lock.release()
    return False


def ask(run: Path, wish: Wish | None) -> None:
    """Wishes something of the training; None: that it goes on. Raises ModelError."""
    try:
        if wish is None:
            (run / "wish").unlink(missing_ok=True)
        else:
            store.write(run / "wish", wish.encode())
    except OSError as error:
        raise unusable(run, error) from error


def wish_of(run: Path) -> str | None:
    """What is wished of the training now."""
    try:
        return (run / "wish").read_text(encoding="utf-8")
    except OSError:
        return None


class Journal:
    """Writes a run's events, and lets the training pause, stop or finish as it is wished."""

    def __init__(self, run: Path, seconds: float | None = None):
        """`seconds` bounds the training's time in this process."""
        self.run, self.ends = run, None if seconds is None else time.monotonic() + seconds
        self.busy = 0.0  # seconds of training in the present epoch, without pauses
        self._since = time.monotonic()
        self._last_point = -np.inf
        self._points = 0
        self._sums = (0, 0.0, 0.0)  # step, and the epoch's sums of loss and accuracy, at that point

    def write(self, event: str, **content: Any) -> None:
        """Appends an event. Raises OSError, also if the run's directory has vanished."""
        line = json.dumps({"event": event, "time": round(time.time(), 3), **content})
        with (self.run / EVENTS).open("ab+") as file:
            file.seek(-min(1, file.seek(0, 2)), 2)
            cut_short = file.read() not in (b"", b"\n")  # the last line, by a kill or a full disk
            file.write(b"\n" * cut_short + line.encode() + b"\n")

    def epoch_starts(self) -> None:
        """Begins to count the epoch's seconds and sums."""
        self.busy, self._since, self._sums = 0.0, time.monotonic(), (0, 0.0, 0.0)
        self._last_point = self._since  # a point of one batch alone would be noise

    def epoch_ends(self, **means: float) -> float:
        """Writes the epoch's means and returns its seconds."""
        self._count()
        seconds = round(self.busy, 3)
        self.write("epoch", **means, seconds=seconds)
        return seconds

    def step(self, step: Step) -> bool:
        """After a batch: writes a point of the curve when it is time for one, and says whether.

        The point's means are those of the batches since the last one.
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

    def obey(self) -> None:
        """Waits while a pause is wished.

        Raises StopTrainingError if a stop is wished, or the time is over.
        """
        self._count()
        wish = wish_of(self.run)
        if wish == "pause":
            self.write("paused")
            while (wish := wish_of(self.run)) == "pause" and not self._time_is_over():
                time.sleep(LOOK)
            self.write("went on")
        self._since = time.monotonic()
        if wish == "stop":
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


def draw_strip(run: Path, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Writes the first images of each class of uint8 (n, 32, 32, 3), side by side, as a PNG.

    First the first one of each class, then the second ones. Returns their indices.
    """
    of_class = [np.flatnonzero(y == number) for number in range(len(labels.CIFAR10))]
    chosen = np.array([m[turn] for turn in range(STRIP_TURNS) for m in of_class if turn < len(m)])
    picture = Image.fromarray(np.concatenate(x[chosen], axis=1))  # (32, 32 × n, 3)
    temporary = run / f".{STRIP}.tmp"
    picture.save(temporary, "PNG")
    temporary.replace(run / STRIP)
    return chosen


@dataclass(frozen=True)
class Point:
    """A point of the training curve."""

    epochs: float  # trained so far
    seconds: float  # of training so far
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Guess:
    """What the network takes an image of the strip for, and what it is: CIFAR-10 class indices."""

    guessed: int
    right: int


@dataclass(frozen=True)
class Watched:
    """A run as those see it who watch."""

    state: State
    epoch: int = 0  # whole epochs done
    epochs: int = 0
    step: int = 0  # batches of the present epoch done
    steps: int = 0
    seconds_left: float | None = None  # None: not known yet
    points: tuple[Point, ...] = ()
    guesses: tuple[Guess, ...] = ()
    log: tuple[str, ...] = ()
    problem: str = ""  # why it failed


def watch(run: Path) -> Watched:
    """What is known of a run now; of one that has vanished, nothing but that it was interrupted."""
    try:
        file = (run / EVENTS).stat()
        version = (file.st_size, file.st_mtime_ns)
    except OSError:
        version = (0, 0)
    return dataclasses.replace(_story(run, *version), state=state_of(run))


def state_of(run: Path) -> State:
    """Whether the run is being trained, has finished, or why it has not."""
    if (run / "report.json").exists():
        return "finished"
    last = _last_event(run)
    if is_held(run):
        if last == "measuring":
            return "measuring"  # whatever is wished: there is no step left to obey after
        if wish_of(run) == "stop":
            return "stopping"
        if last in ("", "stopped", "failed", "starting"):
            return "starting"
        return "paused" if last == "paused" else "training"
    return last if last in ("stopped", "failed") else "interrupted"  # type: ignore[return-value]


def started(run: Path) -> float:
    """When the run was started, in seconds since 1970. Raises OSError if it has vanished."""
    try:
        with (run / EVENTS).open("rb") as file:
            return float(_events([file.readline()])[0]["time"])
    except (OSError, IndexError, TypeError, ValueError):
        return (run / "config.json").stat().st_mtime  # of a head, or not yet told


def _last_event(run: Path) -> str:
    """The name of the last event, read from the file's end."""
    try:
        with (run / EVENTS).open("rb") as file:
            file.seek(-min(4096, file.seek(0, 2)), 2)
            last = _events(file.read().splitlines()[-2:])
    except OSError:
        return ""
    return last[-1]["event"] if last else ""


def _events(lines: list[bytes]) -> list[Event]:
    """The events of whole lines; a line that a kill cut short, or a stranger wrote, is left out."""
    events = []
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            event = json.loads(line)
            if isinstance(event, dict) and "event" in event and "time" in event:
                events.append(event)
    return events


@lru_cache(maxsize=16)
def _story(run: Path, size: int, changed: int) -> Watched:
    """Everything the first `size` bytes of events tell; `changed` is when the file was."""
    try:
        with (run / EVENTS).open("rb") as file:
            events = _events(file.read(size).splitlines())
    except OSError:
        events = []
    story = _Story()
    for event in events:
        with contextlib.suppress(KeyError, TypeError, ValueError, ArithmeticError, OSError):
            story.tell(event)
    return story.told()


class _Story:
    """Gathers what the events tell, one after the other."""

    def __init__(self) -> None:
        self.epoch = self.epochs = self.step = self.steps = 0
        self.busy = 0.0  # seconds in the present epoch
        self.durations: list[float] = []  # seconds of each whole epoch
        self.points: list[Point] = []
        self.right: list[int] = []
        self.guessed: list[int] = []
        self.log: list[str] = []
        self.problem = ""

    def tell(self, event: Event) -> None:
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
        """A start forgets what a killed process had done of its last epoch."""
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
        """At the pace of the last epochs, or else of the present one."""
        share = self.step / self.steps if self.steps else 0.0
        if self.durations:
            each = float(np.mean(self.durations[-3:]))
        elif share:
            each = self.busy / share
        else:
            return None
        return each * (self.epochs - self.epoch - share)

    def told(self) -> Watched:
        return Watched(
            state="interrupted",  # `watch` knows better
            epoch=self.epoch,
            epochs=self.epochs,
            step=self.step,
            steps=self.steps,
            seconds_left=self._seconds_left(),
            points=tuple(self.points),
            guesses=tuple(Guess(*pair) for pair in zip(self.guessed, self.right, strict=False)),
            log=tuple(self.log),
            problem=self.problem,
        )


def _sentence(event: Event, epoch: int, epochs: int) -> str:
    """An event as a line of the log; none for the small steps."""
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
