"""Measures the recipe of the network `fast`: its variation over seeds, and an ablation.

    python scripts/measure_scratch.py seeds [--seeds 1 2 3] [--runs DIR]
    python scripts/measure_scratch.py ablation [--runs DIR]

`seeds` trains the recipe with each seed and computes the mean and standard deviation. `ablation`
trains a shortened recipe once whole and once without each ingredient, and times a few steps without
those that only save time. A finished run of the same recipe in DIR is reused, whatever its name; an
interrupted one is resumed. The report is assets/reports/seeds.json or ablation.json.
"""

import argparse
import dataclasses
import functools
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imgrec.data import cifar10
from imgrec.environment import environment
from imgrec.errors import ImgrecError
from imgrec.files import atomic
from imgrec.files.paths import REPORTS
from imgrec.training.recipes import DEFAULT_RECIPES, QUICK, Recipe

SEEDS = (1, 2, 3)
ACCURACIES = ("test_accuracy", "test_accuracy_views")
STEPS, ROUNDS = 4, 5  # timed, of each kind; the first round compiles and is discarded


class Ingredient(NamedTuple):
    """An ablated ingredient, its replacement, and the settings for it.

    Of several settings, the one with the best validation accuracy counts.
    """

    without: str
    instead: str
    settings: tuple[dict[str, Any], ...]


SGD_RATES = (0.1, 0.3)
INGREDIENTS = (
    Ingredient(
        "Muon",
        "Nesterov momentum, with the best of the learning rates "
        f"{', '.join(f'{rate:g}' for rate in SGD_RATES)}",
        tuple({"optimizer": "sgd", "learning_rate": rate} for rate in SGD_RATES),
    ),
    Ingredient("whitening", "first filters drawn by chance and learnt", ({"whitening": False},)),
    Ingredient("alternating mirror images", "mirrored by chance", ({"flip": "random"},)),
    Ingredient("shifting", "only mirrored", ({"shift": 0},)),
    Ingredient("any change of the images", "each as it is", ({"augmentation": False},)),
    Ingredient("label smoothing", "only the right class is wanted", ({"label_smoothing": 0.0},)),
    Ingredient("a falling learning rate", "the same to the end", ({"schedule": "constant"},)),
)


@functools.cache
def data() -> cifar10.Cifar10:
    """Loads CIFAR-10 on demand, since it isn't needed if all runs have finished."""
    return cifar10.load_cifar10()


def trained(recipe: Recipe, name: str, folder: Path, several: bool = True) -> dict[str, Any]:
    """Returns the report of a run of that recipe: a finished one in the folder, or a new one.

    `several` enables test-time augmentation on the test images.
    """
    for file in sorted(folder.glob("*/report.json")):
        if Recipe.of(atomic.read_json(file.with_name("config.json"))) == recipe:
            print(f"{name}: {file.parent} has finished.")
            return atomic.read_json(file)
    from imgrec.training.scratch import train_scratch  # loads TensorFlow

    print(f"{name}: {recipe.epochs} epochs …", flush=True)
    report = train_scratch(recipe, data(), folder / name, several=several)
    print(f"{name}: {report['test_accuracy']:.4f}")
    return report


def seeds(recipe: Recipe, chosen: Sequence[int], folder: Path) -> dict[str, Any]:
    """Trains the recipe with each seed; returns accuracies and seconds, means and deviations."""
    reports = [
        trained(dataclasses.replace(recipe, seed=seed), f"seed-{seed}", folder) for seed in chosen
    ]
    figures = (*ACCURACIES, "seconds")
    spread = {
        name: {"mean": statistics.mean(values), "deviation": statistics.stdev(values)}
        for name in figures
        for values in [[report[name] for report in reports]]
    }
    return {
        "network": recipe.network,
        "epochs": recipe.epochs,
        "seeds": [
            {"seed": report["seed"], **{name: report[name] for name in figures}}
            for report in reports
        ],
        **spread,
        "test_images": reports[0]["test_images"],
        "data_sha256": reports[0]["data_sha256"],
    }


def ablation(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Trains the whole recipe, and without each of its ingredients, with the same seed."""
    whole = trained(recipe, "whole", folder, several=False)
    rows = [{"without": None, "instead": None, **row(whole)}]
    for ingredient in INGREDIENTS:
        without = [dataclasses.replace(recipe, **each) for each in ingredient.settings]
        if recipe in without:  # the recipe has no such ingredient
            continue
        name = f"without-{ingredient.without.replace(' ', '-')}"
        reports = [
            trained(each, f"{name}-{number}", folder, several=False)
            for number, each in enumerate(without, 1)
        ]
        best = max(reports, key=lambda report: report["val_accuracy"])
        kept = ingredient.settings[reports.index(best)]
        rows.append({**ingredient._asdict(), "settings": kept, **row(best)})
    return {
        "network": recipe.network,
        "epochs": recipe.epochs,
        "images": recipe.limit,
        "batch_size": recipe.batch_size,
        "seed": recipe.seed,
        "rows": rows,
        "times_as_long": times_as_long(recipe),
        "test_images": whole["test_images"],
        "data_sha256": whole["data_sha256"],
    }


def row(report: dict[str, Any]) -> dict[str, Any]:
    """Returns the figures of a run for the ablation report."""
    return {name: report[name] for name in ("test_accuracy", "seconds")}


def times_as_long(recipe: Recipe) -> dict[str, float]:
    """Returns the relative duration of steps without each time-saver, measured alternately."""
    import keras

    from imgrec.networks.cifar10 import FusedBatchNormalization
    from imgrec.training.scratch import epoch_by_epoch

    few = dataclasses.replace(
        recipe, epochs=ROUNDS, limit=STEPS * recipe.batch_size, validation_images=10
    )
    ways = {
        "whole": few,
        "float32": dataclasses.replace(few, mixed_precision=False),
        "keras_normalization": few,
    }
    composed = mock.patch.object(
        FusedBatchNormalization, "call", keras.layers.BatchNormalization.call
    )
    with tempfile.TemporaryDirectory() as folder:
        trainings = {
            name: epoch_by_epoch(each, data(), Path(folder) / name) for name, each in ways.items()
        }
        for _ in range(ROUNDS):
            next(trainings["whole"])
            next(trainings["float32"])
            with composed:
                next(trainings["keras_normalization"])
        seconds = {
            name: statistics.median(
                atomic.read_json(Path(folder) / name / "history.json")["seconds"][1:]
            )
            for name in ways
        }
    return {name: round(seconds[name] / seconds["whole"], 2) for name in ways if name != "whole"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("seeds", "ablation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="two or more")
    parser.add_argument("--runs", type=Path, help="where the trainings are kept, to go on with")
    options = parser.parse_args()
    if len(set(options.seeds)) < 2:
        parser.error("--seeds wants two or more, for a deviation")
    folder = options.runs or Path(tempfile.mkdtemp(prefix="imgrec-scratch-"))
    print(f"The runs are in {folder}.")
    command = f"scripts/measure_scratch.py {options.what}"
    try:
        if options.what == "seeds":
            report = seeds(DEFAULT_RECIPES["fast"], options.seeds, folder)
            command += f" --seeds {' '.join(map(str, options.seeds))}"
        else:
            report = ablation(QUICK, folder)
    except ImgrecError as error:
        sys.exit(str(error))
    atomic.write_json(
        REPORTS / f"{options.what}.json",
        {**report, "command": command, "environment": environment()},
    )


if __name__ == "__main__":
    main()
