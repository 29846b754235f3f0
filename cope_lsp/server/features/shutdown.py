"""`shutdown` and `exit`: the end, in the order in which a client asked for it."""

import asyncio
import time

from lsprotocol import types

from cope_lsp.server.server import CopeServer

FAREWELL_S = 3.0
"""How long `exit` waits for `shutdown` to be answered."""


def register(server: CopeServer) -> None:
    """Add the handlers to `server`."""

    @server.feature(types.SHUTDOWN)
    async def shutdown(ls: CopeServer, _params: None) -> None:
        ls.is_closing = True
        ls.solves.cancel_all()
        await ls.assistant.close()

    @server.feature(types.EXIT)
    async def leave(ls: CopeServer, _params: None) -> None:
        """Let `shutdown` be answered first: some clients do not wait for that before they send `exit`."""
        deadline = time.monotonic() + FAREWELL_S
        # pygls tells nobody when it has answered.
        while ls.is_closing and not ls.protocol.was_shut_down and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
