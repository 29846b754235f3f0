"""GGUF files written byte by byte: what the gguf package would refuse to write, or takes a minute for."""

import struct
from collections.abc import Iterable, Mapping
from typing import Any

U32, INT32, FLOAT32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, U32: 4, INT32: 4, FLOAT32: 4, BOOL: 1, U64: 8, 11: 8, 12: 8}
_ALIGNMENT = 32


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def entry(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, length: int, data: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, length) + data


def texts(values: Iterable[bytes]) -> bytes:
    """Return the value of an array of strings."""
    packed = [text(value) for value in values]
    return array(STRING, len(packed), b"".join(packed))


def tensor(name: bytes, shape: list[int], kind: int = 0, offset: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)


def gguf_file(
    entries: list[bytes],
    tensors: list[bytes],
    data: bytes = b"\0" * 4096,
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
) -> bytes:
    tensor_count, entry_count = counts or (len(tensors), len(entries))
    start = b"GGUF" + struct.pack("<IQQ", version, tensor_count, entry_count)
    return padded(start + b"".join(entries) + b"".join(tensors)) + data


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGNMENT)


def scalar(value: str | float) -> tuple[int, bytes]:
    """Return the type and the bytes of a value."""
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return U32, struct.pack("<I", value)
    if isinstance(value, float):
        return FLOAT32, struct.pack("<f", value)
    return STRING, text(value.encode())


def read_entries(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Return the type and the bytes of every value in the metadata of a good file."""
    (count,) = struct.unpack_from("<Q", data, 16)
    at, found = 24, {}
    for _ in range(count):
        key, at = _text_at(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        end = _end(data, at + 4, kind)
        found[key.decode()] = (kind, data[at + 4 : end])
        at = end
    return found


def elements(value: bytes) -> list[Any]:
    """Return the elements of an array of strings (as bytes) or of 32-bit numbers."""
    kind, length = struct.unpack_from("<IQ", value)
    if kind != STRING:
        return list(struct.unpack_from(f"<{length}{'f' if kind == FLOAT32 else 'i'}", value, 12))
    at, found = 12, []
    for _ in range(length):
        element, at = _text_at(value, at)
        found.append(element)
    return found


def entries_of(values: Mapping[str, tuple[int, bytes]]) -> list[bytes]:
    return [entry(key.encode(), kind, value) for key, (kind, value) in values.items()]


def _text_at(data: bytes, at: int) -> tuple[bytes, int]:
    length: int = struct.unpack_from("<Q", data, at)[0]
    return data[at + 8 : at + 8 + length], at + 8 + length


def _end(data: bytes, at: int, kind: int) -> int:
    if kind == STRING:
        return _text_at(data, at)[1]
    if kind != ARRAY:
        return at + _SIZES[kind]
    of: int
    length: int
    of, length = struct.unpack_from("<IQ", data, at)
    at += 12
    if of != STRING:
        return at + length * _SIZES[of]
    for _ in range(length):
        _, at = _text_at(data, at)
    return at
