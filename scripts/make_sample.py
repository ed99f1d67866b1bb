"""Creates the built-in sample of CIFAR-10: the first ten test images of each class in one PNG.

Writes assets/images/cifar10_sample.png (a row per class, in label order), and three of the pictures
as separate files, for the examples on the page.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image

from imgrec.data import cifar10, labels
from imgrec.files.paths import IMAGES

EXAMPLES = {"dog": 1, "ship": 4, "horse": 5}  # class, and index among its ten pictures


def main() -> None:
    data = cifar10.load_cifar10()
    rows = [data.x_test[data.y_test == label][: cifar10.SAMPLE_COLUMNS] for label in range(10)]
    grid = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])  # (320, 320, 3)
    (IMAGES / "examples").mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid).save(cifar10.SAMPLE_FILE, optimize=True)
    for name, column in EXAMPLES.items():
        image = Image.fromarray(rows[labels.CIFAR10.index(name)][column])
        image.save(IMAGES / "examples" / f"cifar10_{name}.png", optimize=True)


if __name__ == "__main__":
    main()
