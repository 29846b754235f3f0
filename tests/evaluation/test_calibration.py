"""Calibration against counting by hand, against scipy, and against estimators whose fault is known."""

import random

import numpy as np
import pytest
from scipy import stats

from cope_lsp.evaluation.calibration import Judged, calibration
from cope_lsp.evaluation.measure import wilson

LEVELS = [index / 8 for index in range(1, 9)]


def judged(seed: int, count: int, *, bias: float) -> list[Judged]:
    """Answers with the confidences of 8 votes; each is right with its confidence less `bias`."""
    rng = random.Random(seed)
    drawn = [rng.choice(LEVELS) for _ in range(count)]
    return [(level, rng.random() < max(level - bias, 0.0)) for level in drawn]


def test_the_error_is_the_mean_gap_of_the_bins() -> None:
    found = calibration([(0.25, False), (0.25, True), (0.9, True), (0.95, True), (1.0, False), (1.0, True)])
    assert [(one.low, one.right.count, one.right.value) for one in found.bins] == [
        (0.2, 2, 0.5),
        (0.9, 4, 0.75),
    ]
    assert found.bins[1].confidence == pytest.approx(0.9625)
    assert found.error.value == pytest.approx((2 * 0.25 + 4 * 0.2125) / 6)
    assert found.right == wilson(4, 6)
    assert found.confidence == pytest.approx(4.35 / 6)


def test_a_share_lies_in_the_bin_that_begins_with_it() -> None:
    assert [calibration([(share / 10, True)]).bins[0].low for share in range(10)] == [
        share / 10 for share in range(10)
    ]
    assert calibration([(1.0, True)]).bins[0].high == 1.0


def test_what_is_taken_shrinks_as_more_confidence_is_wanted() -> None:
    found = calibration([(0.25, False), (0.25, True), (0.5, True), (1.0, True)]).taken
    assert [(one.confidence, one.share, one.right.value) for one in found] == [
        (0.25, 1.0, 0.75),
        (0.5, 0.5, 1.0),
        (1.0, 0.25, 1.0),
    ]


def test_many_confidences_are_shown_in_steps() -> None:
    found = calibration([(index / 99, True) for index in range(100)]).taken
    assert [one.confidence for one in found] == [index / 20 for index in range(21)]


@pytest.mark.parametrize("wrong", [[], [(1.5, True)], [(-0.1, True)]])
def test_what_is_no_confidence_is_refused(wrong: list[Judged]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration(wrong)


def test_equal_answers_give_equal_numbers_in_any_order() -> None:
    answers = judged(1, 300, bias=0.1)
    assert calibration(answers) == calibration(answers) == calibration(sorted(answers))


def test_the_error_by_chance_is_that_of_binomial_numbers() -> None:
    found = calibration([(0.5, index % 2 == 0) for index in range(100)])
    numbers = np.arange(101)
    expected = float(np.sum(stats.binom.pmf(numbers, 100, 0.5) * np.abs(numbers / 100 - 0.5)))
    assert found.by_chance == pytest.approx(expected, rel=0.05)
    assert found.error.value == 0
    assert found.p == 1


def test_an_estimator_without_fault_is_seldom_accused() -> None:
    found = [calibration(judged(seed, 500, bias=0.0), draws=500) for seed in range(100)]
    assert sum(one.p < 0.05 for one in found) <= 10
    assert sum(one.error.low == 0 for one in found) >= 90
    assert all(one.error.value > 0 for one in found), "chance alone makes an error; so it must be told apart"


def test_the_interval_holds_the_error_of_an_estimator_with_a_known_fault() -> None:
    found = [calibration(judged(seed, 500, bias=0.1), draws=500) for seed in range(100)]
    true_error = sum(min(level, 0.1) for level in LEVELS) / len(LEVELS)
    assert sum(one.p < 0.05 for one in found) >= 95
    assert sum(one.error.low <= true_error <= one.error.high for one in found) >= 90


def test_an_estimator_that_was_always_right_so_far_may_err_yet() -> None:
    found = calibration([(1.0, True)] * 24 + [(0.0, False)] * 6)
    assert (found.error.value, found.error.low, found.p) == (0, 0, 1)
    assert found.error.high > 0.02


def test_of_one_answer_nearly_nothing_is_known() -> None:
    found = calibration([(0.5, True)])
    assert found.error.low == 0
    assert found.error.high >= 0.5
