"""Folders of photos: two-class training sets, ImageNet photos, and the random draw of dogs."""

from pathlib import Path

import numpy as np

from imgrec.data import labels
from imgrec.errors import DataError


def labelled_files(folder: Path, positive: str) -> list[tuple[Path, int]]:
    """Returns the files of a folder with a sub-folder for each of two classes, in a stable order.

    The label is 1 for the class `positive`. Raises DataError unless there are exactly two
    sub-folders, one of them of that name.
    """
    classes = class_files(folder)
    if len(classes) != 2 or positive not in classes:
        raise DataError(
            f"{folder.name} must hold two folders of photos, one of them named {positive}; "
            f"it holds: {', '.join(classes) or 'none'}."
        )
    return [(file, int(name == positive)) for name, files in classes.items() for file in files]


def class_files(folder: Path) -> dict[str, list[Path]]:
    """Returns the files of each sub-folder by its name, both sorted, without hidden ones."""
    classes = sorted(path for path in folder.glob("[!.]*") if path.is_dir())
    return {
        path.name: sorted(file for file in path.glob("[!.]*") if file.is_file()) for path in classes
    }


def imagenet_files(folder: Path) -> tuple[list[Path], np.ndarray]:
    """Returns the files whose names begin with a WordNet id, sorted, and their class indices (n,).

    Raises DataError if there is none.
    """
    index = {synset.wnid: i for i, synset in enumerate(labels.imagenet())}
    files = [file for file in sorted(folder.glob("*")) if file.name[:9] in index]
    if not files:
        raise DataError(
            f"There are no photos in {folder.name} whose names begin with a WordNet id."
        )
    return files, np.array([index[file.name[:9]] for file in files])


def is_dog(classes: np.ndarray) -> np.ndarray:
    """Returns whether each of (n,) ImageNet class indices is a dog breed."""
    return (classes >= labels.IMAGENET_DOGS.start) & (classes < labels.IMAGENET_DOGS.stop)


def draw_dog_photos(classes: np.ndarray, seed: int) -> np.ndarray:
    """Draws the photos to train on, 32 dogs and 32 others: a bool for each of (n,) class indices.

    Ten of the others are look-alikes (wolves, foxes, cats, bears) and ten are other mammals: a head
    that never saw any calls them dogs. Twelve are anything else. Raises DataError if there are
    fewer.
    """
    dog = is_dog(classes)
    look_alike = np.isin(classes, labels.IMAGENET_DOG_LOOK_ALIKES)
    mammal = np.isin(classes, labels.IMAGENET_OTHER_MAMMALS)
    rest = ~dog & ~look_alike & ~mammal
    random = np.random.default_rng(seed)
    drawn = np.zeros(len(classes), bool)
    for group, count in ((dog, 32), (look_alike, 10), (mammal, 10), (rest, 12)):
        if group.sum() < count:
            raise DataError("There are too few photos to draw 32 dogs and 32 others; add some.")
        drawn[random.choice(np.flatnonzero(group), count, replace=False)] = True
    return drawn
