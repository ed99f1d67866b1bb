"""The page's HTML: figures that do not lie, and nothing from outside that is not escaped."""

import base64
import dataclasses
import io
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.html import HOSTILE, Page, text, three, verdict

from imgrec.approaches import scratch
from imgrec.approaches.verdict import ClassProbability
from imgrec.approaches.vgg16_weights import Status
from imgrec.evaluation import reports
from imgrec.evaluation.reports import DogRates
from imgrec.networks import layer_table
from imgrec.networks.cifar10 import classic
from imgrec.ui.approaches import scratch as scratch_tab
from imgrec.ui.components import model_choosers, verdict_cards, vgg16_download
from imgrec.ui.components.formatting import count, percent
from imgrec.ui.components.html import bars, panel, table

REPORT = DogRates(
    photos=1000,
    dogs=100,
    recall={"classic CNN": 0.25, "a": 1},
    false_positive_rate={"classic CNN": 0.125},
)

probabilities = st.one_of(
    st.floats(0, 1),
    st.sampled_from([0.0, 0.001, 0.0995, 0.1, 0.5, 0.99, 0.995, 0.999, 0.9995, 1.0]),
)


# Figures


def shown(probability: float) -> float:
    """What a reader takes the text for, in percent."""
    match = re.fullmatch(r"(< |> |)(\d+(?:\.\d)?) %", percent(probability))
    sign, number = match.groups()
    return float(number) + {"< ": -0.05, "> ": 0.05, "": 0}[sign]


@given(probabilities)
def test_percent_says_the_probability_to_a_reader_and_never_none_or_all(probability):
    digits = 0.05 if probability < 0.1 or probability > 0.99 else 0.5
    assert abs(shown(probability) - 100 * probability) <= digits + 1e-9
    assert 0 < shown(probability) < 100


@given(probabilities, probabilities)
def test_a_greater_probability_is_never_shown_as_less(one, other):
    low, high = sorted((one, other))
    assert shown(low) <= shown(high)


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0, "< 0.1 %"),
        (0.0009, "< 0.1 %"),
        (0.004, "0.4 %"),
        (0.0996, "10.0 %"),
        (0.25, "25 %"),
        (0.97, "97 %"),
        (0.9949, "99.5 %"),
        (0.9989, "99.9 %"),
        (0.9996, "> 99.9 %"),
        (1, "> 99.9 %"),
        (1.0000001, "> 99.9 %"),  # a sum of many rounded probabilities
    ],
)
def test_percent_reads_like_this(probability, expected):
    assert percent(probability) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(513, "513"), (12_345, "12,345"), (1_250_858, "1.25 M"), (138_357_544, "138 M")],
)
def test_a_number_of_parameters_reads_like_this(number, expected):
    assert count(number) == expected


# Which network answers


def test_the_networks_that_ship_are_offered_with_what_they_reach_the_default_first():
    offered = model_choosers._networks()
    assert [name for _, name in offered[:2]] == [scratch.DEFAULT, scratch.CLASSIC]
    for title, name in offered[:2]:
        report = reports.scratch(name)
        right, minutes = report.test_accuracy, report.seconds / 60
        assert title == f"{name}: {100 * right:.1f} % right after {minutes:.0f} minutes"
    gone = model_choosers.refresh_scratch_chooser("no such run")
    assert gone.value == scratch.DEFAULT and gone.choices == offered


def test_the_text_of_the_tab_has_the_figures_of_the_reports(monkeypatch):
    report, said = reports.scratch(scratch.DEFAULT), scratch_tab._text()
    assert f"from {report.images:,} small pictures" in said
    assert f"**{report.seconds / 60:.0f} minutes**" in said
    for right in (report.test_accuracy, report.test_accuracy_views):
        assert f"**{100 * right:.1f} %**" in said
    silent = dataclasses.replace(report, test_accuracy_views=None)
    monkeypatch.setattr(reports, "scratch", lambda name: silent)
    assert "looks six times" in said and "looks six times" not in scratch_tab._text()


# Cards


def test_a_card_says_who_what_and_how_long():
    assert text(verdict_cards.card(verdict(dog=0.75), top=5)) == (
        "From scratch classic CNN · CIFAR-10 · 1.25 M parameters dog saw 32 × 32 pixels "
        "dog 75 % cat 25 % As the network says it: this one was never calibrated. "
        "Dog: 75 % 12 ms Why?"
    )
    assert "32 pixels, 6 looks" in text(verdict_cards.card(verdict(views=6), top=5))


@pytest.mark.parametrize(("calibrated", "widths"), [(True, [80, 15]), (False, [99.6, 0.4])])
def test_a_card_shows_the_chosen_probabilities_and_the_other_in_small_print(calibrated, widths):
    classes = (ClassProbability(5, "dog", 0.996, 0.8), ClassProbability(3, "cat", 0.004, 0.15))
    both = verdict(classes=classes, dog=0.996, dog_calibrated=0.8)
    html = verdict_cards.cards([both], top=2, calibrated=calibrated)
    assert Page(html).widths() == widths
    chosen, other = ("80 %", "99.6 %") if calibrated else ("99.6 %", "80 %")
    assert f"dog {chosen} cat" in text(html) and f"Dog: {chosen}" in text(html)
    assert text(html).count(other) == 1


@pytest.mark.parametrize("calibrated", [True, False])
def test_where_nothing_was_calibrated_the_choice_changes_nothing(calibrated):
    for approach in ("scratch", "pretrained", "transfer"):
        card = verdict_cards.card(verdict(approach), 2, calibrated)
        assert card == verdict_cards.card(verdict(approach), 2)
        assert ("never calibrated" in card) == (approach != "pretrained")


@pytest.mark.parametrize(
    ("changes", "notice"),
    [
        ({"unfamiliar": True}, verdict_cards.UNFAMILIAR),
        ({"unfamiliar": False}, None),
        ({"unfamiliar": None}, None),
        ({"stand_in": True, "model": HOSTILE}, "stands in"),
    ],
)
def test_a_stand_in_and_an_unfamiliar_picture_are_told_on_the_card(changes, notice):
    html = verdict_cards.card(verdict("pretrained", **changes), top=1)
    assert html.count('class="notice"') == (notice is not None)
    assert (notice or "") in text(html)


@pytest.mark.parametrize("approach", verdict_cards.TITLES)
def test_cards_stand_beside_each_other_each_named(approach):
    page = Page(verdict_cards.cards(three(0.1, 0.2, 0.3), top=1))
    (article,) = [a for tag, a in page.tags if tag == "article" and approach in a["class"]]
    assert article["aria-label"] == verdict_cards.TITLES[approach]
    assert all(a["alt"] for tag, a in page.tags if tag == "img")


@settings(max_examples=30)
@given(st.lists(probabilities, min_size=1, max_size=6), st.integers(0, 8))
def test_a_card_has_as_many_bars_as_asked_for(values, top):
    classes = tuple(ClassProbability(i, f"class {i}", value) for i, value in enumerate(values))
    page = Page(verdict_cards.card(verdict(classes=classes), top))
    assert len(page.widths()) == min(top, len(values))
    for width, value in zip(page.widths(), values, strict=False):
        assert 0 <= width <= 100 and width == pytest.approx(100 * value, abs=0.006)


@settings(max_examples=30)
@given(st.tuples(probabilities, probabilities, probabilities))
def test_the_questions_bars_are_as_long_as_the_likelihoods(dogs):
    page = Page(verdict_cards.question(three(*dogs), REPORT))
    for width, dog in zip(page.widths(), dogs, strict=True):
        assert 0 <= width <= 100 and width == pytest.approx(100 * dog, abs=0.006)


# What comes from outside


def assert_harmless(html: str) -> None:
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "svg", "iframe", "a"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "img" or attributes["src"].startswith("data:image/png;base64,")
    assert any(HOSTILE in part for part in page.texts)  # it is there, as text


@pytest.mark.parametrize("changes", [{}, {"stand_in": True}])
@pytest.mark.parametrize("field", ["model", "trained_on"])
def test_names_are_escaped(field, changes):
    hostile = verdict(**{field: HOSTILE}, **changes)
    assert_harmless(verdict_cards.card(hostile, top=1))


def test_classes_are_escaped():
    hostile = verdict(classes=(ClassProbability(0, HOSTILE, 1.0),))
    assert_harmless(verdict_cards.card(hostile, top=1))
    texts = Page(verdict_cards.card(hostile, top=1)).texts
    assert texts.count(HOSTILE) == 2  # the winner and its bar
    assert_harmless(bars(hostile.classes))


def test_the_reason_of_a_failed_download_is_escaped():
    for allowed in (True, False):
        assert_harmless(vgg16_download.download(Status("absent", message=HOSTILE), allowed))


def test_tables_and_panels_are_escaped():
    assert_harmless(verdict_cards.layers([layer_table.Layer(HOSTILE, "Dense", (1,), 1)]))
    assert_harmless(table([HOSTILE], [[1]]))
    assert_harmless(table(["a"], [[HOSTILE]]))
    assert_harmless(table(["a"], [[1]], [HOSTILE]))
    assert_harmless(panel(HOSTILE, "text"))
    assert_harmless(panel("title", HOSTILE))


@settings(max_examples=30)
@given(st.text(), st.text(), st.text())
def test_any_text_leaves_the_page_well_formed(model, label, message):
    hostile = verdict(model=model, classes=(ClassProbability(0, label, 0.5),), stand_in=True)
    plain = [tag for tag, _ in Page(verdict_cards.card(verdict(stand_in=True), top=1)).tags]
    assert [tag for tag, _ in Page(verdict_cards.card(hostile, top=1)).tags] == plain
    Page(verdict_cards.question([hostile], REPORT))
    Page(vgg16_download.download(Status("absent", message=message), allowed=True))


# The question


def sentences(*dogs: float) -> str:
    """What is said about the answers, before the report's figures."""
    return text(verdict_cards.question(three(*dogs), REPORT)).partition("They ")[2]


@pytest.mark.parametrize("answers", list(itertools.product([True, False], repeat=3)))
def test_the_sentence_says_who_says_what(answers):
    sentence = sentences(*(0.5 if yes else 0.4999 for yes in answers))  # one half is a yes
    if all(answers) or not any(answers):
        assert sentence.startswith(f"agree: there is {'a' if all(answers) else 'no'} dog.")
        return
    match = re.match(r"disagree: (.+) (says?) yes, (.+) (says?) no\.", sentence)
    for said, names, verb in ((True, *match.groups()[:2]), (False, *match.groups()[2:])):
        titles = zip(verdict_cards.TITLES.values(), answers, strict=True)
        assert names.split(" and ") == [title for title, yes in titles if yes is said]
        assert (verb == "says") == (" and " not in names)


def test_how_far_to_trust_is_said_of_the_networks_that_were_measured():
    measured, other = verdict("scratch"), verdict("pretrained", model="unmeasured")
    assert text(verdict_cards.question([measured, other], REPORT)).endswith(
        "Measured on 1000 photos, 100 of them dogs: From scratch finds 25 % of the dogs and takes "
        "12 % of the rest for one."
    )
    assert "Measured" not in verdict_cards.question([other], REPORT)


def test_the_shipped_report_knows_the_networks_that_answer():
    report = reports.dogs()
    names = {f"{scratch.DEFAULT} CNN", "EfficientNet-Lite0", "VGG16 features + pooled head"}
    assert names <= set(report.recall) and set(report.recall) == set(report.false_positive_rate)
    assert 0 < report.dogs < report.photos


def test_the_report_may_be_of_calibrated_answers():
    said, calibrated = reports.dogs(), reports.dogs(calibrated=True)
    for each in reports.dogs_report().approaches.values():
        better = each.calibrated or each
        assert said.recall[each.model] == each.recall
        assert calibrated.recall[each.model] == better.recall
        assert calibrated.false_positive_rate[each.model] == 1 - better.specificity
    assert said != calibrated


# The states around it, and tables


def test_the_skeleton_says_that_it_is_busy():
    page = Page(verdict_cards.skeleton())
    assert page.tags[0][1]["aria-busy"] == "true"
    assert len([tag for tag, _ in page.tags if tag == "article"]) == 3
    assert all(0 < width <= 100 for width in page.widths())


@settings(max_examples=30)
@given(st.integers(1, 10**9), st.data())
def test_the_download_shows_how_far_it_is(total, data):
    done = data.draw(st.integers(0, total))
    html = vgg16_download.download(Status("downloading", done, total), allowed=True)
    share = 100 * done / total
    assert f"{done / 1e6:.0f} of {total / 1e6:.0f} MB, {share:.0f} %" in text(html)
    (width,) = Page(html).widths()
    assert 0 <= width <= 100 and width == pytest.approx(share, abs=0.006)


def test_where_downloads_are_off_the_way_out_is_named():
    assert "--vgg16-weights FILE" in text(vgg16_download.download(Status("absent"), allowed=False))
    assert "--vgg16-weights" not in vgg16_download.download(Status("absent"), allowed=True)
    assert "problem" not in vgg16_download.download(Status("absent"), allowed=True)


def rows_of(html: str) -> list[list[str]]:
    cells = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in cells]


def test_the_layer_table_ends_in_the_total():
    rows = layer_table.table(classic())
    html = verdict_cards.layers(rows)
    heading, *body, total = rows_of(html)
    assert heading == ["Layer", "Kind", "Output shape", "Parameters", "Multiply–adds"]
    assert len(body) == len(rows) == 12
    assert body[0][:3] == ["conv1", "Conv2D", "32 × 32 × 32"]
    assert body[0][3:] == ["896<small>3·3·3·32 + 32</small>", "884,736"]
    assert body[8] == ["flatten", "Flatten", "2304", "0<small></small>", "0"]
    assert total == ["total", "", "", "1,250,858", "20,741,120"]
    assert "<tfoot>" in html and "tfoot" not in table(["a"], [[1], [2]])
    assert sum(int(row[3].partition("<")[0].replace(",", "")) for row in body) == 1_250_858


def test_a_picture_is_shown_no_larger_than_a_thumbnail():
    for side, shown_side in ((224, 112), (32, 32)):
        html = verdict_cards.card(verdict(saw=Image.new("RGB", (side, side), "red")), 1)
        assert f"saw {side} × {side} pixels" in html
        (source,) = [a["src"] for tag, a in Page(html).tags if tag == "img"]
        content = base64.b64decode(source.partition(",")[2])
        assert Image.open(io.BytesIO(content)).size == (shown_side, shown_side)
