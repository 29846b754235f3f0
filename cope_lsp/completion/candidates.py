"""Which of several texts of a model is shown first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that the filters and the syntax gate let through, and what speaks for it."""

    text: str
    compiles: bool | None
    """Whether its file has no syntax error with it; None: that cannot be told."""
    unknown_names: int
    """How many names it uses of which the document knows nothing."""
    log_probability: float
    """Of all of its tokens, by the model's own distribution."""
    shape: str
    """What is alike for two texts that say the same."""


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the different ones among `candidates`, the best first, at most `SHOWN_MAX`.

    What is sound goes before what is not or cannot be judged, known names before others; then what was
    drawn more often, and then what is likelier.
    """
    votes = Counter(each.shape for each in candidates)
    likeliest: dict[str, Candidate] = {}
    for each in sorted(candidates, key=lambda each: -each.log_probability):
        likeliest.setdefault(each.shape, each)

    def merit(each: Candidate) -> tuple[bool, int, int, float]:
        return each.compiles is False, each.unknown_names, -votes[each.shape], -each.log_probability

    return sorted(likeliest.values(), key=merit)[:SHOWN_MAX]
