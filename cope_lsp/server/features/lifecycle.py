"""`initialize`, `didOpen`, `shutdown`: who the client is, and when the model is loaded."""

from collections.abc import Mapping
from typing import Any

from lsprotocol import types
from pygls.capabilities import get_capability

from cope_lsp.errors import CopeError
from cope_lsp.server.features import completion, configuration, status
from cope_lsp.server.server import Client, CopeServer, watch_parent

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

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def did_open(ls: CopeServer, _params: types.DidOpenTextDocumentParams) -> None:
        # Loaded while the user looks at the file, the model answers the first keystroke at once.
        if ls.loaded.config.completion_enabled:
            try:
                await ls.assistant.model_info()
            except CopeError as error:
                status.publish(ls, "Error", str(error))

    @server.feature(types.SHUTDOWN)
    async def shutdown(ls: CopeServer, _params: None) -> None:
        await ls.assistant.close()


def _client(raw: Mapping[str, Any], options: Mapping[str, Any], *, reads_markdown: bool) -> Client:
    return Client(
        name=str(_dig(raw, "clientInfo").get("name", "")),
        # lsp-mode sends this key with a null: that it is there is what counts.
        knows_configuration=_dig(raw, "capabilities", "workspace").get("configuration") is True,
        knows_inline_completion="inlineCompletion" in _dig(raw, "capabilities", "textDocument"),
        reads_markdown=reads_markdown,
        wants_status=options.get("status") is True,
    )


def _dig(value: Any, *keys: str) -> Mapping[str, Any]:
    """Return the object at the end of `keys`; an empty one when there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
