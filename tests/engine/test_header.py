"""What is read of a file before native code sees it: every kind of wrong file has a sentence of its own."""

import ctypes
import os
import re
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from cope_lsp.engine.foreign import NotAModel
from cope_lsp.engine.header import METADATA_BYTES_MAX, Header, read_header
from cope_lsp.engine.tensor_types import BLOCKS
from cope_lsp.models.catalog import embedded_path
from tests.gguf_bytes import ARRAY, STRING, U32, array, entry, gguf_file, tensor, text

GIGABYTE = 1024**3


def test_the_embedded_model_says_what_it_is() -> None:
    found = read_header(embedded_path())
    assert isinstance(found, Header)
    assert found.architecture == "llama"
    assert found.parameters > 500_000
    assert found.vocabulary == 2048
    assert found.context_tokens
    assert found.bytes == embedded_path().stat().st_size


def test_the_sizes_of_tensor_types_are_those_of_llama_cpp_itself() -> None:
    library = next((Path(llama_cpp.__file__).parent / "lib").glob("*ggml-base.*"))
    ggml = ctypes.CDLL(str(library))
    ggml.ggml_blck_size.restype = ctypes.c_int64
    ggml.ggml_type_size.restype = ctypes.c_size_t
    sizes = {kind: (ggml.ggml_blck_size(kind), ggml.ggml_type_size(kind)) for kind in range(max(BLOCKS) + 1)}
    assert {kind: size for kind, size in sizes.items() if size[0]} == BLOCKS


def of(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2 * GIGABYTE)


def half(path: Path) -> None:
    data = embedded_path().read_bytes()
    path.write_bytes(data[: len(data) // 2])


def cut_in_header(path: Path) -> None:
    path.write_bytes(embedded_path().read_bytes()[:5000])


SAFETENSORS = struct.pack("<Q", 60) + b'{"weight":{"dtype":"F32"' + b" " * 100
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"

WRONG_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda _: None, "cannot be read: No such file or directory; check the path"),
    "directory": (lambda path: path.mkdir(), "Is a directory; name the file in it"),
    "FIFO": (os.mkfifo, "it is a pipe or a device"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "it is a pipe or a device"),
    "loop of links": (lambda path: path.symlink_to(path), "cannot be read"),
    "empty": (of(b""), "not a GGUF file: it is empty; download it again"),
    "two gigabytes of zeros": (sparse, "it begins with zeros, as an interrupted download may"),
    "pointer of Git LFS": (of(LFS), "Git LFS.*git lfs pull"),
    "safetensors": (of(SAFETENSORS), "it is a safetensors file; convert it"),
    "zip": (of(b"PK\x03\x04" + b"\0" * 50), "zip archive, as PyTorch checkpoints are; convert it"),
    "gzip": (of(b"\x1f\x8b\x08\0"), "compressed with gzip; unpack it"),
    "web page": (of(b"\n<!DOCTYPE html><html><body>404"), "a web page, as a failed download leaves"),
    "JSON": (of(b'{"error": "Repository not found"}'), "it is JSON, as a failed download may leave"),
    "text": (of(b"no model at all\n"), "it is a text; name a file that ends in .gguf"),
    "noise": (of(b"\x01\x02\0\xff" * 100), "does not begin with the letters GGUF"),
    "older format": (of(b"tjgg\x03\0\0\0" + b"\0" * 50), "format before GGUF"),
    "magic only": (of(b"GGUF"), "it is incomplete"),
    "cut in the header": (cut_in_header, "it is incomplete: 5,000 bytes, and its header alone is longer"),
    "cut in the weights": (half, r"it is incomplete: [\d,]+ of [\d,]+ bytes; download it again"),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_wrong_file_is_told_by_what_it_is(tmp_path: Path, kind: str) -> None:
    make, message = WRONG_FILES[kind]
    path = tmp_path / "some.gguf"
    make(path)
    started = time.monotonic()
    found = read_header(path)
    assert time.monotonic() - started < 5
    assert isinstance(found, NotAModel)
    assert found.message.startswith(f"{path} ")
    assert re.search(message, found.message), found.message


def test_a_path_that_no_system_could_have_is_an_answer_too() -> None:
    assert isinstance(read_header(Path("a\0b")), NotAModel)
    assert isinstance(read_header(Path("a" * 5000)), NotAModel)


# -- headers that lie -------------------------------------------------------------------------

ARCHITECTURE = entry(b"general.architecture", STRING, text(b"llama"))
LAYERS = entry(b"llama.block_count", U32, b"\2\0\0\0")
WEIGHTS = tensor(b"token_embd.weight", [32, 32])


def lying(*entries: bytes, tensors: tuple[bytes, ...] = (WEIGHTS,), **more: Any) -> bytes:
    return gguf_file([ARCHITECTURE, LAYERS, *entries], list(tensors), **more)


LIES: dict[str, tuple[bytes, str]] = {
    "version 1": (lying(version=1), "of GGUF version 1"),
    "version 4": (lying(version=4), "of GGUF version 4"),
    "big-endian": (lying(version=3 << 24), "meant for big-endian machines; get the ordinary"),
    "2^63 tensors": (lying(counts=(2**63, 1)), "claims to have 9,223,372,036,854,775,808 tensors"),
    "2^64-1 entries": (lying(counts=(1, 2**64 - 1)), "metadata entries, and 16,384 is the limit"),
    "no architecture": (gguf_file([], [WEIGHTS]), "does not name its architecture"),
    "architecture is a number": (
        gguf_file([entry(b"general.architecture", U32, b"\0" * 4)], [WEIGHTS]),
        "general.architecture is not a text",
    ),
    "a key twice": (lying(ARCHITECTURE), "'general.architecture' is there twice"),
    "a key without a name": (lying(entry(b"", U32, b"\0" * 4)), "a key without a name"),
    "a long key": (lying(entry(b"k" * 70_000, U32, b"\0" * 4)), "a key claims to be 70,000 bytes long"),
    "an unknown type": (lying(entry(b"k", 13, b"\0" * 4)), "of a type that does not exist"),
    "an array of arrays": (lying(entry(b"k", ARRAY, array(ARRAY, 1))), "an array of arrays"),
    "an endless array": (lying(entry(b"k", ARRAY, array(U32, 2**62))), "elements in k, and 4,194,304"),
    "an array of nothing": (lying(entry(b"k", ARRAY, array(99, 4))), "of a type that does not exist"),
    "an endless string": (
        lying(entry(b"k", STRING, struct.pack("<Q", 2**63))),
        "the value of k claims to be",
    ),
    "an endless string in an array": (
        lying(entry(b"k", ARRAY, array(STRING, 2, struct.pack("<Q", 2**64 - 1)))),
        "its header alone is longer",
    ),
    "alignment 0": (lying(entry(b"general.alignment", U32, b"\0" * 4)), "alignment is no power of two"),
    "alignment 3": (lying(entry(b"general.alignment", U32, b"\3\0\0\0")), "alignment is no power of two"),
    "alignment 2^31": (lying(entry(b"general.alignment", U32, b"\0\0\0\x80")), "alignment is no power"),
    "no layers": (gguf_file([ARCHITECTURE], [WEIGHTS]), "does not say how many layers it has"),
    "2^31 layers": (
        gguf_file([ARCHITECTURE, entry(b"llama.block_count", U32, b"\0\0\0\x80")], [WEIGHTS]),
        "how many layers it has, 1 to 512",
    ),
    "no weights": (lying(tensors=()), "a vocabulary but no weights; get the file with the weights"),
    "an adapter": (lying(entry(b"general.type", STRING, text(b"adapter"))), "of the kind 'adapter'"),
    "part of a whole": (lying(entry(b"split.no", 2, b"\1\0")), "part 2 of a split model; name the first"),
    "a tensor twice": (lying(tensors=(WEIGHTS, WEIGHTS)), "'token_embd.weight' is there twice"),
    "a long tensor name": (lying(tensors=(tensor(b"t" * 64, [32]),)), "name of a tensor claims to be 64"),
    "five dimensions": (lying(tensors=(tensor(b"t", [1] * 5),)), "5 dimensions in 't', and 4 is the limit"),
    "an empty tensor": (lying(tensors=(tensor(b"t", [32, 0]),)), "'t' has an impossible shape"),
    "2^64 elements": (lying(tensors=(tensor(b"t", [2**32, 2**32]),)), "'t' has an impossible shape"),
    "half a block": (lying(tensors=(tensor(b"t", [48], kind=8),)), "'t' has an impossible shape"),
    "an unknown tensor type": (lying(tensors=(tensor(b"t", [32], kind=31),)), "type 31.*such as Q4_K_M"),
    "a tensor elsewhere": (lying(tensors=(tensor(b"t", [32], offset=64),)), "does not lie where"),
    "weights that are not there": (lying(tensors=(tensor(b"t", [2**20]),)), "incomplete: [0-9,]+ of 4,194"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_refused_with_its_lie(tmp_path: Path, lie: str) -> None:
    data, message = LIES[lie]
    path = tmp_path / "some.gguf"
    path.write_bytes(data)
    found = read_header(path)
    assert isinstance(found, NotAModel), found
    assert re.search(message, found.message), found.message


def test_an_honest_header_is_not_refused(tmp_path: Path) -> None:
    """What the lies above are told beside is all right."""
    path = tmp_path / "some.gguf"
    tokens = entry(b"tokenizer.ggml.tokens", ARRAY, array(STRING, 2, text(b"a") + text(b"b")))
    path.write_bytes(lying(tokens, entry(b"llama.context_length", U32, b"\0\1\0\0")))
    assert read_header(path) == Header(3, "llama", "", 1024, None, 256, 2, path.stat().st_size)


def test_a_header_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A sparse file may claim gigabytes of metadata, and have them."""
    path = tmp_path / "some.gguf"
    path.write_bytes(lying(entry(b"k", STRING, struct.pack("<Q", METADATA_BYTES_MAX))))
    os.truncate(path, 2 * GIGABYTE)
    tracemalloc.start()
    found = read_header(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(found, NotAModel)
    assert "its header is longer than 67,108,864 bytes" in found.message
    assert most < METADATA_BYTES_MAX
