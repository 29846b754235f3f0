"""Splits: which compositions and which wordings training never sees, decided by hash alone."""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2s
from itertools import pairwise

from training.family.execution import Chain
from training.family.operation import Operation
from training.family.task import Split, Wording

HELD_OUT_PERCENT = 15
EXPLICIT_WORDINGS = 2
UNSEEN_WORDINGS_MIN = 6


def split_of(names: Sequence[str]) -> Split | None:
    """Return the only split that may show a composition, or None for a single operation, which both show.

    Pairs are held out; a longer composition is when one of its neighbouring pairs is. So training does not
    see a held-out pair inside a longer chain either.
    """
    if len(names) < 2:
        return None
    return "held-out" if any(_is_held_out(*pair) for pair in pairwise(names)) else "train"


def belongs(chain: Chain, split: Split) -> bool:
    """Whether a split may show a chain."""
    return split_of([step.operation.name for step in chain]) in (None, split)


@cache
def unseen_wording(operation: Operation) -> int | None:
    """Return the place of the wording that training never shows; never one of the explicit ones."""
    if len(operation.said) < UNSEEN_WORDINGS_MIN:
        return None
    choices = len(operation.said) - EXPLICIT_WORDINGS
    return EXPLICIT_WORDINGS + _number(f"wording of {operation.name}") % choices


def wording_of(chain: Chain, said: Sequence[int]) -> Wording:
    """Return how hard it is to see what is meant, from the places of the wordings in their lists."""
    if any(unseen_wording(step.operation) == place for step, place in zip(chain, said, strict=True)):
        return "unseen"
    return "explicit" if all(place < EXPLICIT_WORDINGS for place in said) else "indirect"


@cache
def _is_held_out(first: str, second: str) -> bool:
    return _number(f"{first}, then {second}") % 100 < HELD_OUT_PERCENT


def _number(text: str) -> int:
    return int.from_bytes(blake2s(text.encode(), digest_size=8).digest(), "big")
