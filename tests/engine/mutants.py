"""Broken and malicious variants of a GGUF file, drawn by a seed."""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gguf import GGUFReader

_U32 = (0, 1, 2, 3, 7, 255, 65_535, 2**20, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_U64 = (*_U32, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1)
_FLOATS = (0.0, -1.0, 1e-45, 1e38, float("inf"), float("-inf"), float("nan"))
_ELEMENTS_MAX = 50
"""Of an array not every element is a place for a change: there are thousands in a vocabulary."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A number or a text in the header."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Original:
    """A valid model, and where in it the parts of its header lie."""

    data: bytes
    header_bytes: int
    fields: tuple[tuple[_Part, ...], ...]
    """Of each key and each tensor: its length, name, type, values."""

    @classmethod
    def read(cls, path: Path) -> "Original":
        reader = GGUFReader(path)
        fields = [field for key, field in reader.fields.items() if not key.startswith("GGUF.")]
        fields += [tensor.field for tensor in reader.tensors]
        parts = tuple(tuple(_parts(field.offset, [part.nbytes for part in field.parts])) for field in fields)
        return cls(path.read_bytes(), reader.data_offset, parts)


def _parts(start: int, lengths: list[int]) -> Iterator[_Part]:
    for number, length in enumerate(lengths):
        if number < _ELEMENTS_MAX:
            yield _Part(start, length)
        start += length


Change = Callable[[random.Random, Original, bytearray], None]


def mutant(original: Original, seed: int) -> bytes:
    """Return the original with one to three changes; the same for the same seed."""
    draw = random.Random(seed)
    data = bytearray(original.data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        draw.choice(CHANGES)(draw, original, data)
    return bytes(data)


def murderous(data: bytes) -> bytes:
    """Return a model whose header is in order and on which llama.cpp aborts: two tokens have one name."""
    assert b"<|fim_prefix|>" in data
    return data.replace(b"<|fim_prefix|>", b"<|fim_suffix|>")


def _flip_bits(draw: random.Random, original: Original, data: bytearray) -> None:
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(min(original.header_bytes, len(data)))
        data[at] ^= 1 << draw.randrange(8)


def _change_a_number(draw: random.Random, original: Original, data: bytearray) -> None:
    """A length, a type, a count, a dimension, an offset or a value becomes an extreme one."""
    part = draw.choice(draw.choice(original.fields))
    if part.length == 4:
        new = (
            struct.pack("<I", draw.choice(_U32))
            if draw.random() < 0.8
            else struct.pack("<f", draw.choice(_FLOATS))
        )
    elif part.length == 8:
        new = struct.pack("<Q", draw.choice(_U64))
    else:
        new = draw.randbytes(part.length)
    data[part.start : part.start + part.length] = new


def _change_a_value(draw: random.Random, original: Original, data: bytearray) -> None:
    """The last part of a field, which is the value of a key or the offset of a tensor."""
    part = draw.choice(original.fields)[-1]
    if part.length in (4, 8):
        limit = 2 ** (8 * part.length)
        near = int.from_bytes(data[part.start : part.start + part.length], "little") + draw.randint(-2, 2)
        new = draw.choice((near, near * 2, near // 2, near * 65_537, draw.getrandbits(62))) % limit
        data[part.start : part.start + part.length] = new.to_bytes(part.length, "little")
    else:
        data[part.start : part.start + part.length] = draw.randbytes(part.length)


def _change_a_count(draw: random.Random, _: Original, data: bytearray) -> None:
    at = draw.choice((4, 8, 16))
    data[at : at + 8] = struct.pack("<Q", draw.choice(_U64))


def _change_a_type(draw: random.Random, original: Original, data: bytearray) -> None:
    field = draw.choice(original.fields)
    part = field[min(2, len(field) - 1)]
    data[part.start : part.start + 4] = struct.pack("<I", draw.randrange(14))


def _cut_off(draw: random.Random, original: Original, data: bytearray) -> None:
    del data[draw.randrange(original.header_bytes if draw.random() < 0.7 else len(data)) :]
    data.extend(b"\0" * (24 - len(data)))


def _take_out(draw: random.Random, original: Original, data: bytearray) -> None:
    at = draw.randrange(original.header_bytes)
    del data[at : at + draw.choice((1, 4, 8, 100, 5000))]
    data.extend(b"\0" * (24 - len(data)))


def _put_in(draw: random.Random, original: Original, data: bytearray) -> None:
    at = draw.randrange(original.header_bytes)
    data[at:at] = draw.randbytes(draw.choice((1, 4, 8, 100, 5000)))


def _repeat_a_key(draw: random.Random, original: Original, data: bytearray) -> None:
    field = draw.choice(original.fields)
    start, end = field[0].start, field[-1].start + field[-1].length
    data[end:end] = data[start:end]
    if draw.random() < 0.7:
        data[16:24] = struct.pack("<Q", int.from_bytes(data[16:24], "little") + 1 & 0xFFFF_FFFF)


def _swap_two_names(draw: random.Random, original: Original, data: bytearray) -> None:
    """Two keys or tensors of names of equal length change their names."""
    one = draw.choice(original.fields)[1]
    alike = [field[1] for field in original.fields if field[1].length == one.length]
    other = draw.choice(alike)
    first, second = (bytes(data[part.start : part.start + part.length]) for part in (one, other))
    data[one.start : one.start + one.length] = second
    data[other.start : other.start + other.length] = first


CHANGES: tuple[Change, ...] = (
    _flip_bits,
    _change_a_number,
    _change_a_number,
    _change_a_value,
    _change_a_value,
    _change_a_count,
    _change_a_type,
    _cut_off,
    _take_out,
    _put_in,
    _repeat_a_key,
    _swap_two_names,
)
