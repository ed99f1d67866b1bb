"""The ways in to a picture in a real browser: drops, pastes, chosen files, cameras."""

import re
import shutil
from collections.abc import Iterator

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from support.browser import (
    DESKTOP,
    at_each_width,
    choose_lesson,
    choose_tab,
    drag,
    opened,
    shown_cards,
)

from imgrec.files.paths import IMAGES

EXAMPLES = IMAGES / "examples"
DOG, SHIP, HORSE = (EXAMPLES / f"cifar10_{name}.png" for name in ("dog", "ship", "horse"))
WRITE_PICTURE = """async () => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 40;
  canvas.getContext('2d').fillRect(0, 0, 40, 20);
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
  await navigator.clipboard.write([new ClipboardItem({'image/png': blob})]);
}"""


@pytest.fixture(scope="module")
def visit(app, browser) -> Iterator[Page]:
    """One visitor, who tries it all."""
    with opened(browser, app.url, DESKTOP) as page:
        yield page


@pytest.fixture
def page(visit) -> Page:
    choose_tab(visit, "Compare")
    return visit


def told(page: Page) -> Locator:
    """What the ways in say below the shown picture."""
    return page.locator(".ways:visible .told")


def shown_picture(page: Page) -> Locator:
    return page.locator(".picture:visible img").first


def expect_picture(page: Page, name: str) -> None:
    expect(shown_picture(page)).to_have_attribute("src", re.compile(rf"/{re.escape(name)}$"))


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).locator("visible=true").click()


# Drops


def test_five_drops_in_a_row_each_take_the_pictures_place(page):
    """On the picture, on a card, and beside both."""
    for place, file in enumerate((DOG, SHIP, HORSE, DOG, SHIP)):
        onto = (".picture:visible", "article.card:visible", "header.masthead")[place % 3]
        drag(page, page.locator(onto).first, [file])
        expect_picture(page, file.name)
        kind = file.stem.removeprefix("cifar10_")
        expect(page.locator("article.card.scratch:visible .winner")).to_have_text(kind)
    expect(page.locator(".drop-here:visible")).to_have_count(0)


@pytest.mark.parametrize(
    "name", ["From scratch", "Pre-trained", "Transfer", "Teach it", "Convolution"]
)
def test_a_drop_counts_in_every_tab_with_a_picture(page, name):
    (choose_lesson if name == "Convolution" else choose_tab)(page, name)
    box = page.locator(".picture:visible").first
    for file in (DOG, SHIP):  # on what is there, be it nothing, and on the first one
        drag(page, box, [file])
        expect_picture(page, file.name)


@pytest.mark.parametrize("name", ["Train", "The data", "Results"])
def test_a_drop_where_nothing_takes_it_does_not_leave_the_page(page, name):
    choose_tab(page, name)
    address = page.url
    drag(page, page.locator("header.masthead"), [DOG])
    choose_tab(page, "Compare")
    expect(shown_cards(page)).to_have_count(3)
    assert page.url.partition("#")[0] == address.partition("#")[0]


def test_a_picture_of_another_page_is_told_in_the_zone_of_a_class(page):
    choose_tab(page, "Teach it")
    zone = page.locator(".drop:visible").first
    drag(page, zone, text={"text/uri-list": "https://example.org/dog.jpg"})
    expect(zone.locator(".told")).to_contain_text("save it first")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ({"text/plain": "a dog"}, "That is text, not a picture"),
        (
            {"text/uri-list": "https://example.org/dog.jpg", "text/html": "<img src=dog.jpg>"},
            "save it first",
        ),
    ],
)
def test_what_is_no_file_is_told_and_changes_nothing(page, text, sentence):
    before = shown_picture(page).get_attribute("src")
    drag(page, page.locator(".picture:visible"), text=text)
    expect(told(page)).to_contain_text(sentence)
    assert shown_picture(page).get_attribute("src") == before


def test_of_several_files_the_first_is_taken_and_a_folder_is_refused(page):
    drag(page, page.locator(".picture:visible"), [SHIP, DOG])
    expect_picture(page, SHIP.name)
    expect(told(page)).to_have_text("Of 2 files this is the first.")
    drag(page, page.locator(".picture:visible"), [EXAMPLES])
    expect(told(page)).to_contain_text("That is a folder")
    expect_picture(page, SHIP.name)


def test_a_refused_file_leaves_picture_and_verdicts_and_says_why(page, tmp_path):
    drag(page, page.locator(".picture:visible"), [SHIP])
    expect_picture(page, SHIP.name)
    (tmp_path / "notes.txt").write_text("no picture")
    drag(page, page.locator(".picture:visible"), [tmp_path / "notes.txt"])
    reason = page.locator(".panel.error:visible")
    expect(reason).to_contain_text("notes.txt is not a picture")
    expect_picture(page, SHIP.name)
    expect(shown_cards(page)).to_have_count(3)
    drag(page, page.locator(".picture:visible"), [HORSE])
    expect_picture(page, HORSE.name)
    expect(reason).to_have_count(0)


def test_a_file_that_is_too_large_is_not_sent(page, tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(21 * 2**20)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.post_data else None)
    drag(page, page.locator(".picture:visible"), [tmp_path / "large.png"])
    expect(told(page)).to_contain_text("large.png is larger than 20 MiB")
    assert not [url for url in sent if "upload" in url]


def test_a_lost_connection_is_told_as_such(page):
    page.context.set_offline(True)
    drag(page, page.locator(".picture:visible"), [DOG])
    expect(told(page)).to_contain_text("The connection to the server was lost")
    page.context.set_offline(False)
    drag(page, page.locator(".picture:visible"), [DOG])
    expect_picture(page, DOG.name)


def test_a_server_that_refuses_is_told_as_such(page):
    page.route("**/gradio_api/upload*", lambda route: route.fulfill(status=507))
    drag(page, page.locator(".picture:visible"), [DOG])
    expect(told(page)).to_contain_text("The server could not take the file")
    page.unroute("**/gradio_api/upload*")


def test_a_photo_that_no_browser_shows_is_shown_from_the_servers_copy(page, tmp_path):
    """By what is in it: phones and Finder give such files other names."""
    picture = Image.open(DOG).convert("RGB").resize((64, 48))
    pillow_heif.from_pillow(picture).save(tmp_path / "photo.heic")
    shutil.move(tmp_path / "photo.heic", tmp_path / "photo.jpg")
    picture.save(tmp_path / "scan.tif")
    for name in ("photo.jpg", "scan.tif"):
        drag(page, page.locator(".picture:visible"), [tmp_path / name])
        page.wait_for_function(
            "() => [...document.querySelectorAll('.picture img')].some("
            "image => image.offsetParent && image.naturalWidth === 64)"
        )
        drag(page, page.locator(".picture:visible"), [SHIP])
        expect_picture(page, SHIP.name)


# Pastes


@pytest.fixture
def clipboard(page) -> Page:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return page


def test_a_picture_is_pasted_by_key_and_by_button(clipboard):
    page = clipboard
    for paste in (lambda: page.keyboard.press("Control+v"), lambda: press(page, "Paste")):
        drag(page, page.locator(".picture:visible"), [DOG])
        expect_picture(page, DOG.name)
        page.evaluate(WRITE_PICTURE)
        page.locator("header.masthead").click()
        paste()
        page.wait_for_function(
            "() => [...document.querySelectorAll('.picture img')].some("
            "image => image.offsetParent && image.naturalWidth === 40)"
        )


def test_a_clipboard_without_a_picture_is_told(clipboard):
    page = clipboard
    page.evaluate("navigator.clipboard.writeText('a dog')")
    for paste in (lambda: page.keyboard.press("Control+v"), lambda: press(page, "Paste")):
        page.locator("header.masthead").click()
        paste()
        expect(told(page)).to_have_text("There is no picture on the clipboard; copy one first.")
        drag(page, page.locator(".picture:visible"), [DOG])
        expect(told(page)).to_be_empty()


def test_a_page_without_a_clipboard_names_the_keys(page):
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})"
    )
    press(page, "Paste")
    expect(told(page)).to_contain_text("press Ctrl+V")
    page.evaluate("delete navigator.clipboard")


# Files and cameras


def test_a_file_is_chosen_by_its_button(page):
    with page.expect_file_chooser() as chooser:
        press(page, "Choose")
    chooser.value.set_files(HORSE)
    expect_picture(page, HORSE.name)


@pytest.fixture
def two_cameras(browser) -> Iterator[Browser]:
    """A browser with two cameras, which show a moving picture."""
    made = browser.browser_type.launch(
        executable_path=shutil.which("chromium") or browser.browser_type.executable_path,
        args=[
            *("--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream"),
            "--use-fake-device-for-media-stream=device-count=2",
        ],
    )
    yield made
    made.close()


def test_a_camera_takes_the_picture_and_another_can_be_chosen(app, two_cameras):
    with opened(two_cameras, app.url, DESKTOP) as page:
        camera = page.get_by_role("button", name="Camera", exact=True).locator("visible=true")
        camera.dblclick()
        video = page.locator(".ways:visible video")
        expect(video).to_be_visible()
        device = "video => video.srcObject?.getVideoTracks()[0].getSettings().deviceId"
        first = video.evaluate(device)
        press(page, "Other camera")
        page.wait_for_function(
            "first => [...document.querySelectorAll('.ways video')].some(video => video.srcObject"
            " && video.srcObject.getVideoTracks()[0].getSettings().deviceId !== first)",
            arg=first,
        )
        press(page, "Take the picture")
        expect_picture(page, "camera.jpg")
        expect(video).to_be_hidden()
        assert shown_picture(page).evaluate("image => image.naturalWidth") >= 640


def test_the_buttons_are_large_enough_for_a_thumb(page):
    for _ in at_each_width(page):
        for name in ("Choose", "Camera", "Paste"):
            button = page.get_by_role("button", name=name, exact=True).locator("visible=true")
            assert button.bounding_box()["height"] >= 40
