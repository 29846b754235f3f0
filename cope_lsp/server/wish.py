"""What a command is asked for: the one object that is its argument, parsed; and how it is refused."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cope_lsp.egress.permit import path_of
from cope_lsp.errors import CopeError, HostedFailedError, HostedRefusedError
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.server import CopeServer

Wish = Mapping[str, Any]

TEXT_CHARACTERS_MAX = 4_000


def wish_of(arguments: Sequence[Any]) -> Wish:
    """Return the object that a command came with; an empty one when there is none."""
    return arguments[0] if arguments and isinstance(arguments[0], dict) else {}


def document_of(ls: CopeServer, wish: Wish) -> LspDocument:
    """Return the open document that a wish is about."""
    document = ls.document(str(wish.get("uri", "")))
    if document is None:
        raise invalid("uri names no document that is open")
    return document


def line_of(wish: Wish) -> int:
    """Return the 0-based line that a wish is about, from its `position` or its `range`."""
    area = wish.get("range")
    place = wish.get("position") or (area.get("start") if isinstance(area, dict) else None)
    line = place.get("line") if isinstance(place, dict) else None
    if not isinstance(line, int) or isinstance(line, bool) or line < 0:
        raise invalid("position or range says the line of a definition")
    return line


def text_of(wish: Wish, key: str) -> str:
    """Return a text of a wish on one line, "" without one. {text, author}, as of a plan, is a text, too."""
    value = wish.get(key)
    value = value.get("text") if isinstance(value, dict) else value
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise invalid(f"{key} has {len(text)} characters of at most {TEXT_CHARACTERS_MAX}")
    return text


def file_of(document: LspDocument) -> Path:
    """Return the file of a document."""
    path = path_of(document.uri)
    if path is None:
        raise invalid("only text of files is sent, since ignore files must be able to forbid it")
    return path


def project_of(ls: CopeServer, file: Path) -> Path:
    """Return the innermost workspace folder around a file; without one, the file's own folder."""
    around = [folder for folder in folders_of(ls) if file.is_relative_to(folder)]
    return max(around, key=lambda folder: len(folder.parts), default=file.parent)


def folders_of(ls: CopeServer) -> list[Path]:
    """Return the folders of the workspace; none when the editor opened a single file."""
    uris = [folder.uri for folder in ls.workspace.folders.values()]
    if not uris and ls.workspace.root_uri:
        uris = [ls.workspace.root_uri]
    return [path for path in map(path_of, uris) if path]


def invalid(message: str) -> JsonRpcException:
    """Return the error for a wish that makes no sense."""
    return JsonRpcException(message, types.ErrorCodes.InvalidParams)


def failed(error: CopeError | str) -> JsonRpcException:
    """Return the error for a wish that cannot be fulfilled (LSP 3.17, `RequestFailed`): worth showing."""
    reason = f" [{error.reason}]" if isinstance(error, HostedRefusedError | HostedFailedError) else ""
    return JsonRpcException(f"{error}{reason}", types.LSPErrorCodes.RequestFailed.value)
