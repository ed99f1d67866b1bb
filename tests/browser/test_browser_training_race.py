"""The race of the two networks in a real browser: the curves, the numbers and the ingredients."""

import gradio as gr
from playwright.sync_api import expect
from support.browser import DESKTOP, PHONE, assert_no_sideways_scrolling
from support.reports import ABLATION, SEEDS, TRAINING

from imgrec.evaluation import training_reports
from imgrec.files import atomic
from imgrec.ui.approaches import training_race
from imgrec.ui.theme import STYLES, THEME


def test_on_the_page(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(training_reports, "REPORTS", tmp_path)
    for name, report in (("training", TRAINING), ("ablation", ABLATION), ("seeds", SEEDS)):
        atomic.write_json(tmp_path / f"{name}.json", report)
    with gr.Blocks() as blocks:
        training_race.build_race()
    _, url, _ = blocks.launch(
        prevent_thread_lock=True, quiet=True, theme=THEME, css_paths=STYLES, ssr_mode=False
    )
    for viewport in (DESKTOP, PHONE):
        context = browser.new_context(viewport=viewport)
        page = context.new_page()
        page.goto(url)
        curves = page.locator(".race-plot svg .mark-line path")
        expect(curves).to_have_count(2)
        expect(page.get_by_text("minutes of training", exact=True)).to_be_visible()
        page.get_by_text("What each ingredient of fast gives").click()
        expect(page.get_by_role("rowheader", name="nothing")).to_be_visible()
        page.get_by_text("The numbers").click()
        expect(page.get_by_role("cell", name="1,234").first).to_be_visible()
        assert_no_sideways_scrolling(page)
        context.close()
    blocks.close()
