from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from llama_cpp import Llama
from numpy.typing import NDArray

from training import tokenizer
from training.export import export, kind_of, tensor_name
from training.recipe import NANO, Ingredients, Quantisation

TOKENIZER = tokenizer.load()
TINY = replace(
    NANO,
    name="tiny",
    width=32,
    layers=1,
    heads=2,
    feed_forward=64,
    context_tokens=64,
    ingredients=Ingredients(vocabulary=TOKENIZER.get_vocab_size()),
)

Weights = dict[str, NDArray[np.float32]]


def tiny_weights() -> Weights:
    square, wide, tall = (32, 32), (64, 32), (32, 64)
    shapes: dict[str, tuple[int, ...]] = {
        "embedding.weight": (TINY.ingredients.vocabulary, 32),
        "norm.weight": (32,),
    }
    layers = {"query": square, "key": square, "value": square, "output": square}
    layers |= {"gate": wide, "up": wide, "down": tall}
    norms = {"attention_norm": (32,), "feed_norm": (32,)}
    shapes |= {f"blocks.0.{name}.weight": shape for name, shape in {**layers, **norms}.items()}
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Weights]:
    path, weights = tmp_path_factory.mktemp("model") / "tiny.gguf", tiny_weights()
    export(weights, TOKENIZER, TINY, path)
    return path, weights


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("embedding.weight", "token_embd.weight"),
        ("norm.weight", "output_norm.weight"),
        ("blocks.3.query.weight", "blk.3.attn_q.weight"),
        ("blocks.0.feed_norm.weight", "blk.0.ffn_norm.weight"),
    ],
)
def test_tensors_get_the_names_of_llama_cpp(name: str, expected: str) -> None:
    assert tensor_name(name) == expected


def test_matrices_are_quantised_and_norms_are_not(exported: tuple[Path, Weights]) -> None:
    for tensor in GGUFReader(exported[0]).tensors:
        is_norm = "norm" in tensor.name
        assert tensor.tensor_type == (GGMLQuantizationType.F32 if is_norm else GGMLQuantizationType.Q8_0)


@pytest.mark.parametrize(
    ("name", "quantisation", "kind"),
    [
        ("blocks.0.up.weight", "Q8_0", "Q8_0"),
        ("blocks.0.up.weight", "Q4_0", "Q4_0"),
        ("embedding.weight", "Q4_0", "Q8_0"),
        ("blocks.0.feed_norm.weight", "Q4_0", "F32"),
    ],
)
def test_a_recipe_chooses_how_matrices_are_stored(name: str, quantisation: Quantisation, kind: str) -> None:
    assert kind_of(name, replace(TINY, quantisation=quantisation)).name == kind


def test_every_weight_is_in_the_file_nearly_unchanged(exported: tuple[Path, Weights]) -> None:
    path, weights = exported
    tensors = {tensor.name: tensor for tensor in GGUFReader(path).tensors}
    assert set(tensors) == {tensor_name(name) for name in weights}
    for name, values in weights.items():
        tensor = tensors[tensor_name(name)]
        assert np.allclose(dequantize(tensor.data, tensor.tensor_type), values, atol=0.03)


def test_llama_cpp_runs_what_was_exported(exported: tuple[Path, Weights]) -> None:
    llama = Llama(str(exported[0]), n_ctx=64, n_threads=1, verbose=False)
    answer = llama.create_completion(TOKENIZER.encode("x = ").ids, max_tokens=2, temperature=0.0)
    llama.close()
    assert answer["usage"]["completion_tokens"] <= 2
