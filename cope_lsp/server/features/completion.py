"""`textDocument/completion`: ghost text for editors that have none, as one entry of their menu.

The shape was tried in Helix and Eglot; each field is there because some client needs it.
"""

import asyncio
import re
import uuid

from lsprotocol import types

from cope_lsp.server.convert import offset_of, position_of
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.features import accept, feedback, status
from cope_lsp.server.latest import Superseded
from cope_lsp.server.server import CopeServer
from cope_lsp.values import CompletionRequest, Document, Silence, Suggestion

ANSWER_WITHIN_S = 0.3
"""Some editors show no menu at all before the slowest server has answered."""

_TRIGGERS = [".", "(", " ", "=", ":"]


def wanted(ls: CopeServer) -> bool:
    """Whether this client gets completions; beside real ghost text they would only be in the way."""
    fallback = ls.loaded.config.completion_fallback
    return fallback == "always" or (fallback == "auto" and not ls.client.knows_inline_completion)


def register(server: CopeServer) -> None:
    """Add the handler to `server`; called while `initialize` is being answered."""

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION,
        types.CompletionOptions(trigger_characters=_TRIGGERS, resolve_provider=False),
    )
    async def completion(ls: CopeServer, params: types.CompletionParams) -> types.CompletionList:
        document = ls.document(params.text_document.uri)
        if document is None:
            return _list([])
        offset = offset_of(document.buffer, params.position)
        text = Document(document.uri, document.language_id or "", document.buffer.text)
        suggestion = await _soon(ls, CompletionRequest(text, offset, hurried=True))
        if suggestion is None or ls.document(document.uri) is not document:
            return _list([])
        if document.buffer.text != text.text:
            return _list([])
        return _list([_item(ls, document, offset, suggestion)])


async def _soon(ls: CopeServer, request: CompletionRequest) -> Suggestion | None:
    """Return the suggestion if it comes in time. If not, it goes on: the next request finds it cached."""
    running = asyncio.create_task(ls.completions.run(request.document.uri, ls.assistant.complete(request)))
    done, _ = await asyncio.wait({running}, timeout=ANSWER_WITHIN_S)
    if not done:
        status.report(ls, Silence("slow", "it takes longer than editors wait; the next key may find it"))
        return None
    completion = running.result()
    if isinstance(completion, Superseded):
        return None
    status.report(ls, completion)
    feedback.answered(ls, request, completion)
    return completion if isinstance(completion, Suggestion) else None


def _list(items: list[types.CompletionItem]) -> types.CompletionList:
    return types.CompletionList(is_incomplete=True, items=items)


def _item(ls: CopeServer, document: LspDocument, offset: int, suggestion: Suggestion) -> types.CompletionItem:
    buffer = document.buffer
    found = re.search(r"\w*\Z", buffer.text[max(0, offset - 128) : offset])
    word = found[0] if found else ""
    text = word + suggestion.text
    first, *more = text.split("\n")
    where = types.Range(position_of(buffer, offset - len(word)), position_of(buffer, offset))
    offer_id = str(uuid.uuid4())
    feedback.offered(ls, offer_id, text, suggestion, document=document, where=where)
    return types.CompletionItem(
        label=first.strip() or text.strip().split("\n")[0],
        label_details=types.CompletionItemLabelDetails(
            detail=f" +{len(more)} lines" if more else None, description="cope"
        ),
        kind=types.CompletionItemKind.Snippet,
        documentation=_documentation(ls, document, text),
        preselect=False,
        sort_text="\x7f",  # after everything that knows the language
        filter_text=word,
        insert_text=text,  # Kate reads this one
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,  # Sublime would indent again
        text_edit=types.TextEdit(where, text),
        command=accept.command(offer_id),
    )


def _documentation(ls: CopeServer, document: LspDocument, text: str) -> types.MarkupContent | str:
    if not ls.client.reads_markdown:
        return text
    return types.MarkupContent(types.MarkupKind.Markdown, f"```{document.language_id}\n{text}\n```")
