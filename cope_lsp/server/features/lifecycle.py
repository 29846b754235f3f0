"""`initialize`, `cope/didChangeTrust`, `didOpen` and what follows it: who the client is, what it has open."""

import time
from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.capabilities import get_capability

from cope_lsp.egress.permit import path_of
from cope_lsp.errors import CopeError
from cope_lsp.server.convert import offset_of
from cope_lsp.server.features import code_lens, completion, configuration, status
from cope_lsp.server.protocol import member
from cope_lsp.server.server import Client, CopeServer, watch_parent
from cope_lsp.server.wish import folders_of
from cope_lsp.values import Document

TRUST = "cope/didChangeTrust"

_CONFIRMING = frozenset({"Neovim"})
"""Clients that ask about an annotated edit so that a yes applies it. VS Code shows it with boxes unticked:
"Apply" then applies nothing, and says nothing."""

_DOCUMENTATION_FORMAT = "text_document.completion.completion_item.documentation_format"


def register(server: CopeServer) -> None:
    """Add the handlers to `server`."""

    @server.feature(types.INITIALIZE)
    def initialize(ls: CopeServer, params: types.InitializeParams) -> None:
        ls.protocol.use_our_documents()
        watch_parent(params.process_id)
        raw = ls.protocol.raw_initialize
        options = _dig(raw, "initializationOptions", "cope")
        formats = get_capability(params.capabilities, _DOCUMENTATION_FORMAT, None) or ()
        ls.introduce(_client(raw, options, reads_markdown=types.MarkupKind.Markdown in formats))
        configuration.load(ls, options.get("settings"))
        if completion.wanted(ls):
            completion.register(ls)
        if ls.client.shows_lenses:
            code_lens.register(ls)

    @server.feature(TRUST)
    def did_change_trust(ls: CopeServer, params: Any) -> None:
        """Take {trusted}. Who loses trust may have tests running: what runs them is stopped."""
        ls.client.trusted = member(params, "trusted") is True
        if not ls.client.trusted:
            ls.solves.cancel_all()

    _follow_documents(server)


def _follow_documents(server: CopeServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def did_open(ls: CopeServer, params: types.DidOpenTextDocumentParams) -> None:
        _begin(ls, params.text_document)
        # Loaded while the user looks at the file, the model answers the first keystroke at once.
        if ls.loaded.config.completion_enabled:
            try:
                await ls.assistant.warm(params.text_document.uri)
            except CopeError as error:
                status.publish(ls, "Error", str(error))
            else:
                status.refresh(ls)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(ls: CopeServer, params: types.DidChangeTextDocumentParams) -> None:
        ls.assistant.pace.keystroke(time.monotonic())
        status.moved_on(ls)
        document, last = ls.document(params.text_document.uri), params.content_changes[-1:]
        if document is not None and last and isinstance(last[0], types.TextDocumentContentChangePartial):
            offset = offset_of(document.buffer, last[0].range.start) + len(last[0].text)
            ls.assistant.related.changed(document.uri, offset, lambda: document.source)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(ls: CopeServer, params: types.DidSaveTextDocumentParams) -> None:
        ls.assistant.related.saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(ls: CopeServer, params: types.DidCloseTextDocumentParams) -> None:
        ls.assistant.related.closed(params.text_document.uri)


def _begin(ls: CopeServer, item: types.TextDocumentItem) -> None:
    """Let what is known of open files know of one more."""
    file = path_of(item.uri)
    around = [folder for folder in folders_of(ls) if file and file.is_relative_to(folder)]
    workspace = max(around, key=lambda folder: len(folder.parts), default=None)
    ls.assistant.related.opened(Document(item.uri, item.language_id, item.text), workspace)


def _client(raw: Mapping[str, Any], options: Mapping[str, Any], *, reads_markdown: bool) -> Client:
    window, workspace = _dig(raw, "capabilities", "window"), _dig(raw, "capabilities", "workspace")
    text_document, edits = _dig(raw, "capabilities", "textDocument"), _dig(workspace, "workspaceEdit")
    annotates = isinstance(edits.get("changeAnnotationSupport"), dict)
    name = str(_dig(raw, "clientInfo").get("name", ""))
    return Client(
        name=name,
        # lsp-mode sends this key with a null: that it is there is what counts.
        knows_configuration=workspace.get("configuration") is True,
        knows_inline_completion="inlineCompletion" in text_document,
        reads_markdown=reads_markdown,
        wants_status=options.get("status") is True,
        shows_progress=window.get("workDoneProgress") is True,
        shows_lenses=isinstance(text_document.get("codeLens"), dict),
        takes_code_actions="codeActionLiteralSupport" in _dig(text_document, "codeAction"),
        applies_edits=workspace.get("applyEdit") is True,
        # Neovim 0.12 declares annotations only, but reads both.
        versions_edits=edits.get("documentChanges") is True or annotates,
        confirms_edits=annotates and name in _CONFIRMING,
        trusted=options.get("trusted") is True,
        asks_about_calls=options.get("consent") is True,
        shows_documents=_dig(window, "showDocument").get("support") is True,
    )


def _dig(value: Any, *keys: str) -> Mapping[str, Any]:
    """Return the object at the end of `keys`; an empty one when there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
