"""`textDocument/didShowCompletion`, `didPartiallyAcceptCompletion`, and what is counted of each answer.

The shapes are copilot-language-server's: {item} and {item, acceptedLength}, with UTF-16 units from the start
of the item's text. Clients that send neither lose nothing: what became of an offer is seen in how the text
changes.
"""

from typing import Any

from lsprotocol import types

from cope_lsp.feedback.counts import Group, bucket_of, group_of
from cope_lsp.feedback.follow import Point
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.features import status
from cope_lsp.server.protocol import member
from cope_lsp.server.server import CopeServer
from cope_lsp.values import Completion, CompletionRequest, Silence, Suggestion

SHOWN = "textDocument/didShowCompletion"
PARTIALLY_ACCEPTED = "textDocument/didPartiallyAcceptCompletion"


def register(server: CopeServer) -> None:
    """Add the handlers to `server`."""

    @server.feature(SHOWN)
    def did_show(ls: CopeServer, params: Any) -> None:
        ls.offers.show(_offer_id(params))

    @server.feature(PARTIALLY_ACCEPTED)
    def did_partially_accept(ls: CopeServer, params: Any) -> None:
        length = member(params, "acceptedLength")
        if isinstance(length, int) and not isinstance(length, bool):
            ls.offers.accept_part(_offer_id(params), length)


def answered(ls: CopeServer, request: CompletionRequest, completion: Completion) -> None:
    """Count what came of a request: how long a suggestion took, or why there is none."""
    if isinstance(completion, Silence):
        group = group_of(request.document.language, status.model_name(ls))
        ls.recorder.count(group, "silence", completion.reason)
    else:
        group = _group(ls, request.document.language, completion)
        ls.recorder.count(group, "latency", str(bucket_of(completion.seconds)))


def offered(
    ls: CopeServer,
    offer_id: str,
    text: str,
    suggestion: Suggestion,
    *,
    document: LspDocument,
    where: types.Range,
) -> None:
    """Remember that `text`, the suggestion or another choice of it, is offered in the place of `where`."""
    group = _group(ls, document.language_id or "", suggestion)
    points = _point(document, where.start), _point(document, where.end)
    ls.offers.add(offer_id, text, suggestion, group, uri=document.uri, document=document, where=points)


def _group(ls: CopeServer, language: str, suggestion: Suggestion) -> Group:
    return group_of(language, status.model_name(ls), "cache" if suggestion.from_cache else "model")


def _point(document: LspDocument, position: types.Position) -> Point:
    return document.buffer.locate(position.line, position.character)


def _offer_id(params: Any) -> str:
    """Return the id in an item's command; "" when there is none."""
    arguments = member(member(member(params, "item"), "command"), "arguments")
    first = arguments[0] if isinstance(arguments, list | tuple) and arguments else None
    found = member(first, "id")
    return found if isinstance(found, str) else ""
