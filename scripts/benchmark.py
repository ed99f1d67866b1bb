"""Measures how long the page takes to answer, beside an empty gradio page on the same machine.

    python scripts/benchmark.py startup

Starts `demo.py` and an empty `launch()` in turn, each in a fresh process, and takes the time until
the page answers over HTTP. Writes assets/reports/startup.json; the ratio of the medians is what
compares between machines.
"""

import argparse
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
from tqdm import tqdm

from imgrec import runs
from imgrec.paths import REPORTS, ROOT

EMPTY = "import gradio as gr\nwith gr.Blocks() as d: pass\nd.launch(server_port={port}, quiet=True)"
TIMEOUT = 120  # seconds


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["startup"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=REPORTS / "startup.json")
    options = parser.parse_args()
    report = startup(options.rounds)
    command = f"scripts/benchmark.py startup --rounds {options.rounds}"
    runs.write_json(options.json, {**report, "command": command, "environment": runs.environment()})
    print(report)


if __name__ == "__main__":
    main()
