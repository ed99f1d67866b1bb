"""The lesson “Layer by layer” in a real browser: walk, look inside, choose a map, by key too."""

import re

import numpy as np
from playwright.sync_api import Locator, Page, expect
from support.app import RunningApp
from support.browser import (
    DESKTOP,
    assert_no_sideways_scrolling,
    choose_lesson,
    opened,
    settle,
)

from imgrec.explaining import feature_maps
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.networks.layer_table import Layer
from imgrec.ui.lessons import layers_html

DOG = IMAGES / "examples" / "cifar10_dog.png"


def walk_in(app: RunningApp, page: Page) -> None:
    """Opens the lesson and waits until it has answered."""
    choose_lesson(page, "Layer by layer")
    expect(pressed(page)).to_contain_text("whiten")
    expect(tiles(page)).to_have_count(24)
    settle(app, page)  # the picture that is brought along may be answered for once more


def rows() -> dict[str, Layer]:
    """The layers of the network that the lesson begins with, by name."""
    return {row.name: row for row in feature_maps.load("scratch").rows}


def house(page: Page, layer: str) -> Locator:
    return page.locator(f".street [data-press='{layer}']")


def pressed(page: Page) -> Locator:
    return page.locator(".street [aria-pressed=true]")


def tiles(page: Page) -> Locator:
    return page.locator(".tiles button:visible")


def caption(page: Page) -> Locator:
    """The text under the map, or vector, beside the picture as the network saw it."""
    return page.locator(".pair:visible figcaption").last


def test_a_walk_down_the_street_of_the_scratch_network(app, page):
    walk_in(app, page)
    facts = page.locator(".layer:visible")
    expect(facts).to_contain_text("2·2·3·24 + 24 = 312")
    layers = rows()
    expect(page.locator(".street .house")).to_have_count(len(layers))
    tile = tiles(page).nth(3)
    tile.click()
    expect(tile).to_have_attribute("aria-pressed", "true")
    expect(tile).to_have_attribute("aria-label", re.compile(r"channel \d+: mean .*, maximum "))
    number = tile.get_attribute("data-press")
    expect(page.get_by_label("Channel", exact=True)).to_have_value(number)
    expect(caption(page)).to_contain_text(f"Channel {number}, from 0 (dark)")
    house(page, "block1_norm1").click()
    expect(facts).to_contain_text(layers["block1_norm1"].formula)
    expect(facts).to_contain_text("of the values are below 0")
    expect(caption(page)).to_contain_text("red above 0, blue below")
    expect(pressed(page)).to_have_count(1)
    house(page, "pool").click()
    (values,) = layers["pool"].output_shape
    expect(caption(page)).to_contain_text(f"All {values:,} values")
    expect(tiles(page)).to_have_count(0)
    house(page, "predictions").click()
    expect(page.locator(".pair:visible .bar")).to_have_count(10)
    for image in page.locator(".pair:visible img").all():
        assert len(image.get_attribute("alt")) > 20
    assert_no_sideways_scrolling(page)


def test_by_keyboard_with_another_picture_and_vgg16(app, page):
    walk_in(app, page)
    house(page, "whiten").focus()
    page.keyboard.press("Tab")
    expect(house(page, "block1_conv1")).to_be_focused()
    page.keyboard.press("Enter")
    convolution = rows()["block1_conv1"]
    last = convolution.output_shape[-1] - 1
    expect(page.locator(".layer:visible")).to_contain_text(convolution.formula)
    expect(house(page, "block1_conv1")).to_be_focused()
    page.get_by_label("By number").check()
    channel = page.get_by_label("Channel", exact=True)
    channel.fill(f"{last}")
    expect(page.locator(".tiles [aria-pressed=true]")).to_have_attribute("data-press", f"{last}")
    channel.fill(f"{last + 1}")
    expect(page.locator(".panel.error:visible")).to_contain_text(f"from 0 to {last}")
    channel.fill("5")
    expect(caption(page)).to_contain_text("Channel 5 (")
    before = caption(page).inner_text()
    page.locator("#how-examples button.gallery-item").nth(4).click()
    expect(caption(page)).not_to_have_text(before)  # the same channel, of the other picture
    found = feature_maps.activation(feature_maps.load("scratch"), "block1_conv1", open_image(DOG))
    least, most = (layers_html.number(end(found.values[..., 5])) for end in (np.min, np.max))
    expect(caption(page)).to_contain_text(f"from {least} to {most}")

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
    compute = feature_maps.activation

    def counted(*arguments):
        asked.append(arguments)
        return compute(*arguments)

    monkeypatch.setattr(feature_maps, "activation", counted)
    with opened(browser, app.url, DESKTOP) as page:
        walk_in(app, page)
        asked.clear()
        page.get_by_role("tab", name="One neuron", exact=True).click()
        page.get_by_role("tab", name="Convolution", exact=True).click()
        page.locator("#how-examples button.gallery-item").nth(4).click()
        settle(app, page)
        assert asked == []
        page.get_by_role("tab", name="Layer by layer", exact=True).click()
        seen = page.locator(".pair:visible figcaption").first
        expect(seen).to_contain_text("32 × 32 pixels")
        page.locator("button[aria-label='Remove Image']:visible").first.click()
        expect(page.get_by_text("No picture yet").locator("visible=true")).to_have_count(1)
        expect(tiles(page)).to_have_count(0)
        assert len(asked) == 1
