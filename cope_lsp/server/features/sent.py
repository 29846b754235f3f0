"""`cope.server.sent`: what left this machine; with an id the text of that request."""

import asyncio
from dataclasses import asdict
from typing import Any

from cope_lsp.server.server import CopeServer

COMMAND = "cope.server.sent"
ENTRIES_MAX = 100


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def sent(ls: CopeServer, *arguments: Any) -> dict[str, Any]:
        """Return {entries}, newest first; for {id} in the first argument {text}, null if it was not kept."""
        first = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        audit = ls.assistant.audit
        if "id" in first:
            return {"text": await asyncio.to_thread(audit.text_of, str(first["id"]))}
        entries = await asyncio.to_thread(lambda: list(audit.entries())[: -ENTRIES_MAX - 1 : -1])
        return {"entries": [asdict(entry) for entry in entries]}
