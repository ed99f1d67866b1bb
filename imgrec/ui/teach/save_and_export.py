"""Saving the project as a zip, and exporting the network for other programs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from imgrec.background_job import Report
from imgrec.errors import ImgrecError
from imgrec.teaching import export, project_file
from imgrec.ui.components.listeners import QUIET
from imgrec.ui.teach import html, sessions, texts

FILE = "teach-file"  # the id of the hidden button that starts a browser's download
DOWNLOAD = f"""(file) => file && setTimeout(() => document.querySelector('#{FILE}').click(), 50)"""


class Keep(NamedTuple):
    """The components of this part."""

    project: gr.Button
    export: gr.Row  # around the buttons of each form
    forms: tuple[gr.Button, ...]
    message: gr.HTML
    file: gr.DownloadButton


def build_keep() -> Keep:
    """Builds the part."""
    gr.HTML(html.keep_title())
    with gr.Row(equal_height=False, elem_classes="keep"):
        with gr.Column(min_width=300):
            project = gr.Button(texts.DOWNLOAD, interactive=False)
            gr.HTML(html.offer(texts.KEEP_PROJECT))
        with gr.Column(min_width=320):
            with gr.Row(visible=False, elem_classes="controls") as row:
                forms = tuple(gr.Button(name, min_width=90) for name in export.KINDS.values())
            gr.HTML(html.offer(texts.KEEP_EXPORT))
    told = gr.HTML()
    file = gr.DownloadButton(visible="hidden", elem_id=FILE)
    return Keep(project, row, forms, told, file)


def connect_keep(keep: Keep, token: gr.BrowserState) -> None:
    """Makes each button create its file, which the browser then downloads."""
    makers: list[tuple[gr.Button, Callable[..., Any]]] = [(keep.project, download)]
    makers += [
        (button, exporter(kind)) for button, kind in zip(keep.forms, export.KINDS, strict=True)
    ]
    for button, maker in makers:
        button.click(maker, token, [keep.message, keep.file], **QUIET).then(
            None, keep.file, js=DOWNLOAD
        )


def download(token: str, request: gr.Request) -> tuple[str, str | None]:
    """Saves the project as a zip; returns a message and the file."""
    try:
        project = sessions.project_of(token, request)
        made = project_file.write_project(project, project.folder / sessions.PROJECT_FILE)
        return "", sessions.publish_download(made, token)
    except ImgrecError as error:
        return html.message(error, wrong=True), None


def exporter(kind: export.Kind) -> Callable[[str, gr.Request], Iterator[tuple[Any, Any]]]:
    """Returns a handler that exports a project in that form; it yields messages and the file."""

    def exporting(token: str, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        made: list[Path] = []
        try:
            project = sessions.project_of(token, request)

            def work(report: Report, cancelled: Callable[[], bool]) -> None:
                def tell(sentence: str) -> None:
                    report(sentence, 0, None)

                made.append(export.export_project(kind, project, tell, cancelled))

            for status in sessions.run_job(work, request):
                yield html.progress(status.what or texts.BEGINNING, status), None
            told = html.message(texts.exported(export.KINDS[kind], made[0]))
            yield told, sessions.publish_download(made[0], token)
        except ImgrecError as error:
            yield html.message(error, wrong=True), None

    return exporting
