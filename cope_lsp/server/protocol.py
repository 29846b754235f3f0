"""pygls's protocol with its known defects repaired (pygls 2.1.1, lsprotocol 2025.0.0).

* A request that cannot be parsed gets an error response instead of none; a custom request may have no params.
* A response that cannot be parsed is an error to who waits for it.
* Nested objects are left alone, also those with a key "jsonrpc".
* Requests before `initialize` or after `shutdown`, and a second `initialize`, are refused.
* Tracebacks and paths stay in the log, out of error responses.
* `triggerKind: 0` of older clients is understood.
* A notification leaves nothing behind; pygls keeps a future for each, about 2 kB per key pressed.
* A reply to a cancelled request of ours does no harm (pygls issue 621).
* A command whose request is cancelled stops; pygls cancels the request around it only.
* A handler that is cancelled ends what was around it; pygls logs a traceback and never answers.
* `shutdown` cancels whatever still runs; pygls walks over the requests while those it cancels leave them.
"""

import logging
from collections.abc import Callable, Generator
from concurrent.futures import Future
from functools import partial
from typing import Any

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, default_converter

from cope_lsp.server.documents import LspWorkspace

log = logging.getLogger(__name__)

_INVALID_REQUEST = -32600
_NOT_INITIALIZED = -32002


class _Requests(dict[Any, Future[Any]]):
    """Requests in flight, by id. To walk over the items is to walk over those there were when it began."""

    def items(self) -> Any:
        return list(super().items())


class CopeProtocol(LanguageServerProtocol):
    """The protocol of our server."""

    def __init__(self, server: Any, converter: Converter) -> None:
        super().__init__(server, converter)
        self._request_futures = _Requests()
        self.raw_initialize: dict[str, Any] = {}
        """The `initialize` params as sent: which keys are present says more than the parsed values."""

    @property
    def was_shut_down(self) -> bool:
        """Whether the client sent `shutdown`."""
        return self._shutdown

    def use_our_documents(self) -> None:
        """Replace the workspace that pygls just made, before any document is in it."""
        made = self.workspace
        self._workspace = LspWorkspace(
            made.root_uri,
            workspace_folders=list(made.folders.values()),
            position_encoding=made.position_encoding,
        )

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Leave every object as it is: the JSON decoder calls this for nested ones too."""
        return data

    def handle_message(self, message: Any) -> None:
        """Parse and handle one message of the client."""
        if not isinstance(message, dict):
            log.warning("a message that is no object was ignored")
            return
        method, is_request = message.get("method"), "method" in message and "id" in message
        if is_request and (refusal := self._refusal(method)):
            self._send_response(message["id"], error=refusal)
            return
        if method == types.INITIALIZE and isinstance(message.get("params"), dict):
            self.raw_initialize = message["params"]
        if method and self.get_message_type(method) is None:
            message.setdefault("params", None)
        try:
            parsed = super().structure_message(message)
        except JsonRpcException as error:
            log.warning("a message %r could not be parsed", method)
            if is_request:
                self._send_response(message["id"], error=error.to_response_error())
            elif method is None and isinstance(message.get("id"), str | int):
                self._handle_response(message["id"], error=error.to_response_error())
            return
        if isinstance(parsed, dict):
            log.warning("a message that is not JSON-RPC 2.0 was ignored")
            return
        super().handle_message(parsed)
        self._forget_what_is_done()

    def _refusal(self, method: Any) -> types.ResponseError | None:
        """Return the error for a request that is wrong at this time, whatever its params are."""
        if not isinstance(method, str):
            return types.ResponseError(_INVALID_REQUEST, "the method is no text")
        if self._shutdown:
            return types.ResponseError(_INVALID_REQUEST, "the server is shutting down")
        if self._workspace is None and method != types.INITIALIZE:
            return types.ResponseError(_NOT_INITIALIZED, "the server is not initialized")
        if self._workspace is not None and method == types.INITIALIZE:
            return types.ResponseError(_INVALID_REQUEST, "the server is initialized already")
        return None

    def _forget_what_is_done(self) -> None:
        for key in [key for key, future in self._request_futures.items() if future.done()]:
            del self._request_futures[key]

    def _run_generator(
        self, future: "Future[Any] | None", *, gen: Generator[Any, Any, Any], result_future: "Future[Any]"
    ) -> None:
        if future is not None and future.cancelled():
            gen.close()
            result_future.cancel()
            return
        before = set(self._request_futures)
        super()._run_generator(future, gen=gen, result_future=result_future)
        for key in (
            set(self._request_futures) - before
        ):  # the handler that the generator called, if it goes on
            result_future.add_done_callback(partial(_cancel_too, self._request_futures[key]))

    def _send_response(
        self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None
    ) -> None:
        if error is not None and error.data is not None:
            log.error("request %s failed: %s", msg_id, error.data)
            error = types.ResponseError(error.code, error.message)
        super()._send_response(msg_id, result, error)

    def _handle_response(
        self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None
    ) -> None:
        future = self._request_futures.get(msg_id)
        if future is not None and future.cancelled():
            del self._request_futures[msg_id]
            return
        super()._handle_response(msg_id, result, error)


def _cancel_too(inner: "Future[Any]", outer: "Future[Any]") -> None:
    if outer.cancelled():
        inner.cancel()


def converter_factory() -> Converter:
    """Return lsprotocol's converter, lenient where clients in use differ from the specification."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]  # pygls annotates no result
    converter.register_structure_hook(types.InlineCompletionTriggerKind, _trigger_kind)
    return converter


def _trigger_kind(value: Any, _: Callable[..., Any]) -> types.InlineCompletionTriggerKind:
    # vscode-languageserver-types 3.17 counts from 0: 0 invoked, 1 automatic.
    try:
        return types.InlineCompletionTriggerKind(value)
    except ValueError:
        return types.InlineCompletionTriggerKind.Invoked


def member(value: Any, name: str) -> Any:
    """Return a member of an object that no specification knows: pygls makes a tuple with names of it."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
