"""The results tab in a real browser: table, diagrams, disputed pictures, a test of one's own."""

import re
import threading
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from support.browser import (
    DESKTOP,
    PATIENCE,
    assert_no_sideways_scrolling,
    choose_tab,
    opened,
    shown_cards,
)

from imgrec.data import cifar10, labelled_images, labels
from imgrec.errors import CancelledError
from imgrec.evaluation import evaluate, reports
from imgrec.ui.components.formatting import share


def choose_part(page: Page, name: str) -> None:
    """One of the parts of the results tab, which has a row of tabs of its own."""
    page.locator(".tabitem:visible").get_by_role("tab", name=name, exact=True).click()


def test_figures_diagrams_and_disputed_pictures(page):
    choose_tab(page, "Results")
    sheet = page.locator(".sheet:visible")
    for figures in reports.dogs_report().approaches.values():
        expect(sheet).to_contain_text(share(figures.accuracy))
    expect(page.locator(".ranks:visible li")).to_have_count(3)
    expect(sheet.get_by_role("columnheader")).to_have_count(3)  # also where it is laid out anew
    assert_no_sideways_scrolling(page)
    page.get_by_role("button", name="Measure the time here").click()
    expect(sheet).not_to_contain_text("not measured yet", timeout=PATIENCE)
    row = sheet.get_by_role("row", name=re.compile("^One picture takes"))
    assert all(re.search(r"\d ms", cell) for cell in row.get_by_role("cell").all_inner_texts())

    choose_part(page, "How sure")
    expect(page.locator(".reliability:visible").first).to_contain_text("which of ten kinds?")
    ece = reports.cifar10_report().ece
    expect(page.locator(".reliability:visible").first).to_contain_text(f"off by {100 * ece:.1f}")
    page.locator(".reliability:visible summary").first.click()
    assert_no_sideways_scrolling(page)

    choose_part(page, "Disputed")
    sample = reports.sample_report()
    tiles = page.locator(".disputed:visible .sample")
    expect(tiles).to_have_count(min(sample.disagreement_count, 30))
    tile = tiles.nth(1)
    tile.focus()
    page.keyboard.press("Enter")
    large = page.locator(".enlarged:visible")
    expect(large.locator(".opinions li")).to_have_count(3)
    expect(tile).to_have_attribute("aria-pressed", "true")
    expect(tile).to_be_focused()
    expect(large).to_be_in_viewport(ratio=0.3)
    number = int(tile.get_attribute("data-press"))
    name = list(labelled_images.sample_set().items())[number].name
    (told,) = [row for row in sample.disagreements if row.file == name]
    for approach, dog in told.dog.items():
        said = large.locator(f"li.{approach}")
        expect(said).to_contain_text(f"says {'yes' if dog >= 0.5 else 'no'}")
    assert_no_sideways_scrolling(page)
    page.get_by_role("button", name="Send to Compare").locator("visible=true").click()
    expect(page.locator(".picture img:visible").first).to_have_js_property("naturalWidth", 32)
    expect(shown_cards(page)).to_have_count(3)
    expect(page.locator("section.question:visible")).to_contain_text("They disagree")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two pictures of a dog, two of a ship, and a file that is no picture."""
    images, classes = cifar10.cifar10_sample()
    for name in ("dog", "ship"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        label = labels.CIFAR10.index(name)
        for number in (classes == label).nonzero()[0][:2]:
            Image.fromarray(images[number]).save(tmp_path / "mine" / name / f"{number}.png")
    (tmp_path / "mine" / "dog" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "wrong.zip").write_bytes(b"no zip")
    return tmp_path / "mine"


def test_a_test_of_ones_own(page, folder):
    choose_tab(page, "Results")
    choose_part(page, "Your test")
    zone = page.locator(".drop:visible")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a zip").click()
    chooser.value.set_files(folder.parent / "wrong.zip")
    expect(page.locator(".panel.error:visible")).to_contain_text("wrong.zip is not a whole zip")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)
    expect(zone).to_contain_text("5 of 5 uploaded")
    result = page.locator(".comes-to:visible")
    expect(result.locator("h3")).to_have_text("mine", timeout=PATIENCE)
    expect(result).to_contain_text("Asked of 4 pictures, 2 with a dog.")
    expect(result).to_contain_text("1 file could not be used")
    expect(page.locator(".panel.error:visible")).to_have_count(0)
    expect(page.locator(".sheet:visible")).to_contain_text("of 4 pictures")
    expect(page.locator(".reliability:visible")).to_have_count(4)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    assert_no_sideways_scrolling(page)


def test_a_test_is_stopped_by_its_visitor_or_when_the_visitor_leaves(
    app, browser, folder, monkeypatch
):
    ended: list[threading.Event] = []

    def measure(chosen, *, on_progress, cancelled, **networks):
        done = threading.Event()
        ended.append(done)
        on_progress(1, chosen.count)
        deadline = time.monotonic() + 300
        while not cancelled() and time.monotonic() < deadline:
            time.sleep(0.02)
        done.set()
        raise CancelledError("The evaluation was stopped.")

    monkeypatch.setattr(evaluate, "measure", measure)
    with opened(browser, app.url, DESKTOP) as page:
        choose_tab(page, "Results")
        choose_part(page, "Your test")
        files = page.locator("input[data-input=folder]")
        files.set_input_files(folder)
        expect(page.locator(".panel:visible")).to_contain_text("1 of 5 pictures")
        page.get_by_role("button", name="Stop", exact=True).click()
        assert ended[0].wait(PATIENCE / 1000)
        expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
        expect(page.locator(".panel:visible")).to_contain_text("Stopped")
        files.set_input_files(folder)
        expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
        expect(page.locator(".panel:visible")).to_contain_text("1 of 5 pictures")
        assert len(ended) == 2 and not ended[1].is_set()
    assert ended[1].wait(PATIENCE / 1000)  # the page was closed
