"""Benchmarks the page: its startup, its responses during a training, its explanations."""

import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import httpx
from gradio_client import Client, handle_file
from tqdm import tqdm

from imgrec.approaches import scratch
from imgrec.data import cifar10
from imgrec.files.paths import IMAGES, ROOT

EMPTY = "import gradio as gr\nwith gr.Blocks() as d: pass\nd.launch(server_port={port}, quiet=True)"
TIMEOUT = 120  # seconds
PICTURE = IMAGES / "examples" / "cifar10_dog.png"
# The explanations of a comparison, by name in the report: the endpoint and its further arguments.
EXPLANATIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "why_scratch": ("/explain", ("scratch",)),
    "why_pretrained": ("/explain", ("pretrained",)),
    "why_transfer": ("/explain", ("transfer",)),
    "layers_scratch": ("/feature_maps", ("scratch",)),
    "layers_vgg16": ("/feature_maps", ("vgg16", "block1_conv1")),
}


def free_port() -> int:
    """Returns a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def seconds_to_answer(command: list[str], port: int) -> float:
    """Starts the command, waits until its page responds, ends it; returns the seconds."""
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
    """Waits until the page responds. Raises TimeoutError if it doesn't, or its process ended."""
    started = time.perf_counter()
    while time.perf_counter() - started < TIMEOUT and process.poll() is None:
        try:
            httpx.get(url, timeout=TIMEOUT).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.02)
    raise TimeoutError(f"{url} does not answer.")


def startup(rounds: int) -> dict[str, Any]:
    """Times both pages' startup, alternating; seconds and the ratio of the medians."""
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
    """Times a response of the idle page and during a training; seconds and their ratio."""
    cifar10.load_cifar10()  # the page only trains on local data
    with running_demo() as client:
        seconds_of_answers(client, rounds)  # warm-up: the page loads its networks meanwhile
        alone = seconds_of_answers(client, rounds)
        run = client.predict({"network": scratch.DEFAULT}, "", api_name="/train_scratch")
        while client.predict(run, api_name="/train_status")["step"] < 2:
            time.sleep(0.5)
        beside = seconds_of_answers(client, rounds)
    return {
        "alone_seconds": alone,
        "while_training_seconds": beside,
        "ratio": round(statistics.median(beside) / statistics.median(alone), 2),
    }


def explaining(rounds: int) -> dict[str, Any]:
    """Times a comparison and its explanations, alternating; median seconds and ratios to it."""
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
    """Yields a client of a demo in a process of its own, with an empty runs folder."""
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
    """Returns the seconds of each of `rounds` comparisons over HTTP, after a warm-up."""
    times = [round(seconds_of_answer(client, "/compare"), 3) for _ in tqdm(range(rounds + 1))]
    return times[1:]


def seconds_of_answer(client: Client, endpoint: str, *more: Any) -> float:
    """Returns the seconds that the endpoint takes for one picture over HTTP."""
    started = time.perf_counter()
    client.predict(handle_file(str(PICTURE)), *more, api_name=endpoint)
    return time.perf_counter() - started
