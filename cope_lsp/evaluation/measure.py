"""Statistics of pass rates: intervals, the chance of k tries, paired differences."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Rate:
    """A share between 0 and 1, and the interval that holds it with CONFIDENCE."""

    value: float
    low: float
    high: float
    count: int


def wilson(passed: int, count: int, confidence: float = CONFIDENCE) -> Rate:
    """Return a share with Wilson's score interval (Wilson 1927), which is sound near 0 and 1, too."""
    if not count:
        return Rate(0.0, 0.0, 1.0, 0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = passed / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return Rate(share, max(0.0, centre - half), min(1.0, centre + half), count)


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Return the chance that one of `k` of the `samples` is right (Chen et al. 2021, without bias)."""
    if not 1 <= k <= samples:
        msg = f"k is {k}; there are {samples} samples"
        raise ValueError(msg)
    return 1.0 - comb(samples - right, k) / comb(samples, k)


def mean(values: Sequence[float], *, resamples: int = 2_000, seed: int = 0) -> Rate:
    """Return a mean over tasks with its percentile bootstrap interval.

    Where all tasks are alike there is nothing to resample; then the interval is Wilson's.
    """
    if len(set(values)) < 2:
        value = values[0] if values else 0.0
        bounds = wilson(round(value * len(values)), len(values))
        return Rate(value, min(value, bounds.low), max(value, bounds.high), len(values))
    rng = random.Random(seed)  # noqa: S311 - statistics
    count = len(values)
    means = sorted(sum(rng.choices(values, k=count)) / count for _ in range(resamples))
    edge = round(resamples * (1 - CONFIDENCE) / 2)
    return Rate(sum(values) / count, means[edge], means[-edge - 1], count)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one method is than another on the same tasks."""

    value: float
    low: float
    high: float
    p: float
    """Of McNemar's exact test, two-sided: how likely so uneven a split is if neither is better."""


def paired(one: Sequence[bool], other: Sequence[bool]) -> Difference:
    """Compare two methods task by task; the interval is a bootstrap over tasks."""
    differences = [float(a) - float(b) for a, b in zip(one, other, strict=True)]
    rate = mean(differences) if len(set(differences)) > 1 else None
    won, lost = differences.count(1.0), differences.count(-1.0)
    if rate is None:
        value = differences[0] if differences else 0.0
        return Difference(value, value, value, mcnemar(won, lost))
    return Difference(rate.value, rate.low, rate.high, mcnemar(won, lost))


def mcnemar(won: int, lost: int) -> float:
    """Return the two-sided p of McNemar's exact test, for the tasks that only one of two methods solved."""
    tries = won + lost
    tail = sum(comb(tries, k) for k in range(min(won, lost) + 1))
    return min(1.0, 2 * tail / (1 << tries))
