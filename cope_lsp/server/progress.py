"""Work-done progress of one job (LSP 3.18, "Work Done Progress"), which the user can stop there."""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cope_lsp.server.server import CopeServer

CREATE_WAIT_S = 10.0
"""How long an editor may take to make room; the job does not wait for it."""


class Progress:
    """A context in which `tell` reaches the editor, if it wants to know."""

    def __init__(
        self, ls: CopeServer, title: str, token: types.ProgressToken | None, stop: Callable[[], object]
    ) -> None:
        """Take what is shown.

        Args:
            ls: the server.
            title: of the whole job.
            token: the client's own one. Without it one is made, where the client knows of that.
            stop: called when the user stops the job.
        """
        self._ls = ls
        self._title = title
        self._own_token = token is None
        self._token = str(uuid.uuid4()) if token is None else token
        self._stop = stop
        self._message: str | None = None
        self._is_open = False
        self._opening: asyncio.Task[None] | None = None

    def tell(self, message: str) -> None:
        """Say what the job does now."""
        self._message = message
        if self._is_open:
            self._ls.work_done_progress.report(self._token, types.WorkDoneProgressReport(message=message))

    async def __aenter__(self) -> Self:
        if not self._own_token:
            self._begin()
        elif self._ls.client.shows_progress:
            self._opening = asyncio.create_task(self._create())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._is_open:
            self._is_open = False
            self._ls.work_done_progress.end(self._token, types.WorkDoneProgressEnd())
        self._ls.work_done_progress.tokens.pop(self._token, None)  # pygls keeps it for ever

    async def _create(self) -> None:
        create = self._ls.work_done_progress.create_async(self._token)
        try:
            await asyncio.wait_for(create, CREATE_WAIT_S)
        except (TimeoutError, JsonRpcException):
            return
        self._begin()

    def _begin(self) -> None:
        self._is_open = True
        begin = types.WorkDoneProgressBegin(title=self._title, cancellable=True, message=self._message)
        self._ls.work_done_progress.begin(self._token, begin)
        self._ls.work_done_progress.tokens[self._token].add_done_callback(self._ended)

    def _ended(self, token: "Future[Any]") -> None:
        if token.cancelled():  # `window/workDoneProgress/cancel`
            self._stop()
