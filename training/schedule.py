"""The schedule: how far a training has come, and what its learning rate is there."""

from dataclasses import dataclass

from training.recipe import Recipe


@dataclass(frozen=True)
class Progress:
    """How far a training has come; `elapsed_s` counts its steps only, over all its runs."""

    step: int = 0
    tokens: int = 0
    elapsed_s: float = 0.0
    loss: float = 0.0

    def share(self, recipe: Recipe) -> float:
        """Return 0 at the start and 1 at the end: tokens or time, whichever is further."""
        return max(self.tokens / recipe.tokens_max, self.elapsed_s / (60 * recipe.minutes))

    def left_s(self, recipe: Recipe) -> float:
        """Return the seconds left at the pace so far; at least one step must be done."""
        share = self.share(recipe)
        return max(0.0, self.elapsed_s / share * (1 - share))


def rate_share(share: float, warmup_share: float) -> float:
    """Return the learning rate over its peak: a short warm-up, then a straight line to zero."""
    if share < warmup_share:
        return share / warmup_share
    return max(0.0, 1.0 - share) / (1.0 - warmup_share)
