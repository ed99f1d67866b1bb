"""The race on the page: two curves over minutes, the words they come to, and the ingredients."""

import re
from itertools import pairwise

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reports import ABLATION, MACHINE, SEEDS, TRAINING, network

from imgrec.files import atomic
from imgrec.ui.approaches import training_race


def test_the_words_are_the_reports():
    assert training_race.findings(TRAINING) == [
        "fast was right on 93.5 % of the validation images after 6.0 minutes; classic needed 25 "
        "minutes for 74.0 %.",
        "After 4.0 minutes of training, fast was as good as classic ever became.",
        "Of the test images, which neither had seen, fast recognises 93.1 %, 94.2 % when it looks "
        "six times, and classic 73.3 %.",
        "So fast takes 0.24 times as long as classic’s 5 epochs. It computes with numbers of half "
        "the length where the processor can (bfloat16); if classic did so too, fast would take "
        "0.50 times as long as classic, by 3 epochs of it that were timed.",
    ]


def test_a_processor_without_bfloat16_is_told_of_where_one_was_measured():
    float32 = {
        "classic": {"epochs_timed": 3},
        "short": {"epochs": 5, "test_accuracy": 0.912},
        "ratio": 2.25,
        "ratio_short": 0.875,
        "environment": MACHINE,
    }
    panel = training_race.panel(TRAINING, float32).replace("\N{NO-BREAK SPACE}", " ")
    assert "fast takes 2.25 times as long as classic, by 5 epochs of it and 3 of classic" in panel
    assert "for only 5 epochs, it takes 0.88 times as long, and recognises 91.2 %" in panel
    assert "gain nothing" not in training_race.panel(TRAINING)


def test_a_network_that_never_catches_up_is_not_said_to():
    slow = {**TRAINING, "fast": network([0.5, 0.7], 120, 0.69)}
    told = " ".join(training_race.findings(slow))
    assert "as good as" not in told
    assert "looks" not in told


def test_what_is_in_the_report_is_escaped():
    assert "&lt;b&gt;Abacus&lt;/b&gt;" in training_race.panel(TRAINING)
    assert "<b>Abacus" not in training_race.panel(TRAINING)


accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(accuracies, accuracies, st.floats(0.1, 5000), st.floats(0.1, 5000))
def test_every_point_lies_in_the_picture_in_proportion(fast, classic, one, other):
    report = {
        "fast": network(fast, one, 0.5),
        "classic": network(classic, other, 0.5),
    }
    picture = training_race.picture(report, "")
    for name in training_race.NAMES:
        curve = re.search(rf'<g class="{name}">(.*?)</g>', picture)[1]
        places = [
            (float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', curve)
        ]
        drawn = report[name]
        assert len(places) == drawn["epochs"]
        assert all(0 < x <= training_race.WIDTH and 0 < y < training_race.HEIGHT for x, y in places)
        for (x, _), seconds in zip(places, drawn["elapsed"], strict=True):
            expected = (places[-1][0] - training_race.LEFT) * seconds / drawn["seconds"]
            assert x - training_race.LEFT == pytest.approx(expected, abs=0.2)
        pairs = zip(pairwise(drawn["val_accuracy"]), pairwise(places), strict=True)
        assert all(now[1] <= before[1] for (a, b), (before, now) in pairs if b > a)
    numbers = re.findall(r'text-anchor="middle">(\d+)<', picture)
    assert 1 <= len(numbers) <= 8


def test_the_greatest_loss_comes_first():
    table = training_race.ingredients(ABLATION)
    rows = re.findall(r"<tr><th scope=row>(.*?)</tr>", table)
    plain = [re.sub("<.*?>", " ", row).replace("\N{NO-BREAK SPACE}", " ").split() for row in rows]
    assert plain == [
        ["nothing", "the", "whole", "recipe", "90.0", "%"],
        ["c", "d", "85.0", "%", "−5.0"],
        ["a", "b", "90.4", "%", "+0.4"],
    ]
    assert "2.25 times" in table
    assert "1.50 times" in table


def test_chance_is_told_as_mean_and_deviation():
    told = training_race.chance(SEEDS).replace("\N{NO-BREAK SPACE}", " ")
    assert "Trained 3 times" in told
    assert "93.52 ± 0.11 %" in told
    assert "94.06 ± 0.09 %" in told


@pytest.mark.parametrize(
    ("there", "components"),
    [((), 0), (("training",), 1), (("seeds",), 2), (("training", "ablation", "seeds"), 3)],
)
def test_what_was_not_measured_is_left_out(tmp_path, monkeypatch, there, components):
    monkeypatch.setattr(training_race, "REPORTS", tmp_path)
    reports = {"training": TRAINING, "ablation": ABLATION, "seeds": SEEDS}
    for name in there:
        atomic.write_json(tmp_path / f"{name}.json", reports[name])
    with gr.Blocks() as page:
        training_race.build_race()
    assert len(page.blocks) == components
