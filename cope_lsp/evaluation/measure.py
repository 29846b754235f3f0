"""Statistics of rates and costs: intervals, paired differences, many tests at once.

Nothing here depends on a clock, and on chance only with a seed that is fixed: equal trials, equal numbers.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, comb, exp, floor, fsum, inf, lgamma, log, sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
_MANY = 300
"""Values from which on the mean of bounded ones is as good as normal."""

_TAILS = 9.0
"""Standard deviations from the middle of a distribution; what is further away is less than 1e-18 of it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share between 0 and 1, and the interval that holds it with CONFIDENCE."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number of any unit, and the interval that holds it with CONFIDENCE."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one method is than another on the same tasks."""

    value: float
    low: float
    high: float
    p: float
    """Of McNemar's exact test, two-sided: how likely so uneven a split is if neither is better."""
    won: int
    """Tasks that the one did better."""
    lost: int
    """Tasks that the other did better."""
    count: int
    """All tasks."""


def wilson(passed: int, count: int, confidence: float = CONFIDENCE) -> Rate:
    """Return a share with Wilson's score interval (Wilson 1927), which is sound near 0 and 1, too."""
    if not count:
        return Rate(0.0, 0.0, 1.0, 0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = passed / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    # At the ends the bound is exact; rounding would put it an ulp inside of the share.
    low = 0.0 if passed == 0 else max(0.0, centre - half)
    return Rate(share, low, 1.0 if passed == count else min(1.0, centre + half), count)


def accuracy(scores: Sequence[float]) -> Rate:
    """Return the mean of scores between 0 and 1, one for each task.

    Tasks that were tried once are right or wrong: Wilson's interval. A task that was tried with several seeds
    counts once, with the share of its tries that were right: a bootstrap over tasks, since the tries of one
    task are not independent.
    """
    if all(score in {0.0, 1.0} for score in scores):
        return wilson(int(sum(scores)), len(scores))
    return mean(scores)


def mean(values: Sequence[float], *, resamples: int = 2_000, seed: int = 0) -> Rate:
    """Return a mean over tasks of shares between 0 and 1, with its percentile bootstrap interval.

    Where all tasks are alike there is nothing to resample; then the interval is Wilson's.
    """
    if len(set(values)) < 2:
        value = values[0] if values else 0.0
        bounds = wilson(round(value * len(values)), len(values))
        return Rate(value, min(value, bounds.low), max(value, bounds.high), len(values))
    low, high = _resampled(values, resamples, seed)
    return Rate(fsum(values) / len(values), max(0.0, low), min(1.0, high), len(values))


def amount(values: Sequence[float]) -> Estimate:
    """Return the mean of costs or the like, none below 0, with the normal interval.

    It is for tables of hundreds of tasks: with few, and a tail of dear ones, it is too narrow.
    """
    if not values:
        return Estimate(0.0, 0.0, inf)
    middle, half = _middle(values)
    return Estimate(middle, max(0.0, middle - half), middle + half)


def ratio(one: Sequence[float], other: Sequence[float]) -> Estimate | None:
    """Return how many times the mean of `other` the mean of `one` is, on the same tasks.

    The interval is the delta method's for paired values. None: the other mean is 0.
    """
    below = fsum(other) / len(other) if other else 0.0
    if below == 0:
        return None
    value = fsum(one) / len(one) / below
    _, half = _middle([(a - value * b) / below for a, b in zip(one, other, strict=True)])
    return Estimate(value, max(0.0, value - half), value + half)


def quantile(values: Sequence[float], share: float) -> float:
    """Return what a share of the values does not exceed, with straight lines between them; 0 without any."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def paired(one: Sequence[float], other: Sequence[float]) -> Difference:
    """Compare two methods task by task, by scores between 0 and 1; the interval is a bootstrap over tasks.

    Of scores that are 0 or 1 the bootstrap is exact: not some thousand resamples, but their distribution. Of
    tasks that were tried several times, the one with the higher mean wins a task; then McNemar's test is the
    exact sign test.
    """
    differences = [float(a) - float(b) for a, b in zip(one, other, strict=True)]
    count = len(differences)
    won, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    value = fsum(differences) / count if count else 0.0
    if len(set(differences)) < 2:
        low, high = _alike(value, count)
    elif set(differences) <= {-1.0, 0.0, 1.0}:
        low, high = _ideal_bootstrap(won, lost, count)
    else:
        low, high = _resampled(differences, 2_000, 0)
    return Difference(value, low, high, mcnemar(won, lost), won, lost, count)


def mcnemar(won: int, lost: int) -> float:
    """Return the two-sided p of McNemar's exact test, for the tasks that only one of two methods solved."""
    tries = won + lost
    tail = sum(comb(tries, k) for k in range(min(won, lost) + 1))
    return min(1.0, 2 * tail / (1 << tries))


def holm(ps: Sequence[float]) -> list[float]:
    """Return each p as it counts when all are looked at together (Holm 1979): below 0.05 in 5 % of tables."""
    adjusted = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return adjusted


def binomial(count: int, share: float) -> tuple[int, list[float]]:
    """Return how likely it is that so many of `count` tries succeed: a first number, and chances from it on.

    Numbers whose chance is below about 1e-18 are left out.
    """
    if share <= 0 or share >= 1:
        return (count if share >= 1 else 0), [1.0]
    middle, spread = count * share, sqrt(count * share * (1 - share))
    # The tail of a rare event is longer than that of a normal one: hence the 40.
    first = max(0, floor(middle - _TAILS * spread - 40))
    last = min(count, ceil(middle + _TAILS * spread + 40))
    all_ways, yes, no = lgamma(count + 1), log(share), log(1 - share)
    return first, [
        exp(all_ways - lgamma(k + 1) - lgamma(count - k + 1) + k * yes + (count - k) * no)
        for k in range(first, last + 1)
    ]


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of at least one value, and half of its normal interval."""
    count = len(values)
    middle = fsum(values) / count
    if count < 2:
        return middle, 0.0
    spread = fsum((value - middle) ** 2 for value in values) / (count - 1)
    return middle, _Z * sqrt(spread / count)


def _resampled(values: Sequence[float], resamples: int, seed: int) -> tuple[float, float]:
    """Return the percentiles of the means of resamples; of many values the normal interval, its equal."""
    if len(values) >= _MANY:
        middle, half = _middle(values)
        return middle - half, middle + half
    rng = random.Random(seed)  # noqa: S311 - statistics
    count = len(values)
    means = sorted(fsum(rng.choices(values, k=count)) / count for _ in range(resamples))
    edge = round(resamples * (1 - CONFIDENCE) / 2)
    return means[edge], means[-edge - 1]


def _alike(value: float, count: int) -> tuple[float, float]:
    """Return the interval where all tasks differ by the same: there is nothing to resample.

    It goes as far as tasks may differ otherwise that are too rare to be among `count`.
    """
    rare = wilson(0, count).high
    return max(-1.0, value - rare), min(1.0, value + rare)


def _ideal_bootstrap(won: int, lost: int, count: int) -> tuple[float, float]:
    """Return the percentiles of all resamples of `count` tasks, of which some are won and some lost.

    A resample draws how many tasks differ, and of these how many are won: two binomial numbers.
    """
    first, chances = binomial(count, (won + lost) / count)
    nets: dict[int, float] = {}
    for differing, chance in enumerate(chances, first):
        if chance < 1e-12:
            continue
        least, splits = binomial(differing, won / (won + lost))
        for wins, split in enumerate(splits, least):
            net = 2 * wins - differing
            nets[net] = nets.get(net, 0.0) + chance * split
    ordered = sorted(nets)
    reached = list(accumulate(nets[net] for net in ordered))
    edge = (1 - CONFIDENCE) / 2
    low = next(net for net, so_far in zip(ordered, reached, strict=True) if so_far >= edge)
    high = next(net for net, so_far in zip(ordered, reached, strict=True) if so_far >= 1 - edge)
    return low / count, high / count
