"""Statistics against scipy, against values from textbooks, and against enumeration and simulation."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from cope_lsp.evaluation.measure import (
    accuracy,
    amount,
    binomial,
    holm,
    mcnemar,
    mean,
    paired,
    quantile,
    ratio,
    wilson,
)


@pytest.mark.parametrize(
    ("passed", "count", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilsons_interval(passed: int, count: int, low: float, high: float) -> None:
    rate = wilson(passed, count)
    assert rate.low == pytest.approx(low, abs=5e-5)
    assert rate.high == pytest.approx(high, abs=5e-5)
    assert rate.value == passed / count


def test_without_tasks_nothing_is_known() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert (mean([]).low, mean([]).high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("won", "lost", "p"), [(10, 2, 158 / 4096), (2, 10, 158 / 4096), (5, 5, 1.0), (0, 0, 1.0), (6, 0, 2 / 64)]
)
def test_mcnemars_exact_test(won: int, lost: int, p: float) -> None:
    assert mcnemar(won, lost) == pytest.approx(p)


def test_mcnemar_takes_many_tasks() -> None:
    assert 0 < mcnemar(2_000, 1_500) < 1e-15


def test_a_mean_lies_in_its_interval_which_narrows_with_tasks() -> None:
    few, many = mean([0.0, 0.25, 1.0, 0.5]), mean([0.0, 0.25, 1.0, 0.5] * 50)
    assert few.low <= few.value <= few.high
    assert many.high - many.low < few.high - few.low
    assert mean([0.0, 0.5]) == mean([0.0, 0.5])


def test_where_all_tasks_are_alike_the_interval_is_not_empty() -> None:
    assert mean([0.0] * 10).high == wilson(0, 10).high
    assert mean([1.0] * 10).low == wilson(10, 10).low


@pytest.mark.parametrize("count", [1, 7, 100, 2_000])
def test_wilsons_interval_is_scipys(count: int) -> None:
    for passed in {0, 1, count // 3, count - 1, count}:
        theirs = stats.binomtest(passed, count).proportion_ci(method="wilson")
        ours = wilson(passed, count)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (1, 0), (25, 10), (10, 25), (500, 430), (0, 60)])
def test_mcnemars_test_is_scipys_sign_test(won: int, lost: int) -> None:
    theirs = stats.binomtest(won, won + lost).pvalue if won + lost else 1.0
    assert mcnemar(won, lost) == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("count", "share"), [(1, 0.5), (40, 0.01), (500, 0.3), (20_000, 0.77), (9, 0), (9, 1)]
)
def test_binomial_chances_are_scipys(count: int, share: float) -> None:
    first, chances = binomial(count, share)
    numbers = np.arange(first, first + len(chances))
    assert chances == pytest.approx(list(stats.binom.pmf(numbers, count, share)), rel=1e-8, abs=1e-15)
    assert sum(chances) == pytest.approx(1, abs=1e-9)


def scores(won: int, lost: int, both: int, neither: int) -> tuple[list[bool], list[bool]]:
    one = [True] * won + [False] * lost + [True] * both + [False] * neither
    other = [False] * won + [True] * lost + [True] * both + [False] * neither
    return one, other


@pytest.mark.parametrize(
    ("won", "lost", "both", "neither"),
    [(35, 10, 300, 155), (1, 3, 40, 6), (6, 0, 3, 1), (150, 140, 400, 310)],
)
def test_the_interval_of_a_difference_is_scipys_bootstrap(
    won: int, lost: int, both: int, neither: int
) -> None:
    one, other = scores(won, lost, both, neither)
    theirs = stats.bootstrap(
        (np.subtract(one, other, dtype=float),),
        np.mean,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = paired(one, other)
    step = 1.01 / len(one)  # all resamples lie on a grid; some thousand of them miss a percentile by a step
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=step)
    assert (ours.won, ours.lost, ours.count) == (won, lost, len(one))


@pytest.mark.parametrize(("one", "value"), [(True, 0.0), (True, 1.0), (False, -1.0)])
def test_a_difference_that_all_tasks_share_has_an_interval_too(one: bool, value: float) -> None:  # noqa: FBT001
    other = one if value == 0 else not one
    difference = paired([one] * 50, [other] * 50)
    assert difference.value == value
    assert difference.low <= value <= difference.high
    assert difference.high - difference.low > 0.05


def test_of_no_tasks_any_difference_may_be() -> None:
    assert (paired([], []).low, paired([], []).high, paired([], []).p) == (-1.0, 1.0, 1.0)


@pytest.mark.parametrize("times", [25, 250])
def test_tasks_tried_several_times_count_once(times: int) -> None:
    one, other = [1.0, 0.5, 0.75, 0.0] * times, [0.5, 0.5, 0.25, 0.25] * times
    difference = paired(one, other)
    assert (difference.won, difference.lost) == (2 * times, times)
    assert difference.p == mcnemar(2 * times, times)
    theirs = stats.bootstrap(
        (np.subtract(one, other),),
        np.mean,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert (difference.low, difference.high) == pytest.approx(
        (theirs.low, theirs.high), abs=0.05 / times**0.5
    )
    found, once = accuracy(one), wilson(9 * times // 4, 4 * times)
    assert found.count == 4 * times
    assert found.high - found.low < once.high - once.low


def test_the_accuracy_of_tasks_tried_once_is_wilsons() -> None:
    assert accuracy([True, False, True, True]) == wilson(3, 4)


COSTS = [0.0, 0.0, 0.0, 0.1, 0.4, 0.4, 0.5, 0.9, 1.6, 0.2] * 30


def test_the_interval_of_a_cost_is_scipys() -> None:
    theirs = stats.norm.interval(0.95, np.mean(COSTS), stats.sem(COSTS))
    assert (amount(COSTS).low, amount(COSTS).high) == pytest.approx(theirs)


def test_a_relative_cost_is_paired() -> None:
    full = [1.0 + 0.5 * cost for cost in COSTS]

    def relative(one: Sequence[float], other: Sequence[float], axis: int) -> float:
        value: float = np.mean(one, axis=axis) / np.mean(other, axis=axis)
        return value

    theirs = stats.bootstrap(
        (COSTS, full),
        relative,
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = ratio(COSTS, full)
    assert ours is not None
    assert ours.value == pytest.approx(np.mean(COSTS) / np.mean(full))
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=0.03)
    same = ratio(full, full)
    assert same is not None
    assert (same.low, same.value, same.high) == pytest.approx((1, 1, 1))
    assert ratio(full, [0.0] * len(full)) is None


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("values", [[3.0], [2.0, 1.0], COSTS])
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    assert quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_holms_correction_is_the_one_of_the_textbook() -> None:
    # Holm 1979 by hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 that must not be below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def outcomes(seed: int, *, won: float, lost: float) -> tuple[list[bool], list[bool]]:
    """Two methods on 500 tasks: shares of these that only one of both solves; the rest of them alike."""
    rng = random.Random(seed)
    one, other = [], []
    for _ in range(500):
        draw = rng.random()
        alike = rng.random() < 0.7
        one.append(draw < won or (draw >= won + lost and alike))
        other.append(won <= draw < won + lost or (draw >= won + lost and alike))
    return one, other


SEEDS = range(100)


def power(won: float, lost: float) -> float:
    """Return how often McNemar's exact test finds a difference on 500 tasks, by scipy's distributions."""
    differing = stats.binom(500, won + lost)
    found = 0.0
    for tries in range(500):
        wins = stats.binom(tries, won / (won + lost))
        critical = stats.binom(tries, 0.5).ppf(0.025) - 1
        while stats.binom(tries, 0.5).cdf(critical + 1) <= 0.025:
            critical += 1
        chance = wins.cdf(critical) + wins.sf(tries - critical - 1) if critical >= 0 else 0.0
        found += differing.pmf(tries) * chance
    return found


@pytest.mark.parametrize(("won", "lost"), [(0.05, 0.0), (0.06, 0.01), (0.07, 0.02)])
def test_a_planted_difference_of_5_points_is_found(won: float, lost: float) -> None:
    found = [paired(*outcomes(seed, won=won, lost=lost)) for seed in SEEDS]
    assert sum(difference.p < 0.05 for difference in found) >= 95
    assert sum(difference.low > 0 for difference in found) >= 95
    assert sum(difference.low <= 0.05 <= difference.high for difference in found) >= 90
    assert sum(difference.value for difference in found) / len(found) == pytest.approx(0.05, abs=0.005)


def test_where_methods_differ_on_many_tasks_5_points_are_found_as_often_as_theory_says() -> None:
    found = sum(paired(*outcomes(seed, won=0.15, lost=0.10)).p < 0.05 for seed in SEEDS)
    assert found / 100 == pytest.approx(power(0.15, 0.10), abs=0.15)


@pytest.mark.parametrize("each", [0.02, 0.1, 0.25])
def test_an_absent_difference_is_not_found(each: float) -> None:
    found = [paired(*outcomes(seed, won=each, lost=each)) for seed in SEEDS]
    assert sum(difference.p < 0.05 for difference in found) <= 8
    assert sum(difference.low > 0 or difference.high < 0 for difference in found) <= 10


def test_among_ten_methods_that_do_not_differ_holm_finds_none() -> None:
    alarms = corrected = 0
    for seed in SEEDS:
        pairs = [zip(*outcomes(10 * seed + method, won=0.1, lost=0.1), strict=True) for method in range(10)]
        splits = [[one - other for one, other in tasks] for tasks in pairs]
        ps = [mcnemar(split.count(1), split.count(-1)) for split in splits]
        alarms += min(ps) < 0.05
        corrected += min(holm(ps)) < 0.05
    assert alarms > 20, "without the correction there would be many: this test can fail"
    assert corrected <= 8
