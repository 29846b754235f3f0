"""The header of a GGUF file: read within limits, and checked before native code sees the file.

A model file is hostile input. What this parser lets through is still loaded in the worker only; what it
refuses never gets there, and the person learns what is wrong with the file and what to do.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The checks are those of llama.cpp's own
reader (ggml/src/gguf.cpp), and limits where it has none.
"""

import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import BinaryIO

from cope_lsp.engine.foreign import FETCH_AGAIN, NotAModel, describe
from cope_lsp.engine.tensor_types import BLOCKS

METADATA_BYTES_MAX = 64 * 1024 * 1024
"""The largest vocabulary in use takes 16 MB (262,144 tokens, 514,906 merges)."""
ENTRIES_MAX = 16_384
LAYERS_MAX = 512
"""LLAMA_MAX_LAYERS (src/llama-hparams.h): llama.cpp aborts on more, as it does on none."""
TENSORS_MAX = 65_536
ARRAY_ELEMENTS_MAX = 4_194_304
KEY_BYTES_MAX = 65_535
TENSOR_NAME_BYTES_MAX = 63
DIMENSIONS_MAX = 4

_HINTS = ("cope.", "tokenizer.ggml.fim_")
_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_DEFAULT_ALIGNMENT = 32
_CHUNK_BYTES = 1024 * 1024
_ELEMENTS_MAX = 2**63 - 1

_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_STRING, _ARRAY = 8, 9
_SCALARS = {
    number: struct.Struct("<" + code)
    for number, code in {
        0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
    }.items()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What a model file says of itself, known before anything of it is loaded."""

    version: int
    architecture: str
    name: str
    parameters: int
    file_type: int | None
    """llama.cpp's number of the quantisation (enum llama_ftype); None when the file does not say."""
    context_tokens: int | None
    vocabulary: int
    bytes: int
    hints: Mapping[str, int | str] = field(default_factory=dict)
    """What it says to whom asks for code: the keys `cope.*` and the ids of its fill-in-the-middle tokens."""


@dataclass(frozen=True, slots=True)
class _Array:
    """An array that was checked and passed over."""

    length: int


_Value = int | float | str | _Array


class _MalformedError(Exception):
    """The header breaks a rule of the format or of ours: what is wrong, and what to do."""

    def __init__(self, what: str, next_step: str = FETCH_AGAIN) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


def read_header(path: Path) -> Header | NotAModel:
    """Return what the file at `path` says of itself, or why it is no model that could be loaded.

    Reads `METADATA_BYTES_MAX` bytes at most, and never from anything but a regular file. The file may be
    another one by the time it is loaded: this check spares people riddles, the worker's walls protect them.
    """
    try:
        # A FIFO would block who opens it, and to open a device may move a tape.
        if not stat.S_ISREG(path.stat().st_mode):
            return _not_a_file(path)
        with os.fdopen(_open_without_waiting(path), "rb") as file:
            status = os.fstat(file.fileno())
            return parse(file, status.st_size, path) if stat.S_ISREG(status.st_mode) else _not_a_file(path)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return NotAModel(path, f"cannot be read: {reason}", "check the path and its permissions")


def parse(file: BinaryIO, size: int, path: Path) -> Header | NotAModel:
    """Return what the `size` bytes of `file` say; `path` is for the message only."""
    cursor = _Cursor(file, size)
    try:
        if size < len(_MAGIC) or cursor.take(len(_MAGIC)) != _MAGIC:
            file.seek(0)
            what, next_step = describe(file.read(4096))
            return NotAModel(path, f"is not a GGUF file: {what}", next_step)
        return _header(cursor, size)
    except _MalformedError as error:
        return NotAModel(path, f"is not a GGUF file that can be loaded: {error.what}", error.next_step)


def _header(cursor: "_Cursor", size: int) -> Header:
    version = _version(cursor)
    tensors = cursor.count("tensors", TENSORS_MAX)
    entries = cursor.count("metadata entries", ENTRIES_MAX)
    values = _metadata(cursor, entries)
    architecture = _text(values, "general.architecture")
    if not architecture:
        raise _MalformedError("it does not name its architecture")
    _check_is_a_whole_model(values, tensors)
    if not 0 < (_number(values, f"{architecture}.block_count") or 0) <= LAYERS_MAX:
        raise _MalformedError(f"it does not say how many layers it has, 1 to {LAYERS_MAX}")
    parameters = _tensors(cursor, tensors, _alignment(values), size)
    tokens = values.get("tokenizer.ggml.tokens")
    return Header(
        version=version,
        architecture=architecture,
        name=_text(values, "general.name"),
        parameters=parameters,
        file_type=_number(values, "general.file_type"),
        context_tokens=_number(values, f"{architecture}.context_length"),
        vocabulary=tokens.length if isinstance(tokens, _Array) else 0,
        bytes=size,
        hints={
            key: value
            for key, value in values.items()
            if key.startswith(_HINTS) and isinstance(value, int | str)
        },
    )


def _version(cursor: "_Cursor") -> int:
    version = cursor.number(_U32)
    if version & 0xFFFF == 0:
        raise _MalformedError("it is meant for big-endian machines", "get the ordinary, little-endian file")
    if version not in _VERSIONS:
        raise _MalformedError(
            f"it is of GGUF version {version}, and llama.cpp here reads 2 and 3",
            "get a file made for a current llama.cpp",
        )
    return version


# -- metadata ---------------------------------------------------------------------------------


def _metadata(cursor: "_Cursor", entries: int) -> dict[str, _Value]:
    values: dict[str, _Value] = {}
    for _ in range(entries):
        key = cursor.text(KEY_BYTES_MAX, "a key")
        if not key or key in values:
            raise _MalformedError(
                f"the key {key[:80]!r} is there twice" if key else "it has a key without a name"
            )
        values[key] = _value(cursor, key)
    return values


def _value(cursor: "_Cursor", key: str) -> _Value:
    kind = cursor.number(_U32)
    if kind == _ARRAY:
        return _array(cursor, key)
    if kind == _STRING:
        return cursor.text(METADATA_BYTES_MAX, f"the value of {key[:80]}")
    return cursor.scalar(_scalar(kind, key))


def _array(cursor: "_Cursor", key: str) -> _Array:
    kind = cursor.number(_U32)
    length = cursor.count(f"elements in {key[:80]}", ARRAY_ELEMENTS_MAX)
    if kind == _STRING:
        cursor.skip_strings(length)
    elif kind == _ARRAY:
        raise _MalformedError(f"{key[:80]} is an array of arrays, which llama.cpp does not read")
    else:
        cursor.skip(length * _scalar(kind, key).size)
    return _Array(length)


def _scalar(kind: int, key: str) -> struct.Struct:
    layout = _SCALARS.get(kind)
    if layout is None:
        raise _MalformedError(f"the value of {key[:80]!r} is of a type that does not exist ({kind})")
    return layout


def _text(values: dict[str, _Value], key: str) -> str:
    value = values.get(key, "")
    if not isinstance(value, str):
        raise _MalformedError(f"{key} is not a text")
    return value


def _number(values: dict[str, _Value], key: str) -> int | None:
    value = values.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _alignment(values: dict[str, _Value]) -> int:
    alignment = values.get("general.alignment", _DEFAULT_ALIGNMENT)
    if isinstance(alignment, int) and alignment in (2**n for n in range(21)):
        return alignment
    raise _MalformedError("its alignment is no power of two up to a megabyte")


def _check_is_a_whole_model(values: dict[str, _Value], tensors: int) -> None:
    kind = _text(values, "general.type")
    if kind not in ("", "model"):
        raise _MalformedError(
            f"it is no whole model but of the kind {kind[:80]!r}", "name the model's own file"
        )
    if part := _number(values, "split.no"):
        raise _MalformedError(f"it is part {part + 1} of a split model", "name the first part")
    if not tensors:
        raise _MalformedError("it has a vocabulary but no weights", "get the file with the weights")


# -- tensors ----------------------------------------------------------------------------------


def _tensors(cursor: "_Cursor", count: int, alignment: int, size: int) -> int:
    """Check what is said of the tensors and return how many parameters they have."""
    names: set[str] = set()
    parameters = end = expected = 0
    for _ in range(count):
        name = cursor.text(TENSOR_NAME_BYTES_MAX, "the name of a tensor")
        if name in names:
            raise _MalformedError(f"the tensor {name!r} is there twice")
        names.add(name)
        elements, length = _tensor(cursor, name)
        if cursor.number(_U64) != expected:
            raise _MalformedError(f"the tensor {name!r} does not lie where the one before it ends")
        parameters += elements
        end = expected + length
        expected = _padded(end, alignment)
    needed = _padded(cursor.offset, alignment) + end
    if needed > size:
        raise _MalformedError(f"it is incomplete: {size:,} of {needed:,} bytes")
    return parameters


def _tensor(cursor: "_Cursor", name: str) -> tuple[int, int]:
    """Return the number of elements and of bytes of the tensor described next."""
    dimensions = cursor.count(f"dimensions in {name!r}", DIMENSIONS_MAX, _U32)
    shape = [cursor.number(_U64) for _ in range(dimensions)]
    kind = cursor.number(_U32)
    if kind not in BLOCKS:
        raise _MalformedError(
            f"the tensor {name!r} is of the type {kind}, unknown here",
            "get another quantisation, such as Q4_K_M",
        )
    elements = prod(shape)
    block, block_bytes = BLOCKS[kind]
    if not 0 < elements <= _ELEMENTS_MAX or (shape[0] if shape else 1) % block:
        raise _MalformedError(f"the tensor {name!r} has an impossible shape")
    return elements, elements // block * block_bytes


def _padded(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


# -- bytes ------------------------------------------------------------------------------------


class _Cursor:
    """Reads forward, piece by piece, and never beyond the limits."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._buffer = b""
        self._start = 0  # where in the file the buffer begins
        self._at = 0

    @property
    def offset(self) -> int:
        """How far into the file the next byte lies."""
        return self._start + self._at

    def take(self, count: int) -> bytes:
        at = self._ensure(count)
        self._at = at + count
        return self._buffer[at : at + count]

    def skip(self, count: int) -> None:
        self._at = self._ensure(count) + count

    def scalar(self, layout: struct.Struct) -> int | float:
        at = self._ensure(layout.size)
        self._at = at + layout.size
        value: int | float = layout.unpack_from(self._buffer, at)[0]
        return value

    def number(self, layout: struct.Struct) -> int:
        return int(self.scalar(layout))

    def count(self, what: str, most: int, layout: struct.Struct = _U64) -> int:
        """Return a number of things, of which there may be `most`."""
        number = self.number(layout)
        if number > most:
            raise _MalformedError(f"it claims to have {number:,} {what}, and {most:,} is the limit")
        return number

    def text(self, bytes_max: int, what: str) -> str:
        """Return a string; of one that is too long to be of use to us, its beginning."""
        length = self.number(_U64)
        if length > bytes_max:
            raise _MalformedError(f"{what} claims to be {length:,} bytes long")
        return self.take(length)[:KEY_BYTES_MAX].decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Pass over an array of strings: up to a million, so without a call for each."""
        buffer, at = self._buffer, self._at
        for _ in range(count):
            if at + _U64.size > len(buffer):
                self._at = at
                at, buffer = self._ensure(_U64.size), self._buffer
            at += _U64.size + _U64.unpack_from(buffer, at)[0]
            if at > len(buffer):
                missing = at - len(buffer)
                self._at = len(buffer)
                at, buffer = self._ensure(missing) + missing, self._buffer
        self._at = at

    def _ensure(self, count: int) -> int:
        """Have `count` bytes in the buffer and return where in it they begin."""
        if self._at + count <= len(self._buffer):
            return self._at
        end = self.offset + count
        if end > self._size:
            raise _MalformedError(f"it is incomplete: {self._size:,} bytes, and its header alone is longer")
        if end > METADATA_BYTES_MAX:
            raise _MalformedError(f"its header is longer than {METADATA_BYTES_MAX:,} bytes")
        rest = self._buffer[self._at :]
        self._start, self._at = self.offset, 0
        self._buffer = rest + self._file.read(max(count - len(rest), _CHUNK_BYTES))
        if len(self._buffer) < count:
            raise _MalformedError("it became shorter while it was read")
        return 0


def _not_a_file(path: Path) -> NotAModel:
    if path.is_dir():
        return NotAModel(path, "cannot be read: Is a directory", "name the file in it, it ends in .gguf")
    return NotAModel(path, "cannot be read: it is a pipe or a device, not a file", "name a file")


def _open_without_waiting(path: Path) -> int:
    """Open what may have become a FIFO since we looked."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
