"""Questions to the user, as the editor puts them (LSP 3.18, "ShowMessage Request")."""

import asyncio

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cope_lsp.server.server import CopeServer

ANSWER_WAIT_S = 300.0
"""How long a question may stay open; after that nobody has said yes."""


async def ask(ls: CopeServer, message: str, *titles: str) -> str | None:
    """Return the title that the user chose; None: none, or nobody could be asked, or not in time."""
    actions = [types.MessageActionItem(title) for title in titles]
    asked = types.ShowMessageRequestParams(types.MessageType.Info, message, actions)
    try:
        chosen = await asyncio.wait_for(ls.window_show_message_request_async(asked), ANSWER_WAIT_S)
    except (TimeoutError, JsonRpcException):
        return None
    return chosen.title if chosen is not None and chosen.title in titles else None


def tell(ls: CopeServer, message: str) -> None:
    """Show a sentence that needs no answer (LSP 3.18, "ShowMessage Notification")."""
    ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, message))
