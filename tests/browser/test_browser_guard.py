"""What strangers may do to a visitor in a real browser: saved links, and many sessions."""

import json

import httpx
from playwright.sync_api import expect
from support.app import uploads, visit_by_program
from support.browser import DESKTOP, choose_tab, opened

from imgrec.ui.access.guard import NO_LINKS
from imgrec.ui.page import SESSIONS


def test_a_saved_link_runs_nothing_in_a_browser(app, browser):
    """As before it was refused: state is stored by hand where gradio keeps it, and opened."""
    config = httpx.get(f"{app.url}/config", timeout=60).json()
    script = "<img src=x onerror=\"document.title='run'; window.run = true\">"
    for component in config["components"]:
        if component["type"] == "html":
            component["props"]["value"] = script
    saved = uploads() / "deep_links" / "abcdefghijk" / "state.json"
    saved.parent.mkdir(parents=True, exist_ok=True)
    saved.write_text(json.dumps(config["components"]))
    try:
        page = browser.new_page()
        answer = page.goto(f"{app.url}/?deep_link=abcdefghijk")
        assert answer.status == 404
        assert page.inner_text("body") == NO_LINKS
        assert page.evaluate("window.run") is None
        page.close()
    finally:
        saved.unlink()
        saved.parent.rmdir()


def test_a_visitor_whose_session_gave_way_to_others_goes_on_and_a_reload_finds_the_project(
    app, browser
):
    with opened(browser, app.url, DESKTOP) as page:
        choose_tab(page, "Teach it")
        page.get_by_role("button", name="Begin with my own pictures").click()
        expect(page.get_by_label("Name of the class")).to_be_focused()
        page.keyboard.type("my own class")
        page.keyboard.press("Enter")
        names = page.locator(".classes .name")
        expect(names.first).to_have_text("my own class")
        with httpx.Client(base_url=app.url, timeout=60) as client:
            for _ in range(SESSIONS + 1):
                visit_by_program(client)
        page.get_by_role("button", name="Add a class").click()
        expect(names).to_have_text(["my own class", "Class 2", "Class 1"])
        page.reload()  # the address names the tab
        expect(names).to_have_text(["my own class", "Class 2", "Class 1"])
