"""Where the functions of a document are, for code actions and lenses: read once per version."""

import asyncio

from cope_lsp.context.target import CHARACTERS_MAX, Place, places
from cope_lsp.egress.permit import path_of
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.guard import may_edit
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import folders_of


async def outline_of(ls: CopeServer, uri: str) -> list[Place]:
    """Return the functions of a document that may be written here, by line; none for any other document."""
    document = ls.document(uri)
    if document is None or document.language_id != "python" or len(document.source) > CHARACTERS_MAX:
        return []

    async def read(text: str) -> list[Place]:
        return [] if await refusal(ls, document) else await asyncio.to_thread(places, text)

    return await ls.outlines.of(document, read)


async def refusal(ls: CopeServer, document: LspDocument) -> str:
    """Return why the functions of a document must not be written here, "" when they may be."""
    file = path_of(document.uri)
    if file is None:
        return "it is no file"
    folders = folders_of(ls) or [file.parent]
    return await asyncio.to_thread(may_edit, document.uri, folders)
