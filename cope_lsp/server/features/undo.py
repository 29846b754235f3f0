"""`cope.server.undo`: an edit that was applied is taken back, while the document is still what it became.

It takes {editId} and answers {applied, reason} as `cope.server.apply`.
"""

from typing import Any

from cope_lsp.server.applying import apply
from cope_lsp.server.features.apply import answer, edit_wanted
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import wish_of

COMMAND = "cope.server.undo"


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def run(ls: CopeServer, *arguments: Any) -> dict[str, Any]:
        """Return whether the document is again what it was."""
        return answer(await apply(ls, edit_wanted(ls, wish_of(arguments)).reversed()))
