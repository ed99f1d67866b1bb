"""The tab Teach it: a visitor's own pictures and classes, a classifier in a minute.

Three steps are side by side: pictures, teaching, use. Below them are the evaluation and the ways to
save the project. The browser keeps the project's token; everything displayed comes from the
project.
"""

from typing import Any

import gradio as gr

from imgrec.teaching.project import MAX_PICTURES
from imgrec.ui.components.html_buttons import TELL, pressable
from imgrec.ui.components.listeners import EACH, QUIET
from imgrec.ui.components.upload_zone import drop_zone
from imgrec.ui.scripts import script
from imgrec.ui.teach import handlers, html, sessions, texts
from imgrec.ui.teach.endpoints import offer_endpoints
from imgrec.ui.teach.handlers import JobStatus, View
from imgrec.ui.teach.predict import build_use, connect_use
from imgrec.ui.teach.save_and_export import build_keep, connect_keep

RENAME = script(__file__, "rename.js")
FOCUS = script(__file__, "focus_next.js")
SHOW_IN_CLASS = script(__file__, "show_in_class.js")
PRESSING: dict[str, Any] = {**EACH, "queue": False}


def project_token() -> gr.BrowserState:
    """Stores the project's token in the browser; outside the tabs, whose parts are built late."""
    return gr.BrowserState("", storage_key="imgrec-teach")


def build_teach(page: gr.Blocks, tab: gr.Tab, token: gr.BrowserState) -> None:
    """Builds the tab and connects it."""
    chosen, version = gr.State(0), gr.State(0)
    with gr.Row(equal_height=False, elem_classes="steps"):
        with gr.Column(scale=5, min_width=320, elem_classes="drop-area"):
            gr.HTML(html.step(1))
            classes = pressable(html.classes(None, 0))
            head = gr.HTML(js_on_load=TELL + RENAME)
            zone = drop_zone(
                texts.ZONE, texts.ZONE_NOTE, MAX_PICTURES, ("files", "folder", "zip"), more=True
            )
            told = gr.HTML()
            tiles, built_in = pressable(), pressable(html.built_in())
        with gr.Column(scale=3, min_width=280):
            gr.HTML(html.step(2))
            state = gr.HTML(html.state(None))
            augment = gr.Checkbox(label=texts.COPIES, info=texts.COPIES_INFO)
            teach = handlers.teach_button(None)
            job = JobStatus(gr.HTML(), gr.Button(texts.STOP, size="sm", visible=False))
            honest = gr.HTML()
        with gr.Column(scale=4, min_width=320):
            gr.HTML(html.step(3))
            use = build_use()
    why_place = gr.Column()
    report = pressable()
    keep = build_keep()
    shown = View(
        *(token, chosen, classes, head, told, tiles, state, augment, teach, honest, report),
        *(use.answer, keep.project, keep.export),
    )
    buttons = [classes.select, head.select, tiles.select, built_in.select]
    _connect_pictures(shown, job, zone, buttons)
    _connect_teaching(shown, job, version)
    with why_place:
        connect_use(use, token, version)
    connect_keep(keep, token)
    tab.select(handlers.look, [token, chosen], shown, **PRESSING)
    page.unload(sessions.leave)
    offer_endpoints()


def _connect_pictures(shown: View, job: JobStatus, zone: gr.HTML, buttons: list[Any]) -> None:
    """Connects changes of classes and pictures; new pictures' features are extracted at once."""
    given = [shown.token, shown.chosen]
    pressing = gr.on(buttons, handlers.press, given, shown, **PRESSING)
    pressing.then(None, js=FOCUS)
    shown.report.select(handlers.press, given, shown, **PRESSING).then(None, js=SHOW_IN_CLASS)
    again: dict[str, Any] = _refreshing(shown)
    shown.head.rename(handlers.rename, shown.token, shown.message, **PRESSING).then(**again)
    arriving = zone.upload(handlers.take, given, [shown.token, shown.message], **EACH)
    for change in (pressing, arriving.then(**again)):
        change.then(handlers.see, shown.token, job, **EACH)


def _connect_teaching(shown: View, job: JobStatus, version: gr.State) -> None:
    given = [shown.token, shown.chosen, shown.augment]
    shown.augment.input(handlers.configure, given, shown, **PRESSING)
    shown.teach.click(handlers.teach, [shown.token, version], [version, *job], **QUIET).then(
        **_refreshing(shown)
    )
    job.stop.click(sessions.stop, None, None, **PRESSING)


def _refreshing(shown: View) -> dict[str, Any]:
    """Returns the listener options that update the project's view after a job."""
    given = [shown.token, shown.chosen]
    return {"fn": handlers.look_again, "inputs": given, "outputs": shown, **PRESSING}
