"""`cope/inlineEdit`, and copilot-language-server's name for it: the edit that follows from the last ones.

It takes {textDocument: {uri, version}, position} and answers {edits}: none, or one
{text, range, textDocument: {uri, version}} for exactly the version that was asked about. Nobody is asked but
rules on this machine, and nothing is changed.
"""

import logging
from typing import Any

from lsprotocol import types

from cope_lsp.checks.syntax.tree import Untold
from cope_lsp.next_edit.rules import Proposal
from cope_lsp.server.convert import offset_of, position_of
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.latest import Superseded
from cope_lsp.server.protocol import member
from cope_lsp.server.server import CopeServer

INLINE_EDIT = "cope/inlineEdit"
COPILOT_INLINE_EDIT = "textDocument/copilotInlineEdit"

_PLACE_MAX = 2**31 - 1
"""The largest number that LSP knows (LSP 3.18, `uinteger`)."""

Answer = dict[str, list[dict[str, Any]]]

log = logging.getLogger(__name__)


def register(server: CopeServer) -> None:
    """Add the handlers to `server`."""

    @server.feature(INLINE_EDIT)
    async def inline_edit(ls: CopeServer, params: Any) -> Answer:
        return await _answer(ls, params)

    @server.feature(COPILOT_INLINE_EDIT)
    async def copilot_inline_edit(ls: CopeServer, params: Any) -> Answer:
        return await _answer(ls, params)


async def _answer(ls: CopeServer, params: Any) -> Answer:
    asked = member(params, "textDocument")
    document = ls.document(str(member(asked, "uri")))
    if document is None:
        return _nothing("the document is not open")
    version, asked_version = document.version, member(asked, "version")
    if asked_version is not None and asked_version != version:
        return _nothing("the question is about another version of the document")
    buffer, offset = document.buffer, offset_of(document.buffer, _position(member(params, "position")))
    work = ls.next_edits.next_edit(document.language_id or "", buffer.text, document.history.changes, offset)
    found = await ls.inline_edits.run(document.uri, work)
    if isinstance(found, Superseded):
        return _nothing("a newer question was asked")
    if isinstance(found, Untold):
        return _nothing(found.reason)
    if ls.document(document.uri) is not document or document.version != version:
        return _nothing("the document was changed meanwhile")
    return {"edits": [_edit(document, found)]}


def _nothing(reason: str) -> Answer:
    log.info("no next edit: %s", reason)
    return {"edits": []}


def _edit(document: LspDocument, found: Proposal) -> dict[str, Any]:
    buffer = document.buffer
    return {
        "text": found.text,
        "range": types.Range(position_of(buffer, found.start), position_of(buffer, found.end)),
        "textDocument": {"uri": document.uri, "version": document.version},
    }


def _position(value: Any) -> types.Position:
    """Return the position of a request; where it makes no sense, the beginning."""
    places = (member(value, name) for name in ("line", "character"))
    line, character = (min(max(each, 0), _PLACE_MAX) if isinstance(each, int) else 0 for each in places)
    return types.Position(line, character)
