"""The data tab in a real browser: reshuffle, enlarge, send on, and look at the mistakes."""

import re

import pytest
from playwright.sync_api import Page, expect
from support.browser import (
    DESKTOP,
    PATIENCE,
    assert_no_sideways_scrolling,
    choose_tab,
    opened,
    shown_cards,
)

from imgrec.approaches import scratch
from imgrec.data import cifar10 as cifar10_data
from imgrec.ui.data.html import Place


@pytest.fixture
def page(app, browser, cache):
    """The data tab with the built-in sample."""
    with opened(browser, app.url, DESKTOP) as page:
        choose_tab(page, "The data")
        expect(page.locator(".sample:visible")).to_have_count(100)
        yield page


def pressed_order(page: Page) -> list[str]:
    """Which images are shown, in their order."""
    return page.locator(".sample:visible").evaluate_all(
        "tiles => tiles.map((tile) => tile.dataset.press)"
    )


def test_images_are_reshuffled_enlarged_and_sent_to_compare(page):
    expect(page.locator(".panel:visible").first).to_contain_text("100 test images, exactly 10")
    expect(page.get_by_role("button", name="Fetch CIFAR-10")).to_be_visible()
    before = pressed_order(page)
    page.get_by_role("button", name="Reshuffle").click()
    expect(page.get_by_text("draw number 2")).to_be_visible()
    after = pressed_order(page)
    assert after != before and sorted(after) == sorted(before)  # the sample has ten of each class

    tile = page.get_by_role("button", name=re.compile("^frog, sample image")).nth(2)
    tile.focus()
    page.keyboard.press("Enter")
    image = page.locator(".enlarged:visible")
    expect(image.locator("h3")).to_have_text("frog")
    expect(tile).to_have_attribute("aria-pressed", "true")
    expect(tile).to_be_focused()
    expect(image).to_be_in_viewport(ratio=0.5)
    assert image.locator(".one-hot b").all_inner_texts() == list("0000001000")
    expect(
        image.get_by_role("img", name=re.compile("frog, sample image .* enlarged"))
    ).to_be_visible()
    assert_no_sideways_scrolling(page)

    place = Place.of(tile.get_attribute("data-press"))
    (verdict,) = scratch.predict([place.image])
    expect(image.locator(".bar").first).to_contain_text(verdict.classes[0].label)
    page.get_by_role("button", name="Send to Compare").click()
    expect(page.locator("article.card.scratch:visible .winner")).to_have_text(
        verdict.classes[0].label, timeout=PATIENCE
    )
    expect(page.locator(".picture img:visible").first).to_have_js_property("naturalWidth", 32)
    expect(shown_cards(page)).to_have_count(3)


def test_pixels_change_their_scale_and_mistakes_show_their_images(page):
    page.get_by_role("tab", name="Pixels").click()
    red = page.locator(".histograms figure:visible").first
    expect(red).to_contain_text("Red, mean 1")
    page.get_by_text("(x − mean) / deviation", exact=True).click()
    expect(red).to_contain_text("Red, mean 0.0000")
    expect(page.locator(".means:visible img")).to_have_count(10)
    assert_no_sideways_scrolling(page)

    page.get_by_role("tab", name="Mistakes").click()
    matrix = page.locator(".confusion:visible")
    expect(matrix).to_be_visible(timeout=PATIENCE)
    numbers = matrix.locator("td").all_inner_texts()[1:]
    assert sum(map(int, numbers)) == 100
    cell = matrix.locator("button.wrong").first
    cell.focus()
    page.keyboard.press("Space")
    right, guess = re.match("(.*) taken for (.*): ", cell.get_attribute("aria-label")).groups()
    group = page.locator(".panel", has_text=f"{right.capitalize()} taken for {guess}").last
    expect(group.locator(".sample")).to_have_count(int(cell.inner_text()))
    expect(cell).to_be_focused()
    group.locator(".sample").first.click()
    expect(page.locator(".enlarged:visible")).to_contain_text(
        f"says {guess}, wrong: it is labelled {right}"
    )
    page.locator(".panel", has_text="Most confidently wrong").last.locator(".sample").last.click()
    expect(page.locator(".enlarged:visible")).to_contain_text(", wrong: it is labelled")
    assert_no_sideways_scrolling(page)


def test_when_the_full_set_arrives_the_tab_goes_over_to_it(
    app, browser, cifar10, cache, monkeypatch
):
    source = cifar10_data.cifar10_file().parent
    with opened(browser, app.url, DESKTOP) as page:
        choose_tab(page, "The data")
        expect(page.locator(".panel:visible").first).to_contain_text("built-in sample")
        page.get_by_role("tab", name="Pixels").click()
        expect(page.locator(".histograms:visible")).to_be_visible()
        monkeypatch.undo()  # the cache with the full set
        assert cifar10_data.cifar10_file().parent != source
        page.get_by_role("button", name="Fetch CIFAR-10").click()
        expect(page.locator(".panel:visible").first).to_contain_text("50,000 training images")
        expect(page.get_by_role("button", name="Fetch CIFAR-10")).to_be_hidden()
        page.get_by_text("Training images", exact=True).click()
        expect(page.locator(".sample:visible").first).to_have_attribute(
            "data-press", re.compile("full/train/")
        )
        expect(page.locator(".count:visible").first).to_contain_text("5,000 training")
