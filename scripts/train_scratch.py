"""Trains a scratch network on CIFAR-10 and leaves weights, history and report in a run directory.

    python scripts/train_scratch.py --network fast
    93.75 ± 0.07% test accuracy, 94.38 ± 0.10% with test-time augmentation (six views)
    12 epochs in 18 minutes, n=3 seeds, 2 cores of an Intel(R) Xeon(R) Processor

    python scripts/train_scratch.py --network classic
    79.07% test accuracy, 81.23% with test-time augmentation (six views)
    30 epochs in 23 minutes, n=1 seed, 2 cores of an Intel(R) Xeon(R) Processor

Accuracy and time are means over the seeds, ± the sample standard deviation, as
scripts/measure_scratch.py and the networks that ship report them.

Each network has its own recipe; every flag of it changes one setting, and --no-… switches one off.
That of classic, the default, is the project's first one: Adam, images scaled to [0, 1], one-hot
labels, 5,000 of the 50,000 training images held out for validation. That of fast has Muon on the
filters, a first layer that whitens, images that are mirrored in turn and shifted, smoothed labels,
a learning rate that falls to 0, and bfloat16 if the processor gains by it.

At its end it calibrates the network on the validation images, as scripts/calibrate.py does. The
page follows the run while it goes on. Ctrl+C stops it after the step; --resume goes on after the
last whole epoch, with the recipe the run was started with.
"""

import argparse
import contextlib
import dataclasses
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tqdm import tqdm

from imgrec.data import cifar10
from imgrec.errors import ImgrecError, ModelError
from imgrec.files import atomic
from imgrec.files.paths import runs_dir
from imgrec.models import manage_runs, run_control, run_log
from imgrec.models.run_control import StopTrainingError
from imgrec.models.run_log import Step
from imgrec.training import recipes
from imgrec.training.recipes import DEFAULT_RECIPES, FLIPS, NETWORKS, OPTIMIZERS, SCHEDULES, Recipe
from imgrec.training.time_estimate import with_supported_precision

STDIN = 0  # the file descriptor of standard input
POLITENESS = 10  # niceness of the training: the page's predictions take precedence


def parse_arguments() -> tuple[argparse.Namespace, dict[str, Any]]:
    """Parses the command line; returns the options and the recipe settings that were given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    recipe = parser.add_argument_group("the recipe", argument_default=argparse.SUPPRESS)
    switch = argparse.BooleanOptionalAction
    recipe.add_argument(
        "--network", choices=NETWORKS, help="with its own recipe (default: classic)"
    )
    recipe.add_argument("--epochs", type=int)
    recipe.add_argument("--batch-size", type=int)
    recipe.add_argument("--learning-rate", type=float)
    recipe.add_argument("--optimizer", choices=OPTIMIZERS)
    recipe.add_argument("--schedule", choices=SCHEDULES, help="of the learning rate")
    recipe.add_argument("--dropout", type=float, help="before the last layer, and half elsewhere")
    recipe.add_argument(
        "--label-smoothing", type=float, help="share of the wanted answer spread over all classes"
    )
    recipe.add_argument(
        "--augmentation", action=switch, help="mirror, shift and cover images as the next three say"
    )
    recipe.add_argument("--flip", choices=FLIPS, help="which images are mirrored in an epoch")
    recipe.add_argument("--shift", type=int, help="pixels, at most, each way")
    recipe.add_argument("--cutout", type=int, help="side of the covered square in pixels; 0: none")
    recipe.add_argument(
        "--whitening", action=switch, help="set the first layer of fast from the images"
    )
    recipe.add_argument("--validation-images", type=int)
    recipe.add_argument("--limit", type=int, help="train on only so many images")
    recipe.add_argument("--patience", type=int, help="stop after so many epochs without progress")
    recipe.add_argument("--restore-best", action=switch, help="keep the best epoch's weights")
    recipe.add_argument("--mixed-precision", action=switch, help="compute in bfloat16")
    recipe.add_argument("--seed", type=int)
    parser.add_argument("--runs-dir", type=Path, default=runs_dir())
    parser.add_argument("--run", help="the run's name (default: network and time)")
    parser.add_argument("--resume", action="store_true", help="go on with --run where it stopped")
    parser.add_argument("--finish", action="store_true", help="with --resume: train no more epochs")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard's files too")
    parser.add_argument("--max-seconds", type=float, help="stop after so long")
    parser.add_argument(
        "--follow-stdin",
        action="store_true",
        help="end when standard input closes, and be polite to other processes (for the page)",
    )
    options = vars(parser.parse_args())
    settings = {name: options.pop(name) for name in Recipe.__dataclass_fields__ if name in options}
    return argparse.Namespace(**options), settings


def chosen(run: Path, settings: dict[str, Any], resume: bool) -> Recipe:
    """Returns the recipe of the run.

    A new run has its network's recipe, changed by the settings; a resumed run has its own. Raises
    ModelError if there is nothing to resume, or a run of that name exists already.
    """
    exists = (run / "config.json").exists()
    if not resume:
        if exists:
            raise ModelError(f"{run} exists: use --resume to go on with it, or another --run.")
        usual = DEFAULT_RECIPES[settings.get("network", Recipe.network)]
        recipe = dataclasses.replace(usual, **settings)
        return recipe if "mixed_precision" in settings else with_supported_precision(recipe)
    if not exists:
        raise ModelError(f"There is no run {run}; name one that was started before with --run.")
    recipe = Recipe.of(atomic.read_json(run / "config.json"))
    if dataclasses.replace(recipe, **settings) != recipe:
        raise ModelError(
            f"The run {run.name} was started with another recipe; resume it without settings."
        )
    return recipe


def end_with_stdin() -> None:
    """Ends this process as soon as standard input closes, whatever it is doing.

    This is safe: each file of a run is written under a temporary name first.
    """

    def wait() -> NoReturn:
        # Not through `sys.stdin`: Python aborts if a thread still reads from it at exit.
        with contextlib.suppress(OSError):
            while os.read(STDIN, 1024):
                pass
        os._exit(1)

    threading.Thread(target=wait, name="end-with-stdin", daemon=True).start()
    if hasattr(os, "setpriority"):  # Windows has none
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, max(POLITENESS, nice))


class Bars:
    """A terminal progress bar per epoch, with the epoch's mean loss and accuracy so far."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def show(self, step: Step) -> None:
        if self.bar is None or step.step == 1:
            title = f"epoch {step.epoch}/{step.epochs}"
            self.bar = tqdm(total=step.steps, desc=title, mininterval=1, disable=None)
        self.bar.set_postfix(
            loss=f"{step.loss:.4f}", accuracy=f"{step.accuracy:.4f}", refresh=False
        )
        self.bar.update(step.step - self.bar.n)
        if step.step == step.steps:
            self.bar.close()


def fetch_bar() -> cifar10.Progress:
    """Returns a progress listener for `load_cifar10` that draws one bar per source."""
    bars: dict[str, tqdm] = {}

    def show(source: str, done: int, total: int | None) -> None:
        if source not in bars:
            title = f"CIFAR-10 from {source}"
            bars[source] = tqdm(total=total, desc=title, unit="B", unit_scale=True, disable=None)
        bars[source].update(done - bars[source].n)

    return show


def load(from_page: bool) -> cifar10.Cifar10:
    """Loads CIFAR-10; never downloads it for the page, which does so itself to show progress."""
    if not from_page:
        return cifar10.load_cifar10(fetch_bar())
    try:
        return cifar10.cached_cifar10()
    except ImgrecError as error:
        cifar10.forget_cifar10()
        raise ImgrecError(f"CIFAR-10 can't be read ({error}); fetch it again.") from error


def train(run: Path, recipe: Recipe, options: argparse.Namespace) -> dict[str, Any]:
    """Trains while this process holds the run's lock; the run log records how it ended."""
    with run_control.hold(run):
        if not options.follow_stdin:  # the page has sent its command already
            run_control.send_command(run, "finish" if options.finish else None)
        book = run_log.RunLog(run)
        try:
            precision = "bfloat16" if recipe.mixed_precision else "float32"
            book.write("starting", message=f"starting, to compute in {precision}")
            data = load(options.follow_stdin)
            book.apply_command()  # before TensorFlow's slow import
            from imgrec.training.scratch import train_scratch  # loads TensorFlow

            return train_scratch(
                recipe,
                data,
                run,
                Bars().show,
                seconds=options.max_seconds,
                tensorboard=options.tensorboard,
            )
        except BaseException as error:
            stopped = isinstance(error, StopTrainingError | KeyboardInterrupt)
            with contextlib.suppress(OSError):  # the disk itself may be the problem
                message = str(error) or "The training was stopped; it can be resumed."
                book.write("stopped" if stopped else "failed", message=message)
            raise
        finally:
            with contextlib.suppress(ModelError):
                run_control.send_command(run, None)


def main() -> int:
    options, settings = parse_arguments()
    if options.follow_stdin:
        end_with_stdin()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        network = settings.get("network", Recipe.network)
        name = options.run or f"{network}-{time.strftime('%Y%m%d-%H%M%S')}"
        run = options.runs_dir / manage_runs.valid_name(name)
        recipe = chosen(run, settings, options.resume)
        recipes.open_run(run, recipe)
        report = train(run, recipe, options)
    except StopTrainingError as error:
        print(f"{run}: {error}", file=sys.stderr)
        return 0 if options.follow_stdin else 1
    except KeyboardInterrupt:
        began = (run / "config.json").exists()
        goes_on = f"; --resume --run {run.name} goes on with it." if began else " before it began."
        print(f"{run}: stopped{goes_on}", file=sys.stderr)
        return 1
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{run}: test accuracy {report['test_accuracy']:.4f}, test loss {report['test_loss']:.4f}, "
        f"{report['seconds']:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
