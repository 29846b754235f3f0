"""Between LSP types and the values of cope-lsp: positions, ranges, requests, items."""

from lsprotocol import types

from cope_lsp.text import Encoding, TextBuffer

_ENCODINGS: dict[str, Encoding] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}


def encoding_of(kind: types.PositionEncodingKind | str | None) -> Encoding:
    """Return the encoding in which a client counts columns; LSP's default is UTF-16."""
    name = kind.value if isinstance(kind, types.PositionEncodingKind) else kind
    return _ENCODINGS.get(name or "", "utf-16")


def offset_of(buffer: TextBuffer, position: types.Position) -> int:
    """Return the code-point offset of a client's position."""
    return buffer.offset(position.line, position.character)


def position_of(buffer: TextBuffer, offset: int) -> types.Position:
    """Return the client's position of a code-point offset."""
    line, character = buffer.position(offset)
    return types.Position(line, character)


def empty_range(position: types.Position) -> types.Range:
    """Return the range that contains nothing, at `position`."""
    return types.Range(position, position)
