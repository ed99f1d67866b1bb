"""The lesson “Layer by layer” in a real browser: walk, look inside, choose a map, by key too."""

import re

from conftest import DESKTOP, assert_no_sideways_scrolling, choose_lesson, opened
from playwright.sync_api import Locator, Page, expect

from imgrec import activations
from imgrec.images import open_image
from imgrec.paths import IMAGES

DOG = IMAGES / "examples" / "cifar10_dog.png"


def walk_in(page: Page) -> None:
    """Opens the lesson and waits until it has answered."""
    choose_lesson(page, "Layer by layer")
    expect(pressed(page)).to_contain_text("conv1")
    expect(tiles(page)).to_have_count(24)
    page.wait_for_timeout(1500)  # the picture that is brought along may be answered for once more


def house(page: Page, layer: str) -> Locator:
    return page.locator(f".street [data-press='{layer}']")


def pressed(page: Page) -> Locator:
    return page.locator(".street [aria-pressed=true]")


def tiles(page: Page) -> Locator:
    return page.locator(".maps button:visible")


def caption(page: Page) -> Locator:
    """The text under the map, or vector, beside the picture as the network saw it."""
    return page.locator(".pair:visible figcaption").last


def test_a_walk_down_the_street_of_the_scratch_network(page):
    walk_in(page)
    facts = page.locator(".layer:visible")
    expect(facts).to_contain_text("3·3·3·32 + 32 = 896")
    expect(page.locator(".street .house")).to_have_count(12)
    tile = tiles(page).nth(3)
    tile.click()
    expect(tile).to_have_attribute("aria-pressed", "true")
    expect(tile).to_have_attribute("aria-label", re.compile(r"channel \d+: mean .*, maximum "))
    number = tile.get_attribute("data-press")
    expect(page.get_by_label("Channel", exact=True)).to_have_value(number)
    expect(caption(page)).to_contain_text(f"Channel {number}, from 0 (dark)")
    house(page, "conv4").click()
    expect(facts).to_contain_text("3·3·64·64 + 64 = 36,928")
    expect(pressed(page)).to_have_count(1)
    house(page, "flatten").click()
    expect(caption(page)).to_contain_text("All 2,304 values")
    expect(tiles(page)).to_have_count(0)
    house(page, "predictions").click()
    expect(page.locator(".pair:visible .bar")).to_have_count(10)
    for image in page.locator(".pair:visible img").all():
        assert len(image.get_attribute("alt")) > 20
    assert_no_sideways_scrolling(page)


def test_by_keyboard_with_another_picture_and_vgg16(page):
    walk_in(page)
    house(page, "conv1").focus()
    page.keyboard.press("Tab")
    expect(house(page, "conv2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".layer:visible")).to_contain_text("3·3·32·32 + 32 = 9,248")
    expect(house(page, "conv2")).to_be_focused()
    page.get_by_label("By number").check()
    channel = page.get_by_label("Channel", exact=True)
    channel.fill("31")
    expect(page.locator(".maps [aria-pressed=true]")).to_have_attribute("data-press", "31")
    channel.fill("32")
    expect(page.locator(".panel.error:visible")).to_contain_text("from 0 to 31")
    channel.fill("5")
    expect(caption(page)).to_contain_text("Channel 5, from")
    before = caption(page).inner_text()
    page.locator("#how-examples button.gallery-item").nth(4).click()
    expect(caption(page)).not_to_have_text(before)  # the same channel, of the other picture
    found = activations.activation(activations.load("scratch"), "conv2", open_image(DOG))
    most = found.values[..., 5].max()
    expect(caption(page)).to_contain_text(f"Channel 5, from 0 (dark) to {most:.3g} (bright)")

    page.get_by_label("VGG16", exact=True).check()
    expect(page.locator(".street .house")).to_have_count(18)
    expect(page.get_by_text("VGG16’s dense layers are not on this street")).to_be_visible()
    expect(page.locator(".layer:visible")).to_contain_text("block1_conv1")
    house(page, "block5_conv3").click()
    expect(caption(page)).to_contain_text("Channel")
    expect(page.locator(".layer:visible")).to_contain_text("14 × 14 × 512")
    assert_no_sideways_scrolling(page)


def test_what_is_not_looked_at_is_not_computed(app, browser, monkeypatch):
    asked = []
    compute = activations.activation

    def counted(*arguments):
        asked.append(arguments)
        return compute(*arguments)

    monkeypatch.setattr(activations, "activation", counted)
    with opened(browser, app.url, DESKTOP) as page:
        walk_in(page)
        answered = 0
        while len(asked) > answered:  # a busy machine answers late for what is brought along
            answered = len(asked)
            page.wait_for_timeout(2500)
        asked.clear()
        page.get_by_role("tab", name="One neuron", exact=True).click()
        page.get_by_role("tab", name="Convolution", exact=True).click()
        page.locator("#how-examples button.gallery-item").nth(4).click()
        page.wait_for_timeout(1500)
        assert asked == []
        page.get_by_role("tab", name="Layer by layer", exact=True).click()
        seen = page.locator(".pair:visible figcaption").first
        expect(seen).to_contain_text("32 × 32 pixels")
        page.locator("button[aria-label='Remove Image']:visible").first.click()
        expect(page.get_by_text("No picture yet").locator("visible=true")).to_have_count(1)
        expect(tiles(page)).to_have_count(0)
        assert len(asked) == 1
