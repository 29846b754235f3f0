"""GGUF files with random weights: any size, the embedded model's vocabulary, no meaning."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter
from gguf.quants import dequantize, quantize

from cope_lsp.models.catalog import embedded_path

_ROWS_AT_ONCE = 4096
_PADDING: dict[str, Any] = {
    "tokenizer.ggml.tokens": "[PAD{}]".format,
    "tokenizer.ggml.token_type": lambda _: gguf.TokenType.UNUSED,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a llama-architecture network with tied embeddings."""

    width: int = 64
    layers: int = 2
    heads: int = 4
    feed_forward: int = 128
    context_tokens: int = 2048

    @property
    def name(self) -> str:
        return f"random-{self.width}x{self.layers}"


NANO = Shape()
LAPTOP = Shape(width=1024, layers=24, heads=16, feed_forward=4096)
"""About 0.4 billion parameters: what many people run on a laptop."""
DESKTOP = Shape(width=2048, layers=24, heads=16, feed_forward=7168)
"""About 1.5 billion parameters."""


def write_random_model(
    path: Path,
    shape: Shape = NANO,
    *,
    kind: GGMLQuantizationType = GGMLQuantizationType.Q8_0,
    fim: bool = True,
    padding: int = 0,
    seed: int = 0,
) -> Path:
    """Write a model that llama.cpp loads, with so many tokens of `padding`, and return its path."""
    random = np.random.default_rng(seed)
    writer = GGUFWriter(path, "llama")
    writer.add_name(shape.name)
    vocabulary = _copy_vocabulary(writer, fim=fim, padding=padding)
    _write_shape(writer, shape)
    for name, rows, columns in _matrices(shape, vocabulary):
        data = _random_matrix(random, rows, columns, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
    norms = [f"blk.{n}.{norm}.weight" for n in range(shape.layers) for norm in ("attn_norm", "ffn_norm")]
    for name in [*norms, "output_norm.weight"]:
        writer.add_tensor(name, np.ones(shape.width, dtype=np.float32))
    _finish(writer)
    return path


def write_recurrent_model(path: Path, *, width: int = 64, seed: int = 0) -> Path:
    """Write a model with random weights whose memory is a state that is carried along: Mamba, one layer."""
    random = np.random.default_rng(seed)
    inner, state, rank, kernel = 2 * width, 16, 4, 4
    writer = GGUFWriter(path, "mamba")
    writer.add_name("random-mamba")
    vocabulary = _copy_vocabulary(writer, fim=True)
    writer.add_context_length(2048)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(1)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    writer.add_layer_norm_rms_eps(1e-5)
    shapes = {
        "token_embd.weight": (vocabulary, width),
        "blk.0.ssm_in.weight": (2 * inner, width),
        "blk.0.ssm_conv1d.weight": (inner, kernel),
        "blk.0.ssm_conv1d.bias": (inner,),
        "blk.0.ssm_x.weight": (rank + 2 * state, inner),
        "blk.0.ssm_dt.weight": (inner, rank),
        "blk.0.ssm_dt.bias": (inner,),
        "blk.0.ssm_out.weight": (width, inner),
        "blk.0.ssm_d": (inner,),
    }
    for name, shape in shapes.items():
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(np.float32))
    writer.add_tensor("blk.0.ssm_a", -np.exp(random.normal(0, 1, (inner, state))).astype(np.float32))
    for name in ("blk.0.attn_norm.weight", "output_norm.weight"):
        writer.add_tensor(name, np.ones(width, dtype=np.float32))
    _finish(writer)
    return path


def write_exact_copy(path: Path, *, idle_layers: int = 0) -> Path:
    """Write the embedded model with its weights in 32 bits: the same network without rounding on the way.

    So many `idle_layers` are added that compute something and add nothing: it says the same and takes longer.
    """
    reader = GGUFReader(embedded_path())
    layers = int(reader.fields["llama.block_count"].contents())
    writer = GGUFWriter(path, "llama")
    for key, field in reader.fields.items():
        if key == "llama.block_count":
            writer.add_block_count(layers + idle_layers)
        elif not key.startswith("GGUF.") and key != "general.architecture":
            _copy_field(writer, key, field.contents(), field)
    for tensor in reader.tensors:
        data = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        writer.add_tensor(tensor.name, data)
        first, dot, rest = tensor.name.partition("blk.0.")
        if dot and not first:
            silent = rest in {"attn_output.weight", "ffn_down.weight"}
            for layer in range(layers, layers + idle_layers):
                writer.add_tensor(f"blk.{layer}.{rest}", np.zeros_like(data) if silent else data)
    _finish(writer)
    return path


def _copy_field(writer: GGUFWriter, key: str, value: Any, field: Any) -> None:
    writer.add_key_value(key, value, field.types[0], field.types[-1] if len(field.types) > 1 else None)


def _finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_vocabulary(writer: GGUFWriter, *, fim: bool, padding: int = 0) -> int:
    fields: dict[str, Any] = GGUFReader(embedded_path()).fields
    for key, field in fields.items():
        if not key.startswith("tokenizer.") or ("fim_" in key and not fim):
            continue
        value = field.contents()
        if key == "tokenizer.ggml.tokens" and not fim:
            # llama.cpp also knows these tokens by their usual names.
            value = [token.replace("fim_", "unused_") for token in value]
        if padding and key in _PADDING:
            value = [*value, *(_PADDING[key](index) for index in range(padding))]
        _copy_field(writer, key, value, field)
    return len(fields["tokenizer.ggml.tokens"].contents()) + padding


def _write_shape(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _matrices(shape: Shape, vocabulary: int) -> list[tuple[str, int, int]]:
    """Return (name, rows, columns) of every matrix; a row is what one output is computed from."""
    square = [(f"attn_{role}", shape.width, shape.width) for role in ("q", "k", "v", "output")]
    feed = [("ffn_gate", shape.feed_forward, shape.width), ("ffn_up", shape.feed_forward, shape.width)]
    down = ("ffn_down", shape.width, shape.feed_forward)
    blocks = [
        (f"blk.{n}.{name}.weight", rows, columns)
        for n in range(shape.layers)
        for name, rows, columns in [*square, *feed, down]
    ]
    return [("token_embd.weight", vocabulary, shape.width), *blocks]


def _random_matrix(
    random: np.random.Generator, rows: int, columns: int, kind: GGMLQuantizationType
) -> np.ndarray[Any, Any]:
    parts = []
    for start in range(0, rows, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, rows - start)
        values = random.standard_normal((count, columns), dtype=np.float32) / np.float32(columns**0.5)
        parts.append(quantize(values, kind))
    return np.concatenate(parts)
