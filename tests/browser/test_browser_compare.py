"""The page in a real browser: what a person sees who drops a picture, a wrong file, or nothing."""

import hashlib
import io

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import (
    DESKTOP,
    DOG,
    PATIENCE,
    assert_no_sideways_scrolling,
    at_each_width,
    choose_tab,
    drop,
    shown_cards,
)

from imgrec.approaches import scratch, vgg16, vgg16_weights
from imgrec.files.downloads import Checksum
from imgrec.files.paths import keras_cache_dir
from imgrec.models import registry


def test_the_page_opens_with_an_example_and_its_verdicts(page_at_each_width):
    page = page_at_each_width
    expect(page.locator("article.card.pretrained .winner")).to_have_text("lion")
    # A lion is none of the ten kinds, and the network from scratch must choose one of them.
    expect(page.locator("section.question")).to_contain_text("They disagree")
    expect(page.locator("article.card.scratch .notice")).to_contain_text("Unlike anything")
    expect(page.locator("article.card.pretrained .notice")).to_contain_text("stands in")
    assert_no_sideways_scrolling(page)


def test_a_dropped_picture_gets_three_verdicts(page):
    drop(page, "dog.png", DOG.read_bytes())
    expect(page.locator("section.question")).to_contain_text("They agree: there is a dog.")
    expect(shown_cards(page)).to_have_count(3)
    for card in shown_cards(page).all():
        assert card.locator(".bar").count() >= 2
        expect(card.locator("footer")).to_contain_text("ms")
        expect(card.locator("img")).to_be_visible()
    assert_no_sideways_scrolling(page)


def test_an_example_is_one_click_away(page):
    page.locator("#examples button.gallery-item").nth(4).click()
    expect(page.locator("article.card.scratch .winner")).to_have_text("dog")
    assert page.locator("#examples button.gallery-item").count() >= 6


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(DOG.read_bytes()[:800], "is damaged or incomplete"), (b"text", "is not a picture")],
    ids=["broken", "text"],
)
def test_a_wrong_file_gives_a_sentence_and_the_page_goes_on(page, content, sentence):
    drop(page, "wrong.png", content)
    expect(page.locator("section.panel.error")).to_contain_text(f"wrong.png {sentence}")
    expect(shown_cards(page)).to_have_count(0)
    assert "Traceback" not in page.content()
    drop(page, "dog.png", DOG.read_bytes())
    expect(shown_cards(page)).to_have_count(3)
    expect(page.locator("section.panel.error:visible")).to_have_count(0)


def test_a_file_name_is_text_not_html(page):
    drop(page, "<b id=planted>.png", b"text")
    expect(page.locator("section.panel.error")).to_be_visible()
    assert page.locator("#planted").count() == 0


def test_without_a_picture_the_page_says_what_to_do(page):
    page.locator("button[aria-label='Remove Image']:visible").first.click()
    expect(page.locator("section.panel:visible")).to_contain_text("Drop a picture")
    expect(shown_cards(page)).to_have_count(0)


def test_a_heic_photo_is_shown_though_the_browser_cannot(page):
    pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    Image.open(DOG).convert("RGB").resize((256, 256)).save(buffer, "HEIF", quality=95)
    drop(page, "photo.heic", buffer.getvalue())
    expect(shown_cards(page)).to_have_count(3)
    picture = page.locator(".picture img:visible").first
    expect(picture).to_have_js_property("naturalWidth", 256)


@pytest.mark.parametrize(
    ("tab", "key", "total"),
    [
        ("From scratch", "scratch", registry.find(scratch.DEFAULT).report["parameters"]),
        ("Pre-trained", "pretrained", vgg16.PARAMETERS),
        ("Transfer", "transfer", vgg16.BASE_PARAMETERS + 513),
    ],
)
def test_each_approach_has_its_tab_with_the_same_picture_and_its_layers(
    page_at_each_width, tab, key, total
):
    page = page_at_each_width
    drop(page, "dog.png", DOG.read_bytes())
    expect(page.locator("section.question")).to_contain_text("there is a dog")
    choose_tab(page, tab)
    expect(page.locator(f"article.card.{key}:visible .winner")).to_have_text(
        "Brittany spaniel" if key == "pretrained" else "dog"
    )
    expect(page.locator("tfoot:visible")).to_contain_text(f"{total:,}")
    assert_no_sideways_scrolling(page)


def test_a_link_may_name_a_tab(page):
    page.goto(f"{page.url}#Pre-trained")
    page.reload()
    expect(page.locator("article.card.pretrained:visible")).to_have_count(1)
    choose_tab(page, "Transfer")
    expect(page.locator("article.card.transfer:visible")).to_have_count(1)
    page.reload()
    expect(page.locator("article.card.transfer:visible")).to_have_count(1)
    expect(page.locator("article.card:visible")).to_have_count(1)


def test_what_the_network_says_and_what_to_believe_are_one_key_apart(page):
    drop(page, "dog.png", DOG.read_bytes())
    expect(page.locator("section.question")).to_contain_text("there is a dog")
    card = page.locator("article.card.scratch:visible")
    said = card.get_by_text("the network itself says")
    expect(said).to_have_count(1)
    other = said.text_content().partition("says ")[2].rstrip(".")
    shown = card.locator(".bar span").nth(1)
    assert shown.text_content() != other
    page.get_by_label("calibrated", exact=True).first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(card).to_contain_text("As the network says it; calibrated,")
    expect(shown).to_have_text(other)
    question = page.locator(".question .answer.scratch")
    expect(question).to_contain_text(other)
    expect(page.get_by_label("as the network says them").first).to_be_focused()
    assert page.locator("article.card.pretrained").get_by_text("alibrated").count() == 0
    assert_no_sideways_scrolling(page)


def test_a_picture_unlike_all_it_knows_is_told_and_explained(page):
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "gray").save(picture, "PNG")
    drop(page, "grey.png", picture.getvalue())
    notice = page.locator("article.card.scratch:visible .notice")
    expect(notice).to_contain_text("Unlike anything it was trained on")
    choose_tab(page, "From scratch")
    expect(notice).to_be_visible()
    expect(page.get_by_role("heading", name="How sure is it, really?")).to_be_visible()
    page.get_by_label("as the network says them").locator("visible=true").check()
    expect(page.locator("article.card.scratch:visible")).to_contain_text("As the network says it;")
    expect(notice).to_be_visible()
    assert_no_sideways_scrolling(page)
    drop(page, "dog.png", DOG.read_bytes())
    expect(notice).to_have_count(0)


def test_the_number_of_classes_can_be_chosen(page):
    choose_tab(page, "Pre-trained")
    expect(page.locator("article.card.pretrained:visible .bar")).to_have_count(5)
    page.locator("input[type=number]:visible").fill("10")
    page.keyboard.press("Enter")
    expect(page.locator("article.card.pretrained:visible .bar")).to_have_count(10)


def test_another_head_can_be_chosen(page):
    choose_tab(page, "Transfer")
    card = page.locator("article.card.transfer:visible .who").first
    expect(card).to_contain_text("64 photos")
    page.get_by_label("Trained head").click()
    page.get_by_role("option", name="Pooled, 1000 photos").click()
    expect(card).to_contain_text("1000 photos")
    page.get_by_label("Trained head").click()
    page.get_by_role("option", name="Flatten, 64 photos").click()
    expect(page.locator("tfoot:visible")).to_contain_text(f"{vgg16.BASE_PARAMETERS + 6_423_041:,}")


def test_the_download_shows_progress_can_be_stopped_and_says_what_failed(
    page, file_server, monkeypatch
):
    file_server.files["vgg16"] = bytes(10_000_000)
    file_server.hold.clear()
    monkeypatch.setattr(vgg16_weights, "URL", file_server.url("vgg16"))
    offer = page.locator(".vgg16-offer:visible")
    offer.get_by_role("button", name="Download VGG16").click()
    expect(offer).to_contain_text("of 10 MB")
    offer.get_by_role("button", name="Stop").click()
    file_server.hold.set()
    expect(offer).to_contain_text("was stopped")
    offer.get_by_role("button", name="Download VGG16").click()
    expect(offer).to_contain_text("wrong hash")  # zeros are not VGG16
    problem = offer.locator(".problem")  # with a long file name, on a narrow screen too
    for _ in at_each_width(page):
        assert problem.evaluate("element => element.scrollWidth <= element.clientWidth")
    expect(offer.get_by_role("button", name="Download VGG16")).to_be_visible()


def test_when_vgg16_arrives_the_page_goes_over_to_it(
    app, browser, file_server, official_file, monkeypatch
):
    content = official_file.read_bytes()
    file_server.files["vgg16"] = content
    monkeypatch.setattr(vgg16_weights, "URL", file_server.url("vgg16"))
    monkeypatch.setattr(
        vgg16_weights, "CHECKSUM", Checksum("md5", hashlib.md5(content).hexdigest())
    )
    page = browser.new_page(viewport=DESKTOP)
    page.goto(app.url)
    card = page.locator("article.card.pretrained")
    expect(card).to_contain_text("EfficientNet-Lite0", timeout=PATIENCE)
    page.get_by_role("button", name="Download VGG16").click()
    expect(card).to_contain_text("VGG16 · ImageNet · 138 M", timeout=PATIENCE)
    expect(card.locator(".notice")).to_have_count(0)
    expect(page.locator(".vgg16-offer:visible")).to_have_count(0)
    (keras_cache_dir() / vgg16_weights.FILE_NAME).unlink()  # and back, for the tests that follow
    drop(page, "dog.png", DOG.read_bytes())
    expect(card).to_contain_text("EfficientNet-Lite0", timeout=PATIENCE)
    page.close()
