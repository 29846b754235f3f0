"""Growth: a network of twice the width and more layers that computes what a smaller one does.

A larger network learns more from each token than a smaller one, but each costs it several times as much. So
it does not start from nothing: every feature of the smaller one is there twice, what reads it splits its
weight over both copies by chance, and new layers add nothing at first. (Chen, Goodfellow and Shlens,
"Net2Net: Accelerating Learning via Knowledge Transfer", arXiv 1511.05641.)
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from training.recipe import Recipe

Weights = dict[str, NDArray[np.float32]]

SPLIT_DEVIATION = 0.25
"""Of the share that the first copy gets, around a half: equal halves would learn the same for ever."""

READERS = ("query", "key", "value", "output", "gate", "up", "down")
WRITERS = ("output", "down")
"""What adds to the residual: zero in a layer that is to change nothing."""


def can_grow(small: Recipe, large: Recipe) -> bool:
    """Whether one recipe's network can become the other's: all twice as wide, and not fewer layers."""
    sizes = ("width", "heads", "feed_forward")
    wide = all(getattr(large, size) == 2 * getattr(small, size) for size in sizes)
    return wide and large.layers >= small.layers and large.ingredients == small.ingredients


def grown(weights: Mapping[str, NDArray[np.float32]], small: Recipe, large: Recipe) -> Weights:
    """Return the large network's weights, by the names that `network.Network` has for them."""
    if not can_grow(small, large):
        msg = f"{large.name} cannot grow from {small.name}: make it twice as wide, of no fewer layers"
        raise ValueError(msg)
    rng = np.random.default_rng(large.ingredients.seed)
    found: Weights = {
        "embedding.weight": np.tile(weights["embedding.weight"], (1, 2)),
        # The table of tokens reads both copies when it writes the logits.
        "norm.weight": np.tile(weights["norm.weight"], 2) / np.float32(2),
    }
    origins = _origins(small.layers, large.layers)
    for place, origin in enumerate(origins):
        is_new = origin in origins[:place]
        for name in ("attention_norm", "feed_norm"):
            norm = weights[f"blocks.{origin}.{name}.weight"]
            found[f"blocks.{place}.{name}.weight"] = np.tile(norm, 2)
        for name in READERS:
            matrix = _doubled(rng, weights[f"blocks.{origin}.{name}.weight"])
            found[f"blocks.{place}.{name}.weight"] = matrix * np.float32(not (is_new and name in WRITERS))
    return found


def _origins(few: int, many: int) -> list[int]:
    """Return which layer each layer of the large network comes from, in order; a repeated one is new."""
    return [place * few // many for place in range(many)]


def _doubled(rng: np.random.Generator, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a matrix that maps two copies of an input to two copies of the output."""
    share = rng.normal(0.5, SPLIT_DEVIATION, (2 * matrix.shape[0], matrix.shape[1])).astype(np.float32)
    both = np.tile(matrix, (2, 1))
    return np.concatenate((both * share, both * (1 - share)), axis=1)
