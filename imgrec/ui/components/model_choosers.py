"""The dropdowns of trained networks, used by several tabs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from imgrec.approaches import scratch, transfer
from imgrec.evaluation import reports
from imgrec.models import registry
from imgrec.ui.components import texts
from imgrec.ui.components.listeners import INSTANT


class Choosers(NamedTuple):
    """The dropdowns of each approach."""

    scratch: tuple[gr.Dropdown, ...]
    transfer: tuple[gr.Dropdown, ...]


def scratch_chooser() -> gr.Dropdown:
    """Builds the dropdown of scratch networks; shipped ones have a title, the default is first."""
    return gr.Dropdown(_networks(), value=scratch.DEFAULT, label=texts.TRAINED_WEIGHTS)


def refresh_scratch_chooser(chosen: str) -> gr.Dropdown:
    """Updates the choice of scratch networks; the default replaces a deleted one."""
    networks = _networks()
    known = {name for _, name in networks}
    return gr.Dropdown(networks, value=chosen if chosen in known else scratch.DEFAULT)


def _networks() -> list[tuple[str, str]]:
    entries = registry.usable_models("scratch")
    entries.sort(key=lambda entry: entry.name != scratch.DEFAULT)
    return [
        (reports.scratch(entry.name).title if entry.shipped else entry.name, entry.name)
        for entry in entries
    ]


def transfer_chooser() -> gr.Dropdown:
    """Builds the dropdown of trained heads; shipped ones have a title."""
    return gr.Dropdown(_heads(), value=transfer.DEFAULT, label=texts.TRAINED_HEAD)


def _heads() -> list[tuple[str, str]]:
    return [
        (reports.head(entry.name).title if entry.shipped else entry.name, entry.name)
        for entry in registry.usable_models("transfer")
    ]


def keep_fresh(triggers: Sequence[Any], choosers: Choosers) -> None:
    """Updates the choices when a trigger fires; the default replaces a deleted model."""
    dropdowns = [*choosers.scratch, *choosers.transfer]

    def refresh(*chosen: str) -> list[Any]:
        heads = _heads()
        border = len(choosers.scratch)
        known = {name for _, name in heads}
        return [refresh_scratch_chooser(name) for name in chosen[:border]] + [
            gr.Dropdown(heads, value=name if name in known else transfer.DEFAULT)
            for name in chosen[border:]
        ]

    gr.on(triggers, refresh, dropdowns, dropdowns, preprocess=False, **INSTANT)


def use(run: str, choosers: Choosers) -> list[Any]:
    """Updates all dropdowns and selects the run in those of its approach. Raises ModelError."""
    entry = registry.find(run)
    own = _networks() if entry.kind == "scratch" else _heads()
    return [
        gr.Dropdown(own, value=run) if kind == entry.kind else gr.skip()
        for kind, dropdowns in zip(("scratch", "transfer"), choosers, strict=True)
        for _ in dropdowns
    ]
