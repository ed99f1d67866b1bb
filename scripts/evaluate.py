"""Evaluates the three approaches on labelled pictures.

    python scripts/evaluate.py cifar10                   # scratch, on CIFAR-10's test images
    python scripts/evaluate.py cifar10 --data DIR        # one folder per class, or .npz with x, y
    python scripts/evaluate.py cifar10 --views           # with test-time augmentation, six views
    python scripts/evaluate.py imagenet --data DIR|CSV   # pre-trained: top-1 and top-5
    python scripts/evaluate.py dogs --data DIR|CSV       # all three: is there a dog in it?
    python scripts/evaluate.py unfamiliar --data DIR|CSV # scratch: out-of-distribution detection
    python scripts/evaluate.py outside --data DIR|CSV    # scratch: its ten classes in other photos

Photos, or the folders that they are in, are named by WordNet id; for `dogs`, two folders suffice,
one of them named dog. A CSV has the columns file (a path relative to --root or the CSV's folder)
and label (the ImageNet class index). A probability of one half or more counts as yes. Files that
can't be used are reported on stderr and skipped. --json writes the full report with the predictions
for each picture, --report the same without them. Results are deterministic.
"""

import argparse
import contextlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tqdm import tqdm

from imgrec.approaches import scratch, transfer
from imgrec.data import label_names, labelled_images
from imgrec.environment import environment
from imgrec.errors import DataError, ImgrecError
from imgrec.evaluation import distribution_shift, out_of_distribution
from imgrec.evaluation import evaluate as evaluation
from imgrec.evaluation.figures import (
    Accuracy,
    Cifar10Report,
    Data,
    DogsReport,
    Evaluation,
    Figures,
    FlaggedShare,
    ImagenetReport,
    Network,
    NetworkDogFigures,
    OutsideReport,
    TopFigures,
    UnfamiliarReport,
)
from imgrec.evaluation.reports import Report
from imgrec.networks import test_time_augmentation as tta

Row = dict[str, Any]  # plain JSON about one picture


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", type=Path, metavar="FILE", help="write everything")
    common.add_argument("--report", type=Path, metavar="FILE", help="without the single pictures")
    root = argparse.ArgumentParser(add_help=False)
    root.add_argument("--root", type=Path, metavar="DIR", help="where a CSV's paths begin")
    questions = parser.add_subparsers(dest="question", required=True)

    add = questions.add_parser
    for_cifar10 = add("cifar10", parents=[common], help="the scratch network")
    for_imagenet = add("imagenet", parents=[common, root], help="the pre-trained one")
    for_dogs = add("dogs", parents=[common, root], help="all three on one question")
    for_unfamiliar = add("unfamiliar", parents=[common, root], help="what the scratch one flags")
    for_outside = add("outside", parents=[common, root], help="the scratch networks on photos")
    for_cifar10.add_argument("--data", type=Path, help="default: CIFAR-10's 10,000 test images")
    for_cifar10.add_argument(
        "--views", action="store_true", help=f"average over {tta.VIEWS} views of each picture"
    )
    for_imagenet.add_argument("--data", type=Path, required=True)
    for_dogs.add_argument("--data", type=Path, help="default: the 100 CIFAR-10 images that ship")
    for_unfamiliar.add_argument("--data", type=Path, required=True, help="as for imagenet")
    for_outside.add_argument("--data", type=Path, required=True, help="as for imagenet")
    for_unfamiliar.add_argument("--cifar10", type=Path, help="as --data of cifar10")
    for question in (for_cifar10, for_dogs, for_unfamiliar):
        question.add_argument("--weights", default=scratch.DEFAULT, help="a scratch network's name")
    for_dogs.add_argument("--head", default=transfer.DEFAULT, help="a transfer head's name")
    parser.set_defaults(root=None, weights=scratch.DEFAULT, head=transfer.DEFAULT, views=False)
    return parser.parse_args()


def cifar10(options: argparse.Namespace, **listeners: Any) -> Cifar10Report:
    """Evaluates the scratch network on its own task."""
    chosen = {"weights": options.weights, "use_tta": options.views}
    measured = evaluation.measure(test_images(options.data), ("scratch",), **chosen, **listeners)
    return Cifar10Report(**own_task(measured), views=options.views, **origin(options))


def imagenet(options: argparse.Namespace, **listeners: Any) -> ImagenetReport:
    """Evaluates the pre-trained network, or its stand-in, on its own task."""
    measured = evaluation.measure(photos(options), ("pretrained",), **listeners)
    return ImagenetReport(**own_task(measured), **origin(options))


def dogs(options: argparse.Namespace, **listeners: Any) -> DogsReport:
    """Evaluates all three approaches on the dog question."""
    chosen = photos(options) if options.data else labelled_images.sample_set()
    measured = evaluation.measure(chosen, weights=options.weights, head=options.head, **listeners)
    answers = {
        name: NetworkDogFigures(**part(Network, measured.approaches[name]), **dict(answered))
        for name, answered in measured.dog_answers().items()
    }
    return DogsReport(**{**dict(measured), "approaches": answers}, **origin(options))


def unfamiliar(options: argparse.Namespace, **listeners: Any) -> UnfamiliarReport:
    """Evaluates the flag *unlike anything it was trained on*."""
    familiar = test_images(options.cifar10)
    measured = out_of_distribution.measure(familiar, photos(options), options.weights, **listeners)
    return UnfamiliarReport(**dict(measured), **origin(options))


def from_elsewhere(options: argparse.Namespace, **listeners: Any) -> OutsideReport:
    """Evaluates the shipped scratch networks side by side on other photos of the ten classes."""
    measured = distribution_shift.measure(photos(options), **listeners)
    return OutsideReport(**dict(measured), **origin(options))


def own_task(measured: Evaluation) -> dict[str, Any]:
    """Returns the fields of a report about the one evaluated approach on its own task."""
    (entry,) = measured.approaches.values()
    assert entry.own  # every picture has a label for it
    return {**part(Network, entry), **dict(entry.own), **part(Data, measured)}


def part(kind: type[Figures], of: Figures) -> dict[str, Any]:
    """Returns the fields of `kind`, a base of the class of `of`."""
    return {name: getattr(of, name) for name in kind.model_fields}


def photos(options: argparse.Namespace) -> labelled_images.LabelledSet:
    """Returns the user's photos, labelled as the question requires."""
    scheme: label_names.Scheme = "dogs" if options.question == "dogs" else "imagenet"
    return labelled_images.open_set(options.data, scheme, options.root)


def test_images(path: Path | None) -> labelled_images.LabelledSet:
    """Returns the CIFAR-10 images in the user's folder or array, or the official test images."""
    if path is not None:
        return labelled_images.open_set(path, "cifar10")
    with tqdm(desc="CIFAR-10", unit="B", unit_scale=True, delay=2, leave=False) as bar:

        def show(source: str, done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return labelled_images.official_test_set(show)


def evaluate(options: argparse.Namespace) -> Report:
    """Returns the report, and writes it to the files that the options name.

    The predictions for each picture are streamed to disk instead of kept in memory.
    """
    separators = itertools.chain([""], itertools.repeat(","))
    with replacing(options.json) as everything, replacing(options.report) as summary:
        everything.write('{\n  "pictures": [')
        report = measure(
            options,
            lambda row: print(f"{next(separators)}\n{json.dumps(row)}", end="", file=everything),
        )
        text = json.dumps(report.as_json(), indent=2) + "\n"
        everything.write("\n  ],\n" + text.removeprefix("{\n"))
        summary.write(text)
    return report


@contextlib.contextmanager
def replacing(path: Path | None) -> Iterator[TextIO]:
    """Yields a file that replaces `path` once it is complete; a null device if there is no path.

    Raises DataError if it can't be written.
    """
    if path is None:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            yield nowhere
        return
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file to write.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path} can't be written ({error.strerror or error}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def measure(options: argparse.Namespace, on_picture: Callable[[Row], None]) -> Report:
    """Runs the requested evaluation with a progress bar; reports unusable files on stderr."""
    with tqdm(unit="picture") as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            bar.refresh()

        def on_bad(file: str, reason: str) -> None:
            told = reason if reason.startswith(file) else f"{file}: {reason}"
            tqdm.write(f"left out: {told}", file=sys.stderr)

        listeners = {"on_picture": on_picture, "on_progress": on_progress, "on_bad": on_bad}
        return QUESTIONS[options.question].measure(options, **listeners)


def origin(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the fields of a report that tell how to measure it again."""
    return {"command": command(options), "environment": environment()}


def command(options: argparse.Namespace) -> str:
    """Returns the command to reproduce the report, without this machine's folder names."""
    words = ["scripts/evaluate.py", options.question]
    words += ["--data", "DATA"] if options.data else []
    words += ["--root", "DIR"] if options.root else []
    words += ["--weights", options.weights] if options.weights != scratch.DEFAULT else []
    words += ["--views"] if options.views else []
    words += ["--head", options.head] if options.head != transfer.DEFAULT else []
    return " ".join(words)


def as_text(question: str, report: Report) -> str:
    """Returns the report as readable text."""
    left_out = f", {report.unusable_count:,} left out" if report.unusable_count else ""
    lines = QUESTIONS[question].lines(report)
    return "\n".join([f"{report.n:,} pictures{left_out}", *lines])


def cifar10_lines(report: Cifar10Report) -> list[str]:
    """Returns accuracy and calibration error, a row per class, and the top confusions."""
    calibrated = report.calibrated
    better = f" ({calibrated.ece:.4f} when calibrated)" if calibrated else ""
    rows = [
        [name, f"{each.count:,}", percent(each.precision), percent(each.recall)]
        for name, each in report.classes.items()
    ]
    mistakes = [f"{c.actual} for {c.predicted} ({c.count:,})" for c in report.confusions]
    looks = f", {tta.VIEWS} views of each" if report.views else ""
    return [
        f"{report.model}{looks}: {percent(report.accuracy, 2)} right ({interval(report)}), "
        f"calibration error {report.ece:.4f}{better}",
        "",
        *table([["class", "images", "precision", "recall"], *rows]),
        "",
        f"Taken most often: {', '.join(mistakes) or 'none for another'}",
    ]


def imagenet_lines(report: ImagenetReport) -> list[str]:
    """Returns top-1 accuracy with its interval, and top-5 accuracy."""
    return [
        f"{named(report)}: top-1 {percent(report.top1)} ({interval(report)}), "
        f"top-5 {percent(report.top5)}"
    ]


def dogs_lines(report: DogsReport) -> list[str]:
    """Returns a row per approach, and each one's most confident mistakes."""
    heading = ["approach", "accuracy", "(95 %)", "precision", "recall", "specificity", "AUC"]
    rows = [
        [
            f"{name}: {named(each)}",
            percent(each.accuracy),
            interval(each),
            percent(each.precision),
            percent(each.recall),
            percent(each.specificity),
            "–" if each.auc is None else f"{each.auc:.4f}",
        ]
        for name, each in report.approaches.items()
    ]
    worst = [
        f"{name} is most wrong about: {', '.join(wrong.file for wrong in each.worst[:3])}"
        for name, each in report.approaches.items()
        if each.worst
    ]
    return [
        f"{report.dogs:,} of them dogs; the approaches disagree on {report.disagreement_count:,}",
        "",
        *table([heading, *rows]),
        "",
        *worst,
    ]


def unfamiliar_lines(report: UnfamiliarReport) -> list[str]:
    """Returns the flagged share of each group, and how well each score separates them."""
    kinds = {
        "cifar10": "CIFAR-10 images",
        "ten_kinds": "photos of CIFAR-10's ten kinds",
        "unclear": "photos of what is near them",
        "other": "photos of other things",
    }
    rows = [
        [kinds[name], f"{group.n:,}", percent(group.flagged), interval(group)]
        for name, group in report.groups.items()
    ]
    scores = [
        [name.replace("_", " "), "–" if value is None else f"{value:.4f}"]
        for name, value in report.auroc.items()
    ]
    return [
        f"{report.model}, which takes {percent(report.accepted)} of its validation images for "
        "familiar",
        "",
        *table([["", "pictures", "flagged", "(95 %)"], *rows]),
        "",
        *table([["ROC AUC of", "other things"], *scores]),
    ]


def outside_lines(report: OutsideReport) -> list[str]:
    """Returns a row per network: plain, and with test-time augmentation."""
    rows = [
        [name, *(f"{percent(f.accuracy)} ({interval(f)})" for f in (looks.one, looks.several))]
        for name, looks in report.networks.items()
    ]
    return table([["network", "one look (95 %)", f"{tta.VIEWS} looks (95 %)"], *rows])


def named(network: Network) -> str:
    """Returns the network's name, marked if it is the stand-in."""
    return network.model + (" (stand-in)" if network.stand_in else "")


def percent(share: float | None, digits: int = 1) -> str:
    """Returns a share as a percentage with `digits` decimals, or a dash for None."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def interval(figures: Accuracy | TopFigures | FlaggedShare) -> str:
    """Returns the ends of the 95% interval."""
    return f"{percent(figures.low)} to {percent(figures.high)}"


def table(rows: list[list[str]]) -> list[str]:
    """Returns the rows with aligned columns, the first left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


class Question(NamedTuple):
    """An evaluation, and the function that formats its report."""

    measure: Callable[..., Report]
    lines: Callable[[Any], list[str]]  # gets what `measure` returns


QUESTIONS = {
    "cifar10": Question(cifar10, cifar10_lines),
    "imagenet": Question(imagenet, imagenet_lines),
    "dogs": Question(dogs, dogs_lines),
    "unfamiliar": Question(unfamiliar, unfamiliar_lines),
    "outside": Question(from_elsewhere, outside_lines),
}


def main() -> int:
    options = parse_arguments()
    try:
        report = evaluate(options)
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    print(as_text(options.question, report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
