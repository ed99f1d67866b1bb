"""Calibrates a trained network, and writes the calibration beside the network's weights.

    python scripts/calibrate.py fast
    python scripts/calibrate.py dog_pooled_1000 --photos DIR

Training does this at its end; this script is for networks trained before it did. A scratch network
is calibrated on the validation images of its recipe, a head by cross-validation on its training
photos: those whose features were saved, or DIR, which holds a folder dog and one of other photos,
or photos whose names begin with a WordNet id. Nothing else in the network's directory changes.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tqdm import tqdm

from imgrec.data import cifar10
from imgrec.data.photos import imagenet_files, is_dog, labelled_files
from imgrec.errors import DataError, ImageError, ImgrecError
from imgrec.metrics.calibration import Calibration
from imgrec.models import calibration_file, registry
from imgrec.models.loading import load_trained
from imgrec.models.registry import Entry
from imgrec.training import heads
from imgrec.training.recipes import HeadRecipe, Recipe
from imgrec.training.scratch import calibrate_network


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="a trained network: one that ships, or a run")
    parser.add_argument("--photos", type=Path, help="the photos that a head was trained on")
    return parser.parse_args()


def calibrate_scratch(entry: Entry) -> Calibration | None:
    """Returns the calibration of a scratch network; downloads CIFAR-10 if it is missing."""
    logits = load_trained(entry.name, "scratch").logits
    return calibrate_network(logits, Recipe.of(entry.config), cifar10.load_cifar10())


def calibrate_trained_head(entry: Entry, folder: Path | None) -> Calibration | None:
    """Returns the calibration of a head."""
    photos = kept_photos(entry) if folder is None else extracted(folder, entry.config["classes"][0])
    report = entry.report
    if (len(photos.labels), photos.labels.sum()) != (report["photos"], report["positive"]):
        raise DataError(
            f"{entry.name} was trained on {report['photos']} photos, {report['positive']} of them "
            f"positive; here are {len(photos.labels)} and {photos.labels.sum():.0f}."
        )
    if photos.sha256() != report["features_sha256"]:
        tqdm.write(
            "The features are not those of the training, bit for bit: they are other photos, or "
            "another machine rounded otherwise.",
            file=sys.stderr,
        )
    return heads.calibrate_head(HeadRecipe(**entry.config["recipe"]), photos)


def kept_photos(entry: Entry) -> heads.Photos:
    """Returns a head's training photos if their features were saved. Raises DataError."""
    try:
        return heads.photos_of(entry.folder)
    except (OSError, ValueError, KeyError):
        if entry.report.get("features_sha256") == heads.shipped_photos().sha256():
            return heads.shipped_photos()
    raise DataError(f"{entry.name} kept no features; name its photos with --photos.")


def extracted(folder: Path, positive: str) -> heads.Photos:
    """Extracts features of photos in two folders or named by WordNet id; skips bad ones."""

    def told(file: Path, error: ImageError) -> None:
        tqdm.write(f"left out: {error}", file=sys.stderr)

    try:
        files = labelled_files(folder, positive)
    except DataError:
        names, classes = imagenet_files(folder)
        dogs = is_dog(classes).astype(int).tolist()
        files = sorted(zip(names, dogs, strict=True), key=lambda pair: -pair[1])
    with tqdm(total=len(files), desc="features", unit="photo") as bar:
        return heads.extract(files, lambda done, total: bar.update(done - bar.n), told)


def main() -> int:
    options = parse_arguments()
    try:
        entry = registry.find(options.name)
        if entry.state != "finished":
            raise DataError(f"{entry.name} has not finished its training.")
        scratch = entry.kind == "scratch"
        measured = (
            calibrate_scratch(entry) if scratch else calibrate_trained_head(entry, options.photos)
        )
        if measured is None:
            raise DataError(f"{entry.name} has too few images to measure on.")
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    calibration_file.write(entry.folder, measured)
    print(
        f"{entry.name}: temperature {measured.temperature:.3f}; calibration error "
        f"{measured.ece_before:.4f}, calibrated {measured.ece_after:.4f} ({measured.n} images)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
