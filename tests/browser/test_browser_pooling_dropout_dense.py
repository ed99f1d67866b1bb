"""Two lessons in a real browser: one neuron, and pooling, dropout and dense layers."""

import re

from playwright.sync_api import Locator, Page, expect
from support.browser import assert_no_sideways_scrolling, choose_lesson, settle

from imgrec.ui.lessons import neuron


def slide(page: Page, label: str, key: str, times: int = 1) -> None:
    """Moves a slider by keyboard."""
    slider = page.locator("#parts").get_by_role("slider", name=label)
    slider.focus()
    for _ in range(times):
        page.keyboard.press(key)


def steps(drawing: Locator) -> int:
    words = re.search(r"after ([\d,]+) steps", drawing.first.get_attribute("aria-label"))
    return int(words[1].replace(",", ""))


def test_the_neuron_learns_explodes_and_answers(app, page, monkeypatch):
    choose_lesson(page, "One neuron")
    lesson = page.locator("#neuron")
    drawing = lesson.get_by_role("img", name="A neuron with two inputs")
    says, error = lesson.locator(".asked dd").first, lesson.locator(".asked dd").last
    expect(lesson).to_contain_text("It knows nothing yet")
    untaught = says.inner_text()

    lesson.get_by_role("button", name="One step").click()
    expect(lesson).to_contain_text("After 1 step")
    expect(says).not_to_have_text(untaught)

    monkeypatch.setattr(neuron, "SECONDS_A_FRAME", 0.5)  # so that a slow browser stops it in time
    lesson.get_by_role("button", name="Learn", exact=True).focus()
    page.keyboard.press("Enter")
    expect(lesson).to_contain_text(re.compile(r"After \d\d steps"))  # it is seen to learn
    lesson.get_by_role("button", name="Stop").click()
    settle(app, page)
    stopped = steps(drawing)
    settle(app, page)
    assert steps(drawing) == stopped < 300
    monkeypatch.undo()
    lesson.get_by_role("button", name="Learn", exact=True).click()
    expect(lesson).to_contain_text(f"After {stopped + 300} steps")
    expect(drawing).to_have_attribute(
        "aria-label", re.compile("Weight 1 is 1.000, weight 2 is 1.000")
    )
    expect(says).to_have_text(re.compile(r"41\.99|42\.00"))
    lesson.get_by_label("First number").fill("-300")
    expect(lesson.locator(".asked dd").nth(1)).to_have_text("−278.000")
    lesson.get_by_label("First number").fill("")
    expect(lesson.locator(".panel.error")).to_contain_text("Give it two numbers")
    lesson.get_by_label("First number").fill("0.5")
    expect(error).to_be_visible()

    lesson.get_by_role("button", name="Start again").click()
    expect(lesson).to_contain_text("It knows nothing yet")
    lesson.get_by_label("3", exact=True).check()
    expect(lesson).to_contain_text("A learning rate of 3 is beyond the limit")
    lesson.get_by_role("button", name="Learn", exact=True).click()
    expect(lesson).to_contain_text("It exploded")
    lesson.get_by_role("button", name="Other random start").click()
    expect(lesson).to_contain_text("It knows nothing yet")
    assert_no_sideways_scrolling(page)


def test_pooling_dropout_and_dense_answer_their_controls(page):
    choose_lesson(page, "Pooling, dropout, dense")
    lesson = page.locator("#parts")
    expect(lesson).to_contain_text("1,024 values before, 256 after")
    slide(page, "Side of the window", "ArrowRight", 2)
    expect(lesson).to_contain_text("1,024 values before, 64 after: 960 are thrown away, 93.8 %")
    expect(
        lesson.get_by_alt_text("The greatest value of each window: 8 × 8 values")
    ).to_be_visible()

    crossed = lesson.get_by_alt_text("The same map with")
    before = crossed.get_attribute("src")
    lesson.get_by_role("button", name="Draw again").click()
    expect(crossed).not_to_have_attribute("src", before)
    slide(page, "Rate", "Home")
    expect(lesson).to_contain_text("0 of 1,024 values are dropped, 0.0 %")
    expect(lesson.locator(".asks i.other")).to_have_count(0)

    expect(lesson).to_contain_text("all 512 contributions add up to")
    lesson.get_by_label("Class").click()
    page.get_by_role("option", name="ship", exact=True).click()
    expect(lesson).to_contain_text("For ship, all 512")
    slide(page, "Keep only the strongest", "Home")
    expect(lesson).to_contain_text("For ship, the 1 strongest of 512")
    expect(lesson.locator(".pull")).to_have_count(1)

    page.locator("#how-examples button.gallery-item:visible").nth(4).click()
    expect(lesson.locator(".asks")).to_have_attribute(
        "aria-label", re.compile("probability of dog")
    )
    page.locator("button[aria-label='Remove Image']:visible").first.click()
    expect(lesson).to_contain_text("No picture yet")
    expect(lesson.locator("img")).to_have_count(0)
    assert_no_sideways_scrolling(page)
