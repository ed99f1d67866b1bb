"""Measures the page, evaluation and training, each beside what it is compared with, on one machine.

    python scripts/benchmark.py startup          # beside an empty gradio page
    python scripts/benchmark.py while_training   # answers while a training runs, beside alone
    python scripts/benchmark.py explaining       # explanations, beside a comparison
    python scripts/benchmark.py answering        # fast, with one look and six, beside classic
    python scripts/benchmark.py evaluating --photos DIR    # beside the bare forward passes
    python scripts/benchmark.py teaching --photos DIR      # beside every epoch through the base
    python scripts/benchmark.py teaching_memory  # full projects of many visitors, beside none
    python scripts/benchmark.py sessions         # the values of many sessions, beside none
    python scripts/benchmark.py training [--runs DIR]      # fast beside classic, an hour or so
    python scripts/benchmark.py training_float32 [--runs DIR]    # the same, where bfloat16 is slow

`startup` starts `demo.py` and an empty `launch()` in turn, each in a fresh process, and takes the
time until the page answers over HTTP. `while_training` asks the running page to compare a picture,
over and over, before and while it trains the scratch network. `explaining` asks it in turn for a
comparison and for what explains it. `answering` asks no page: it takes in turn the time of the
scratch networks for one picture. Nor does `evaluating`: it evaluates up to 1,000 photos that are
named by their WordNet id, with all three networks and with the pre-trained one alone, and in turn
only runs the networks on the same batches, prepared before. `teaching` teaches the head of
`dog or not` from 64 such photos, on features as the page does, and in turn with all of VGG16's
base before it in every epoch; both are measured on all the others. `teaching_memory` asks no page
either: it fills as many projects as there are rounds with as many pictures as go in, each with
augmented copies, and counts bytes; noise stands in for VGG16's features, which would take hours and
be as large. `sessions` serves the page itself, and counts the bytes that the values of visitors'
sessions take, and what is left of a thousand programs' calls. `training` trains the scratch
networks by their own recipes, an epoch of one and an epoch of the other in turn, so that a busy
moment of the machine meets both; each one's time is that of its own epochs, with their validation,
and its first takes the set-up along. Three epochs of `classic` in bfloat16 lie between them. One
that was killed goes on, with the same --runs, after the last whole epoch. `training_float32` is for
a processor that gains nothing by bfloat16: in float32, it trains `fast` for five epochs, a whole
training, times three of `classic` between them, and reckons with as many as their recipes have.
Each writes its report to assets/reports; the ratio of the medians, or of the times, is what
compares between machines.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imgrec.data import cifar10
from imgrec.environment import environment
from imgrec.errors import ImgrecError
from imgrec.files import atomic
from imgrec.files.paths import REPORTS
from scripts.benchmarks import inference, memory, page, teaching, training

MEASURES: dict[str, tuple[Callable[..., dict[str, Any]], int]] = {
    "startup": (page.startup, 5),
    "while_training": (page.while_training, 20),
    "explaining": (page.explaining, 10),
    "answering": (inference.answering, 200),
    "evaluating": (inference.evaluating, 3),
    "teaching": (teaching.teaching, 1),
    "teaching_memory": (memory.teaching_memory, 20),
    "sessions": (memory.sessions, 1000),
}
TRAININGS = {"training": training.training, "training_float32": training.training_float32}
WITH_PHOTOS = ("evaluating", "teaching")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=[*MEASURES, *TRAININGS])
    parser.add_argument("--rounds", type=int, help="measurements of each kind")
    parser.add_argument("--json", type=Path, help="default: the report in assets/reports")
    parser.add_argument("--photos", type=Path, help="named by their WordNet id")
    parser.add_argument("--runs", type=Path, help="where the trainings are kept, to go on with")
    options = parser.parse_args()
    command = f"scripts/benchmark.py {options.what}"
    try:
        if options.what in TRAININGS:
            folder = options.runs or Path(tempfile.mkdtemp(prefix="imgrec-training-"))
            print(f"The runs are in {folder}.", file=sys.stderr)
            report = TRAININGS[options.what](folder, cifar10.load_cifar10())
        else:
            measure, usual = MEASURES[options.what]
            rounds = options.rounds or usual
            command += f" --rounds {rounds}"
            more = [options.photos] if options.what in WITH_PHOTOS else []
            if None in more:
                parser.error(f"{options.what} wants --photos DIR")
            command += " --photos DIR" * len(more)
            report = measure(rounds, *more)
    except ImgrecError as error:
        sys.exit(str(error))
    atomic.write_json(
        options.json or REPORTS / f"{options.what}.json",
        {**report, "command": command, "environment": environment()},
    )
    print(report)


if __name__ == "__main__":
    main()
