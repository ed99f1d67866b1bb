"""The training tab in a real browser: fetch the data, train, watch, stop, resume, use."""

import io
import os
import re
import shutil
import signal
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from support.browser import (
    DESKTOP,
    PHONE,
    assert_no_sideways_scrolling,
    choose_tab,
    opened,
    shown_cards,
    until,
)

from imgrec.data import cifar10 as cifar10_data
from imgrec.files.paths import runs_dir
from imgrec.models import registry, run_log
from imgrec.training.permissions import Permissions
from imgrec.training.process import trainer
from imgrec.training.recipes import DEFAULT_RECIPES, Recipe

LONG = Recipe(epochs=50, limit=1500, validation_images=100, batch_size=32)
DRAWN = "paths => paths.map(path => path.getAttribute('d') || '')"
STATE = "section.training .state"
TRAINING = 300_000  # milliseconds until a short training has ended


@pytest.fixture(autouse=True)
def no_training(app, cifar10) -> Iterator[None]:
    """Nothing is trained, and no run left, after a test."""
    yield
    trainer.close()
    shutil.rmtree(runs_dir(), ignore_errors=True)


@pytest.fixture
def desktop(app, browser) -> Iterator[Page]:
    with opened(browser, app.url, DESKTOP) as page:
        choose_tab(page, "Train")
        yield page


@pytest.fixture
def tab_at_each_width(page_at_each_width) -> Page:
    """The training tab at desktop and phone width."""
    choose_tab(page_at_each_width, "Train")
    return page_at_each_width


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).locator("visible=true").first.click()


def state(page: Page) -> Locator:
    return page.locator(f"{STATE}:visible")


def set_number(page: Page, label: str, value: int) -> None:
    field = page.get_by_label(f"number input for {label}").locator("visible=true").first
    field.fill(str(value))
    field.press("Tab")


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).locator("visible=true").first.click()
    page.get_by_role("option", name=option, exact=True).click()


def line_points(page: Page) -> int:
    """How many points the longest line of the first plot has."""
    paths = page.locator(".vega-embed:visible").first.locator("path[aria-roledescription*=line]")
    return max((drawn.count("L") + 1 for drawn in paths.evaluate_all(DRAWN)), default=0)


def official_archive(data: cifar10_data.Cifar10) -> bytes:
    """CIFAR-10 as the official site packs it."""

    def batch(x: np.ndarray, y: np.ndarray) -> bytes:
        planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
        return np.concatenate([y[:, None], planes], axis=1).tobytes()

    parts = {
        f"data_batch_{i + 1}": batch(
            data.x_train[10_000 * i : 10_000 * (i + 1)], data.y_train[10_000 * i : 10_000 * (i + 1)]
        )
        for i in range(5)
    }
    parts["test_batch"] = batch(data.x_test, data.y_test)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, content in parts.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_from_nothing_to_new_weights_that_answer(
    desktop, cifar10, file_server, tmp_path, monkeypatch
):
    tab, name = desktop, "mine"
    monkeypatch.setenv("IMGREC_CACHE", str(tmp_path))
    file_server.files["cifar"] = official_archive(cifar10)
    file_server.hold.clear()
    monkeypatch.setattr(cifar10_data, "OFFICIAL_URL", file_server.url("cifar"))
    offer = tab.locator(".vgg16-offer:visible", has_text="CIFAR-10")
    expect(offer).to_contain_text("which are not here yet")
    expect(tab.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    press(tab, "Fetch CIFAR-10 (140 MB)")
    expect(offer).to_contain_text("CIFAR-10 from the official site")
    expect(offer.locator("[role=progressbar]")).to_be_visible()
    file_server.hold.set()
    expect(offer).to_be_hidden(timeout=TRAINING)
    assert cifar10_data.has_cifar10()

    choose(tab, "Network", "classic")
    expect(tab.get_by_label("number input for Epochs").first).to_have_value("30")
    set_number(tab, "Epochs", 1)
    set_number(tab, "Training images", 10000)  # so many that a fast machine needs some looks too
    tab.get_by_text("More settings").click()
    tab.get_by_label("Name of the run").locator("visible=true").fill(name)
    expect(tab.get_by_text("on this machine, from a few timed steps")).to_be_visible()
    press(tab, "Start")
    expect(state(tab)).to_have_text("is learning", timeout=TRAINING)
    expect(tab.locator(".strip .tile")).to_have_count(20)
    lengths = set()

    def is_finished() -> bool:
        lengths.add(line_points(tab))
        return state(tab).inner_text() == "has finished"

    until(is_finished)
    assert len(lengths) >= 3  # the curve grew
    expect(tab.locator("section.training")).to_contain_text("Test accuracy")
    assert_no_sideways_scrolling(tab)

    press(tab, "Use it")
    expect(tab.get_by_text(f"Compare and From scratch answer with {name} now.")).to_be_visible()
    choose_tab(tab, "Compare")
    card = tab.locator("article.card.scratch:visible")
    expect(card).to_contain_text(f"classic CNN, run {name}")
    choose_tab(tab, "From scratch")
    expect(tab.locator("article.card.scratch:visible")).to_contain_text(f"run {name}")


def test_a_fetch_that_fails_says_why(desktop, tmp_path, file_server, monkeypatch):
    monkeypatch.setenv("IMGREC_CACHE", str(tmp_path))
    monkeypatch.setattr(cifar10_data, "OFFICIAL_URL", file_server.url("nothing"))
    monkeypatch.setattr(cifar10_data, "SOURCES", cifar10_data.SOURCES[:1])
    press(desktop, "Fetch CIFAR-10 (140 MB)")
    problem = desktop.locator(".problem:visible")
    expect(problem).to_contain_text("the server answered 404")
    assert "Traceback" not in desktop.content()


def test_a_run_is_seen_by_all_paused_and_found_again_after_a_reload(app, browser, desktop):
    run = trainer.start(LONG, "long")
    expect(state(desktop)).to_have_text("is learning")
    press(desktop, "Pause")
    expect(state(desktop)).to_have_text("is paused", timeout=TRAINING)
    with opened(browser, app.url, PHONE) as phone:
        choose_tab(phone, "Train")
        expect(state(phone)).to_have_text("is paused")
        expect(phone.locator("section.training")).to_contain_text(run)
        press(phone, "Go on")
        expect(state(phone)).to_have_text("is learning")
        expect(state(desktop)).to_have_text("is learning")
        assert_no_sideways_scrolling(phone)
    desktop.reload()
    expect(state(desktop)).to_have_text("is learning")
    expect(desktop.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    press(desktop, "Stop")
    expect(state(desktop)).to_have_text("was stopped", timeout=TRAINING)
    expect(desktop.get_by_role("button", name="Start", exact=True)).to_be_enabled()


def test_a_page_closed_in_the_middle_of_an_epoch_changes_nothing(app, browser):
    run = trainer.start(LONG, "left alone")
    with opened(browser, app.url, DESKTOP) as page:
        choose_tab(page, "Train")
        expect(page.locator(".strip .tile").first).to_be_visible()
    steps = len(run_log.watch(runs_dir() / run).points)
    until(lambda: len(run_log.watch(runs_dir() / run).points) > steps + 1)
    assert run_log.state_of(runs_dir() / run) == "training"


def test_a_network_fills_in_its_own_recipe_and_shows_the_settings_that_it_has(
    tab_at_each_width,
):
    tab = tab_at_each_width
    epochs = tab.get_by_label("number input for Epochs").locator("visible=true").first
    images = tab.get_by_label("number input for Training images").locator("visible=true")
    tab.get_by_text("More settings").click()
    shift = tab.get_by_label("number input for Shifted by").locator("visible=true")
    whitening = tab.get_by_label("Whitening").locator("visible=true")
    for network, settings in (("classic", 0), ("fast", 1)):
        choose(tab, "Network", network)
        usual = DEFAULT_RECIPES[network]
        expect(epochs).to_have_value(str(usual.epochs))
        expect(images).to_have_value(str(50_000 - usual.validation_images))
        recipe = tab.get_by_label("Recipe", exact=True).locator("visible=true").first
        expect(recipe).to_have_value(f"The {network} recipe")
        for there in (shift, whitening):
            expect(there).to_have_count(settings)
    assert_no_sideways_scrolling(tab)
    choose(tab, "Recipe", "A quick look at classic: 3 epochs, 10,000 images")
    expect(epochs).to_have_value("3")
    expect(images).to_have_value("10000")
    expect(tab.get_by_label("Network", exact=True).locator("visible=true").first).to_have_value(
        "classic"
    )


def test_start_pressed_twice_starts_one_run(desktop, monkeypatch):
    monkeypatch.setattr("imgrec.training.time_estimate.gains_by_bfloat16", lambda: False)
    set_number(desktop, "Training images", 1000)
    start = desktop.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_enabled()
    start.dblclick()
    until(lambda: not registry.entries()[0].shipped)
    recipe = Recipe.of(registry.entries()[0].config)  # also of the settings that nobody has opened
    assert recipe == replace(DEFAULT_RECIPES["fast"], limit=1000, mixed_precision=False)
    expect(state(desktop)).to_have_text("is learning", timeout=TRAINING)
    assert len([entry for entry in registry.entries() if not entry.shipped]) == 1
    press(desktop, "Stop")
    expect(state(desktop)).to_have_text("was stopped", timeout=TRAINING)


def test_a_killed_training_is_told_and_goes_on_after_resume(desktop):
    recipe = Recipe(epochs=2, limit=640, validation_images=100)
    run = trainer.start(recipe, "killed")
    until(lambda: registry.find(run).epochs == 1)
    os.kill(trainer._process.pid, signal.SIGKILL)
    expect(state(desktop)).to_have_text("was interrupted")
    expect(desktop.locator("section.training .problem")).to_contain_text("was killed")
    expect(desktop.locator("section.training")).to_contain_text("One whole epoch is kept")
    press(desktop, "Resume")
    expect(state(desktop)).to_have_text("has finished", timeout=TRAINING)
    assert registry.find(run).epochs == 2


def test_a_stopped_run_can_be_finished_with_what_it_has(desktop):
    run = trainer.start(Recipe(epochs=50, limit=320, validation_images=100), "enough")
    until(lambda: registry.find(run).epochs >= 1)
    press(desktop, "Stop")
    expect(state(desktop)).to_have_text("was stopped", timeout=TRAINING)
    desktop.get_by_role("button", name="Finish here").locator("visible=true").last.click()
    expect(state(desktop)).to_have_text("has finished", timeout=TRAINING)
    assert 1 <= registry.find(run).epochs < 50


def test_a_head_is_trained_renamed_used_downloaded_and_deleted(desktop):
    tab, name, new = desktop, "my head", "another"
    tab.get_by_label("The transfer head").check()
    set_number(tab, "Epochs", 20)
    tab.get_by_label("Name of the run").locator("visible=true").fill(name)
    press(tab, "Train the head")
    expect(tab.locator("section.training")).to_contain_text(f"{name} has finished")
    until(lambda: line_points(tab) == 20)

    press(tab, "Rename")
    tab.get_by_label("New name").fill("classic")
    press(tab, "Rename it")
    expect(tab.locator("section.panel.error:visible")).to_contain_text("There is a classic already")
    press(tab, "Rename")
    tab.get_by_label("New name").fill(new)
    press(tab, "Rename it")
    expect(tab.locator("section.training")).to_contain_text(new)
    expect(tab.locator("section.panel.error:visible")).to_have_count(0)

    with tab.expect_download() as download:
        press(tab, "Download")
    assert download.value.suggested_filename == f"{new}.zip"
    with zipfile.ZipFile(download.value.path()) as bundle:
        assert f"{new}/weights.npz" in bundle.namelist()

    press(tab, "Use it")
    choose_tab(tab, "Compare")
    expect(tab.locator("article.card.transfer:visible")).to_contain_text(f"pooled head, {new}")
    choose_tab(tab, "Train")
    press(tab, "Delete")
    press(tab, "Keep it")
    expect(tab.get_by_role("button", name="Delete it for good")).to_be_hidden()
    press(tab, "Delete")
    press(tab, "Delete it for good")
    expect(tab.locator("section.training")).not_to_contain_text(new)
    assert not (runs_dir() / new).exists()
    choose_tab(tab, "Compare")  # which goes back to what ships
    expect(tab.locator("article.card.transfer:visible")).not_to_contain_text(new)
    expect(shown_cards(tab)).to_have_count(3)


def test_two_runs_are_drawn_over_each_other(desktop):
    expect(desktop.locator(".legend:visible span").first).to_be_visible()
    desktop.get_by_label("Curves of").click()
    desktop.get_by_role("option", name="dog_flatten_64").click()
    desktop.keyboard.press("Escape")
    expect(desktop.locator(".legend:visible")).to_contain_text("dog_flatten_64, training")
    until(
        lambda: (
            desktop.locator(".vega-embed").first.locator("path[aria-roledescription*=line]").count()
            >= 3
        )
    )


def test_a_public_page_says_that_training_is_off(desktop, monkeypatch):
    monkeypatch.setattr(trainer, "permissions", Permissions(train=False, manage=False))
    choose_tab(desktop, "Compare")
    choose_tab(desktop, "Train")
    expect(desktop.get_by_text("is off on this public page")).to_be_visible()
    expect(desktop).to_have_url(re.compile("#Train$"))
    desktop.reload()
    expect(desktop.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    expect(desktop.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
