"""Trains a head on VGG16's features of photos in folders: yes or no, or one of several classes.

    python scripts/train_transfer.py --data DIR [--test DIR] [--head pooled|flatten]
    96.9 ± 0.6% accuracy, 95.0 ± 1.7% balanced, on 936 held-out photos: dog or not
    64 training photos in 1.1 s, n=5 draws, 2 cores of an AMD EPYC

    python scripts/train_transfer.py --data DIR --classes [--test DIR] [--augment]

The accuracies are those of the head pooled, means ± sample standard deviation, as
scripts/measure_heads.py reports them. The time is that of the head that ships, once the features
are extracted.

DIR holds a folder with photos for each class. With two of them, one is named by --positive (dog),
and the head predicts how likely that is. The features are extracted once and cached by the photos'
content. The run directory gets the features and labels, the head's weights, its history, the report
and the calibration (see scripts/calibrate.py); --test measures the head on held-out photos.

With more folders, up to 20, or with --classes, the head predicts which class it is, just as on the
page's tab Teach it: by the same code, with the same limits, and with its cross-validated accuracy.
It writes a project, a zip that the tab opens.
"""

import argparse
import dataclasses
import functools
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from tqdm import tqdm

from imgrec.approaches import vgg16
from imgrec.data.photos import class_files, labelled_files
from imgrec.errors import DataError, ImageError, ImgrecError, TeachError
from imgrec.files.paths import runs_dir
from imgrec.images.decode import open_image
from imgrec.metrics.classification import wilson
from imgrec.models import manage_runs
from imgrec.teaching import classifier, pictures, project_file
from imgrec.teaching.checks import problems
from imgrec.teaching.project import Project
from imgrec.teaching.project_parts import Settings
from imgrec.teaching.train import teach_project
from imgrec.training import heads
from imgrec.training.recipes import HEAD_RECIPES, HEADS

# The options of a yes-or-no head only; with --classes, the page's recipe sets these.
YES_OR_NO = ("folds", "positive", "head", "epochs", "learning_rate", "hidden", "l2", "apart")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the photos to train on")
    parser.add_argument("--test", type=Path, help="photos kept apart, to measure on")
    parser.add_argument("--folds", type=int, help="measure by cross-validation, without --test")
    parser.add_argument("--positive", help="the class whose likelihood is told (dog)")
    parser.add_argument("--head", choices=HEADS, help="default: pooled")
    parser.add_argument("--epochs", type=int, help="default: the head's own")
    parser.add_argument("--learning-rate", type=float, help="default: the head's own")
    parser.add_argument("--hidden", type=int, help="neurons of a hidden layer, 0 for none")
    parser.add_argument("--l2", type=float, help="weight decay")
    parser.add_argument("--apart", type=float, help="share of the photos for validation curves")
    parser.add_argument("--classes", action="store_true", help="which one, of two classes, too")
    parser.add_argument("--augment", action="store_true", help="of classes: teach copies, too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs-dir", type=Path, default=runs_dir())
    parser.add_argument("--run", help="the run's name (default: head and time)")
    return parser.parse_args()


def extracted(folder: Path, positive: str) -> heads.Photos:
    """Extracts a labelled folder's features with a progress bar; reports and skips bad photos."""
    files = labelled_files(folder, positive)

    def told(file: Path, error: ImageError) -> None:
        tqdm.write(f"left out: {error}", file=sys.stderr)

    with tqdm(total=len(files), desc=f"features of {folder.name}", unit="photo") as bar:
        return heads.extract(files, lambda done, total: bar.update(done - bar.n), told)


def train_yes_or_no(options: argparse.Namespace) -> None:
    """Trains one of `networks.heads.HEADS` and prints the results. Raises ImgrecError."""
    if options.augment:
        raise ImgrecError("--augment is for several classes; leave it out, or add --classes.")
    name = options.head or "pooled"
    run = unused(options, f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    settings = ("epochs", "learning_rate", "hidden", "l2", "apart", "seed")
    given = {
        name: getattr(options, name) for name in settings if getattr(options, name) is not None
    }
    recipe = dataclasses.replace(HEAD_RECIPES[name], **given)
    positive = options.positive or "dog"
    photos = extracted(options.data, positive)
    kept_apart = extracted(options.test, positive) if options.test else None
    started = time.perf_counter()
    head, history = heads.train_head(recipe, photos)
    seconds = round(time.perf_counter() - started, 2)
    test = None
    if kept_apart:
        test = heads.evaluate(head, kept_apart)
    elif options.folds is not None:
        test = heads.cross_validate(recipe, photos, options.folds)
    report = {"seconds": seconds, "test": test}
    heads.save_head(run, recipe, positive, photos, head, history, report)
    print(f"{run}: {len(photos.labels)} photos, loss {history['loss'][-1]:.4f}, {seconds} s")
    if test:
        print(
            f"on {test['photos']} photos kept apart: accuracy {test['accuracy']:.3f} "
            f"({test['low']:.3f} to {test['high']:.3f}), balanced {test['balanced_accuracy']:.3f}, "
            f"AUC {test['auc']:.4f}"
        )


def unused(options: argparse.Namespace, usual: str, ending: str = "") -> Path:
    """Returns the path of the run or project. Raises ImgrecError if it exists or is invalid."""
    run = options.runs_dir / (manage_runs.valid_name(options.run or usual) + ending)
    if run.exists():
        raise ImgrecError(f"{run} exists; choose another --run.")
    return run


# One of several classes


def train_classes(options: argparse.Namespace) -> None:
    """Trains a project as the page does and prints its accuracy. Raises ImgrecError."""
    for name in YES_OR_NO:
        if getattr(options, name) is not None:
            flag = name.replace("_", "-")
            raise ImgrecError(f"--{flag} is for yes or no, not for several classes; leave it out.")
    file = unused(options, f"taught-{time.strftime('%Y%m%d-%H%M%S')}", ".zip")
    project = project_of(options.data)
    project.configure(Settings(options.augment, options.seed))
    for problem in problems(project):
        if problem.blocks:
            raise TeachError(problem.sentence)
        print(problem.sentence, file=sys.stderr)
    with tqdm(desc=f"features of {options.data.name}", unit="photo") as bar:
        project.extract(functools.partial(progressed, bar))
    head = teach_project(project)
    file.parent.mkdir(parents=True, exist_ok=True)
    project_file.write_project(project, file)
    honest, names = head.cross_validation, head.class_names
    print(f"{file}: {honest.pictures} photos, {len(names)} classes, {head.seconds:.2f} s")
    print(f"accuracy on photos that it had not seen: {honest.in_words}")
    if honest.caution:
        print(honest.caution)
    for name, recall in zip(names, honest.recall, strict=True):
        print(f"  {name}: {100 * recall:.0f} % found")
    if options.test:
        print(tested(head, options.test))


def project_of(folder: Path) -> Project:
    """Creates a project with a class for each sub-folder; reports the photos it refuses."""
    project = Project()
    for name, files in class_files(folder).items():
        index = project.add_class(name)
        with tqdm(total=len(files), desc=name, unit="photo") as bar:
            given = [(file.name, file) for file in files]
            added = project.add(index, given, functools.partial(progressed, bar))
        for _, sentence in added.refused:
            print(f"left out: {sentence}", file=sys.stderr)
        for file, other in added.duplicates:
            print(f"left out: {file} is the same picture as {other}.", file=sys.stderr)
    return project


def progressed(bar: tqdm, done: int, total: int) -> None:
    """Moves the bar to `done` of `total`."""
    bar.total = total
    bar.update(done - bar.n)


def tested(head: classifier.TaughtHead, folder: Path) -> str:
    """Returns a sentence with the head's accuracy on held-out photos, in folders of the same names.

    Raises DataError if a folder has another name, or there are no photos.
    """
    right, none, total = 0, 0, 0
    for name, files in class_files(folder).items():
        if name not in head.class_names:
            raise DataError(f"{folder.name} has a folder {name}, which is no class of the head.")
        for features in in_batches(files):
            said = classifier.answer(head, features)
            right += int((said.probabilities.argmax(axis=1) == head.class_names.index(name)).sum())
            none += int(said.none.sum())
            total += len(features)
    if not total:
        raise DataError(f"There are no photos in the folders of {folder.name}; add some.")
    low, high = wilson(right, total)
    return (
        f"on {total} photos kept apart: accuracy {right / total:.3f} ({low:.3f} to {high:.3f}), "
        f"{none} of them taken for none of these"
    )


def in_batches(files: Sequence[Path]) -> Iterator[np.ndarray]:
    """Yields batches of pooled features, float32 (n, 512); reports and skips bad photos."""
    for start in range(0, len(files), pictures.BATCH):
        views = []
        for file in files[start : start + pictures.BATCH]:
            try:
                views.append(vgg16.view(open_image(file)))
            except ImageError as error:
                print(f"left out: {error}", file=sys.stderr)
        if views:
            yield pictures.pooled_features(views)


def main() -> int:
    options = parse_arguments()
    several = options.classes or len(class_files(options.data)) > 2
    try:
        train_classes(options) if several else train_yes_or_no(options)
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
