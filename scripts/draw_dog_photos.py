"""Draws a training set from ImageNet photos: 32 dogs and 32 others, the rest for testing.

    python scripts/draw_dog_photos.py PHOTOS OUT --seed 1

PHOTOS holds files whose names begin with their WordNet id (`n02085620_Chihuahua.jpg`). OUT gets
train/dog, train/not_dog, test/dog and test/not_dog with links to the photos. No photo is in both
train and test; nor is any class if PHOTOS has one photo per class.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imgrec.data.photos import draw_dog_photos, imagenet_files, is_dog
from imgrec.errors import DataError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="put every photo into train")
    options = parser.parse_args()
    try:
        files, classes = imagenet_files(options.photos)
        train = draw_dog_photos(classes, options.seed) | options.all
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    for file, dog, chosen in zip(files, is_dog(classes), train, strict=True):
        folder = options.out / ("train" if chosen else "test") / ("dog" if dog else "not_dog")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).symlink_to(file.resolve())
    print(f"{train.sum()} photos to train on, {(~train).sum()} kept apart, in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
