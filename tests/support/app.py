"""The running app, and files as it gets them."""

import atexit
import shutil
import uuid
from pathlib import Path
from typing import NamedTuple

import gradio as gr
from gradio.utils import get_upload_folder


def as_upload(file: Path) -> dict[str, str]:
    """A copy of the file where gradio puts what was uploaded, as a listener gets it."""
    folder = Path(get_upload_folder()) / uuid.uuid4().hex
    folder.mkdir(parents=True)
    atexit.register(shutil.rmtree, folder)
    return {"path": str(shutil.copy(file, folder))}


class RunningApp(NamedTuple):
    """The page, served on localhost by this process."""

    url: str
    page: gr.Blocks
