"""The lesson on convolution in a browser: kernels, sliding, shifting; by mouse and keyboard."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from support.browser import assert_no_sideways_scrolling, choose_lesson, settle

from imgrec.approaches import scratch
from imgrec.explaining.lessons import convolution, shift_invariance
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.ui.components.formatting import signed
from imgrec.ui.components.picture import example_files

DOG = IMAGES / "examples" / "cifar10_dog.png"


@pytest.fixture
def lesson(page) -> Locator:
    """The lesson, with the picture of a dog."""
    choose_lesson(page, "Convolution")
    place = example_files().index(str(DOG))
    page.locator("#how-examples button.gallery-item").nth(place).click()
    lesson = page.locator("#convolution")
    expect(lesson.locator(".said")).to_contain_text("it says dog")
    return lesson


def value_at(key: str, row: int, column: int) -> str:
    kernel = convolution.kernel(key)
    view = convolution.view(open_image(DOG), scratch.SIZE)
    values = convolution.feature_map(convolution.pixels(view, kernel.channels), kernel)
    return signed(values[row - 1, column - 1], 3)


def describe_all(page: Page) -> None:
    """Every picture of the lesson says what it shows, or stands in a button that does."""
    for image in page.locator("#convolution img:visible").all():
        named = image.evaluate("e => e.alt || e.closest('button[aria-label]')?.ariaLabel")
        assert named and len(named) > 5


def test_a_kernel_is_chosen_slid_and_its_sum_shown(page, lesson):
    sums = lesson.locator(".sums")
    expect(sums).to_contain_text(value_at("upright", 16, 16))
    chosen = lesson.get_by_role("button", name="Learnt filter 7", exact=True)
    chosen.focus()
    page.keyboard.press("Enter")
    expect(sums).to_contain_text(value_at("learnt-6", 16, 16))
    expect(sums.locator(".product")).to_have_count(3)
    expect(chosen).to_be_focused()
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(lesson.locator("[aria-pressed=true]")).to_have_count(1)

    row = lesson.get_by_role("slider", name=re.compile("Row"))
    row.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(sums).to_contain_text("At row 19, column 16.")
    expect(sums).to_contain_text(value_at("learnt-6", 19, 16))
    lesson.get_by_label("ReLU").check()
    expect(lesson.locator(".maps.two")).to_contain_text("Learnt filter 7, after ReLU")

    lesson.get_by_role("button", name="Slide", exact=True).click()
    expect(sums).to_contain_text("of 1,024 places are done")
    expect(sums).not_to_contain_text("places are done")
    expect(sums).to_contain_text("At row 32, column 32.")
    lesson.get_by_role("button", name="Your own kernel").click()
    own = lesson.get_by_label("Your own kernel: three lines")
    own.fill("0 0 0  0 1 0  0 0 0")
    expect(lesson.locator(".maps.two")).to_contain_text("Your own kernel, after ReLU")
    own.fill("1 2 3")
    expect(lesson.locator(".panel.error").first).to_contain_text("needs nine numbers")
    own.fill("0 1 0  1 -4 1  0 1 0")
    lesson.get_by_text("128 × 128").click()
    expect(sums).to_contain_text("At row 64, column 64.")
    describe_all(page)
    assert_no_sideways_scrolling(page)


def test_the_picture_is_shifted_by_sliders_and_by_the_grid(app, page, lesson, monkeypatch):
    answers = shift_invariance.predict_shifts(convolution.view(open_image(DOG), scratch.SIZE))
    expect(lesson.locator(".said")).to_contain_text(f"{dict(answers.counts())['dog']} of 289")
    expect(lesson.locator(".shift-grid button")).to_have_count(289)
    views = lesson.locator(".maps.four")
    right, down = answers.nearest_failure()
    label = answers.prediction_at(right, down)[0]
    cell = lesson.locator(f"button[data-press='{right},{down}']")
    cell.click()
    expect(views).to_contain_text(f": {label},")
    expect(cell).to_have_css("outline-style", "solid")
    slider = lesson.get_by_role("slider", name=re.compile("Down"))
    expect(slider).to_have_js_property("value", str(down))
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(views).to_contain_text(f": {answers.prediction_at(right, down + 1)[0]},")
    expect(lesson).to_contain_text("no difference at all at")
    expect(lesson.locator("tbody tr", has_text="2 × 2, in this network")).to_be_visible()
    describe_all(page)
    assert_no_sideways_scrolling(page)

    asked = []
    answer = shift_invariance.predict_shifts
    monkeypatch.setattr(
        shift_invariance, "predict_shifts", lambda view: asked.append(view) or answer(view)
    )
    choose_lesson(page, "Layer by layer")
    expect(lesson).to_be_hidden()
    page.locator("#how-examples button.gallery-item").first.click()
    settle(app, page)
    lion = convolution.view(open_image(example_files()[0]), scratch.SIZE)
    assert lion not in asked  # for nobody looks
    choose_lesson(page, "Convolution")
    expect(lesson.locator(".said")).not_to_contain_text("it says dog")
    assert lion in asked
    page.locator("button[aria-label='Remove Image']:visible").first.click()
    expect(views).to_have_count(0)
    expect(lesson.locator(".panel")).to_have_count(2)  # both say that there is no picture
    expect(lesson.locator(".panel").first).to_contain_text("No picture yet")
