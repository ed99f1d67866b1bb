"""Measures the page and the evaluation, each beside what it is compared with, on one machine.

    python scripts/benchmark.py startup          # beside an empty gradio page
    python scripts/benchmark.py while_training   # answers while a training runs, beside alone
    python scripts/benchmark.py explaining       # explanations, beside a comparison
    python scripts/benchmark.py evaluating --photos DIR    # beside the bare forward passes

`startup` starts `demo.py` and an empty `launch()` in turn, each in a fresh process, and takes the
time until the page answers over HTTP. `while_training` asks the running page to compare a picture,
over and over, before and while it trains the scratch network. `explaining` asks it in turn for a
comparison and for what explains it. `evaluating` asks no page: it evaluates up to 1,000 photos that
are named by their WordNet id, with all three networks and with the pre-trained one alone, and in
turn only runs the networks on the same batches, prepared before. Each writes its report to
assets/reports; the ratio of the medians is what compares between machines.
"""

import argparse
import contextlib
import dataclasses
import itertools
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import numpy as np
from gradio_client import Client, handle_file
from PIL import Image
from tqdm import tqdm

from imgrec import approaches, datasets, labelled, measuring, runs
from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.approaches.serving import BATCH
from imgrec.images import open_image
from imgrec.paths import IMAGES, REPORTS, ROOT

EMPTY = "import gradio as gr\nwith gr.Blocks() as d: pass\nd.launch(server_port={port}, quiet=True)"
TIMEOUT = 120  # seconds
PHOTOS = 1000  # at most so many are evaluated
PICTURE = IMAGES / "examples" / "cifar10_dog.png"
# What explains a comparison, by the name in the report: the endpoint, and what follows the picture.
EXPLANATIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "why_scratch": ("/explain", ("scratch",)),
    "why_pretrained": ("/explain", ("pretrained",)),
    "why_transfer": ("/explain", ("transfer",)),
    "layers_scratch": ("/feature_maps", ("scratch", "conv1")),
    "layers_vgg16": ("/feature_maps", ("vgg16", "block1_conv1")),
}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def seconds_to_answer(command: list[str], port: int) -> float:
    """Starts the command, waits until its page answers, and ends it."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(f"http://127.0.0.1:{port}", process)
        return time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the page answers. Raises TimeoutError if it doesn't, or its process ended."""
    started = time.perf_counter()
    while time.perf_counter() - started < TIMEOUT and process.poll() is None:
        try:
            httpx.get(url, timeout=TIMEOUT).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.02)
    raise TimeoutError(f"{url} does not answer.")


def startup(rounds: int) -> dict[str, Any]:
    """Seconds until each page answers, in turn, and the ratio of the medians."""
    demo: list[float] = []
    empty: list[float] = []
    for _ in tqdm(range(rounds)):
        port = free_port()
        code = EMPTY.format(port=port)
        empty.append(seconds_to_answer([sys.executable, "-c", code], port))
        port = free_port()
        demo.append(seconds_to_answer([sys.executable, "demo.py", "--port", str(port)], port))
    return {
        "demo_seconds": [round(value, 2) for value in demo],
        "empty_seconds": [round(value, 2) for value in empty],
        "ratio": round(statistics.median(demo) / statistics.median(empty), 3),
    }


def while_training(rounds: int) -> dict[str, Any]:
    """Seconds of an answer with nothing else going on and beside a training, and their ratio."""
    datasets.load_cifar10()  # the page only trains on what is here
    with running_demo() as client:
        alone = seconds_of_answers(client, rounds)
        run = client.predict({"epochs": 30}, "", api_name="/train_scratch")
        while client.predict(run, api_name="/train_status")["step"] < 2:
            time.sleep(0.5)
        beside = seconds_of_answers(client, rounds)
    return {
        "alone_seconds": alone,
        "while_training_seconds": beside,
        "ratio": round(statistics.median(beside) / statistics.median(alone), 2),
    }


def explaining(rounds: int) -> dict[str, Any]:
    """Median seconds of a comparison and of what explains it, in turn, and the ratios to it."""
    calls = {"compare": ("/compare", ()), **EXPLANATIONS}
    times: dict[str, list[float]] = {name: [] for name in calls}
    with running_demo() as client:
        for _ in tqdm(range(rounds + 1)):
            for name, (endpoint, more) in calls.items():
                times[name].append(seconds_of_answer(client, endpoint, *more))
    medians = {name: statistics.median(each[1:]) for name, each in times.items()}
    return {
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "ratio": {name: round(medians[name] / medians["compare"], 2) for name in EXPLANATIONS},
    }


@contextlib.contextmanager
def running_demo() -> Iterator[Client]:
    """A client of a demo that runs in a process of its own, with no runs yet."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "demo.py", "--port", str(port), "--runs-dir", folder],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            yield Client(f"http://127.0.0.1:{port}", verbose=False)
        finally:
            process.terminate()
            process.wait()


def seconds_of_answers(client: Client, rounds: int) -> list[float]:
    """The time of each of `rounds` comparisons of one picture, over HTTP, after a first one."""
    times = [round(seconds_of_answer(client, "/compare"), 3) for _ in tqdm(range(rounds + 1))]
    return times[1:]


def seconds_of_answer(client: Client, endpoint: str, *more: Any) -> float:
    """The time that the endpoint takes for one picture, over HTTP."""
    started = time.perf_counter()
    client.predict(handle_file(str(PICTURE)), *more, api_name=endpoint)
    return time.perf_counter() - started


def evaluating(rounds: int, photos: labelled.LabelledSet) -> dict[str, Any]:
    """Seconds of an evaluation and of its bare forward passes, in turn, and their ratios."""
    first = list(itertools.islice(photos.items(), PHOTOS))
    some = dataclasses.replace(photos, count=len(first), items=lambda: iter(first))
    report: dict[str, Any] = {"photos": len(first)}
    for name, chosen in {"dogs": approaches.NAMES, "imagenet": ("pretrained",)}.items():
        whole: list[float] = []
        bare: list[float] = []
        for _ in tqdm(range(rounds), name):
            started = time.perf_counter()
            measuring.measure(some, chosen)
            whole.append(time.perf_counter() - started)
            bare.append(seconds_of_forward_passes(first, chosen))
        report[name] = {
            "evaluation_seconds": [round(value, 2) for value in whole],
            "forward_seconds": [round(value, 2) for value in bare],
            "ratio": round(statistics.median(whole) / statistics.median(bare), 3),
        }
    return report


def seconds_of_forward_passes(photos: list[labelled.Item], chosen: Sequence[str]) -> float:
    """The time that the networks alone take, a batch at a time; what prepares it is not counted."""
    seconds = 0.0
    for start in range(0, len(photos), BATCH):
        pictures = [open_image(photo.read()) for photo in photos[start : start + BATCH]]
        small = scratch.preprocess(viewed(scratch, pictures))
        large = viewed(vgg16, pictures)
        for_vgg16, for_stand_in = vgg16.preprocess(large), pretrained.preprocess_stand_in(large)
        started = time.perf_counter()
        if "scratch" in chosen:
            scratch.load(scratch.DEFAULT).run(small)
        if "transfer" in chosen:
            transfer.load(transfer.DEFAULT).run(vgg16.base().run(for_vgg16)[0])
        if "pretrained" in chosen:
            pretrained.load_stand_in().run(for_stand_in)
        seconds += time.perf_counter() - started
    return seconds


def viewed(approach: ModuleType, pictures: Sequence[Image.Image]) -> np.ndarray:
    """The pictures as the approach sees them: uint8 (n, side, side, 3)."""
    return np.stack([np.asarray(approach.view(picture)) for picture in pictures])


MEASURES: dict[str, tuple[Callable[..., dict[str, Any]], int]] = {
    "startup": (startup, 5),
    "while_training": (while_training, 20),
    "explaining": (explaining, 10),
    "evaluating": (evaluating, 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=list(MEASURES))
    parser.add_argument("--rounds", type=int, help="measurements of each kind")
    parser.add_argument("--json", type=Path, help="default: the report in assets/reports")
    parser.add_argument("--photos", type=Path, help="for evaluating: named by their WordNet id")
    options = parser.parse_args()
    measure, usual = MEASURES[options.what]
    rounds = options.rounds or usual
    command = f"scripts/benchmark.py {options.what} --rounds {rounds}"
    if options.what == "evaluating":
        if options.photos is None:
            parser.error("evaluating wants --photos DIR")
        report = measure(rounds, labelled.open_set(options.photos, "imagenet"))
        command += " --photos DIR"
    else:
        report = measure(rounds)
    runs.write_json(
        options.json or REPORTS / f"{options.what}.json",
        {**report, "command": command, "environment": runs.environment()},
    )
    print(report)


if __name__ == "__main__":
    main()
