"""`cope.server.snooze`: nothing is offered unasked for some minutes.

It takes {minutes}, 15 without them, a day at most; 0 ends a snooze. It answers {snoozedUntil}: the time of
day, or null. The server forgets it when it ends.
"""

import asyncio
from typing import Any

from cope_lsp.completion.trigger import SNOOZE_MINUTES_MAX
from cope_lsp.server.features import status
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import Wish, invalid, wish_of

COMMAND = "cope.server.snooze"
MINUTES = 15


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    def run(ls: CopeServer, *arguments: Any) -> dict[str, str | None]:
        """Return until when it is snoozed now."""
        minutes, trigger = _minutes_of(wish_of(arguments)), ls.assistant.trigger
        trigger.snooze(minutes)
        status.publish(ls, "Normal", "")
        if told := trigger.snooze_words():
            asyncio.get_running_loop().call_later(60 * minutes, _end, ls, told)
        return {"snoozedUntil": trigger.snoozed_until_text}


def _minutes_of(wish: Wish) -> float:
    minutes = wish.get("minutes", MINUTES)
    is_number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    if not is_number or not 0 <= minutes <= SNOOZE_MINUTES_MAX:
        raise invalid(f"minutes is a number from 0 to {SNOOZE_MINUTES_MAX}")
    return float(minutes)


def _end(ls: CopeServer, told: str) -> None:
    """Say that a snooze is over, unless there is something else to say by now."""
    if ls.status and ls.status.message == told:
        status.publish(ls, "Normal", "")
