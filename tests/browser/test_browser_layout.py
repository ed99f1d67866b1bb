"""Every tab and lesson can be reached, and fits, at desktop and phone width."""

from playwright.sync_api import expect
from support.browser import assert_no_sideways_scrolling, choose_lesson, choose_tab

TABS = ("From scratch", "Pre-trained", "Transfer", "Teach it", "Train", "The data", "Results")
LESSONS = ("One neuron", "Convolution", "Pooling, dropout, dense", "Layer by layer")


def test_each_tab_is_reached_and_fits(page_at_each_width):
    page = page_at_each_width
    for name in TABS:
        choose_tab(page, name)
        expect(page.locator(".tabitem:visible").first).to_be_visible()
        expect(page.get_by_role("tab", name=name, exact=True, selected=True)).to_have_count(1)
        assert_no_sideways_scrolling(page)


def test_each_lesson_is_reached_and_fits(page_at_each_width):
    page = page_at_each_width
    for name in LESSONS:
        choose_lesson(page, name)
        expect(page.get_by_role("tab", name=name, exact=True, selected=True)).to_have_count(1)
        assert_no_sideways_scrolling(page)
