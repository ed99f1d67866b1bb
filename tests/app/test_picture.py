"""A visitor's picture: how often it is decoded, and how its errors come back."""

import gradio as gr
import pytest
from support.app import as_upload

from imgrec.explaining.lessons import pooling_dropout_dense
from imgrec.files.paths import IMAGES
from imgrec.ui.components import errors, picture
from imgrec.ui.lessons import pooling_dropout_dense as lesson
from imgrec.ui.lessons import texts

DOG = IMAGES / "examples" / "cifar10_dog.png"


@pytest.fixture
def decoded(monkeypatch) -> list:
    """The files that were decoded since the test began."""
    found = []
    open_image = picture.open_image
    monkeypatch.setattr(picture, "open_image", lambda file: found.append(file) or open_image(file))
    return found


def test_the_parts_of_a_lesson_decode_a_picture_once_and_run_the_network_once(decoded):
    source = as_upload(DOG)
    pooling_dropout_dense._run_classic.cache_clear()
    for window in (2, 3):
        lesson._pool(source, window)
        lesson._drop(source, 0.5, 0)
        lesson._weigh(source, texts.ANSWERED_CLASS, 10)
    assert len(decoded) == 1
    assert pooling_dropout_dense._run_classic.cache_info().misses == 1


def test_a_file_that_was_written_anew_is_decoded_again(decoded):
    source = as_upload(DOG)
    first, _ = picture.open_source(source)
    assert picture.open_source(source)[0] is first
    other = IMAGES / "examples" / "cifar10_ship.png"
    (file,) = set(decoded)
    file.write_bytes(other.read_bytes())
    assert picture.open_source(source)[0].tobytes() != first.tobytes()
    assert len(decoded) == 2


def test_a_broken_picture_is_read_once_on_the_page_and_a_program_gets_the_error(tmp_path):
    (tmp_path / "broken.png").write_text("text")
    source = as_upload(tmp_path / "broken.png")
    asked = []

    @errors.as_gradio_error
    def handler(given):
        asked.append(given)
        return {"file": picture.open_source(given)[1]}, "a card"

    with gr.Blocks() as page:
        shown, answers = gr.Image(), [gr.JSON(), gr.HTML()]
        errors.listen([shown.change], handler, [shown], answers, lambda why: ({}, why), "ask")
    on_page, endpoint = page.fns.values()
    answer, panel = on_page.fn(source)
    assert answer == {} and "broken.png is not a picture" in panel
    assert len(asked) == 1
    assert endpoint.api_name == "ask" and on_page.api_visibility == "private"
    with pytest.raises(gr.Error, match=r"broken\.png is not a picture"):
        endpoint.fn(source)
