"""The project that a visitor of the page has open, and its running jobs."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from imgrec.background_job import BackgroundJob, Status, Work
from imgrec.errors import TeachError
from imgrec.files import atomic
from imgrec.teaching.project import Project
from imgrec.teaching.store import projects
from imgrec.ui.access.visitors import visitor_of

PROJECT_FILE = "project.zip"
POLL_SECONDS = 0.15


@dataclass
class _Visit:
    token: str = ""
    jobs: list[BackgroundJob] = field(default_factory=list)


_visits: dict[str, _Visit] = {}  # by session


def project_of(token: str, request: gr.Request) -> Project:
    """Opens the token's project for this visitor and returns it. Raises TeachError."""
    project = projects.get(token)
    _attach(token, request)
    return project


def start_project(request: gr.Request, project: Project | None = None) -> str:
    """Stores a project that this visitor starts or opens; returns its token. Raises TeachError."""
    token = store_project(project, visitor_of(request))
    _attach(token, request)
    return token


def store_project(project: Project | None = None, owner: str = "") -> str:
    """Stores a project, by default a new one; returns its token. Raises TeachError."""
    try:
        return projects.create(project, owner)
    except TeachError:
        if project is not None:
            project.close()
        raise


def run_job(work: Work, request: gr.Request) -> Iterator[Status]:
    """Runs the work in a thread and yields its status until it is done.

    The job is cancelled when nobody iterates any more, or the visitor stops it or leaves. Raises
    TeachError if it failed.
    """
    job, jobs = BackgroundJob("teaching"), _visit(request).jobs
    jobs.append(job)
    job.start(work)
    try:
        while (status := job.status).running:
            yield status
            time.sleep(POLL_SECONDS)
    finally:
        job.cancel()
        jobs.remove(job)
    if status.problem:
        raise TeachError(status.problem)


def stop(request: gr.Request) -> None:
    """Cancels this visitor's running jobs."""
    for job in list(_visit(request).jobs):
        job.cancel()


def leave(request: gr.Request) -> None:
    """Cancels running jobs; the project is deleted after a while unless somebody comes back."""
    stop(request)
    _release(_visits.pop(request.session_hash or "", _Visit()).token)


def publish_download(file: Path, token: str) -> str:
    """Moves the file to where gradio may serve it, in place of the previous one; returns its path.

    It is deleted after the visit; the folder's name is as hard to guess as the token.
    """
    folder = _downloads(token)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return str(shutil.move(file, folder / file.name))


def _attach(token: str, request: gr.Request) -> None:
    """Opens a project for the visitor, in place of any other."""
    visit = _visit(request)
    before, visit.token = visit.token, token
    if before != token:
        _release(before)


def _release(token: str) -> None:
    """Notes that a visitor has left a project, unless it is open in another tab of the browser."""
    if token and all(visit.token != token for visit in list(_visits.values())):
        projects.leave(token)
        shutil.rmtree(_downloads(token), ignore_errors=True)


def _downloads(token: str) -> Path:
    return Path(get_upload_folder()) / f"teach-{atomic.sha256(token.encode())[:32]}"


def _visit(request: gr.Request) -> _Visit:
    return _visits.setdefault(request.session_hash or "", _Visit())
