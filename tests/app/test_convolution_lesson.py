"""The lesson on convolution without a browser: what it shows, and what it makes of forged calls."""

import json
import re
import uuid

import httpx
import numpy as np
import pytest
from support.app import as_upload

from imgrec.approaches import scratch
from imgrec.explaining.lessons import convolution, shift_invariance
from imgrec.explaining.lessons.convolution import HAND_MADE
from imgrec.explaining.lessons.shift_invariance import SHIFTS
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.ui.components.formatting import signed
from imgrec.ui.lessons import convolution as lesson
from imgrec.ui.lessons import feature_map_html
from imgrec.ui.lessons import shift_invariance as shift_lesson

DOG = IMAGES / "examples" / "cifar10_dog.png"
SOURCE = as_upload(DOG)
SETTING = {"kernel": "upright", "own": "", "side": 32, "relu": False, "row": 16, "column": 16}


def draw(**changed):
    return lesson._draw(SOURCE, *{**SETTING, **changed}.values())


def map_value(key, row, column, side=32):
    kernel = convolution.kernel(key)
    pixels = convolution.pixels(convolution.view(open_image(DOG), side), kernel.channels)
    return convolution.feature_map(pixels, kernel)[row - 1, column - 1]


@pytest.mark.parametrize(
    ("key", "row", "column", "side"),
    [("upright", 1, 1, 32), ("learnt-6", 9, 20, 32), ("gaussian", 128, 3, 128)],
)
def test_the_sum_that_is_shown_is_the_maps_value(key, row, column, side):
    html = draw(kernel=key, row=row, column=column, side=side)
    shown = re.findall(r"<b>(−?\d+\.\d{3})</b>", html)
    assert shown == [signed(map_value(key, row, column, side), 3)]
    assert html.count("<table>") == (9 if key.startswith("learnt") else 3)
    assert f"At row {row}, column {column}." in html


def test_relu_makes_a_value_below_zero_zero():
    values = [(row, map_value("upright", row, 16)) for row in range(1, 33)]
    below = next(row for row, value in values if value < 0)
    above = next(row for row, value in values if value > 0)
    assert "ReLU makes it <b>0</b>" in draw(relu=True, row=below)
    assert "ReLU leaves it as it is" in draw(relu=True, row=above)
    assert "Blue" not in draw(relu=True) and "Black is zero" in draw(relu=True)


def test_while_it_slides_the_map_fills_up_to_the_kernel(monkeypatch):
    monkeypatch.setattr(lesson, "SECONDS_A_FRAME", 0)
    frames = list(lesson._slide(SOURCE, *SETTING.values()))
    assert len(frames) == lesson.FRAMES
    done = []
    for row, column, html in frames:
        done.append(int(re.search(r"([\d,]+) of 1,024 places", html)[1].replace(",", "")))
        assert done[-1] == (row - 1) * 32 + column
    assert done[:6] == [1, 2, 3, 4, 5, 6] and done == sorted(done) and done[-1] == 1024


def test_a_map_says_in_words_what_it_shows():
    values = np.zeros((4, 4), "float32")
    values[1, 2] = -3
    html = feature_map_html.map_figure(values, "A <map>")
    alt = "A &lt;map&gt;: 4 × 4 values from −3.00 to 0.00; the strongest is at row 2, column 3"
    assert alt in html
    assert "3.00" in feature_map_html.legend(values) != feature_map_html.legend(-values)
    assert feature_map_html.map_picture(np.zeros((2, 2))).getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize(("value", "text"), [(-0.004, "0.00"), (-1.5, "−1.50"), (1234, "1,234.00")])
def test_numbers_have_a_real_minus_and_no_minus_zero(value, text):
    assert signed(value, 2) == text


def test_the_grid_says_what_the_network_says():
    answers = shift_invariance.predict_shifts(convolution.view(open_image(DOG), 32))
    html = shift_lesson._grid(SOURCE)
    (verdict,) = scratch.predict([open_image(DOG)])
    kept = dict(answers.counts())[verdict.classes[0].label]
    assert f"<b>{verdict.classes[0].label}</b>" in html and f"<b>{kept} of 289</b>" in html
    assert len(re.findall("<button", html)) == len(SHIFTS)
    assert html.count(">×</button>") == len(SHIFTS) - kept
    assert "2,304" in html  # of the network: 6 · 6 · 64


def test_an_answer_that_never_changes_is_said_to_stay():
    html = shift_lesson.shift_grid(
        shift_invariance.ShiftPredictions(np.eye(10)[np.full((17, 17), 3)])
    )
    assert "289 of 289" in html and "for all of them" in html


def test_a_shift_is_shown_with_what_is_measured():
    html = " ".join(shift_lesson._views(SOURCE, "upright", "", 3, -2).split())
    assert "3 right, 2 up" in html and "no difference at all at 756 places" in html
    shares = shift_invariance.change_after_pooling(
        convolution.pixels(convolution.view(open_image(DOG), 32), 1), HAND_MADE["upright"]
    )
    for share in shares.values():
        assert f"<td>{100 * share:.0f} %</td>" in html


def test_without_a_picture_it_says_what_to_do():
    assert lesson._draw(None, *SETTING.values()) == feature_map_html.EMPTY
    assert [frame[2] for frame in lesson._slide(None, *SETTING.values())] == [
        feature_map_html.EMPTY
    ]
    assert shift_lesson._views(None, "upright", "", 0, 0) == feature_map_html.EMPTY
    assert shift_lesson._grid(None) == ""


# Forged calls to the running app


def call(app, name, data, event=None):
    """The outputs of a private listener, as its page would ask for them; or its error."""
    index = next(i for i, fn in app.page.fns.items() if fn.name == name)
    session = uuid.uuid4().hex
    body = {"fn_index": index, "data": data, "session_hash": session, "event_data": event}
    httpx.post(f"{app.url}/gradio_api/queue/join", json=body).raise_for_status()
    address = f"{app.url}/gradio_api/queue/data?session_hash={session}"
    with httpx.stream("GET", address, timeout=60) as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data: ") or "{}")
            if message.get("msg") == "process_completed":
                return message["output"]
    raise AssertionError("there was no answer")


@pytest.fixture
def uploaded(app):
    files = {"files": ("dog.png", DOG.read_bytes())}
    (path,) = httpx.post(f"{app.url}/gradio_api/upload", files=files).json()
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"side": 33}, "Pixels: choose one of 32 and 128."),
        ({"side": [32]}, "Pixels: choose one of 32 and 128."),
        ({"row": 0}, "Row: choose a whole number from 1 to 32."),
        ({"row": 2.5}, "Row: choose a whole number"),
        ({"column": None}, "Column: choose a whole number"),
    ],
)
def test_forged_settings_get_one_sentence(app, uploaded, changed, sentence):
    data = [uploaded, *{**SETTING, "kernel": None, **changed}.values()]
    output = call(app, "_draw", data)
    assert sentence in str(output) and "Traceback" not in str(output)
    if "side" in changed:  # sliding begins at the first place, wherever the kernel was
        assert sentence in str(call(app, "_slide", data))


@pytest.mark.parametrize("value", [9, -9, 0.5, "1", None])
def test_forged_shifts_get_one_sentence(app, uploaded, value):
    output = call(app, "_views", [uploaded, None, "", 1, value])
    assert "Down: choose a whole number from −8 to 8." in str(output)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("_go", "9,0", "Right: choose"),
        ("_go", "1,0,0", "Down: choose"),
        ("_go", None, "no button of the page"),
        ("_choose", {"a": 1}, "no button of the page"),
    ],
)
def test_forged_presses_get_one_sentence(app, name, value, sentence):
    output = call(app, name, [], {"value": value})
    assert sentence in output["error"]


def test_a_kernel_that_was_never_offered_gets_one_sentence():
    assert "There is no such kernel" in draw(kernel="learnt-99")
    assert "needs nine numbers" in draw(kernel="own", own="1 2")
    assert "There is no such kernel" in shift_lesson._views(SOURCE, "none", "", 0, 0)
