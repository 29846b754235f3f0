"""Prose: the docstring, the goal and the guideline of a chain of operations."""

import random
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

from training.family.execution import Chain
from training.family.operation import Kind, Operation, Step
from training.family.splits import unseen_wording
from training.family.task import Split

ZIPF_EXPONENT = 1.2

_THING_FRAMES = (
    "Return {p}.", "Return {p}.", "Return {p}.", "Compute {p}.", "Give back {p}.", "Work out {p}.",
    "Find {p}.", "Get {p}.", "Determine {p}.", "Give {p}.", "Hand back {p}.", "Produce {p}.", "We need {p}.",
    "Show {p}.",
)  # fmt: skip
_CLAUSE_FRAMES = (
    "Return {p}.", "Return {p}.", "Tell {p}.", "Work out {p}.", "Say {p}.", "Find out {p}.", "Determine {p}.",
    "Report {p}.", "We want to know {p}.", "Let the caller know {p}.",
)  # fmt: skip
_TRUTH_FRAMES = (*_CLAUSE_FRAMES, "Check {p}.", "Decide {p}.", "Test {p}.")
_ONE_FRAMES = ("What is {p}?", "What is {p}?")
_MANY: frozenset[Kind] = frozenset({"numbers", "texts", "records", "days"})
_CLAUSE_WORDS = frozenset({"how", "whether", "what", "which", "who", "where", "when", "if", "why"})

# The first of each is the canonical form, the only one that held-out tasks are written in.
_GUIDELINES: dict[int, tuple[str, ...]] = {
    1: ("{0}.",),
    2: ("{0}, then {1}.", "{0}. Then {1}.", "First {0}, then {1}.", "{0} and then {1}.", "{0}; then {1}."),
    3: (
        "{0}, then {1}. Finally {2}.",
        "{0}, then {1}, then {2}.",
        "First {0}, then {1}. Finally {2}.",
        "{0}; {1}; then {2}.",
        "{0}. Then {1}, and {2} in the end.",
    ),
}


def draw_said(rng: random.Random, operation: Operation, split: Split) -> int:
    """Draw the place of a wording, plain ones more often, as people would say it."""
    places, weights = _wordings(operation, split)
    return rng.choices(places, cum_weights=weights)[0]


def worded(chain: Chain, said: Sequence[int], subject: str) -> str:
    """Return what a chain computes, in the wordings at the places `said` of their lists."""
    words = [step.operation.said[place] for step, place in zip(chain, said, strict=True)]
    return nested(chain, words, subject)


def draw_docstring(rng: random.Random, phrase: str, gives: Kind) -> str:
    """Return one sentence that asks for what a phrase names."""
    return rng.choice(_frames(phrase, gives)).format(p=phrase)


def goal(chain: Chain, subject: str) -> str:
    """Return what a chain computes, in its plainest words."""
    return nested(chain, [step.operation.goal for step in chain], subject)


def draw_guideline(rng: random.Random, chain: Chain, split: Split) -> str:
    """Return how to compute it, in one or two sentences; only training varies the words between the steps."""
    forms = _GUIDELINES[len(chain)]
    form = forms[0] if split == "held-out" or rng.random() < 0.5 else rng.choice(forms)
    text = form.format(*(how(step) for step in chain))
    return text[0].upper() + text[1:]


def nested(chain: Chain, words: Sequence[str], subject: str) -> str:
    """Return the noun phrase of the last operation, with that of the one before as its object."""
    phrase = subject
    for step, template in zip(chain, words, strict=True):
        phrase = step.fill(template, x=phrase)
    return phrase


def how(step: Step) -> str:
    """Return the clause of one step; what it works on is clear from the step before."""
    return step.fill(step.operation.how, x="them" if step.operation.takes in _MANY else "it")


def _frames(phrase: str, gives: Kind) -> tuple[str, ...]:
    first, second, *_ = [*phrase.split(" ", 2), "", ""]
    if first in _CLAUSE_WORDS or second == "how":
        return _TRUTH_FRAMES if gives == "truth" else _CLAUSE_FRAMES
    return _THING_FRAMES + (_ONE_FRAMES if first == "the" and gives == "number" else ())


@cache
def _wordings(operation: Operation, split: Split) -> tuple[list[int], list[float]]:
    """Return the places that a split shows and their cumulative weights; training never shows one of them."""
    hidden = unseen_wording(operation) if split == "train" else None
    places = [place for place in range(len(operation.said)) if place != hidden]
    return places, list(accumulate((rank + 1) ** -ZIPF_EXPONENT for rank in range(len(places))))
