"""`shutdown`: before the client is answered the engine, and what else runs, ends, and counts are written."""

from lsprotocol import types

from cope_lsp.server.server import CopeServer


def register(server: CopeServer) -> None:
    """Add the handler to `server`."""

    @server.feature(types.SHUTDOWN)
    async def shutdown(ls: CopeServer, _params: None) -> None:
        ls.solves.cancel_all()
        await ls.assistant.close()
        await ls.next_edits.close()
        await ls.recorder.close()
