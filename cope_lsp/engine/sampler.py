"""Which token comes next: llama.cpp's samplers, on the few tokens that can be drawn.

llama.cpp copies every logit into a list of candidates before its first sampler chooses among them. With a
vocabulary of 150,000 that takes half a millisecond a token, so there the choice is made here.
"""

import ctypes
from collections.abc import Iterator
from typing import Any

import llama_cpp as api
import numpy as np
import numpy.typing as npt

from cope_lsp.engine.llama import LlamaContext, Logits
from cope_lsp.values import Sampling

LARGE_VOCABULARY = 16_384
"""From this size on, looking for the highest logits here is faster than llama.cpp's way."""

_BLOCK = 128
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """Draws the tokens of one draft."""

    def __init__(self, sampling: Sampling, index: int) -> None:
        """Prepare to draw.

        Args:
            sampling: how.
            index: of the draft; each has random numbers of its own.
        """
        self._top_k = sampling.top_k
        self._chain: Any = None
        if sampling.temperature > 0:
            self._chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
            for link in _links(sampling, index):
                api.llama_sampler_chain_add(self._chain, link)

    def draw(self, context: LlamaContext, row: int) -> int:
        """Return the token that follows the one at `row` of the batch decoded last."""
        logits = context.logits(row)
        if self._chain is None:
            return int(logits.argmax())
        if len(logits) < LARGE_VOCABULARY or not self._top_k:
            return int(api.llama_sampler_sample(self._chain, context.pointer, row))
        tokens = highest(logits, self._top_k)
        chosen = np.zeros(len(tokens), _CANDIDATE)
        chosen["id"], chosen["logit"] = tokens, logits[tokens]
        data = ctypes.cast(chosen.ctypes.data, ctypes.POINTER(api.llama_token_data))
        candidates = api.llama_token_data_array(data, len(chosen), -1, True)
        api.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)

    def close(self) -> None:
        """Free what the sampler holds."""
        if self._chain is not None:
            api.llama_sampler_free(self._chain)
            self._chain = None


def highest(logits: Logits, count: int) -> npt.NDArray[np.intp]:
    """Return the tokens with the `count` highest logits, the highest first.

    Tokens are dealt out to blocks, and the highest of each block are compared: the `count` blocks with the
    highest ones hold all that is wanted.
    """
    width, size = len(logits) // _BLOCK, len(logits)
    if width > count:
        blocks = logits[: width * _BLOCK].reshape(_BLOCK, width)
        best = np.argpartition(blocks.max(axis=0), -count)[-count:]
        inside = (best + np.arange(0, width * _BLOCK, width)[:, None]).ravel()
        tokens = np.concatenate([inside, np.arange(width * _BLOCK, size)])
    else:
        tokens = np.arange(size)
    found = logits[tokens]
    if len(found) > count:
        top = np.argpartition(found, -count)[-count:]
        tokens, found = tokens[top], found[top]
    return tokens[np.argsort(-found)]


def log_probability(logits: Logits, token: int) -> float:
    """Return the natural logarithm of the model's probability of `token`."""
    top = logits.max()
    total = np.exp(logits - top, dtype=np.float64).sum()
    return float(logits[token] - top - np.log(total))


def _links(sampling: Sampling, index: int) -> Iterator[Any]:
    yield api.llama_sampler_init_top_k(sampling.top_k)
    yield api.llama_sampler_init_top_p(sampling.top_p, 1)
    yield api.llama_sampler_init_min_p(sampling.min_p, 1)
    yield api.llama_sampler_init_temp(sampling.temperature)
    yield api.llama_sampler_init_dist((sampling.seed + index) & 0xFFFFFFFF)
