"""The measures: intervals against worked values, the ROC AUC against all pairs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgrec.evaluation import binary_metrics, roc_auc, wilson

ROUNDING = 1e-12


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
