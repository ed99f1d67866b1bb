"""Measures the transfer heads' recipes: five draws of 64 photos, and ten folds of all photos.

    python scripts/measure_heads.py --photos DIR

DIR holds photos whose names begin with their WordNet id. Each draw trains a head on 64 of them
(drawn as by scripts/draw_dog_photos.py) and evaluates it on all the others. The folds are
stratified; each photo is evaluated by a head that held it out. *Mammals* counts only the dogs and
the other mammals. Writes assets/reports/heads.json.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from tqdm import tqdm

from imgrec.data import labels
from imgrec.data.photos import draw_dog_photos, imagenet_files, is_dog
from imgrec.environment import environment
from imgrec.files import atomic
from imgrec.files.paths import REPORTS
from imgrec.training import heads
from imgrec.training.recipes import HEAD_RECIPES, HeadRecipe

DRAWS = (1, 2, 3, 4, 5)  # seeds
FOLDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    options = parser.parse_args()
    files, classes = imagenet_files(options.photos)
    with tqdm(total=len(files), desc="features", unit="photo") as bar:
        photos = heads.extract(
            list(zip(files, is_dog(classes).astype(int), strict=True)),
            lambda done, total: bar.update(done - bar.n),
        )
    measured = {name: measure(recipe, photos, classes) for name, recipe in HEAD_RECIPES.items()}
    report = {
        "photos": len(files),
        "dogs": int(is_dog(classes).sum()),
        "data_sha256": photos.sha256(),
        "heads": measured,
        "command": "scripts/measure_heads.py --photos DIR",
        "environment": environment(),
    }
    atomic.write_json(REPORTS / "heads.json", report)
    for name, figures in measured.items():
        print(name, figures)


def measure(recipe: HeadRecipe, photos: heads.Photos, classes: np.ndarray) -> dict[str, Any]:
    """Returns the mean and standard deviation over the draws, and the figures of the folds."""
    draws = [measure_draw(recipe, photos, classes, seed) for seed in tqdm(DRAWS, recipe.head)]
    spread = {
        name: {"mean": float(np.mean(values)), "deviation": float(np.std(values, ddof=1))}
        for name in draws[0]
        for values in [[draw[name] for draw in draws]]
    }
    folds = heads.cross_validate(recipe, photos, FOLDS)
    return {"draws": {"seeds": DRAWS, **spread}, "all_photos": folds}


def measure_draw(
    recipe: HeadRecipe, photos: heads.Photos, classes: np.ndarray, seed: int
) -> dict[str, float]:
    """Trains a head on a draw of 64 photos, and evaluates it on all the others."""
    train = draw_dog_photos(classes, seed)
    head, _ = heads.train_head(recipe, photos.subset(train))
    mammals = is_dog(classes) | np.isin(
        classes, [*labels.IMAGENET_OTHER_MAMMALS, *labels.IMAGENET_DOG_LOOK_ALIKES]
    )
    everything = heads.evaluate(head, photos.subset(~train))
    hard = heads.evaluate(head, photos.subset(~train & mammals))
    return {
        "accuracy": everything["accuracy"],
        "balanced_accuracy": everything["balanced_accuracy"],
        "auc": everything["auc"],
        "mammals_accuracy": hard["accuracy"],
    }


if __name__ == "__main__":
    main()
