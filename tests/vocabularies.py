"""Models with random weights on the published vocabularies of real families.

llama-cpp-python's source archive holds vocabularies without weights, made by llama.cpp's authors from the
families' own files (vendor/llama.cpp/models/ggml-vocab-*.gguf). It is fetched once with pip, by the hash that
requirements/run.txt pins, and they are kept beside the other caches of the tests. For a family whose own file
is not in it, its published token names are put into a vocabulary of the same kind.
"""

import fcntl
import os
import re
import struct
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.gguf_bytes import (
    ARRAY,
    FLOAT32,
    INT32,
    array,
    elements,
    entries_of,
    gguf_file,
    padded,
    read_entries,
    scalar,
    tensor,
    texts,
)

FETCH_S_MAX = 600
LOCK = Path(__file__).parents[1] / "requirements" / "run.txt"
_INSIDE = re.compile(r"[^/]+/vendor/llama\.cpp/models/(ggml-vocab-[\w.-]+\.gguf)")
_CONTROL, _USER_DEFINED = 3, 4
_WIDTH = 32
_F32 = 0


@dataclass(frozen=True, slots=True)
class Family:
    """A published vocabulary: a file of the archive, and tokens that it lacks, by their published ids."""

    name: str
    file: str
    tokens: dict[int, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    source: str = ""


def vocabularies() -> Path:
    """Return the folder with the vocabularies, fetched when they are not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cope-lsp-tests"
    requirement, version = _pinned()
    folder = cache / f"vocabularies-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "vocabularies.lock"):
        if not folder.exists():
            _fetch(requirement, cache, folder)
    return folder


def _pinned() -> tuple[str, str]:
    """Return the requirement with its hash, as pip reads it, and the version."""
    found = re.search(
        r"^llama-cpp-python==([\d.]+) \\\n    (--hash=sha256:\w+)", LOCK.read_text(), re.MULTILINE
    )
    assert found, f"llama-cpp-python is not pinned in {LOCK}"
    return f"llama-cpp-python=={found[1]} {found[2]}\n", found[1]


def _fetch(requirement: str, cache: Path, folder: Path) -> None:
    archives = cache / "archives"
    wanted = cache / "vocabularies.txt"
    wanted.write_text(requirement)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--require-hashes", "--no-binary", "llama-cpp-python", "--dest", str(archives)]
    command += ["--build-constraint", str(LOCK.parent / "build.txt"), "--requirement", str(wanted)]
    fetched = subprocess.run(command, check=False, capture_output=True, text=True, timeout=FETCH_S_MAX)
    assert fetched.returncode == 0, f"the vocabularies could not be fetched from PyPI:\n{fetched.stderr}"
    (archive,) = archives.glob("llama_cpp_python-*.tar.gz")
    unpacked = folder.with_suffix(".tmp")
    unpacked.mkdir(exist_ok=True)
    with tarfile.open(archive) as files:
        for member in files:
            if (inside := _INSIDE.fullmatch(member.name)) and (content := files.extractfile(member)):
                (unpacked / inside[1]).write_bytes(content.read())
    unpacked.rename(folder)
    archive.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two test runs at once: the second one waits here and finds the work done."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_model(path: Path, family: Family, seed: int = 0, always: int | None = None) -> Path:
    """Write a tiny llama-architecture model with the family's vocabulary and return its path.

    Its weights are random; or such that it `always` says this one token, whatever it is asked.
    """
    vocabulary, size = _vocabulary(family)
    shape: dict[str, str | float] = {
        "general.architecture": "llama",
        "general.name": family.name,
        "llama.context_length": 2048,
        "llama.embedding_length": _WIDTH,
        "llama.block_count": 1,
        "llama.feed_forward_length": _WIDTH,
        "llama.attention.head_count": 2,
        "llama.rope.dimension_count": _WIDTH // 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
    }
    entries = entries_of({key: scalar(value) for key, value in shape.items()} | vocabulary)
    weights = _random_weights(size, seed) if always is None else _stubborn_weights(size, always)
    path.write_bytes(gguf_file(entries, *_tensors(weights)))
    return path


def _vocabulary(family: Family) -> tuple[dict[str, tuple[int, bytes]], int]:
    """Return the metadata of the family's tokenizer, and how many tokens it has."""
    found = read_entries((vocabularies() / family.file).read_bytes())
    values = {key: value for key, value in found.items() if key.startswith("tokenizer.")}
    values |= {key: scalar(value) for key, value in family.metadata.items()}
    names = elements(values["tokenizer.ggml.tokens"][1])
    kinds = elements(values["tokenizer.ggml.token_type"][1])
    missing = range(len(names), max(family.tokens, default=0) + 1)
    names += [f"[unused {number}]".encode() for number in missing]
    kinds += [_USER_DEFINED for _ in missing]
    for number, name in family.tokens.items():
        names[number], kinds[number] = name.encode(), _CONTROL
    values["tokenizer.ggml.tokens"] = (ARRAY, texts(names))
    values["tokenizer.ggml.token_type"] = (
        ARRAY,
        array(INT32, len(kinds), struct.pack(f"<{len(kinds)}i", *kinds)),
    )
    if "tokenizer.ggml.scores" in values:
        scores = elements(values["tokenizer.ggml.scores"][1]) + [-1000.0 for _ in missing]
        packed = struct.pack(f"<{len(scores)}f", *scores)
        values["tokenizer.ggml.scores"] = (ARRAY, array(FLOAT32, len(scores), packed))
    return values, len(names)


_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
_NORMS = ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")
_Weights = dict[str, np.ndarray[Any, Any]]


def _random_weights(size: int, seed: int) -> _Weights:
    random = np.random.default_rng(seed)
    shapes = {"token_embd": (size, _WIDTH)} | {f"blk.0.{name}": (_WIDTH, _WIDTH) for name in _MATRICES}
    weights = {name: random.standard_normal(shape) / _WIDTH**0.5 for name, shape in shapes.items()}
    return weights | {name: np.ones(_WIDTH) for name in _NORMS}


def _stubborn_weights(size: int, always: int) -> _Weights:
    """Every token looks alike and the block does nothing: one row of the output is always the best."""
    weights = {f"blk.0.{name}": np.zeros((_WIDTH, _WIDTH)) for name in _MATRICES}
    output = -np.ones((size, _WIDTH))
    output[always] = 1
    ends = {"token_embd": np.ones((size, _WIDTH)), "output": output}
    return weights | ends | {name: np.ones(_WIDTH) for name in _NORMS}


def _tensors(weights: _Weights) -> tuple[list[bytes], bytes]:
    """Return what the header says of the tensors, and their data."""
    said, data = [], bytearray()
    for name, values in weights.items():
        said.append(tensor(f"{name}.weight".encode(), list(values.shape[::-1]), _F32, len(data)))
        data += padded(values.astype(np.float32).tobytes())
    return said, bytes(data)


def token_names(family: Family) -> list[str]:
    """Return the names of the tokens in the order of their ids."""
    vocabulary, _ = _vocabulary(family)
    return [name.decode("utf-8", "replace") for name in elements(vocabulary["tokenizer.ggml.tokens"][1])]


QWEN = Family(
    "Qwen2.5-Coder",
    "ggml-vocab-qwen2.gguf",
    tokens={
        151659: "<|fim_prefix|>",
        151660: "<|fim_middle|>",
        151661: "<|fim_suffix|>",
        151662: "<|fim_pad|>",
        151663: "<|repo_name|>",
        151664: "<|file_sep|>",
    },
    metadata={"tokenizer.ggml.add_bos_token": False},
    source="github.com/QwenLM/Qwen3-Coder, README.md, the list of special tokens with their ids",
)
STARCODER2 = Family("StarCoder2", "ggml-vocab-starcoder.gguf")
GRANITE = Family("Granite Code, Refact", "ggml-vocab-refact.gguf")
DEEPSEEK = Family("DeepSeek-Coder", "ggml-vocab-deepseek-coder.gguf")
CODELLAMA = Family(
    "CodeLlama",
    "ggml-vocab-llama-spm.gguf",
    tokens={32007: "▁<PRE>", 32008: "▁<SUF>", 32009: "▁<MID>", 32010: "▁<EOT>"},
    source="huggingface.co/codellama/CodeLlama-7b-hf, tokenizer_config.json, added_tokens_decoder",
)
CODESTRAL = Family(
    "Codestral",
    "ggml-vocab-llama-spm.gguf",
    tokens={32000: "[INST]", 32001: "[/INST]", 32002: "[PREFIX]", 32003: "[MIDDLE]", 32004: "[SUFFIX]"},
    source="github.com/mistralai/mistral-common, SpecialTokens; the ids are ours",
)
CODEGEMMA = Family(
    "CodeGemma",
    "ggml-vocab-llama-spm.gguf",
    tokens={
        32000: "<|fim_prefix|>",
        32001: "<|fim_middle|>",
        32002: "<|fim_suffix|>",
        32003: "<|file_separator|>",
        32004: "<start_of_turn>",
        32005: "<end_of_turn>",
    },
    metadata={"tokenizer.ggml.add_space_prefix": False},
    source="ai.google.dev/gemma/docs/codegemma/prompt-structure; the ids are ours",
)
SEED_CODER = Family(
    "Seed-Coder",
    "ggml-vocab-llama-bpe.gguf",
    tokens={
        128256: "<[begin▁of▁sentence]>",
        128257: "<[end▁of▁sentence]>",
        128258: "<[fim-prefix]>",
        128259: "<[fim-middle]>",
        128260: "<[fim-suffix]>",
    },
    metadata={
        "tokenizer.ggml.bos_token_id": 128256,
        "tokenizer.ggml.eos_token_id": 128257,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.pre": "seed-coder",
    },
    source="huggingface.co/ByteDance-Seed/Seed-Coder-8B-Base, special_tokens_map.json; the ids are ours",
)
PHI3 = Family("Phi 3", "ggml-vocab-phi-3.gguf")
LLAMA3 = Family("Llama 3", "ggml-vocab-llama-bpe.gguf")
COMMAND_R = Family("Command R", "ggml-vocab-command-r.gguf")
