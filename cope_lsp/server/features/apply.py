"""`cope.server.apply`: an edit that a solve proposed goes into its document.

It takes {editId, force?} and answers {applied, reason}; reason is "" when it was applied. An edit that no
check speaks for needs `force: true`.
"""

from typing import Any

from cope_lsp.server.applying import apply
from cope_lsp.server.edits import Edit
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import Wish, invalid, wish_of

COMMAND = "cope.server.apply"


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def run(ls: CopeServer, *arguments: Any) -> dict[str, Any]:
        """Return whether the document has the edit now."""
        wish = wish_of(arguments)
        edit = edit_wanted(ls, wish)
        if not edit.is_verified and wish.get("force") is not True:
            return answer("no check speaks for this draft; it is applied with force only")
        return answer(await apply(ls, edit))


def edit_wanted(ls: CopeServer, wish: Wish) -> Edit:
    """Return the edit that a wish names."""
    edit = ls.edits.get(str(wish.get("editId")))
    if edit is None:
        raise invalid("editId names no edit that is known (any more)")
    return edit


def answer(reason: str) -> dict[str, Any]:
    """Return the answer to a client."""
    return {"applied": not reason, "reason": reason}
