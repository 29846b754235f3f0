"""`cope.server.accept`: an editor tells that an offered text was taken."""

from typing import Any

from lsprotocol import types

from cope_lsp.server.server import CopeServer

COMMAND = "cope.server.accept"


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    def accept(ls: CopeServer, *arguments: Any) -> bool:
        """Return whether the id in the first argument was known."""
        first = arguments[0] if arguments else None
        return isinstance(first, dict) and ls.offers.accept(str(first.get("id")))


def command(offer_id: str) -> types.Command:
    """Return the command that an editor runs after it inserted the text."""
    return types.Command(title="", command=COMMAND, arguments=[{"id": offer_id}])
