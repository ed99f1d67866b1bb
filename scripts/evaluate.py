"""Measures the three approaches on the question on which they meet: is there a dog in the picture?

    python scripts/evaluate.py dogs --data DIR --json assets/reports/dogs.json

DIR holds the folders dog and not_dog. Yes is a probability of one half or more. A photo that can't
be used is told on stderr and left out. Run twice, it gives the same figures.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image
from tqdm import tqdm

from imgrec import approaches, runs
from imgrec.approaches.serving import BATCH
from imgrec.approaches.verdict import Verdict
from imgrec.datasets import labelled_files
from imgrec.errors import DataError, ImageError, ImgrecError
from imgrec.evaluation import binary_metrics
from imgrec.images import open_image


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("question", choices=["dogs"])
    parser.add_argument("--data", type=Path, required=True, help="folders dog and not_dog")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    return parser.parse_args()


def opened(files: list[tuple[Path, int]]) -> list[tuple[Path, int, Image.Image]]:
    """The photos that can be used; the others are told on stderr."""
    usable = []
    for file, label in files:
        try:
            usable.append((file, label, open_image(file)))
        except ImageError as error:
            tqdm.write(f"left out: {error}", file=sys.stderr)
    return usable


def dogs(folder: Path) -> dict:
    """Accuracy with interval, balanced accuracy and ROC AUC of each approach."""
    files = labelled_files(folder, "dog")
    labels: list[int] = []
    verdicts: list[tuple[Verdict, ...]] = []
    digests: list[str] = []
    for start in tqdm(range(0, len(files), BATCH), unit="batch"):
        batch = opened(files[start : start + BATCH])
        if batch:
            verdicts += approaches.compare([image for _, _, image in batch])
            labels += [label for _, label, _ in batch]
            digests += [runs.sha256(file.read_bytes()) for file, _, _ in batch]
    if len(set(labels)) < 2:
        raise DataError(f"{folder} must have usable photos both in dog and in not_dog.")
    measured = {}
    for column in zip(*verdicts, strict=True):
        probabilities = np.array([verdict.dog for verdict in column])
        measured[column[0].approach] = {
            "model": column[0].model,
            "trained_on": column[0].trained_on,
            "stand_in": column[0].stand_in,
            **binary_metrics(probabilities, np.array(labels) == 1),
        }
    return {
        "n": len(labels),
        "dogs": sum(labels),
        "data_sha256": runs.sha256("".join(sorted(digests)).encode()),
        "command": "scripts/evaluate.py dogs --data DIR",
        "approaches": measured,
        "environment": runs.environment(),
    }


def main() -> int:
    options = parse_arguments()
    try:
        report = dogs(options.data)
    except ImgrecError as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        runs.write_json(options.json, report)
    print(f"{report['n']} photos, {report['dogs']} of them dogs")
    for name, figures in report["approaches"].items():
        print(
            f"{name:10} {figures['model']}: {figures['accuracy']:.3f} "
            f"({figures['low']:.3f} to {figures['high']:.3f}), "
            f"balanced {figures['balanced_accuracy']:.3f}, AUC {figures['auc']:.4f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
