"""Benchmarks the page, evaluation and training against a baseline on the same machine.

    python scripts/benchmark.py startup          # against an empty gradio page
    python scripts/benchmark.py while_training   # responses during a training, against idle
    python scripts/benchmark.py explaining       # explanations, against a comparison
    python scripts/benchmark.py answering        # fast, with and without TTA, against classic
    python scripts/benchmark.py evaluating --photos DIR    # against the bare forward passes
    python scripts/benchmark.py teaching --photos DIR      # against every epoch through the base
    python scripts/benchmark.py teaching_memory  # full projects of many visitors, against none
    python scripts/benchmark.py sessions         # the state of many sessions, against none
    python scripts/benchmark.py training [--runs DIR]      # fast against classic, about an hour
    python scripts/benchmark.py training_float32 [--runs DIR]    # the same, where bfloat16 is slow

The things compared are measured alternately. Each benchmark writes its report to assets/reports;
the ratio of the medians, or of the times, is comparable between machines.

`startup` starts `demo.py` and an empty `launch()`, each in a fresh process, and measures the time
until the page responds over HTTP. `while_training` requests comparisons of a picture from the
running page, before and while it trains the scratch network. `explaining` requests a comparison and
its explanations from the page.

`answering` times the scratch networks on one picture, without the page. `evaluating`, also without
the page, evaluates up to 1,000 photos named by WordNet id, with all three networks and with the
pre-trained one alone, and compares that with only running the networks on the same batches,
prepared in advance.

`teaching` trains the `dog or not` head on 64 such photos, on cached features as the page does, and
with all of VGG16's base in every epoch; both are evaluated on all the other photos.
`teaching_memory`, without the page, fills as many projects as there are rounds with the maximum
number of pictures, each with augmented copies, and measures bytes; noise replaces VGG16's features,
which have the same size but would take hours. `sessions` serves the page itself, and measures the
bytes of visitors' session state, and what remains of a thousand programs' calls.

`training` trains the scratch networks by their own recipes in alternating epochs, so that load on
the machine affects both. A network's time is that of its own epochs, including validation; its
first epoch includes the set-up. Three epochs of `classic` in bfloat16 are interleaved. A killed
benchmark is resumed after the last whole epoch, given the same --runs. `training_float32` is for a
processor without fast bfloat16: in float32, it trains `fast` for five epochs, a whole training,
interleaves three epochs of `classic`, and extrapolates to the recipes' numbers of epochs.
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
