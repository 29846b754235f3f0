"""Confidence: how sure the drafts of a stage make us, from plain values. No I/O, no clock, no idea of code.

Estimators by family of task are those of "Efficient LLM Collaboration via Planning", section 3, with what the
paper has not: a check that ran beats a vote. Answers are compared as texts; what makes one of a draft (a
number, a chosen action, a normalised syntax tree) is the family's matter.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cope_lsp.checks.base import Judgement

Estimator = Literal["tests", "consensus", "perplexity"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One draft, in the order in which drafts came, as far as confidence is concerned."""

    answer: str | None
    """What it comes down to; None: it is of no use (it does not parse, it brings a new error)."""
    tests: Judgement = "unknown"
    """Of the user's own tests; unknown where none ran."""
    perplexity: float | None = None
    """Of its text under the model that wrote it; 1 is the surest."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure the drafts so far make us."""

    value: float
    """From 0 to 1, to be held against a stage's threshold."""
    estimator: Estimator
    best: int | None
    """The place of the draft that it speaks for; None: there is none worth showing."""
    at_most: float
    """What `value` can still become when the drafts that are missing come."""

    def settles(self, threshold: float) -> bool:
        """Whether the missing drafts cannot change on which side of a threshold it ends."""
        return self.value >= threshold or self.at_most < threshold


def confidence(drafts: Sequence[Judged], samples: int, order: Sequence[Estimator]) -> Confidence:
    """Return what the first estimator that applies says of the drafts that have come.

    Args:
        drafts: those that have come, at most `samples`.
        samples: how many there will be.
        order: the family's estimators, strongest first; the last one always applies.

    Raises:
        ValueError: there are more drafts than samples, no sample or no estimator.
    """
    if not order or samples < 1 or len(drafts) > samples:
        msg = f"{len(drafts)} of {samples} drafts cannot be estimated by {len(order)} estimators"
        raise ValueError(msg)
    found = (_ESTIMATORS[name](drafts, samples) for name in order)
    known = [estimate for estimate in found if estimate is not None]
    return known[0] if known else Confidence(0.0, order[-1], None, at_most=float(len(drafts) < samples))


def perplexity(logprobs: Sequence[float]) -> float | None:
    """Return exp of the mean negative log-probability, in nats, of a text's tokens; None for no token."""
    return math.exp(-math.fsum(logprobs) / len(logprobs)) if logprobs else None


def _by_tests(drafts: Sequence[Judged], samples: int) -> Confidence | None:
    """A useful draft that passes is right; those that fail are wrong, however many agree."""
    if all(draft.tests == "unknown" for draft in drafts):
        return None
    passed = [
        place for place, draft in enumerate(drafts) if draft.tests == "passed" and draft.answer is not None
    ]
    open_end = float(bool(passed) or len(drafts) < samples)
    return Confidence(float(bool(passed)), "tests", passed[0] if passed else None, at_most=open_end)


def _by_consensus(drafts: Sequence[Judged], samples: int) -> Confidence | None:
    """The share of all samples that give the commonest answer; of equals the one that came first."""
    answers = [draft.answer for draft in drafts]
    votes = Counter(answer for answer in answers if answer is not None)
    if not votes:
        return None
    answer, count = votes.most_common(1)[0]
    missing = samples - len(drafts)
    return Confidence(
        count / samples, "consensus", answers.index(answer), at_most=(count + missing) / samples
    )


def _by_perplexity(drafts: Sequence[Judged], samples: int) -> Confidence | None:
    """One over the lowest perplexity: the geometric mean of its tokens' probabilities."""
    known = {
        place: draft.perplexity
        for place, draft in enumerate(drafts)
        if draft.perplexity is not None and draft.answer is not None
    }
    if not known:
        return None
    best = min(known, key=lambda place: known[place])
    value = 1 / max(1.0, known[best])
    return Confidence(value, "perplexity", best, at_most=1.0 if len(drafts) < samples else value)


_ESTIMATORS = {"tests": _by_tests, "consensus": _by_consensus, "perplexity": _by_perplexity}
