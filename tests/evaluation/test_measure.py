"""Statistics against values from textbooks, and against enumeration and simulation."""

import random
from collections.abc import Callable
from itertools import combinations

import pytest

from cope_lsp.evaluation.measure import mcnemar, mean, paired, pass_at_k, wilson


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


@pytest.mark.parametrize("samples", [1, 2, 5, 8])
def test_the_chance_of_k_tries_is_that_of_all_ways_to_choose_them(samples: int) -> None:
    for right in range(samples + 1):
        drafts = [index < right for index in range(samples)]
        for k in range(1, samples + 1):
            chosen = [any(choice) for choice in combinations(drafts, k)]
            assert pass_at_k(samples, right, k) == pytest.approx(sum(chosen) / len(chosen))


@pytest.mark.parametrize("k", [0, 4])
def test_more_tries_than_samples_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match="3 samples"):
        pass_at_k(3, 1, k)


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


def outcomes(seed: int, gain: float) -> tuple[list[bool], list[bool]]:
    """Two methods on 500 tasks that differ in ease; the first solves `gain` more of them."""
    rng = random.Random(seed)
    levels = [rng.choice([0.02, 0.98, 0.9, 0.1]) for _ in range(500)]
    other = [rng.random() < level for level in levels]
    one = [was or rng.random() < gain / (1 - sum(other) / 500) for was in other]
    return one, other


def test_a_planted_difference_of_5_points_is_found(scale: Callable[[int, int], int]) -> None:
    seeds = range(scale(10, 100))
    found = [paired(*outcomes(seed, 0.05)) for seed in seeds]
    assert all(difference.p < 0.05 and difference.low > 0 for difference in found)
    assert sum(difference.value for difference in found) / len(found) == pytest.approx(0.05, abs=0.015)


def test_an_absent_difference_is_not_found(scale: Callable[[int, int], int]) -> None:
    seeds = range(scale(20, 100))
    found = 0
    for seed in seeds:
        rng = random.Random(seed)
        one, other = [[rng.random() < 0.5 for _ in range(500)] for _ in range(2)]
        found += paired(one, other).p < 0.05
    assert found <= 0.15 * len(seeds)
