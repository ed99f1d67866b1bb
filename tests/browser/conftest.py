"""The browser, and the page opened in it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from support.browser import DESKTOP, PHONE, opened


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks all that is in this folder, for who has no browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


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


@pytest.fixture
def page(app, browser) -> Iterator[Page]:
    """The opened page at desktop width: what a visitor does is tried once."""
    with opened(browser, app.url, DESKTOP) as page:
        yield page


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page_at_each_width(app, browser, request) -> Iterator[Page]:
    """The opened page at desktop and phone width: for what is visible where."""
    with opened(browser, app.url, request.param) as page:
        yield page
