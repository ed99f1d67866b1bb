"""What a hand and an eye do to the page in a browser."""

import contextlib
from collections.abc import Iterator

from playwright.sync_api import Browser, Locator, Page, expect

from imgrec.files.paths import IMAGES

DOG = IMAGES / "examples" / "cifar10_dog.png"
PATIENCE = 120_000  # milliseconds
DESKTOP, PHONE = {"width": 1240, "height": 900}, {"width": 390, "height": 844}
expect.set_options(timeout=60_000)  # a machine may be slow


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


def assert_no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
