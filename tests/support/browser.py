"""What a hand and an eye do to the page in a browser."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from imgrec.files.paths import IMAGES
from support.app import RunningApp

DOG = IMAGES / "examples" / "cifar10_dog.png"
PATIENCE = (
    240_000  # milliseconds; a machine may be slow, and waiting costs time only where it fails
)
DESKTOP, PHONE = {"width": 1240, "height": 900}, {"width": 390, "height": 844}
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
LOOKS = 20  # at the queue, two frames apart, between which an answer makes the page ask again
expect.set_options(timeout=120_000)


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


def drop(page: Page, name: str, content: bytes) -> None:
    """Puts a file into the picture of the shown tab, in place of what is there."""
    clear = page.locator("button[aria-label='Remove Image']:visible")
    if clear.count():
        clear.first.click()
    files = page.locator(".tabitem:visible input[type=file]").first
    files.set_input_files({"name": name, "mimeType": "image/png", "buffer": content})


def drag(
    page: Page, onto: Locator, files: Sequence[Path] = (), text: dict[str, str] | None = None
) -> None:
    """Drags files, or text by its MIME type, onto an element and drops them, as a hand does."""
    box = onto.bounding_box()
    session = page.context.new_cdp_session(page)
    data = {
        "items": [{"mimeType": kind, "data": value} for kind, value in (text or {}).items()],
        "files": [str(file) for file in files],
        "dragOperationsMask": 1,
    }
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + min(box["height"], 200) / 2}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
        if kind == "dragOver":
            page.evaluate(TWO_FRAMES)
    session.detach()


def at_each_width(page: Page) -> Iterator[None]:
    """Gives the page desktop and phone width in turn, and then its own again."""
    own = page.viewport_size
    for viewport in (DESKTOP, PHONE, own):
        page.set_viewport_size(viewport)
        page.evaluate(TWO_FRAMES)  # until it is laid out anew
        if viewport is not own:
            yield


def assert_no_sideways_scrolling(page: Page) -> None:
    """As the page is now, at desktop and phone width."""
    for _ in at_each_width(page):
        page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")


def until(condition: Callable[[], object], page: Page | None = None) -> None:
    """Waits until the condition holds."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        if page is None:
            time.sleep(0.05)
        else:
            page.evaluate(TWO_FRAMES)


def settle(app: RunningApp, page: Page) -> None:
    """Waits until the app has nothing to do, nor is asked for anything over some looks."""
    idle = 0

    def idle_for_long() -> bool:
        nonlocal idle
        idle = idle + 1 if app.idle() else 0
        return idle > LOOKS

    until(idle_for_long, page)
