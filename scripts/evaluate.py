"""Measures the three approaches on labelled pictures.

    python scripts/evaluate.py cifar10                   # scratch, on CIFAR-10's test images
    python scripts/evaluate.py cifar10 --data DIR        # a folder a class, or an .npz with x and y
    python scripts/evaluate.py cifar10 --views           # looking six times at each picture
    python scripts/evaluate.py imagenet --data DIR|CSV   # pre-trained: top-1 and top-5
    python scripts/evaluate.py dogs --data DIR|CSV       # all three: is there a dog in it?
    python scripts/evaluate.py unfamiliar --data DIR|CSV # scratch: what it flags as unlike its own
    python scripts/evaluate.py outside --data DIR|CSV    # scratch: the ten kinds in other photos

Photos are named by their WordNet id, or lie in folders that are; for `dogs` two folders will do,
one of them named dog. A CSV has the columns file and label: a path, from --root or the CSV's
folder, and the ImageNet class index. Yes is a probability of one half or more. A file that can't be
used is told on stderr and left out. --json writes everything, with what was said about each
picture; --report the same without the pictures. Run twice, it gives the same figures.
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
from imgrec.networks import test_time_augmentation as tta

Report = dict[str, Any]


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


def cifar10(options: argparse.Namespace, **listeners: Any) -> Report:
    """The scratch network on its own task."""
    chosen = {"weights": options.weights, "use_tta": options.views}
    measured = evaluation.measure(test_images(options.data), ("scratch",), **chosen, **listeners)
    return {**task_figures(measured), "views": options.views}


def imagenet(options: argparse.Namespace, **listeners: Any) -> Report:
    """The pre-trained network, or what stands in for it, on its own task."""
    return task_figures(evaluation.measure(photos(options), ("pretrained",), **listeners))


def dogs(options: argparse.Namespace, **listeners: Any) -> Report:
    """All three on the question on which they meet."""
    chosen = photos(options) if options.data else labelled_images.sample_set()
    measured = evaluation.measure(chosen, weights=options.weights, head=options.head, **listeners)
    answers = {
        name: {**network_facts(entry), **entry["dog"]}
        for name, entry in measured["approaches"].items()
    }
    return {**measured, "approaches": answers}


def unfamiliar(options: argparse.Namespace, **listeners: Any) -> Report:
    """The sign *unlike anything it was trained on*."""
    familiar = test_images(options.cifar10)
    return out_of_distribution.measure(familiar, photos(options), options.weights, **listeners)


def from_elsewhere(options: argparse.Namespace, **listeners: Any) -> Report:
    """The scratch networks that ship, side by side on photos of the ten kinds."""
    return distribution_shift.measure(photos(options), **listeners)


def task_figures(measured: Report) -> Report:
    """What was measured of one approach on its own task."""
    (entry,) = measured["approaches"].values()
    about = {name: measured[name] for name in ("data_sha256", "unusable", "unusable_count")}
    return {**network_facts(entry), **entry["own"], **about}


def network_facts(entry: Report) -> Report:
    """Which network it was that was measured."""
    return {name: entry[name] for name in ("model", "trained_on", "stand_in")}


def photos(options: argparse.Namespace) -> labelled_images.LabelledSet:
    """The photos of the user, labelled as the question wants it."""
    scheme: label_names.Scheme = "dogs" if options.question == "dogs" else "imagenet"
    return labelled_images.open_set(options.data, scheme, options.root)


def test_images(path: Path | None) -> labelled_images.LabelledSet:
    """CIFAR-10 images in the user's folder or array, or the official test images."""
    if path is not None:
        return labelled_images.open_set(path, "cifar10")
    with tqdm(desc="CIFAR-10", unit="B", unit_scale=True, delay=2, leave=False) as bar:

        def show(source: str, done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return labelled_images.official_test_set(show)


def evaluate(options: argparse.Namespace) -> Report:
    """The report, which is also written to the files that the options name.

    What was said about a picture goes to disk at once: it doesn't wait in memory.
    """
    separators = itertools.chain([""], itertools.repeat(","))
    with replacing(options.json) as everything, replacing(options.report) as summary:
        everything.write('{\n  "pictures": [')
        report = measure(
            options,
            lambda row: print(f"{next(separators)}\n{json.dumps(row)}", end="", file=everything),
        )
        text = json.dumps(report, indent=2) + "\n"
        everything.write("\n  ],\n" + text.removeprefix("{\n"))
        summary.write(text)
    return report


@contextlib.contextmanager
def replacing(path: Path | None) -> Iterator[TextIO]:
    """A file that takes the path's place when it is whole; without a path, one that is nowhere.

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


def measure(options: argparse.Namespace, on_picture: Callable[[Report], None]) -> Report:
    """What the options ask for, with a progress bar; what can't be used is told on stderr."""
    with tqdm(unit="picture") as bar:

        def on_progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            bar.refresh()

        def on_bad(file: str, reason: str) -> None:
            told = reason if reason.startswith(file) else f"{file}: {reason}"
            tqdm.write(f"left out: {told}", file=sys.stderr)

        listeners = {"on_picture": on_picture, "on_progress": on_progress, "on_bad": on_bad}
        measured = QUESTIONS[options.question].measure(options, **listeners)
    return {**measured, "command": command(options), "environment": environment()}


def command(options: argparse.Namespace) -> str:
    """How to measure it again, without the names of this machine's folders."""
    words = ["scripts/evaluate.py", options.question]
    words += ["--data", "DATA"] if options.data else []
    words += ["--root", "DIR"] if options.root else []
    words += ["--weights", options.weights] if options.weights != scratch.DEFAULT else []
    words += ["--views"] if options.views else []
    words += ["--head", options.head] if options.head != transfer.DEFAULT else []
    return " ".join(words)


def as_text(question: str, report: Report) -> str:
    """The report for a person."""
    left_out = f", {report['unusable_count']:,} left out" if report["unusable_count"] else ""
    lines = QUESTIONS[question].lines(report)
    return "\n".join([f"{report['n']:,} pictures{left_out}", *lines])


def cifar10_lines(report: Report) -> list[str]:
    """Accuracy and calibration error, a row a class, and what is taken for what."""
    calibrated = report["calibrated"]
    better = f" ({calibrated['ece']:.4f} when calibrated)" if calibrated else ""
    rows = [
        [name, f"{entry['count']:,}", percent(entry["precision"]), percent(entry["recall"])]
        for name, entry in report["classes"].items()
    ]
    mistakes = [
        f"{entry['class']} for {entry['taken_for']} ({entry['count']:,})"
        for entry in report["confusions"]
    ]
    looks = f", {tta.VIEWS} views of each" if report["views"] else ""
    return [
        f"{report['model']}{looks}: {percent(report['accuracy'], 2)} right ({interval(report)}), "
        f"calibration error {report['ece']:.4f}{better}",
        "",
        *table([["class", "images", "precision", "recall"], *rows]),
        "",
        f"Taken most often: {', '.join(mistakes) or 'none for another'}",
    ]


def imagenet_lines(report: Report) -> list[str]:
    """Top-1 with its interval, and top-5."""
    return [
        f"{named(report)}: top-1 {percent(report['top1'])} ({interval(report)}), "
        f"top-5 {percent(report['top5'])}"
    ]


def dogs_lines(report: Report) -> list[str]:
    """A row an approach, and what each is most wrong about."""
    heading = ["approach", "accuracy", "(95 %)", "precision", "recall", "specificity", "AUC"]
    rows = [
        [
            f"{name}: {named(entry)}",
            percent(entry["accuracy"]),
            interval(entry),
            percent(entry["precision"]),
            percent(entry["recall"]),
            percent(entry["specificity"]),
            "–" if entry["auc"] is None else f"{entry['auc']:.4f}",
        ]
        for name, entry in report["approaches"].items()
    ]
    worst = [
        f"{name} is most wrong about: {', '.join(wrong['file'] for wrong in entry['worst'][:3])}"
        for name, entry in report["approaches"].items()
        if entry["worst"]
    ]
    return [
        f"{report['dogs']:,} of them dogs; the approaches disagree on "
        f"{report['disagreement_count']:,}",
        "",
        *table([heading, *rows]),
        "",
        *worst,
    ]


def unfamiliar_lines(report: Report) -> list[str]:
    """How much of each group is flagged, and how well each score tells them."""
    kinds = {
        "cifar10": "CIFAR-10 images",
        "ten_kinds": "photos of CIFAR-10's ten kinds",
        "unclear": "photos of what is near them",
        "other": "photos of other things",
    }
    rows = [
        [kinds[name], f"{group['n']:,}", percent(group["flagged"]), interval(group)]
        for name, group in report["groups"].items()
    ]
    scores = [
        [name.replace("_", " "), "–" if value is None else f"{value:.4f}"]
        for name, value in report["auroc"].items()
    ]
    return [
        f"{report['model']}, which takes {percent(report['accepted'])} of its validation images "
        "for familiar",
        "",
        *table([["", "pictures", "flagged", "(95 %)"], *rows]),
        "",
        *table([["ROC AUC of", "other things"], *scores]),
    ]


def outside_lines(report: Report) -> list[str]:
    """A row a network: with one look, and with several."""
    rows = [
        [
            name,
            *(f"{percent(figures['accuracy'])} ({interval(figures)})" for figures in of.values()),
        ]
        for name, of in report["networks"].items()
    ]
    return table([["network", "one look (95 %)", f"{tta.VIEWS} looks (95 %)"], *rows])


def named(entry: Report) -> str:
    """The network's name, and whether it stands in for another."""
    return entry["model"] + (" (stand-in)" if entry["stand_in"] else "")


def percent(share: float | None, digits: int = 1) -> str:
    """A share as `79.1 %`, or a dash where nothing can be said."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def interval(entry: Report) -> str:
    """The ends of the accuracy's 95 % interval."""
    return f"{percent(entry['low'])} to {percent(entry['high'])}"


def table(rows: list[list[str]]) -> list[str]:
    """The rows with aligned columns, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


class Question(NamedTuple):
    """What is measured, and how it is told."""

    measure: Callable[..., Report]
    lines: Callable[[Report], list[str]]


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
