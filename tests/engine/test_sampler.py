"""Tokens that are chosen here are those that llama.cpp's own samplers choose."""

from collections.abc import Iterator
from typing import Any

import llama_cpp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cope_lsp.engine.llama import LlamaContext, LlamaModel, Logits, start_backend
from cope_lsp.engine.sampler import LARGE_VOCABULARY, Sampler, highest
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import Sampling
from tests.vocabularies import Family, write_model

QWEN = Family("qwen2", "ggml-vocab-qwen2.gguf")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaContext]:
    """Yield a context of a model with a large vocabulary, which has logits at three rows."""
    start_backend()
    model = LlamaModel(write_model(tmp_path_factory.mktemp("model") / "qwen.gguf", QWEN), 0)
    assert model.vocab_size > LARGE_VOCABULARY
    made = LlamaContext(model, EngineSettings())
    for position, token in enumerate(model.tokenize("def add(a, b):")[:3]):
        made.add(token, position, 0, logits=True)
    made.decode()
    yield made
    made.close()
    model.close()


@pytest.mark.parametrize("row", [0, 1, 2])
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(0.0, 40, 0.95), (0.8, 40, 0.95), (1.5, 40, 1.0), (0.2, 1, 0.5), (0.8, 500, 0.9), (0.8, 0, 0.95)],
)
def test_the_same_token_is_drawn_as_by_llama_cpp(
    context: LlamaContext, row: int, temperature: float, top_k: int, top_p: float
) -> None:
    for seed in range(40):
        sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
        sampler = Sampler(sampling, 3)
        theirs = llamas_own(sampling, seed + 3)
        for _ in range(3):
            expected = llama_cpp.llama_sampler_sample(theirs, context.pointer, row)
            drawn = sampler.draw(context, row)
            # Of tokens with the same logit each side draws its own.
            assert drawn == expected or context.logits(row)[drawn] == context.logits(row)[expected]
        llama_cpp.llama_sampler_free(theirs)
        sampler.close()
        sampler.close()  # twice does no harm


def llamas_own(sampling: Sampling, seed: int) -> Any:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    links = [llama_cpp.llama_sampler_init_greedy()]
    if sampling.temperature > 0:
        links = [
            llama_cpp.llama_sampler_init_top_k(sampling.top_k),
            llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
            llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1),
            llama_cpp.llama_sampler_init_temp(sampling.temperature),
            llama_cpp.llama_sampler_init_dist(seed),
        ]
    for link in links:
        llama_cpp.llama_sampler_chain_add(chain, link)
    return chain


numbers = st.floats(-100, 100, width=32)


@given(
    st.integers(1, 2_000).flatmap(lambda size: arrays.arrays(np.float32, size, elements=numbers)),
    st.integers(1, 60),
)
def test_the_highest_are_those_that_sorting_finds(logits: Logits, count: int) -> None:
    found = highest(logits, count)
    assert len(set(found.tolist())) == len(found) == min(count, len(logits))
    assert logits[found].tolist() == sorted(logits.tolist(), reverse=True)[:count]
