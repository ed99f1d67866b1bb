"""Starting the demo: flags, messages, and how soon the page answers."""

import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from gradio_client import Client
from support.files import script_module

import demo
from imgrec.files.paths import ROOT
from imgrec.models import run_control, run_log


@pytest.fixture(scope="module")
def benchmark():
    return script_module("benchmark").page


def run_demo(*flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "demo.py", *flags],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_missing_weights_file_is_told_in_one_line():
    ended = run_demo("--vgg16-weights", "nowhere.h5")
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "There is no file nowhere.h5 with VGG16's weights; check the path."
    )


def test_a_taken_port_is_told_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = run_demo("--port", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert ended.stderr.startswith("Can't listen on 127.0.0.1")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("given", ["name", "name:", ":password", ""])
def test_half_a_credential_is_refused(given, capsys):
    with pytest.raises(SystemExit):
        demo.parse_arguments(["--auth", given])
    assert "USER:PASSWORD" in capsys.readouterr().err


def test_credentials_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("IMGREC_AUTH", "someone:pass:word")
    assert demo.parse_arguments([]).auth == ("someone", "pass:word")


@pytest.mark.slow
def test_with_credentials_a_stranger_sees_nothing(benchmark):
    port = benchmark.free_port()
    flags = ["--port", str(port), "--no-download"]
    process = subprocess.Popen(
        [sys.executable, "demo.py", *flags],
        cwd=ROOT,
        env=os.environ | {"IMGREC_AUTH": "someone:password"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        benchmark.wait_for(url, process)
        assert httpx.get(f"{url}/config").status_code == 401
        login = {"username": "someone", "password": "password"}
        with httpx.Client() as visitor:
            assert visitor.post(f"{url}/login", data=login).status_code == 200
            assert visitor.get(f"{url}/config").status_code == 200
    finally:
        process.terminate()
        process.wait()


# As from a terminal: what a shell starts in the background would ignore SIGINT.
INTERRUPTIBLE = """
import signal, sys, demo
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(demo.main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_training_outlives_the_demo(benchmark, cifar10, tmp_path, end):
    port = benchmark.free_port()
    demo_process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "--port", str(port), "--runs-dir", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        benchmark.wait_for(f"http://127.0.0.1:{port}", demo_process)
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        run = tmp_path / client.predict({}, "left", api_name="/train_scratch")
        assert run_control.is_held(run)
    finally:
        demo_process.send_signal(end)
        demo_process.wait(timeout=300)
    deadline = time.monotonic() + 30
    while run_control.is_held(run):
        assert time.monotonic() < deadline, "the training goes on alone"
        time.sleep(0.1)
    assert run_log.state_of(run) in ("interrupted", "stopped")


def test_photos_that_are_no_two_folders_are_told_in_one_line(tmp_path):
    ended = run_demo("--photos", str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("one of them named dog; it holds: none.")


@pytest.mark.slow
def test_the_page_answers_nearly_as_soon_as_an_empty_one(benchmark):
    ratios = []
    while len(ratios) < 4 and not any(ratio <= 1.25 for ratio in ratios):  # others may be busy
        ratios.append(benchmark.startup(rounds=3)["ratio"])
    assert min(ratios) <= 1.25
