"""Calibration: of the answers that were held to be right with 70 %, are 70 % right?

Sure and wrong is what costs a cascade: the answer is taken, and nobody better is asked.
"""

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import fsum
from statistics import NormalDist

from cope_lsp.evaluation.measure import CONFIDENCE, Estimate, Rate, binomial, quantile, wilson

BINS = 10
STEPS = 20
DRAWS = 2_000

Judged = tuple[float, bool]
"""How sure an estimator was of an answer, from 0 to 1, and whether the answer was right."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies between two bounds."""

    low: float
    high: float
    """Not within, but for the last bin."""
    confidence: float
    """The mean."""
    right: Rate


@dataclass(frozen=True, slots=True)
class Taken:
    """The answers with at least some confidence: what is gained by not believing the others."""

    confidence: float
    share: float
    """Of all answers that were judged."""
    right: Rate


@dataclass(frozen=True, slots=True)
class Calibration:
    """What an estimator is worth."""

    count: int
    confidence: float
    """The mean."""
    right: Rate
    error: Estimate
    """The expected calibration error: how far confidence and accuracy of a bin differ, over all answers."""
    by_chance: float
    """The error that an estimator without fault would show with as many answers: it is never 0."""
    p: float
    """How likely an estimator without fault shows an error as large as this one."""
    bins: tuple[Bin, ...]
    """Those with answers in them."""
    taken: tuple[Taken, ...]
    """For each confidence that occurs, or in steps of 0.05 where there are many; from the lowest."""


def calibration(judged: Sequence[Judged], *, draws: int = DRAWS, seed: int = 0) -> Calibration:
    """Return the calibration of at least one answer.

    The interval of the error is that of the errors for all shares that the bins may truly have. Gaps count
    without their sign, so doubt adds to the error: the interval reaches over the plain percentiles and over
    those that are freed of that bias, since neither alone holds the true error often enough, and down to 0
    where chance alone explains the error. Of less than 300 answers with a small error it is still too narrow.

    Raises:
        ValueError: there is no answer, or a confidence is not within 0 and 1.
    """
    if not judged or any(not 0 <= confidence <= 1 for confidence, _ in judged):
        raise ValueError("calibration needs answers with confidences between 0 and 1")
    bins = _bins(judged)
    rng = random.Random(seed)  # noqa: S311 - statistics
    value = _error(bins, [one.right.value for one in bins])
    again = _likely_errors(bins, draws, rng)
    faultless = _faultless_errors(bins, draws, rng)
    p = (1 + sum(error >= value - 1e-12 for error in faultless)) / (1 + draws)
    return Calibration(
        count=len(judged),
        confidence=fsum(confidence for confidence, _ in judged) / len(judged),
        right=wilson(sum(right for _, right in judged), len(judged)),
        error=_interval(value, again, is_explained=p >= 1 - CONFIDENCE),
        by_chance=fsum(faultless) / draws,
        p=p,
        bins=tuple(bins),
        taken=tuple(_taken(judged)),
    )


def _bins(judged: Sequence[Judged]) -> list[Bin]:
    groups: dict[int, list[Judged]] = {}
    for one in judged:
        # Shares such as 7/10 are a hair below their decimal fraction; they belong to the bin above.
        groups.setdefault(min(int(one[0] * BINS + 1e-9), BINS - 1), []).append(one)
    return [
        Bin(
            low=index / BINS,
            high=(index + 1) / BINS,
            confidence=fsum(confidence for confidence, _ in group) / len(group),
            right=wilson(sum(right for _, right in group), len(group)),
        )
        for index, group in sorted(groups.items())
    ]


def _error(bins: Sequence[Bin], shares: Sequence[float]) -> float:
    """Return the expected calibration error if these shares of the bins are right."""
    total = sum(one.right.count for one in bins)
    gaps = (one.right.count * abs(one.confidence - share) for one, share in zip(bins, shares, strict=True))
    return fsum(gaps) / total


def _likely_errors(bins: Sequence[Bin], draws: int, rng: random.Random) -> list[float]:
    """Return the errors for shares that each bin may truly have, after what was seen (by Jeffreys' prior).

    A bin of which all answers are right need not be one without fault, as a bootstrap would have it.
    """
    seen = [(round(one.right.value * one.right.count), one.right.count) for one in bins]
    shares = (
        [rng.betavariate(right + 0.5, count - right + 0.5) for right, count in seen] for _ in range(draws)
    )
    return sorted(_error(bins, each) for each in shares)


def _faultless_errors(bins: Sequence[Bin], draws: int, rng: random.Random) -> list[float]:
    """Return the errors that are seen where each answer is right as often as its bin is sure."""
    tables = []
    for one in bins:
        first, chances = binomial(one.right.count, one.confidence)
        tables.append((first, list(accumulate(chances)), one.right.count))
    errors = []
    for _ in range(draws):
        shares = [
            min(first + bisect(reached, rng.random() * reached[-1]), count) / count
            for first, reached, count in tables
        ]
        errors.append(_error(bins, shares))
    return sorted(errors)


def _interval(value: float, again: Sequence[float], *, is_explained: bool) -> Estimate:
    """Return the percentiles of likely errors, plain and bias-corrected (Efron 1981), whichever is wider."""
    normal = NormalDist()
    below = (sum(error < value for error in again) + sum(error <= value for error in again)) / 2
    # No bias can be told from a share of 0 or 1: then the last draw is as far as it goes.
    shift = normal.inv_cdf(min(max(below / len(again), 0.5 / len(again)), 1 - 0.5 / len(again)))
    z = normal.inv_cdf(0.5 + CONFIDENCE / 2)
    low, high = (
        [quantile(again, normal.cdf(moved + side * z)) for moved in (0.0, 2 * shift)] for side in (-1, 1)
    )
    return Estimate(value, 0.0 if is_explained else min(*low, value), max(*high, value))


def _taken(judged: Sequence[Judged]) -> list[Taken]:
    levels = sorted({confidence for confidence, _ in judged})
    if len(levels) > STEPS:
        levels = [index / STEPS for index in range(STEPS + 1)]
    found = []
    for level in levels:
        kept = [right for confidence, right in judged if confidence >= level - 1e-9]
        if kept:
            found.append(Taken(level, len(kept) / len(judged), wilson(sum(kept), len(kept))))
    return found
