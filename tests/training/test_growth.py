"""A grown network computes what the small one does, shown by llama.cpp on the exported files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from llama_cpp import Llama
from numpy.typing import NDArray

from tests.training.test_export import TINY, TOKENIZER, tiny_weights
from training.export import export
from training.growth import can_grow, grown
from training.recipe import NANO, NANO_GPU, NANO_LARGE, NANO_LARGE_GPU

LARGE = replace(TINY, name="large", width=64, layers=3, heads=4, feed_forward=128)
TEXT = "def add(first, second):\n    return first + second\n"
ROUNDING = 0.05
"""Of logits, by weights of eight bits: the two files round differently."""


def logits(path: Path) -> NDArray[np.float32]:
    model = Llama(str(path), n_ctx=64, n_threads=1, logits_all=True, verbose=False)
    try:
        tokens = model.tokenize(TEXT.encode(), add_bos=False)
        model.eval(tokens)
        return np.array(model.scores[: len(tokens)])
    finally:
        model.close()


def test_a_grown_network_computes_what_the_small_one_does(tmp_path: Path) -> None:
    weights = {
        name: each if each.ndim == 1 else each / np.float32(5) for name, each in tiny_weights().items()
    }
    export(weights, TOKENIZER, TINY, tmp_path / "tiny.gguf")
    export(grown(weights, TINY, LARGE), TOKENIZER, LARGE, tmp_path / "large.gguf")
    small, large = logits(tmp_path / "tiny.gguf"), logits(tmp_path / "large.gguf")
    assert np.abs(small - large).mean() < ROUNDING * small.std()


def test_the_copies_of_a_feature_are_read_differently() -> None:
    matrix = grown(tiny_weights(), TINY, LARGE)["blocks.0.gate.weight"]
    first, second = matrix[:, : TINY.width], matrix[:, TINY.width :]
    assert np.abs(first - second).mean() > 0.1 * np.abs(matrix).mean()
    assert np.abs(matrix[: TINY.feed_forward] - matrix[TINY.feed_forward :]).mean() > 0


def test_only_what_fits_can_grow() -> None:
    assert can_grow(NANO, NANO_LARGE)
    assert can_grow(NANO_GPU, NANO_LARGE_GPU)
    with pytest.raises(ValueError, match="cannot grow from"):
        grown(tiny_weights(), TINY, replace(LARGE, heads=2))
