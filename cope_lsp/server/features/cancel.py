"""`cope.server.cancel`: a solve that runs is stopped.

It takes {id}: the `id` or the `workDoneToken` that the solve came with, or the URI of its document. It
answers {cancelled}. The solve itself answers null.
"""

from typing import Any

from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import wish_of

COMMAND = "cope.server.cancel"


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    def run(ls: CopeServer, *arguments: Any) -> dict[str, bool]:
        """Return whether anything ran under the id."""
        name = str(wish_of(arguments).get("id"))
        return {"cancelled": ls.solves.cancel(ls.solve_names.get(name, name))}
