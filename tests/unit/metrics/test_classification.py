"""The measures: against worked values, all pairs, and scikit-learn's."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from imgrec.metrics.classification import (
    BINS,
    Classes,
    LargestRows,
    Reliability,
    TopFive,
    YesNo,
    binary_metrics,
    roc_auc,
    wilson,
    without_nan,
)

ROUNDING = 1e-12
beside_scikit_learn = settings(deadline=None, max_examples=50)  # it takes its time


# Newcombe 1998, Stat. Med. 17, 857–872, table I, method 3.
@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_as_published(right, total, low, high):
    assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_81_in_100():
    assert wilson(81, 100) == pytest.approx((0.7222, 0.8749), abs=5e-5)


def test_nothing_measured_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 100_000), st.data())
def test_the_ends_of_the_interval_solve_wilsons_equation(total, data):
    right = data.draw(st.integers(0, total))
    share = right / total
    low, high = wilson(right, total)
    assert 0 <= low <= share + ROUNDING and share - ROUNDING <= high <= 1
    for end in (low, high):  # the share is z standard errors of `end` away from it
        variance = end * (1 - end) / total
        assert (share - end) ** 2 == pytest.approx(1.959964**2 * variance, abs=ROUNDING)


@given(st.integers(1, 1000), st.data())
def test_the_interval_of_the_opposite_is_the_mirror_image(total, data):
    right = data.draw(st.integers(0, total))
    low, high = wilson(right, total)
    assert wilson(total - right, total) == pytest.approx((1 - high, 1 - low), abs=ROUNDING)


@given(st.integers(0, 500))
def test_none_and_all_reach_the_ends(total):
    assert wilson(0, total)[0] == pytest.approx(0, abs=ROUNDING)
    assert wilson(total, total)[1] == pytest.approx(1, abs=ROUNDING)


def pairs_auc(scores, positive) -> float:
    """Every pair of a positive and a negative one, counted."""
    won = [
        1.0 if one > other else 0.5 if one == other else 0.0
        for one, is_positive in zip(scores, positive, strict=True)
        if is_positive
        for other, is_negative in zip(scores, ~positive, strict=True)
        if is_negative
    ]
    return sum(won) / len(won)


# Few different scores, so that ties are frequent.
judged = st.lists(
    st.tuples(st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)), st.booleans()),
    min_size=2,
    max_size=40,
).filter(lambda rows: len({positive for _, positive in rows}) == 2)


def columns(rows):
    scores, positive = zip(*rows, strict=True)
    return np.array(scores), np.array(positive)


@given(judged)
def test_the_auc_counts_every_pair(rows):
    scores, positive = columns(rows)
    assert roc_auc(scores, positive) == pytest.approx(pairs_auc(scores, positive))


@given(judged)
def test_the_auc_of_the_opposite_scores_is_the_rest_to_one(rows):
    scores, positive = columns(rows)
    assert roc_auc(-scores, positive) == pytest.approx(1 - roc_auc(scores, positive))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0), ([0.5] * 4, 0.5)],
)
def test_the_auc_of_simple_cases(scores, expected):
    assert roc_auc(np.array(scores), np.array([False, False, True, True])) == expected


@pytest.mark.parametrize("positive", [True, False])
def test_the_auc_needs_both_classes(positive):
    assert math.isnan(roc_auc(np.array([0.1, 0.9]), np.array([positive, positive])))


def test_the_metrics_of_a_set_made_by_hand():
    #   said          yes   yes  no    yes  no   no   no   no
    probabilities = np.array([0.9, 0.5, 0.49, 0.8, 0.1, 0.2, 0.3, 0.0])
    positive = np.array([True, True, True, False, False, False, False, False])
    measured = binary_metrics(probabilities, positive)
    assert measured == {
        "accuracy": 6 / 8,
        "low": pytest.approx(0.4093, abs=5e-5),
        "high": pytest.approx(0.9285, abs=5e-5),
        "recall": pytest.approx(2 / 3),
        "specificity": pytest.approx(4 / 5),
        "balanced_accuracy": pytest.approx((2 / 3 + 4 / 5) / 2),
        "auc": pytest.approx(13 / 15),
    }


@given(judged)
def test_the_metrics_count_right_answers(rows):
    probabilities, positive = columns(rows)
    said = [probability >= 0.5 for probability in probabilities]
    right = sum(one == other for one, other in zip(said, positive, strict=True))
    measured = binary_metrics(probabilities, positive)
    assert measured["accuracy"] == right / len(rows)
    assert (measured["low"], measured["high"]) == wilson(right, len(rows))
    dogs = [answer for answer, is_positive in zip(said, positive, strict=True) if is_positive]
    assert measured["recall"] == pytest.approx(sum(dogs) / len(dogs))
    others = [answer for answer, is_positive in zip(said, positive, strict=True) if not is_positive]
    assert measured["specificity"] == pytest.approx(others.count(False) / len(others))
    assert all(isinstance(value, float) for value in measured.values())


def test_what_nothing_can_be_said_of_is_no_number():
    measured = binary_metrics(np.array([0.1, 0.2]), np.array([False, False]))
    unknown = [name for name, value in measured.items() if math.isnan(value)]
    assert unknown == ["recall", "balanced_accuracy", "auc"]
    assert (measured["accuracy"], measured["specificity"]) == (1, 1)
    assert without_nan(measured) == {**measured, **dict.fromkeys(unknown)}


# Reliability


def reliability(answers) -> dict:
    tally = Reliability()
    for probability, right in answers:
        tally.add(probability, right)
    return tally.figures()


def test_the_calibration_error_of_a_set_made_by_hand():
    # Two bins: (9/15, 10/15] holds two answers, one of them right; (14/15, 1] holds three, two.
    measured = reliability([(0.62, True), (0.66, False), (0.95, True), (0.97, True), (1.0, False)])
    filled = [bin for bin in measured["reliability"] if bin["count"]]
    assert filled == [
        {"low": 0.6, "high": 10 / 15, "count": 2, "probability": 0.64, "share": 0.5},
        {
            "low": 14 / 15,
            "high": 1.0,
            "count": 3,
            "probability": pytest.approx(2.92 / 3),
            "share": pytest.approx(2 / 3),
        },
    ]
    expected = 2 / 5 * abs(0.64 - 1 / 2) + 3 / 5 * abs(2.92 / 3 - 2 / 3)
    assert measured["ece"] == pytest.approx(expected)


def test_the_bins_leave_no_gap_and_an_edge_belongs_below():
    bins = reliability([(i / BINS, True) for i in range(BINS + 1)])["reliability"]
    assert [bin["count"] for bin in bins] == [2] + [1] * (BINS - 1)
    assert [bin["low"] for bin in bins[1:]] == [bin["high"] for bin in bins[:-1]]
    assert (bins[0]["low"], bins[-1]["high"], len(bins)) == (0, 1, 15)


def test_no_answers_have_no_calibration_error():
    measured = reliability([])
    assert measured["ece"] is None
    assert {bin["share"] for bin in measured["reliability"]} == {None}


# None of these is on an edge, where scikit-learn's rounding may differ from ours.
answers = st.lists(
    st.tuples(st.integers(0, 7919).map(lambda i: i / 7919), st.booleans()), min_size=1, max_size=60
)


@beside_scikit_learn
@given(answers)
def test_the_bins_are_scikit_learns(rows):
    probabilities, right = columns(rows)
    shares, means = calibration_curve(right, probabilities, n_bins=BINS)
    measured = reliability(rows)
    filled = [bin for bin in measured["reliability"] if bin["count"]]
    assert [bin["share"] for bin in filled] == pytest.approx(shares.tolist())
    assert [bin["probability"] for bin in filled] == pytest.approx(means.tolist())
    counts = np.array([bin["count"] for bin in filled])
    expected = (counts * abs(shares - means)).sum() / len(rows)
    assert measured["ece"] == pytest.approx(expected, abs=ROUNDING)


# Tallies


@beside_scikit_learn
@given(judged)
def test_yes_and_no_are_counted_as_scikit_learn_does(rows):
    tally = YesNo()
    for probability, positive in rows:
        tally.add(probability, positive)
    figures = tally.figures()
    probabilities, positive = columns(rows)
    said = probabilities >= 0.5
    assert figures["accuracy"] == metrics.accuracy_score(positive, said)
    assert figures["recall"] == pytest.approx(metrics.recall_score(positive, said))
    specificity = metrics.recall_score(positive, said, pos_label=0)
    assert figures["specificity"] == pytest.approx(specificity)
    balanced = metrics.balanced_accuracy_score(positive, said)
    assert figures["balanced_accuracy"] == pytest.approx(balanced)
    assert figures["auc"] == pytest.approx(metrics.roc_auc_score(positive, probabilities))
    if said.any():
        assert figures["precision"] == pytest.approx(metrics.precision_score(positive, said))
    else:
        assert figures["precision"] is None
    assert {name: figures[name] for name in ("ece", "reliability")} == reliability(rows)


NAMES = ("ant", "bee", "cow")


@beside_scikit_learn
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_classes_are_counted_as_scikit_learn_does(rows):
    tally = Classes(NAMES)
    for i, (right, guessed) in enumerate(rows):
        tally.add(right, guessed, (i + 1) / len(rows))
    figures = tally.figures()
    right, guessed = columns(rows)
    expected = metrics.confusion_matrix(right, guessed, labels=[0, 1, 2])
    assert figures["confusion"] == expected.tolist()
    assert figures["accuracy"] == metrics.accuracy_score(right, guessed)
    assert (figures["low"], figures["high"]) == wilson(int((right == guessed).sum()), len(rows))
    precision, recall, _, count = metrics.precision_recall_fscore_support(
        right, guessed, labels=[0, 1, 2], zero_division=np.nan
    )
    for i, name in enumerate(NAMES):
        of_class = {"count": count[i], "precision": precision[i], "recall": recall[i]}
        assert figures["classes"][name] == pytest.approx(without_nan(of_class))
    confidences = [((i + 1) / len(rows), r == g) for i, (r, g) in enumerate(rows)]
    assert figures["ece"] == reliability(confidences)["ece"]
    assert json.loads(json.dumps(figures)) == figures


def test_the_confusions_begin_with_the_most_frequent():
    tally = Classes(NAMES)
    for right, guessed in [(0, 1), (2, 1), (2, 1), (1, 1), (1, 1), (1, 1), (1, 0)]:
        tally.add(right, guessed, 0.5)
    assert tally.confusions() == [
        {"class": "cow", "taken_for": "bee", "count": 2},
        {"class": "ant", "taken_for": "bee", "count": 1},
        {"class": "bee", "taken_for": "ant", "count": 1},
    ]
    assert tally.confusions(1) == tally.confusions()[:1]


@beside_scikit_learn
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.permutations(range(10)).map(lambda ranked: ranked[:5])),
        min_size=1,
        max_size=30,
    )
)
def test_the_first_five_are_counted_as_scikit_learn_does(rows):
    tally = TopFive()
    scores = np.zeros((len(rows), 10))
    for i, (right, ranked) in enumerate(rows):
        tally.add(right, ranked)
        scores[i, ranked] = [5, 4, 3, 2, 1]
    right = [right for right, _ in rows]
    expected = [metrics.top_k_accuracy_score(right, scores, k=k, labels=range(10)) for k in (1, 5)]
    figures = tally.figures()
    assert [figures["top1"], figures["top5"]] == pytest.approx(expected)
    assert figures["n"] == len(rows)
    assert (figures["low"], figures["high"]) == wilson(round(expected[0] * len(rows)), len(rows))


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 8))
def test_the_greatest_are_kept_and_of_equal_ones_the_first(values, most):
    tally = LargestRows(most)
    for place, value in enumerate(values):
        tally.add(value, {"value": value, "place": place})
    expected = sorted(enumerate(values), key=lambda pair: -pair[1])[:most]
    assert tally.rows() == [{"value": value, "place": place} for place, value in expected]
    assert tally.seen == len(values)


def test_an_empty_tally_says_nothing():
    assert YesNo().figures()["accuracy"] is None
    assert Classes(NAMES).figures()["accuracy"] is None
    assert (TopFive().figures()["top1"], TopFive().figures()["top5"]) == (None, None)
    assert LargestRows(3).rows() == []
