"""Questions to the user, as the editor puts them (LSP 3.18, "ShowMessage Request")."""

import asyncio
import uuid
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cope_lsp.server.protocol import member
from cope_lsp.server.server import CopeServer

ANSWER_WAIT_S = 300.0
"""How long a question may stay open; after that nobody has said yes."""

ABOUT_A_CALL = "cope/consent"
"""A request of ours, for clients that want to know more of the question than its text."""


async def ask(ls: CopeServer, message: str, *titles: str) -> str | None:
    """Return the title that the user chose; None: none, or nobody could be asked, or not in time."""
    actions = [types.MessageActionItem(title) for title in titles]
    asked = types.ShowMessageRequestParams(types.MessageType.Info, message, actions)
    return _chosen(await _answer(ls, types.WINDOW_SHOW_MESSAGE_REQUEST, asked), "title", titles)


async def ask_about_call(ls: CopeServer, about: dict[str, Any], *titles: str) -> str | None:
    """Ask as `ask` does, where the client wants the facts beside the sentence.

    Args:
        ls: the server.
        about: `title` and `detail` for people, and the facts.
        titles: the answers.
    """
    if not ls.client.asks_about_calls:
        return await ask(ls, f"{about['title']} {about['detail']}", *titles)
    answer = await _answer(ls, ABOUT_A_CALL, {**about, "actions": list(titles)})
    return _chosen(answer, "action", titles)


def tell(ls: CopeServer, message: str) -> None:
    """Show a sentence that needs no answer (LSP 3.18, "ShowMessage Notification")."""
    ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, message))


async def _answer(ls: CopeServer, method: str, params: Any) -> Any:
    """Return the client's answer, None without one. Who waits no longer tells the client."""
    request_id = str(uuid.uuid4())
    request = ls.protocol.send_request_async(method, params, request_id)
    try:
        return await asyncio.wait_for(request, ANSWER_WAIT_S)
    except JsonRpcException:
        return None
    except (TimeoutError, asyncio.CancelledError) as gone:
        ls.protocol.notify(types.CANCEL_REQUEST, types.CancelParams(request_id))
        if isinstance(gone, asyncio.CancelledError):
            raise
        return None


def _chosen(answer: Any, name: str, titles: tuple[str, ...]) -> str | None:
    title = member(answer, name)
    return title if title in titles else None
