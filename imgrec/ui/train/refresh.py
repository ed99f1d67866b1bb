"""The updates of the training tab that follow a training or the list of runs."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gradio as gr

from imgrec.approaches import scratch
from imgrec.data import cifar10
from imgrec.models import registry, run_control, run_log
from imgrec.models.registry import Entry
from imgrec.training.head_job import head_trainer
from imgrec.training.process import trainer
from imgrec.ui.components.cifar10_download import fetch_panel
from imgrec.ui.train import curves, html, texts
from imgrec.ui.train.html import LIVE

MAX_LOG_LINES = 200
SETTLE_SECONDS = 5  # from the end of a training until its curves are sent once more

Seen = dict[str, Any]  # what a browser tab displayed last: the run, and a version of each part


class View(NamedTuple):
    """The components that `refresh_view` updates, in its order."""

    status: gr.HTML
    start: gr.Button
    pause: gr.Button
    stop: gr.Button
    finish: gr.Button
    head_start: gr.Button
    head_stop: gr.Button
    head_text: gr.HTML
    fetch_box: gr.Column
    fetch_text: gr.HTML
    fetch: gr.Button
    fetch_stop: gr.Button
    sprite: gr.HTML
    strip: gr.HTML
    log: gr.Textbox
    accuracy: gr.LinePlot
    loss: gr.LinePlot
    legend: gr.HTML
    table: gr.HTML
    shown: gr.Dropdown
    chosen: gr.Dropdown
    use: gr.Button
    resume: gr.Button
    measure: gr.Button
    rename: gr.Button
    delete: gr.Button


class Picks(NamedTuple):
    """A visitor's selection while a run is followed: the runs to draw and the one to act on."""

    run: str = ""
    shown: tuple[str, ...] = ()
    chosen: str = ""


def refresh_view(seen: Seen, picks: Picks, over: str) -> list[Any]:
    """Returns the new `seen`, then the parts of `View`, skipping those that have not changed.

    The curves are drawn over "epochs" or "minutes". When the tab follows another run, the previous
    selection is dropped.
    """
    entries = {entry.name: entry for entry in registry.entries()}
    run = run_to_show(list(entries.values()), seen.get("run"), seen.get("newest"))
    if picks.run != run:
        picks = Picks(run)
    usual = [scratch.DEFAULT, scratch.CLASSIC] if entries[run].shipped else [run]
    shown = [name for name in picks.shown if name in entries] or usual
    chosen = picks.chosen if picks.chosen in entries else run
    changes = Changes({**seen, "run": run, "newest": next(iter(entries))})
    updates = [
        *_progress(changes, entries[run]),
        *_lists(changes, list(entries.values()), [entries[name] for name in shown], over),
        *_choices(changes, entries, shown, chosen, busy=entries[run].state in LIVE),
    ]
    return [changes.seen, *updates]


def run_to_show(entries: Sequence[Entry], run: str | None, newest: str | None) -> str:
    """Returns the run to display: one in progress, a new one, the previous one, or the latest.

    If there is none, the network that answers on the page.
    """
    live = [entry.name for entry in entries if entry.state in LIVE]
    names = [entry.name for entry in entries]
    if live:
        return live[0]
    latest = scratch.DEFAULT if entries[0].shipped else names[0]
    return run if run in names and newest == names[0] else latest


class Changes:
    """Passes on only the parts whose version differs from the one seen before."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def part(self, name: str, version: object, make: Callable[[], list[Any]]) -> list[Any]:
        """Returns the result of `make` if the version changed, else as many skips."""
        size = PARTS[name]
        if self.seen.get(name) == repr(version):
            return [gr.skip()] * size
        self.seen[name] = repr(version)
        made = make()
        assert len(made) == size, name
        return made


# Number of components of `View` in each part.
PARTS = {"status": 1, "buttons": 4, "head": 3, "fetch": 4, "sprite": 1, "strip": 1, "log": 1}
PARTS |= {"curves": 3, "table": 1, "choices": 2, "actions": 5}


def _progress(changes: Changes, entry: Entry) -> list[Any]:
    """Updates the followed run, the possible actions, and the download of CIFAR-10."""
    status, command = run_log.watch(entry.folder), run_control.pending_command(entry.folder)
    here, fetching = cifar10.has_cifar10(), cifar10.cifar10_download.status
    problem = trainer.problem(entry.name)
    now = (entry.name, entry.state, command)
    step = (entry.epochs, status.epoch, status.step, len(status.log), problem)
    log = "\n".join(status.log[-MAX_LOG_LINES:])
    return [
        *changes.part("status", (now, step), lambda: [html.progress(entry, status, problem)]),
        *changes.part("buttons", (now, here), lambda: buttons(entry, command, here)),
        *changes.part("head", head_trainer.work.status, head_panel),
        *changes.part("fetch", (here, fetching), lambda: fetch_panel(here)),
        *changes.part(
            "sprite", (entry.name, status.predictions != ()), lambda: [html.sprite(entry)]
        ),
        *changes.part(
            "strip",
            (entry.name, status.predictions),
            lambda: [html.strip(status.predictions)],
        ),
        *changes.part("log", (entry.name, len(status.log)), lambda: [log]),
    ]


def _lists(
    changes: Changes, entries: Sequence[Entry], drawn: Sequence[Entry], over: str
) -> list[Any]:
    """Updates the curves and the table of runs."""
    lengths = [
        (e.name, e.epochs, len(run_log.watch(e.folder).points), _has_settled(e)) for e in drawn
    ]
    rows = [(e.name, e.state, e.epochs, e.test_accuracy) for e in entries]
    return [
        *changes.part("curves", (over, lengths), lambda: curves.plot_updates(drawn, over)),
        *changes.part("table", rows, lambda: [html.runs_table(entries)]),
    ]


def _has_settled(entry: Entry) -> bool:
    """Returns whether the run finished some seconds ago; its curves are then sent once more.

    gradio's plot loses an update that arrives while it is being built: the data go to the view that
    it has just thrown away. On a slow machine that may be a training's last update.
    """
    try:
        ended = (entry.folder / "report.json").stat().st_mtime
    except OSError:  # it has not ended, or was deleted just now
        return False
    return time.time() - ended > SETTLE_SECONDS


def _choices(
    changes: Changes, entries: dict[str, Entry], shown: list[str], chosen: str, busy: bool
) -> list[Any]:
    """Updates the dropdowns of runs, and the buttons for the selected one."""
    names, entry = list(entries), entries[chosen]
    return [
        *changes.part(
            "choices",
            (names, shown, chosen),
            lambda: [
                gr.Dropdown(names, value=shown, multiselect=True),
                gr.Dropdown(names, value=chosen),
            ],
        ),
        *changes.part(
            "actions", (chosen, entry.state, entry.epochs, busy), lambda: actions(entry, busy)
        ),
    ]


def buttons(entry: Entry, command: str | None, here: bool) -> list[gr.Button]:
    """Updates the scratch network's start, pause, stop and finish, enabled if they apply now."""
    live, allowed = entry.state in LIVE, trainer.permissions.train
    learns = allowed and live and entry.state != "measuring"
    return [
        gr.Button(interactive=allowed and here and not live),
        gr.Button(
            texts.CONTINUE if command == "pause" else texts.PAUSE,
            interactive=learns and command != "stop",
        ),
        gr.Button(interactive=learns and command != "stop"),
        gr.Button(interactive=learns and command != "finish"),
    ]


def head_panel() -> list[Any]:
    """Updates the head's buttons, and its training progress or why it failed."""
    work = head_trainer.work.status
    return [
        gr.Button(interactive=not work.running),
        gr.Button(interactive=work.running),
        html.head_work(work),
    ]


def actions(entry: Entry, busy: bool) -> list[gr.Button]:
    """Updates use, resume, measure, rename and delete, enabled if they apply now."""
    ended, idle = entry.state == "finished", entry.state not in LIVE
    resumable = idle and not ended and not busy and trainer.permissions.train
    mine = idle and not entry.shipped and trainer.permissions.manage
    usable, measurable = ended and registry.has_tab_classes(entry), resumable and entry.epochs > 0
    can = [usable, resumable, measurable, mine, mine]
    return [gr.Button(interactive=each) for each in can]
