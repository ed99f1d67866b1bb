"""*Why?* in a real browser, by mouse and by keyboard."""

import re
import threading
import time

import pytest
from playwright.sync_api import Page, expect
from support.app import RunningApp
from support.browser import (
    DESKTOP,
    DOG,
    PHONE,
    assert_no_sideways_scrolling,
    choose_tab,
    drop,
    opened,
    settle,
)

from imgrec.explaining.explanation import explain
from imgrec.explaining.occlusion import occlusion
from imgrec.ui.components.explanation import panel as explanation_panel


def ask_why(page: Page, approach: str) -> None:
    page.locator(f"article.card.{approach}:visible button[data-press]").click()
    expect(page.locator(".why:visible .why-figure")).to_have_count(1)


def heading(page: Page):
    return page.locator(".why:visible h3[tabindex]")


@pytest.fixture
def slow(monkeypatch):
    """Occlusion that goes on until it is stopped; counts its steps."""
    steps = []
    whole = occlusion

    def endless(question):
        first = next(whole(question))
        while len(steps) < 1000:
            steps.append(1)
            time.sleep(0.1)  # as a step takes: without, the page drowns in answers
            yield first

    monkeypatch.setattr(explanation_panel, "occlusion", endless)
    return steps


def assert_stopped(app: RunningApp, page: Page, steps: list[int]) -> None:
    """No step is made any more, after what was under way."""
    settle(app, page)
    before = len(steps)
    settle(app, page)
    assert before == len(steps) < 1000


def test_why_explains_another_class_gets_a_second_opinion_and_closes(page):
    ask_why(page, "pretrained")
    expect(heading(page)).to_have_text("Why “lion”?")
    expect(heading(page)).to_be_focused()
    expect(heading(page)).to_be_in_viewport()
    panel = page.locator(".why:visible")
    expect(panel.locator(".who")).to_contain_text("EfficientNet-Lite0")
    expect(panel.locator(".why-words")).to_contain_text("covering the hottest fifth")
    assert_no_sideways_scrolling(page)

    heat = panel.locator(".why-layers img").nth(1)
    before = heat.get_attribute("src")
    slider = panel.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    expect(heat).to_have_css("opacity", "0")
    page.keyboard.press("ArrowRight")
    expect(heat).to_have_css("opacity", "0.05")

    panel.get_by_label("Evidence for").click()
    page.get_by_role("option", name="Tibetan mastiff").click()
    expect(heading(page)).to_have_text("Why “Tibetan mastiff”?")
    expect(heat).not_to_have_attribute("src", before)
    expect(heat).to_have_css("opacity", "0.05")

    panel.get_by_label("Evidence for").click()
    page.get_by_role("option", name="Is there a dog?").click()
    expect(heading(page)).to_have_text("What speaks for a dog?")

    panel.get_by_role("button", name="Second opinion").click()
    expect(panel.locator(".why-words").nth(1)).to_contain_text("rank correlation")
    expect(panel.locator(".why-figure")).to_have_count(2)
    assert_no_sideways_scrolling(page)

    panel.get_by_role("button", name="Close").click()
    expect(page.locator(".why:visible")).to_have_count(0)
    expect(page.locator("article.card.pretrained button[data-press]")).to_be_focused()

    drop(page, "dog.png", DOG.read_bytes())
    expect(page.locator("section.question")).to_contain_text("They agree: there is a dog.")
    button = page.locator("article.card.scratch button[data-press]")
    button.focus()
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("Why “dog”?")
    expect(page.locator(".why-figure:visible")).to_have_count(1)


def test_occlusion_can_be_stopped_and_ends_with_another_picture_or_visitor(app, browser, slow):
    with opened(browser, app.url, DESKTOP) as page:
        ask_why(page, "scratch")
        panel = page.locator(".why:visible")
        again = panel.get_by_role("button", name="Second opinion")
        again.click()
        expect(panel.locator(".why-progress")).to_have_text(re.compile("of 256 places covered"))
        panel.get_by_role("button", name="Stop").click()
        expect(panel).to_contain_text("Stopped: the map is not whole.")
        assert_stopped(app, page, slow)

        slow.clear()
        again.click()
        expect(panel.get_by_role("button", name="Stop")).to_be_visible()
        drop(page, "dog.png", DOG.read_bytes())
        expect(page.locator(".why:visible")).to_have_count(0)
        assert_stopped(app, page, slow)
        expect(page.locator("section.question")).to_contain_text("They agree: there is a dog.")

        slow.clear()
        ask_why(page, "scratch")
        again.click()
        expect(page.locator(".why-progress:visible")).to_be_visible()
        page.goto("about:blank")
        assert_stopped(app, page, slow)


def test_an_explanation_that_comes_late_is_not_put_beside_a_new_picture(app, browser, monkeypatch):
    go_on, asked, whole = threading.Event(), threading.Event(), explain

    def late(*arguments):
        asked.set()
        go_on.wait(120)
        return whole(*arguments)

    monkeypatch.setattr(explanation_panel, "explain", late)
    with opened(browser, app.url, DESKTOP) as page:
        page.locator("article.card.scratch button[data-press]").click()
        assert asked.wait(120)
        with page.expect_response("**/cancel"):
            drop(page, "dog.png", DOG.read_bytes())
        go_on.set()
        expect(page.locator("section.question")).to_contain_text("They agree: there is a dog.")
        settle(app, page)
        expect(page.locator(".why:visible")).to_have_count(0)
        ask_why(page, "scratch")
        expect(heading(page)).to_have_text("Why “dog”?")


def test_the_tab_of_a_head_explains_the_head_that_is_chosen(app, browser):
    with opened(browser, app.url, PHONE) as page:
        choose_tab(page, "Transfer")
        ask_why(page, "transfer")
        expect(page.locator(".why:visible .who")).to_contain_text("pooled head")
        page.get_by_label("Trained head").click()
        page.get_by_role("option", name="Flatten, 64 photos").click()
        expect(page.locator(".why:visible")).to_have_count(0)
        card = page.locator("article.card.transfer:visible .who").first
        expect(card).to_contain_text("flatten")
        ask_why(page, "transfer")
        expect(page.locator(".why:visible .who")).to_contain_text("flatten head")
        assert_no_sideways_scrolling(page)
