"""The race on the page: two curves over minutes, the words they come to, and the ingredients."""

import re

import gradio as gr
import pytest
from support.html import text
from support.reports import ABLATION, MACHINE, SEEDS, TRAINING, network

from imgrec.evaluation import training_reports
from imgrec.evaluation.training_reports import Ablation, InFloat32, Seeds, SideBySide
from imgrec.files import atomic
from imgrec.ui.approaches import training_race

RACE = SideBySide.model_validate(TRAINING)


def test_the_words_are_the_reports():
    words = text(training_race.panel(RACE))
    assert words.startswith(
        "fast was right on 93.5 % of the validation images after 6.0 minutes; classic needed 25 "
        "minutes for 74.0 %."
    )
    for figures in ("After 4.0 minutes", "93.1 %, 94.2 %", "73.3 %", "0.24 times", "0.50 times"):
        assert figures in words
    assert "fast 3 6.0 93.5 % 93.1 % 1,234 classic 5 25.0 74.0 % 73.3 % 1,234" in words


def test_a_processor_without_bfloat16_is_told_of_where_one_was_measured():
    float32 = InFloat32.model_validate(
        {
            "classic": {"epochs_timed": 3},
            "short": {"epochs": 5, "seconds": 90, "test_accuracy": 0.912},
            "ratio": 2.25,
            "ratio_short": 0.875,
            "environment": MACHINE,
        }
    )
    words = text(training_race.panel(RACE, float32))
    assert all(figure in words for figure in ("2.25 times", "0.88 times", "91.2 %"))
    assert "gain nothing" in words and "gain nothing" not in training_race.panel(RACE)


def test_a_network_that_never_catches_up_is_not_said_to():
    slow = SideBySide.model_validate({**TRAINING, "fast": network([0.5, 0.7], 120, 0.69)})
    words = training_race.panel(slow)
    assert "as good as" not in words and "looks" not in words


def test_what_is_in_the_report_is_escaped():
    assert "&lt;b&gt;Abacus&lt;/b&gt;" in training_race.panel(RACE)
    assert "<b>Abacus" not in training_race.panel(RACE)


@pytest.mark.parametrize(("least", "lower_end"), [(0.42, 0.4), (0.95, 0.8), (0.0, 0.0)])
def test_every_epoch_is_a_point_within_the_axes(least, lower_end):
    report = {**TRAINING, "classic": network([least, 0.96], 300, 0.9)}
    report["fast"] = network([0.96, 0.97, 0.98], 120, 0.9)
    with gr.Blocks():
        plot = training_race.plot(SideBySide.model_validate(report))
    points = [tuple(row) for row in plot.value["data"]]
    assert points == [
        *((2.0, 0.96, "fast"), (4.0, 0.97, "fast"), (6.0, 0.98, "fast")),
        *((5.0, least, "classic"), (10.0, 0.96, "classic")),
    ]
    assert plot.y_lim == [pytest.approx(lower_end), 1]
    assert plot.x_lim[0] == 0 and 10 < plot.x_lim[1] < 11


def test_the_greatest_loss_comes_first():
    table = training_race.ingredients(Ablation.model_validate(ABLATION), None)
    rows = re.findall(r"<tr><th scope=row>(.*?)</tr>", table, re.DOTALL)
    assert [re.sub("<.*?>", " ", row).split() for row in rows] == [
        ["nothing", "the", "whole", "recipe", "90.0", "%"],
        ["c", "d", "85.0", "%", "−5.0"],
        ["a", "b", "90.4", "%", "+0.4"],
    ]
    assert "2.25 times" in table and "1.50 times" in table


def test_chance_is_told_as_mean_and_deviation():
    words = text(training_race.ingredients(None, Seeds.model_validate(SEEDS)))
    assert all(part in words for part in ("Trained 3 times", "93.52 ± 0.11 %", "94.06 ± 0.09 %"))


@pytest.mark.parametrize(
    ("there", "components"),
    [
        ((), []),
        (("training",), ["Markdown", "LinePlot", "HTML"]),
        (("seeds",), ["HTML"]),
        (("training", "ablation", "seeds"), ["Markdown", "LinePlot", "HTML", "HTML"]),
    ],
)
def test_what_was_not_measured_is_left_out(tmp_path, monkeypatch, there, components):
    monkeypatch.setattr(training_reports, "REPORTS", tmp_path)
    reports = {"training": TRAINING, "ablation": ABLATION, "seeds": SEEDS}
    for name in there:
        atomic.write_json(tmp_path / f"{name}.json", reports[name])
    with gr.Blocks() as page:
        training_race.build_race()
    built = [type(each) for each in page.blocks.values()]
    assert [kind.__name__ for kind in built if issubclass(kind, gr.components.Component)] == (
        components
    )
