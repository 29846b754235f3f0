"""Where the functions of a document are, for code actions and lenses: read once per version."""

import asyncio

from cope_lsp.context.target import Place, places
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.guard import may_edit
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import file_of, folders_of

CHARACTERS_MAX = 200_000
"""CPython reads a file of this size in 0.2 s, and holds the interpreter's lock while it does so."""


async def outline_of(ls: CopeServer, uri: str) -> list[Place]:
    """Return the functions of a document that may be written here, by line; none for any other document."""
    document = ls.document(uri)
    if document is None or document.language_id != "python" or len(document.source) > CHARACTERS_MAX:
        return []
    version, found = ls.outlines.get(document, (None, []))
    if version is None or version != document.version:
        version, text = document.version, document.source
        found = [] if await refusal(ls, document) else await asyncio.to_thread(places, text)
        ls.outlines[document] = version, found
    return found


async def refusal(ls: CopeServer, document: LspDocument) -> str:
    """Return why the functions of a document must not be written here, "" when they may be."""
    if not document.uri.startswith("file:"):
        return "it is no file"
    folders = folders_of(ls) or [file_of(document).parent]
    return await asyncio.to_thread(may_edit, document.uri, folders)
