"""Export: the trained network and its tokenizer as one quantised GGUF file."""

import json
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import quantize
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.recipe import (
    END_OF_TEXT,
    FILE_SEPARATOR,
    FIM_MIDDLE,
    FIM_PREFIX,
    FIM_SUFFIX,
    SPECIAL_TOKENS,
    Recipe,
)

LANGUAGES_KEY = "cope.languages"
SUFFIX_KEY = "cope.suffix_tokens_max"
FIM_ORDER_KEY = "cope.fim_order"
FIM_ORDER = "suffix-first"
LANGUAGES = ["python"]
LICENCE = "MIT"

FILE_TYPES = {"Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "Q4_0": gguf.LlamaFileType.MOSTLY_Q4_0}
BLOCK_TENSORS = {
    "attention_norm": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "feed_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def export(
    weights: Mapping[str, NDArray[np.float32]], tokenizer: Tokenizer, recipe: Recipe, path: Path
) -> None:
    """Write the model; matrices are quantised as the recipe says, norms stay F32."""
    writer = GGUFWriter(path, "llama")
    _write_general(writer, recipe)
    _write_architecture(writer, recipe)
    _write_tokenizer(writer, tokenizer)
    for name, values in weights.items():
        _write_tensor(writer, tensor_name(name), values, kind_of(name, recipe))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensor_name(name: str) -> str:
    """Return llama.cpp's name of a parameter of the network."""
    if name == "embedding.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, number, layer, kind = name.split(".")
    return f"blk.{number}.{BLOCK_TENSORS[layer]}.{kind}"


def kind_of(name: str, recipe: Recipe) -> GGMLQuantizationType:
    """Return how a parameter is stored; the table of tokens is never coarser than eight bits."""
    if "norm" in name:
        return GGMLQuantizationType.F32
    return GGMLQuantizationType["Q8_0" if name == "embedding.weight" else recipe.quantisation]


def _write_general(writer: GGUFWriter, recipe: Recipe) -> None:
    writer.add_name(recipe.name)
    writer.add_version(recipe.version)
    writer.add_license(LICENCE)
    writer.add_description(recipe.title)
    writer.add_languages(["en"])
    # One string: llama.cpp hands out no arrays of metadata.
    writer.add_string(LANGUAGES_KEY, ",".join(LANGUAGES))
    writer.add_string(SUFFIX_KEY, str(recipe.suffix_tokens_max))
    writer.add_string(FIM_ORDER_KEY, FIM_ORDER)
    writer.add_file_type(FILE_TYPES[recipe.quantisation])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _write_architecture(writer: GGUFWriter, recipe: Recipe) -> None:
    writer.add_vocab_size(recipe.ingredients.vocabulary)
    writer.add_context_length(recipe.context_tokens)
    writer.add_embedding_length(recipe.width)
    writer.add_block_count(recipe.layers)
    writer.add_feed_forward_length(recipe.feed_forward)
    writer.add_head_count(recipe.heads)
    writer.add_head_count_kv(recipe.heads)
    writer.add_rope_dimension_count(recipe.width // recipe.heads)
    writer.add_rope_freq_base(recipe.rope_base)
    writer.add_layer_norm_rms_eps(recipe.norm_epsilon)


def _write_tokenizer(writer: GGUFWriter, tokenizer: Tokenizer) -> None:
    tokens = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    kinds = [TokenType.CONTROL if token in SPECIAL_TOKENS else TokenType.NORMAL for token in tokens]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_eos_token_id(tokenizer.token_to_id(END_OF_TEXT))
    writer.add_eot_token_id(tokenizer.token_to_id(END_OF_TEXT))
    writer.add_pad_token_id(tokenizer.token_to_id(END_OF_TEXT))
    writer.add_bool("tokenizer.ggml.add_bos_token", val=False)
    writer.add_uint32("tokenizer.ggml.fim_pre_token_id", tokenizer.token_to_id(FIM_PREFIX))
    writer.add_uint32("tokenizer.ggml.fim_suf_token_id", tokenizer.token_to_id(FIM_SUFFIX))
    writer.add_uint32("tokenizer.ggml.fim_mid_token_id", tokenizer.token_to_id(FIM_MIDDLE))
    writer.add_uint32("tokenizer.ggml.fim_sep_token_id", tokenizer.token_to_id(FILE_SEPARATOR))


def _write_tensor(
    writer: GGUFWriter, name: str, values: NDArray[np.float32], kind: GGMLQuantizationType
) -> None:
    if kind == GGMLQuantizationType.F32:
        writer.add_tensor(name, values)
    else:
        writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
