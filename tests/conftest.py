"""What several test modules need: a file server on localhost, and the running app."""

import atexit
import contextlib
import importlib.util
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

import demo
from imgrec import approaches
from imgrec.approaches import vgg16_weights
from imgrec.files.paths import MODELS, ROOT
from imgrec.models import store

PATIENCE = 120_000  # milliseconds
DESKTOP, PHONE = {"width": 1240, "height": 900}, {"width": 390, "height": 844}
expect.set_options(timeout=60_000)  # a machine may be slow
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


class FileServer:
    """Serves bytes by path on localhost, with ranges; can break off after so many bytes."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.break_after: list[int] = []  # for each coming answer, how much of it is sent
        self.ranges: list[str | None] = []  # the Range header of each request
        self.resumable = True
        self.hold = threading.Event()  # answers pause after their first bytes until it is set
        self.hold.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{path}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        content = self.files.get(request.path[1:])
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        if content is None:
            request.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.resumable else 0
        if start >= len(content):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        sent = content[start:]
        if self.break_after:
            sent = sent[: self.break_after.pop(0)]
        request.wfile.write(sent[: len(sent) // 2])
        request.wfile.flush()
        self.hold.wait(30)
        with contextlib.suppress(OSError):  # the client may go away
            request.wfile.write(sent[len(sent) // 2 :])
        request.close_connection = True


def script_module(name: str) -> ModuleType:
    """A script of the project as a module, without running it."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_upload(file: Path) -> dict[str, str]:
    """A copy of the file where gradio puts what was uploaded, as a listener gets it."""
    folder = Path(get_upload_folder()) / uuid.uuid4().hex
    folder.mkdir(parents=True)
    atexit.register(shutil.rmtree, folder)
    return {"path": str(shutil.copy(file, folder))}


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.hold.set()
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, for our downloads and for Keras's."""
    monkeypatch.setenv("IMGREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def cifar10():
    """All of CIFAR-10, where it is in the cache or can be fetched; only then the test runs."""
    from imgrec.data.cifar10 import load_cifar10
    from imgrec.errors import DataError

    try:
        return load_cifar10()
    except DataError as error:
        pytest.skip(f"needs CIFAR-10: {error}")


@pytest.fixture
def photos(tmp_path):
    """Four pictures of each of two classes, which differ in colour."""
    random = np.random.default_rng(0)
    for name, colour in (("dog", (160, 90, 30)), ("sky", (60, 120, 220))):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            noise = random.integers(-30, 31, (240, 260, 3)) + np.array(colour)
            picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
            picture.save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


class RunningApp(NamedTuple):
    """The page, served on localhost by this process."""

    url: str
    page: gr.Blocks


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The app as `demo.py` launches it, with no runs and an empty cache for Keras's weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        patch.setenv("IMGREC_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.delenv("IMGREC_VGG16", raising=False)
        page = demo.serve(demo.parse_arguments([]))
        approaches.warm_up()
        yield RunningApp(page.local_url.rstrip("/"), page)
        page.close()


@pytest.fixture(scope="session")
def keras_vgg16():
    """Keras's own VGG16, with top: the shipped base, and a random top whose answers differ."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.VGG16(weights=None)
    for layer in model.layers[-3:]:
        kernel, bias = layer.weights
        kernel.assign(kernel * 2)  # small random weights would make every class as likely
        bias.assign(np.random.default_rng(1).normal(size=bias.shape))
    shipped = store.load(MODELS / "vgg16_base").weights
    for weight in model.weights:
        if weight.path in shipped:
            weight.assign(shipped[weight.path].astype("float32"))
    return model


def save_as_hdf5(model, path):
    """Writes weights as Keras 2 did, whose files Keras's applications still load."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


@pytest.fixture(scope="session")
def official_file(keras_vgg16, tmp_path_factory):
    """A file of the official one's name and form, with that network's weights (553 MB)."""
    path = tmp_path_factory.mktemp("keras") / "models" / vgg16_weights.FILE_NAME
    path.parent.mkdir()
    save_as_hdf5(keras_vgg16, path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, or the browser that Playwright brought."""
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(found).exists() and "CI" not in os.environ:
            pytest.skip("needs Chromium: `apt install chromium` or `playwright install chromium`")
        browser = playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Browser, url: str, viewport: dict[str, int]) -> Iterator[Page]:
    """The page with its first verdicts; it must fetch nothing from elsewhere and meet no error."""
    context = browser.new_context(viewport=viewport)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    elsewhere: list[str] = []
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda asked: elsewhere.append(asked.url) if foreign(asked.url) else None)
    page.goto(url)
    expect(shown_cards(page)).to_have_count(3, timeout=PATIENCE)
    yield page
    assert elsewhere == []
    assert problems == []
    context.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(app, browser, request) -> Iterator[Page]:
    """The opened page at desktop and phone width."""
    with opened(browser, app.url, request.param) as page:
        yield page


def foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1", "data:", "blob:"))


def shown_cards(page: Page) -> Locator:
    """The cards with a verdict, not those that wait."""
    return page.locator("article.card:visible", has=page.locator(".winner"))


def choose_tab(page: Page, name: str) -> None:
    """A tab, from the row or, on a narrow screen, from the menu at its end."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if tab.is_visible():
        tab.click()
    else:  # the first such menu: a tab may have tabs of its own in it
        page.locator(".overflow-menu > button").first.click()
        menu = page.locator(".overflow-dropdown").first
        menu.get_by_role("button", name=name, exact=True).click()


def choose_lesson(page: Page, name: str) -> None:
    """A lesson of the tab that explains how it works, which has a row of tabs of its own."""
    choose_tab(page, "How it works")
    lessons = page.locator(".tabitem:visible", has=page.locator("button[role=tab]")).first
    lesson = lessons.get_by_role("tab", name=name, exact=True)
    expect(lessons.get_by_role("tab", name="One neuron", exact=True)).to_be_visible()
    if lesson.is_visible():
        lesson.click()
    else:
        lessons.locator(".overflow-menu > button").click()
        lessons.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True).click()


def assert_no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
