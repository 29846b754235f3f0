"""`textDocument/inlineCompletion`: ghost text (LSP 3.18, "Inline Completion Request")."""

import uuid

from lsprotocol import types

from cope_lsp.server.convert import empty_range, offset_of, position_of
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.features import accept, status
from cope_lsp.server.latest import Superseded
from cope_lsp.server.server import CopeServer
from cope_lsp.values import CompletionRequest, Document, Silence

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
        status.report(ls, completion)
        if isinstance(completion, Silence):
            return _NOTHING
        if selected:
            if document.buffer.text != before or ls.document(document.uri) is not document:
                return None  # the range that the editor gave means another place now
            return _offer(ls, selected.text + completion.text, selected.range)
        return _where_the_cursor_is_now(ls, request, completion.text)


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


def _where_the_cursor_is_now(
    ls: CopeServer, request: CompletionRequest, suggestion: str
) -> types.InlineCompletionList | None:
    """Offer what is left of `suggestion` after what was typed since; null when something else was typed."""
    document = ls.document(request.document.uri)
    if document is None:
        return None
    now, then, offset = document.buffer.text, request.document.text, request.offset
    typed_length = len(now) - len(then)
    typed = now[offset : offset + max(typed_length, 0)]
    unchanged = now[:offset] == then[:offset] and now[offset + len(typed) :] == then[offset:]
    if not unchanged or not suggestion.startswith(typed) or typed == suggestion:
        return None
    position = position_of(document.buffer, offset + len(typed))
    return _offer(ls, suggestion[len(typed) :], empty_range(position))


def _offer(ls: CopeServer, text: str, where: types.Range) -> types.InlineCompletionList:
    offer_id = str(uuid.uuid4())
    ls.offers.add(offer_id, text)
    item = types.InlineCompletionItem(text, range=where, command=accept.command(offer_id))
    return types.InlineCompletionList(items=[item])
