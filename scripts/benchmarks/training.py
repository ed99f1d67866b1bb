"""Benchmarks training: the scratch networks side by side, in alternating epochs."""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from imgrec.data.cifar10 import Cifar10
from imgrec.files import atomic
from imgrec.training.recipes import DEFAULT_RECIPES, Recipe

# The runs side by side; `classic` in bfloat16 is only timed, for which a few epochs suffice.
RACE = {
    "classic": DEFAULT_RECIPES["classic"],
    "fast": DEFAULT_RECIPES["fast"],
    "classic_bfloat16": dataclasses.replace(
        DEFAULT_RECIPES["classic"], mixed_precision=True, epochs=3
    ),
}
RACE_IN_FLOAT32 = {
    name: dataclasses.replace(DEFAULT_RECIPES[name], mixed_precision=False, epochs=epochs)
    for name, epochs in {"classic": 3, "fast": 5}.items()
}


def training(folder: Path, data: Cifar10, recipes: Mapping[str, Recipe] = RACE) -> dict[str, Any]:
    """Trains the networks side by side into the folder; returns seconds, accuracies, ratios."""
    sittings, laps = race_with_bars(recipes, data, folder)
    classic, fast = (trained(folder / name, laps[name]) for name in ("classic", "fast"))
    few, epochs = laps["classic_bfloat16"], recipes["classic"].epochs
    bfloat16 = extrapolated(few, epochs)
    return {
        "classic": classic,
        "fast": fast,
        "classic_bfloat16": {
            "epochs_timed": len(few),
            f"seconds_for_{epochs}": round(bfloat16, 1),
        },
        "ratio": round(fast["seconds"] / classic["seconds"], 3),
        "ratio_bfloat16": round(fast["seconds"] / bfloat16, 3),
        "sittings": sittings,
        "data_sha256": data.sha256(),
    }


def training_float32(
    folder: Path, data: Cifar10, recipes: Mapping[str, Recipe] = RACE_IN_FLOAT32
) -> dict[str, Any]:
    """Returns seconds of the recipes in float32, extrapolated from a few epochs, and ratios.

    `short` is the training of `fast` in a few epochs.
    """
    sittings, laps = race_with_bars(recipes, data, folder)
    whole = {name: extrapolated(laps[name], DEFAULT_RECIPES[name].epochs) for name in recipes}
    short = trained(folder / "fast", laps["fast"])
    return {
        **{
            name: {
                "epochs": DEFAULT_RECIPES[name].epochs,
                "epochs_timed": len(laps[name]),
                "seconds": round(seconds, 1),
            }
            for name, seconds in whole.items()
        },
        "short": short,
        "ratio": round(whole["fast"] / whole["classic"], 3),
        "ratio_short": round(short["seconds"] / whole["classic"], 3),
        "sittings": sittings,
        "data_sha256": data.sha256(),
    }


def extrapolated(few: Sequence[float], epochs: int) -> float:
    """Extrapolates to seconds of `epochs` epochs; the first of the few includes the set-up."""
    return few[0] + (epochs - 1) * statistics.mean(few[1:])


Laps = dict[str, list[float]]  # seconds of each epoch, by name


def race_with_bars(recipes: Mapping[str, Recipe], data: Cifar10, folder: Path) -> tuple[int, Laps]:
    """Runs the `race` with a progress bar and a line per epoch."""
    total = sum(recipe.epochs for recipe in recipes.values())
    with tqdm(total=total, unit="epoch") as bar:

        def show(name: str, laps: Laps) -> None:
            bar.update(sum(len(each) for each in laps.values()) - bar.n)
            bar.write(f"{name}, epoch {len(laps[name])}: {laps[name][-1]:.1f} s")

        return race(recipes, data, folder, show)


def race(
    recipes: Mapping[str, Recipe],
    data: Cifar10,
    folder: Path,
    on_epoch: Callable[[str, Laps], None] = lambda name, laps: None,
) -> tuple[int, Laps]:
    """Trains all recipes to the end, in alternating epochs, each into a run of the folder.

    The recipe with the smallest share of its epochs done is next. Returns the number of sittings,
    since each one after the first pays for the set-up again, and the seconds of the epochs.
    """
    from imgrec.training.scratch import epoch_by_epoch  # loads TensorFlow

    notes = folder / "laps.json"
    before = atomic.read_json(notes) if notes.exists() else {}
    sittings: int = before.get("sittings", 0) + 1
    laps: Laps = {name: before.get(name, []) for name in recipes}
    for name in recipes:  # it may have been killed between an epoch and its record
        laps[name] += history_curve(folder / name, "seconds")[len(laps[name]) :]
    trainings = {
        name: epoch_by_epoch(recipe, data, folder / name)
        for name, recipe in recipes.items()
        if not (folder / name / "report.json").exists()
    }
    while trainings:
        name = min(trainings, key=lambda name: len(laps[name]) / recipes[name].epochs)
        started = time.perf_counter()
        if next(trainings[name], None) is None:
            del trainings[name]
            continue
        laps[name].append(round(time.perf_counter() - started, 3))
        atomic.write_json(notes, {"sittings": sittings, **laps})
        on_epoch(name, laps)
    return sittings, laps


def history_curve(run: Path, curve: str) -> list[float]:
    """Returns a curve of a run's history so far."""
    file = run / "history.json"
    return atomic.read_json(file)[curve] if file.exists() else []


def trained(run: Path, laps: Sequence[float]) -> dict[str, Any]:
    """Returns the accuracies of a finished run, and when it reached them."""
    report = atomic.read_json(run / "report.json")
    figures = ("test_accuracy", "test_accuracy_views", "parameters")
    return {
        "epochs": report["epochs"],
        "seconds": round(sum(laps), 1),
        **{name: report[name] for name in figures if name in report},
        "val_accuracy": history_curve(run, "val_accuracy"),
        "elapsed": [round(seconds, 1) for seconds in itertools.accumulate(laps)],
    }
