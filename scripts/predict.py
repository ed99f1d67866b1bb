"""Classifies pictures with the three approaches.

    python scripts/predict.py photo.jpg --approach all --top 3
    python scripts/predict.py *.png --json > answers.json
    python scripts/predict.py *.png --approach scratch --views   # with TTA, six views

A picture that can't be used is reported in one line on stderr; the others are still classified, and
the exit code is 1.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image

from imgrec import approaches
from imgrec.approaches.verdict import Verdict, answer
from imgrec.errors import ImageError, ImgrecError
from imgrec.images.decode import open_image
from imgrec.networks import test_time_augmentation as tta
from imgrec.networks.inference import BATCH


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--approach", default="all", choices=[*approaches.NAMES, "all"])
    parser.add_argument("--top", type=_positive, default=5, help="how many classes (default: 5)")
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    parser.add_argument(
        "--views",
        action="store_true",
        help=f"the scratch network answers for {tta.VIEWS} views of each picture, averaged",
    )
    options = parser.parse_args()
    if options.views and options.approach not in ("scratch", "all"):
        parser.error("--views is for the approach scratch")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def opened(files: Sequence[str]) -> Iterator[tuple[str, Image.Image]]:
    """Yields file name and picture of each usable file; reports the others on stderr."""
    for file in files:
        try:
            yield file, open_image(file)
        except ImageError as error:
            print(f"{file}: {error}", file=sys.stderr)


def verdicts(
    files: Sequence[str], approach: str, top: int, use_tta: bool = False
) -> Iterator[tuple[str, Sequence[Verdict]]]:
    """Yields each usable file with its verdicts; holds one batch of pictures in memory."""
    for start in range(0, len(files), BATCH):
        batch = list(opened(files[start : start + BATCH]))
        if batch:
            names, pictures = zip(*batch, strict=True)
            yield from zip(names, approaches.predict(pictures, approach, top, use_tta), strict=True)


def as_text(file: str, answers: Sequence[Verdict]) -> str:
    """Returns a picture's verdicts as readable text."""
    lines = [file]
    for verdict in answers:
        note = " (stand-in)" if verdict.stand_in else ""
        note += f", {verdict.views} looks" if verdict.views > 1 else ""
        lines.append(f"  {verdict.approach}: {verdict.model}{note}, dog {verdict.dog:.1%}")
        lines += [f"    {entry.probability:6.1%}  {entry.label}" for entry in verdict.classes]
    return "\n".join(lines)


def main() -> int:
    options = parse_arguments()
    answered = []
    try:
        asked = verdicts(options.images, options.approach, options.top, options.views)
        for file, answers in asked:
            answered.append(answer(file, answers))
            if not options.json:
                print(as_text(file, answers))
    except ImgrecError as error:  # a model is damaged, so no picture can be classified
        print(error, file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(answered, indent=2))
    return 0 if len(answered) == len(options.images) else 1


if __name__ == "__main__":
    sys.exit(main())
