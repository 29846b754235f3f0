"""`cope.server.sent`: what left this machine; with an id the text of that request.

It answers {entries, days}, newest first: the requests to hosted models; and, by day and server, how many
requests and bytes a server got that runs the local model. For {id}: {text}, null if it was not kept.
"""

import asyncio
from dataclasses import asdict
from typing import Any

from cope_lsp.egress.tally import Tally
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import failed

COMMAND = "cope.server.sent"
ENTRIES_MAX = 100


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def sent(ls: CopeServer, *arguments: Any) -> dict[str, Any]:
        """Return what the argument asks for."""
        first = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        audit = ls.assistant.audit
        if "id" in first:
            return {"text": await asyncio.to_thread(audit.text_of, str(first["id"]))}
        entries = await asyncio.to_thread(lambda: list(audit.entries())[: -ENTRIES_MAX - 1 : -1])
        try:
            days = await asyncio.to_thread(lambda: list(Tally().days())[: -ENTRIES_MAX - 1 : -1])
        except OSError as error:
            raise failed(str(error)) from error
        return {"entries": [asdict(entry) for entry in entries], "days": [asdict(day) for day in days]}
