"""Trains a head on VGG16's features of two folders of photos: is it the one thing or the other?

    python scripts/train_transfer.py --data DIR [--test DIR] [--head pooled|flatten]

DIR holds a folder with photos for each of two classes, one of them named by --positive (dog). The
features are extracted once and cached by the photos' content. The run directory gets the features
and labels, the head's weights, its history, the report, and how far it is to be believed
(scripts/calibrate.py tells how that is measured); --test measures the head on photos kept apart.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tqdm import tqdm

from imgrec import catalogue, heads
from imgrec.datasets import labelled_files
from imgrec.errors import ImageError, ImgrecError
from imgrec.paths import runs_dir
from imgrec.recipe import HEAD_RECIPES, HEADS


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the photos to train on")
    parser.add_argument("--test", type=Path, help="photos kept apart, to measure on")
    parser.add_argument("--folds", type=int, help="measure by cross-validation, without --test")
    parser.add_argument("--positive", default="dog", help="the class whose likelihood is told")
    parser.add_argument("--head", default="pooled", choices=HEADS)
    parser.add_argument("--epochs", type=int, help="default: the head's own")
    parser.add_argument("--learning-rate", type=float, help="default: the head's own")
    parser.add_argument("--hidden", type=int, help="neurons of a hidden layer, 0 for none")
    parser.add_argument("--l2", type=float, help="weight decay")
    parser.add_argument("--apart", type=float, help="share of the photos for validation curves")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs-dir", type=Path, default=runs_dir())
    parser.add_argument("--run", help="the run's name (default: head and time)")
    return parser.parse_args()


def extracted(folder: Path, positive: str) -> heads.Photos:
    """The features of a labelled folder, with a progress bar; bad photos are told and left out."""
    files = labelled_files(folder, positive)

    def told(file: Path, error: ImageError) -> None:
        tqdm.write(f"left out: {error}", file=sys.stderr)

    with tqdm(total=len(files), desc=f"features of {folder.name}", unit="photo") as bar:
        return heads.extract(files, lambda done, total: bar.update(done - bar.n), told)


def main() -> int:
    options = parse_arguments()
    name = options.run or f"{options.head}-{time.strftime('%Y%m%d-%H%M%S')}"
    settings = ("epochs", "learning_rate", "hidden", "l2", "apart", "seed")
    given = {
        name: getattr(options, name) for name in settings if getattr(options, name) is not None
    }
    try:
        run = options.runs_dir / catalogue.valid_name(name)
        recipe = dataclasses.replace(HEAD_RECIPES[options.head], **given)
        if run.exists():
            raise ImgrecError(f"{run} exists; choose another --run.")
        photos = extracted(options.data, options.positive)
        kept_apart = extracted(options.test, options.positive) if options.test else None
        started = time.perf_counter()
        head, history = heads.train_head(recipe, photos)
        seconds = round(time.perf_counter() - started, 2)
        test = None
        if kept_apart:
            test = heads.evaluate(head, kept_apart)
        elif options.folds is not None:
            test = heads.cross_validate(recipe, photos, options.folds)
        report = {"seconds": seconds, "test": test}
        heads.save_head(run, recipe, options.positive, photos, head, history, report)
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{run}: {len(photos.labels)} photos, loss {history['loss'][-1]:.4f}, {seconds} s")
    if test:
        print(
            f"on {test['photos']} photos kept apart: accuracy {test['accuracy']:.3f} "
            f"({test['low']:.3f} to {test['high']:.3f}), balanced {test['balanced_accuracy']:.3f}, "
            f"AUC {test['auc']:.4f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
