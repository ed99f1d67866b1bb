"""The running app, and files as it gets them."""

import shutil
import uuid
from pathlib import Path
from typing import NamedTuple

import gradio as gr
import httpx
from gradio.utils import get_upload_folder


def uploads() -> Path:
    """Where gradio puts what was uploaded."""
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def as_upload(file: Path) -> dict[str, str]:
    """A copy of the file where gradio puts what was uploaded, as a listener gets it."""
    folder = Path(get_upload_folder()) / uuid.uuid4().hex
    folder.mkdir(parents=True)
    return {"path": str(shutil.copy(file, folder))}


class RunningApp(NamedTuple):
    """The page, served on localhost by this process."""

    url: str
    page: gr.Blocks

    def idle(self) -> bool:
        """Whether no listener is at work or waits in gradio's queue."""
        queue = self.page._queue
        waiting = [each.queue for each in queue.event_queue_per_concurrency_id.values()]
        return not any(queue.active_jobs) and not any(waiting)


def visit_by_program(client: httpx.Client) -> None:
    """A call in a session of its own."""
    body = {"data": ["", 0], "session_hash": uuid.uuid4().hex}
    client.post("/gradio_api/run/look", json=body).raise_for_status()
