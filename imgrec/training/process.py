"""The page's one training process: starts it, watches it, and never leaves it behind.

The process is `scripts/train_scratch.py`, run as a person would run it. Its standard input is a
pipe that this process holds open: however this process ends, the pipe closes, and the training ends
with it.
"""

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from imgrec.data import cifar10
from imgrec.errors import DataError, ImgrecError, ModelError
from imgrec.files.paths import ROOT, runs_dir
from imgrec.models import manage_runs, registry, run_control
from imgrec.training import recipes
from imgrec.training.permissions import Permissions, check_run_limit
from imgrec.training.recipes import Recipe
from imgrec.training.time_estimate import with_supported_precision

SCRIPT = ROOT / "scripts" / "train_scratch.py"
START_SECONDS = 60  # for a process to lock its run
LAST_LINES = 20  # of the process's stderr, to explain why it ended


class Trainer:
    """Starts and resumes runs; a process has one instance."""

    def __init__(self) -> None:
        self.permissions = Permissions()
        self._process: subprocess.Popen[str] | None = None
        self._stderr_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._run = ""
        self._lock = threading.Lock()

    def start(self, recipe: Recipe, name: str = "", fit: bool = True) -> str:
        """Starts a run, under a fresh name if none is given, and returns its name.

        With `fit`, the recipe passes through `with_supported_precision` before it is saved. Raises
        ImgrecError if training is not allowed, CIFAR-10 is missing, or a run is in progress.
        """
        with self._lock:
            self._check(recipe)
            check_run_limit(self.permissions.limits)
            moment = time.strftime("%Y%m%d-%H%M%S")
            name = manage_runs.check_name(
                name or manage_runs.fresh_name(f"{recipe.network}-{moment}")
            )
            recipes.open_run(runs_dir() / name, with_supported_precision(recipe) if fit else recipe)
            self._spawn(name)
        return name

    def resume(self, name: str, finish: bool = False) -> None:
        """Resumes a run that was stopped or killed; with `finish`, only evaluates what it has.

        Raises ImgrecError as `start` does, or if there is no such run.
        """
        with self._lock:
            entry = registry.find(name, "scratch")
            if entry.state == "finished":
                raise ModelError(f"{name} has finished: there is nothing to resume.")
            if finish and entry.epochs == 0:
                raise ModelError(f"{name} has no whole epoch yet; resume it instead.")
            self._check(Recipe.of(entry.config))
            self._spawn(name, "finish" if finish else None)

    def control(self, name: str, command: run_control.Command | None) -> None:
        """Sends a command to a run that is being trained, by this process or a script; None: go on.

        Raises ImgrecError if that is not allowed, or the run is not being trained.
        """
        self._check_permission()
        entry = registry.find(name, "scratch")
        if not run_control.is_held(entry.folder):
            raise ModelError(f"{name} is not being trained now.")
        run_control.send_command(entry.folder, command)

    def problem(self, name: str) -> str:
        """Returns why the run's last process failed, if it couldn't log that itself; else ""."""
        process = self._process
        if process is None or self._run != name or process.poll() in (None, 0):
            return ""
        if process.returncode < 0:
            return (
                f"The training was killed (signal {-process.returncode}), perhaps for want of "
                "memory; it can be resumed."
            )
        return (
            self._stderr_lines[-1] if self._stderr_lines else "The training ended without a word."
        )

    def close(self) -> None:
        """Ends the process, if there is one, and waits for it to exit."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        process.wait()

    def _check_permission(self) -> None:
        if not self.permissions.train:
            raise ImgrecError(
                "Training is off on this public page; whoever runs it can start it with "
                "--allow-training."
            )

    def _check(self, recipe: Recipe) -> None:
        self._check_permission()
        limits = self.permissions.limits
        if limits and recipe.epochs > limits.epochs:
            raise ImgrecError(f"Visitors may train {limits.epochs} epochs; choose fewer.")
        if not cifar10.has_cifar10():
            raise DataError("CIFAR-10 is not here yet; fetch it first.")
        for entry in registry.entries():
            if not entry.shipped and run_control.is_held(entry.folder):
                raise ImgrecError(f"{entry.name} is being trained; wait for it or stop it first.")

    def _spawn(self, name: str, wish: run_control.Command | None = None) -> None:
        """Starts the process and returns once it holds the run's lock or has exited."""
        self.close()
        run_control.send_command(runs_dir() / name, wish)
        command = [sys.executable, str(SCRIPT), "--resume", "--run", name, "--follow-stdin"]
        command += ["--runs-dir", str(runs_dir())]
        if self.permissions.limits:
            command += ["--max-seconds", str(self.permissions.limits.seconds)]
        self._stderr_lines.clear()
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._run = name
        assert self._process.stderr is not None
        listener = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        listener.start()
        self._wait_for_hold(self._process, runs_dir() / name)

    def _wait_for_hold(self, process: "subprocess.Popen[str]", run: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and not run_control.is_held(run):
            if time.monotonic() > deadline:
                self.close()
                raise ImgrecError("The training process does not start; try again.")
            time.sleep(0.02)

    def _listen(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line.strip():
                self._stderr_lines.append(line.strip())


trainer = Trainer()
