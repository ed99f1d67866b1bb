"""Benchmarks the memory usage of visitors' projects and sessions."""

import base64
import contextlib
import ctypes
import gc
import io
import itertools
import mmap
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import numpy as np
from PIL import Image
from tqdm import tqdm

import demo
from imgrec import approaches
from imgrec.approaches import vgg16
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.teaching import pictures
from imgrec.teaching.project import MAX_PICTURES, Project
from imgrec.teaching.project_parts import Settings
from imgrec.teaching.store import projects
from imgrec.ui.page import SESSIONS


def teaching_memory(rounds: int) -> dict[str, Any]:
    """Measures full projects, the process with and without them, and feature extraction; bytes.

    The projects are filled twice, to distinguish a constant cost from a leak.
    """
    full = filled(noise((1024, 768)))
    pictures_kept, (memory, disk) = full.count, full.size()
    full.close()
    small = list(itertools.islice(noise((160, 120)), MAX_PICTURES + 1))
    report: dict[str, Any] = {
        "sessions": rounds,
        "largest": {"pictures": pictures_kept, "memory_bytes": memory, "disk_bytes": disk},
        "resident_bytes_before": in_use(),
    }
    for which in ("first", "second"):
        names = tqdm(range(rounds), f"{which} sessions")
        tokens = [projects.create(filled(iter(small))) for _ in names]
        sizes = [projects.get(token).size() for token in tokens]
        counts = [projects.get(token).count for token in tokens]
        report[which] = {
            "pictures_each": min(counts),
            "memory_bytes_each": max(size.memory for size in sizes),
            "resident_bytes": in_use(),
        }
        for token in tokens:
            projects.remove(token)
        report[which]["resident_bytes_after"] = in_use()
    return {**report, "looking": looking(rounds)}


def noise(size: tuple[int, int]) -> Iterator[bytes]:
    """Yields an endless sequence of JPEGs, each with different pixels."""
    random = np.random.default_rng(1)
    while True:
        coarse = random.integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), int)
        grain = random.normal(0, 12, picture.shape)
        buffer = io.BytesIO()
        Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG")
        yield buffer.getvalue()


def filled(jpegs: Iterator[bytes]) -> Project:
    """Returns a full project, with random features for its pictures and their copies."""
    project = Project()
    index = project.add_class("full")
    project.configure(Settings(augment=True))
    while not project.add(index, [("noise.jpg", next(jpegs))]).refused:
        pass
    random = np.random.default_rng(1)
    with mock.patch(
        "imgrec.teaching.features.pooled_features",
        lambda views: random.random((len(views), 512), "float32"),
    ):
        project.extract()
    return project


def looking(visitors: int) -> dict[str, Any]:
    """Returns the additional bytes of the process while so many visitors extract features.

    A first extraction is not counted: it loads the network.
    """
    jpegs = noise((320, 240))
    pictures.pooled_features([vgg16.view(open_image(next(jpegs)))])
    before, most = in_use(), 0
    looked = [Project() for _ in range(visitors)]
    for project in looked:
        given = [(f"{n}.jpg", next(jpegs)) for n in range(pictures.BATCH)]
        project.add(project.add_class(), given)
    with ThreadPoolExecutor(visitors) as pool:
        ends = [pool.submit(project.extract) for project in looked]
        while not all(end.done() for end in ends):
            most = max(most, resident())
            time.sleep(0.01)
        for end in ends:
            end.result()
    for project in looked:
        project.close()
    return {"visitors": visitors, "passes_at_once": pictures.PASSES, "more_bytes": most - before}


def sessions(rounds: int) -> dict[str, Any]:
    """Measures the bytes of session state, of visitors who compare a picture and of programs.

    `rounds` programs call one after another, far more than the sessions whose state is kept.
    """
    page = demo.serve(demo.parse_arguments([]))
    approaches.warm_up()
    photo = base64.b64encode((IMAGES / "examples" / "cifar10_dog.png").read_bytes()).decode()
    picture = {"url": f"data:image/png;base64,{photo}"}
    try:
        with httpx.Client(base_url=f"{page.local_url}gradio_api/run/", timeout=60) as client:

            def call(name: str, *data: Any) -> None:
                body = {"data": data, "session_hash": uuid.uuid4().hex}
                client.post(name, json=body).raise_for_status()

            compare = ("compare", picture, "fast", "dog_pooled_64", "calibrated")
            call(*compare)
            before = in_use()
            visitors = SESSIONS // 2
            for _ in tqdm(range(visitors), "visitors"):
                call(*compare)
            after_visitors = in_use()
            for _ in tqdm(range(rounds), "programs"):
                call("look", "", 0)
            after_programs = in_use()
    finally:
        page.close()
    return {
        "sessions_kept": SESSIONS,
        "visitors": visitors,
        "bytes_a_visitor": (after_visitors - before) // visitors,
        "programs": rounds,
        "more_bytes_in_the_end": after_programs - before,
    }


def in_use() -> int:
    """Returns this process's resident bytes, after returning freed memory to the system."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    return resident()


def resident() -> int:
    """Returns this process's resident bytes, as Linux reports them."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * mmap.PAGESIZE
