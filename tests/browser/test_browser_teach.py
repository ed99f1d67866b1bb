"""The tab to teach it in a real browser: from the first picture to the project that is opened."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from support.browser import (
    DESKTOP,
    PATIENCE,
    PHONE,
    assert_no_sideways_scrolling,
    choose_tab,
    opened,
    until,
)

from imgrec.data import cifar10, labels
from imgrec.images.decode import open_image
from imgrec.teaching import classifier
from imgrec.teaching.store import projects
from imgrec.ui.components.formatting import percent
from imgrec.ui.teach import handlers

FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> SimpleNamespace:
    """Five frogs and five ships, and a ship that isn't among them."""
    folder = tmp_path_factory.mktemp("files")
    images, classes = cifar10.cifar10_sample()
    found: dict[str, list[Path]] = {}
    for name in ("frog", "ship"):
        (folder / name).mkdir()
        for number, image in enumerate(images[classes == labels.CIFAR10.index(name)][:6]):
            Image.fromarray(image).resize((96, 96)).save(folder / name / f"{name}{number}.png")
        found[name] = sorted((folder / name).iterdir())
    unseen = found["ship"].pop(0)
    return SimpleNamespace(frogs=found["frog"][1:], ships=found["ship"], unseen=unseen)


def tiles(page: Page, count: int) -> None:
    expect(page.locator(".thumbnails li")).to_have_count(count)


def ask(page: Page, picture: Path) -> dict[str, str]:
    """Shows a picture in the last step: each class with its percents, the first one first."""
    clear = page.locator("button[aria-label='Remove Image']:visible")
    if clear.count():
        clear.first.click()
        expect(page.locator("article.taught")).to_have_count(0)
    page.locator(".picture:visible input[type=file]").first.set_input_files(picture)
    bars = page.locator("article.taught .bar:visible")
    expect(bars.first).to_be_visible(timeout=PATIENCE)
    return dict(bar.inner_text().split("\n")[:2] for bar in bars.all())


@pytest.fixture
def desktop(app, browser) -> Iterator[Page]:
    with opened(browser, app.url, DESKTOP) as page:
        yield page


def test_teach_use_download_reload_open_same_answer(desktop, files, tmp_path):
    page = desktop
    choose_tab(page, "Teach it")
    assert_no_sideways_scrolling(page)
    page.get_by_role("button", name="Begin with my own pictures").click()
    field = page.get_by_label("Name of the class")
    expect(field).to_be_focused()
    page.keyboard.type("frog")
    page.keyboard.press("Enter")
    expect(page.locator(".classes .name").first).to_have_text("frog")
    page.locator("input[data-input=files]").set_input_files(files.frogs)
    tiles(page, 5)
    second = page.locator(".classes button").nth(1)
    second.click()
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(second).to_be_focused()
    expect(field).to_have_value("Class 2")
    field.fill("ship")
    field.press("Enter")
    page.locator("input[data-input=files]").set_input_files([*files.ships, files.ships[0]])
    tiles(page, 5)
    expect(page.locator(".happened")).to_contain_text(f"{files.ships[0].name} was there already.")
    assert_no_sideways_scrolling(page)

    page.get_by_role("button", name="Teach it", exact=True).click()
    expect(page.locator(".honest:visible")).to_contain_text("from 10 pictures", timeout=PATIENCE)
    expect(page.locator(".mistakes:visible .confusion")).to_contain_text("frog")
    assert_no_sideways_scrolling(page)
    answer = ask(page, files.unseen)
    assert next(iter(answer)) == "ship"
    head = newest().head
    verdict = classifier.answer_picture(head, open_image(files.unseen))
    assert answer == {each.label: percent(each.probability) for each in verdict.classes}
    page.get_by_role("button", name="Why? Your own").click()
    expect(page.locator(".why:visible h3").first).to_contain_text("Why “ship”?")
    expect(page.locator(".why:visible figure img").first).to_be_visible()
    assert_no_sideways_scrolling(page)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download the project").click()
    download.value.save_as(tmp_path / "mine.zip")
    with ZipFile(tmp_path / "mine.zip") as archive:
        told = json.loads(archive.read("project.json"))
    assert [each["name"] for each in told["classes"]] == ["frog", "ship"]
    page.reload()  # the address names the tab
    expect(page.locator(".classes li")).to_have_count(2)  # nothing is lost
    expect(page.locator(".honest:visible")).to_contain_text("from 10 pictures")
    assert ask(page, files.unseen) == answer
    projects.remove(next(reversed(projects._kept)))
    page.reload()  # the address names the tab
    expect(page.locator(".happened")).to_contain_text("not here any more")
    page.locator("input[data-input=zip]").set_input_files(tmp_path / "mine.zip")
    expect(page.locator(".happened")).to_contain_text("mine.zip is open again: 10 pictures")
    expect(page.locator(".honest:visible")).to_contain_text("from 10 pictures")
    assert ask(page, files.unseen) == answer


def newest():
    """The project that was begun last."""
    return next(reversed(projects._kept.values())).project


def test_classes_and_pictures_by_keyboard_and_who_leaves_lets_them_go(app, browser, files):
    with opened(browser, app.url, DESKTOP) as page:
        choose_tab(page, "Teach it")
        page.get_by_role("button", name="Harder: cats and dogs").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".classes .name")).to_have_text(list(handlers.EXAMPLES["hard"]))
        tiles(page, 10)
        page.locator(".thumbnails button").nth(3).focus()
        page.keyboard.press("Enter")
        tiles(page, 9)
        expect(page.locator(".thumbnails button").nth(3)).to_be_focused()
        page.get_by_role("button", name="+ Add a class").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Name of the class")).to_be_focused()
        page.keyboard.type("<b id=planted>")
        page.keyboard.press("Tab")
        expect(page.locator(".classes .name").nth(2)).to_have_text("<b id=planted>")
        assert page.locator("#planted").count() == 0
        expect(page.locator(".problems")).to_contain_text("has no pictures yet")
        expect(page.get_by_role("button", name="Teach it", exact=True)).to_be_disabled()
        page.get_by_role("button", name="Remove", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove it", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".classes li")).to_have_count(2)
        paste(page, files.unseen)
        tiles(page, 10)
        expect(page.locator(".thumbnails button").first).to_have_attribute(
            "title", re.compile("^Remove")
        )
        page.get_by_role("button", name="Teach it", exact=True).click()
        judged = page.locator(".judged button").first
        expect(judged).to_be_visible(timeout=PATIENCE)
        judged.click()
        place = judged.get_attribute("data-picture")
        expect(page.locator(f".thumbnails button[data-press='picture:{place}']")).to_be_focused()
        token, kept = next(reversed(projects._kept.items()))
        assert not kept.left
    until(lambda: kept.left)
    assert token in projects._kept  # somebody may come back


def paste(page: Page, file: Path) -> None:
    """Pastes a picture, as from another program."""
    content = list(file.read_bytes())
    page.evaluate(
        """(content) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(content)], 'image.png', {type: 'image/png'}));
          document.body.dispatchEvent(new ClipboardEvent('paste',
            {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        content,
    )


@pytest.fixture
def camera_browser(browser) -> Iterator[Browser]:
    """A browser that has a webcam with a moving picture."""
    path = browser.browser_type.executable_path
    found = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else path
    made = browser.browser_type.launch(
        executable_path=found, args=["--no-sandbox", "--disable-gpu", *FAKE_CAMERA]
    )
    yield made
    made.close()


def test_the_webcam_gives_pictures_and_live_answers(app, camera_browser, files):
    with opened(camera_browser, app.url, PHONE) as page:
        choose_tab(page, "Teach it")
        page.get_by_role("button", name="Try dogs, ships and trucks").click()
        tiles(page, 10)
        page.get_by_role("button", name="+ Add a class").click()
        expect(page.locator(".classes li")).to_have_count(4)
        page.get_by_role("button", name="Webcam", exact=True).click()
        expect(page.locator(".drop video")).to_have_js_property("paused", False)
        hold = page.get_by_role("button", name="Hold to take pictures")
        hold.focus()
        page.keyboard.down("Space")
        expect(page.locator(".drop .told")).to_have_text(re.compile("^([4-9]|1[0-9]) taken"))
        page.keyboard.up("Space")
        expect(page.locator(".happened")).to_contain_text("added to Class 1")
        expect(page.locator(".thumbnails li").nth(1)).to_be_visible()
        page.get_by_role("button", name="Close the webcam").click()
        expect(page.locator(".drop video")).to_be_hidden()
        assert_no_sideways_scrolling(page)
        page.get_by_role("button", name="Teach it", exact=True).click()
        expect(page.locator(".honest:visible")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name="Webcam, live").click()
        expect(page.locator("article.taught .winner")).to_have_text("Class 1", timeout=PATIENCE)
        assert_no_sideways_scrolling(page)
        page.get_by_role("button", name="Stop the webcam").click()
        expect(page.locator(".live video")).to_be_hidden()
