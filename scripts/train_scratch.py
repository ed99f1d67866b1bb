"""Trains a scratch network on CIFAR-10 and leaves weights, history and report in a run directory.

With no option this is the project's first recipe: 30 epochs, batches of 64, Adam, images scaled to
[0, 1], one-hot labels, 5,000 of the 50,000 training images kept apart for validation. What it gave
when the shipped weights were trained stands in assets/models/classic/report.json.
"""

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imgrec.datasets import Progress, load_cifar10
from imgrec.errors import ImgrecError

if TYPE_CHECKING:
    from imgrec.training import Step


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="classic", choices=["classic"])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--validation-images", type=int, default=5000)
    parser.add_argument("--limit", type=int, help="use only so many training images")
    parser.add_argument("--mixed-precision", action="store_true", help="compute in bfloat16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    parser.add_argument("--run", help="the run's name (default: network and time)")
    parser.add_argument("--resume", action="store_true", help="go on with --run where it stopped")
    return parser.parse_args()


class Bars:
    """A progress bar an epoch, with the epoch's mean loss and accuracy so far."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def show(self, step: "Step") -> None:
        if self.bar is None or step.step == 1:
            self.bar = tqdm(
                total=step.steps, desc=f"epoch {step.epoch}/{step.epochs}", mininterval=1
            )
        self.bar.set_postfix(
            loss=f"{step.loss:.4f}", accuracy=f"{step.accuracy:.4f}", refresh=False
        )
        self.bar.update(step.step - self.bar.n)
        if step.step == step.steps:
            self.bar.close()


def fetch_bar() -> Progress:
    """A listener for `load_cifar10` that draws one bar a source."""
    bars: dict[str, tqdm] = {}

    def show(source: str, done: int, total: int | None) -> None:
        if source not in bars:
            bars[source] = tqdm(
                total=total, desc=f"CIFAR-10 from {source}", unit="B", unit_scale=True
            )
        bars[source].update(done - bars[source].n)

    return show


def main() -> int:
    arguments = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    name = arguments.run or f"{arguments.network}-{time.strftime('%Y%m%d-%H%M%S')}"
    run = arguments.runs_dir / name
    if (run / "config.json").exists() and not arguments.resume:
        print(f"{run} exists: use --resume to go on with it, or another --run.", file=sys.stderr)
        return 1
    options = vars(arguments)
    try:
        data = load_cifar10(fetch_bar())
        from imgrec.training import Recipe, train_scratch  # loads TensorFlow

        recipe = Recipe(**{field: options[field] for field in Recipe.__dataclass_fields__})
        report = train_scratch(recipe, data, run, Bars().show)
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
