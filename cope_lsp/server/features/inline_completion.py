"""`textDocument/inlineCompletion`: ghost text (LSP 3.18, "Inline Completion Request")."""

import uuid
from collections.abc import Sequence

from lsprotocol import types

from cope_lsp.completion.cache import left_of
from cope_lsp.server.convert import empty_range, offset_of, position_of
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.features import accept, feedback, status
from cope_lsp.server.latest import Superseded
from cope_lsp.server.server import CopeServer
from cope_lsp.values import CompletionRequest, Document, Silence, Suggestion

ITEMS_MAX = 3

_NOTHING = types.InlineCompletionList(items=[])
"""Clears ghost text that an earlier answer left. `null` would keep it (Neovim 0.12)."""


def register(server: CopeServer) -> None:
    """Add the handler to `server`. Without the options pygls would not advertise it."""

    @server.feature(
        types.TEXT_DOCUMENT_INLINE_COMPLETION,
        types.InlineCompletionOptions(work_done_progress=False),
    )
    async def inline_completion(
        ls: CopeServer, params: types.InlineCompletionParams
    ) -> types.InlineCompletionList | None:
        document = ls.document(params.text_document.uri)
        if document is None:
            return _NOTHING
        selected = params.context.selected_completion_info
        before, request = document.buffer.text, _request(document, params, selected)
        work = ls.assistant.complete(request)
        completion = await ls.inline_completions.run(document.uri, work)
        if isinstance(completion, Superseded):
            return None
        status.report(ls, completion, {"uri": document.uri, "position": _json(params.position)})
        feedback.answered(ls, request, completion)
        if isinstance(completion, Silence):
            return _NOTHING
        texts = (completion.text, *completion.others)[: ITEMS_MAX if request.explicit else 1]
        if selected:
            if document.buffer.text != before or ls.document(document.uri) is not document:
                return None  # the range that the editor gave means another place now
            return _offer(ls, document, completion, [selected.text + text for text in texts], selected.range)
        return _where_the_cursor_is_now(ls, request, completion, texts)


def _request(
    document: LspDocument,
    params: types.InlineCompletionParams,
    selected: types.SelectedCompletionInfo | None,
) -> CompletionRequest:
    """Return the request; an entry selected in the completion menu counts as typed."""
    buffer = document.buffer
    text, offset = buffer.text, offset_of(buffer, params.position)
    if selected:
        start, end = (offset_of(buffer, p) for p in (selected.range.start, selected.range.end))
        text, offset = text[:start] + selected.text + text[end:], start + len(selected.text)
    invoked = types.InlineCompletionTriggerKind.Invoked
    return CompletionRequest(
        Document(document.uri, document.language_id or "", text),
        offset,
        explicit=params.context.trigger_kind == invoked,
    )


def _json(position: types.Position) -> dict[str, int]:
    return {"line": position.line, "character": position.character}


def _where_the_cursor_is_now(
    ls: CopeServer, request: CompletionRequest, suggestion: Suggestion, texts: Sequence[str]
) -> types.InlineCompletionList | None:
    """Offer what is left of the texts after what was typed since; null when something else was typed."""
    document = ls.document(request.document.uri)
    if document is None:
        return None
    now, then, offset = document.buffer.text, request.document.text, request.offset
    typed = now[offset : offset + max(len(now) - len(then), 0)]
    # Of a long text that is the same no half is compared, and none copied.
    unchanged = now is then or (now[:offset] == then[:offset] and now[offset + len(typed) :] == then[offset:])
    left = [rest for each in texts if (rest := left_of(each, typed))]
    if not unchanged or not left:
        return None
    where = empty_range(position_of(document.buffer, offset + len(typed)))
    return _offer(ls, document, suggestion, left, where)


def _offer(
    ls: CopeServer, document: LspDocument, suggestion: Suggestion, texts: Sequence[str], where: types.Range
) -> types.InlineCompletionList:
    """Return an item for each text, the best first, and remember each for when it is accepted."""
    items = []
    for text in texts:
        offer_id = str(uuid.uuid4())
        feedback.offered(ls, offer_id, text, suggestion, document=document, where=where)
        items.append(types.InlineCompletionItem(text, range=where, command=accept.command(offer_id)))
    return types.InlineCompletionList(items=items)
