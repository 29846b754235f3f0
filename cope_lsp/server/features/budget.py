"""`cope.server.budget`: what hosted models cost so far, for a status line or a page of the editor."""

from dataclasses import asdict
from typing import Any

from cope_lsp.errors import LedgerError
from cope_lsp.ledger.entries import Summary, usd
from cope_lsp.server.server import CopeServer

COMMAND = "cope.server.budget"


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def budget(ls: CopeServer, *_arguments: Any) -> dict[str, Any]:
        """Return {state, text, offline, summary}; amounts are whole nano-USD."""
        offline = ls.loaded.config.offline
        try:
            summary = await ls.assistant.budget()
        except LedgerError as error:
            return {"state": "unavailable", "text": str(error), "offline": offline, "summary": None}
        return {
            "state": summary.state,
            "text": _text(summary),
            "offline": offline,
            "summary": asdict(summary),
        }


def _text(summary: Summary) -> str:
    if summary.state == "closed":
        return f"hosted calls are closed: {summary.reason}"
    day = summary.day
    limit = "" if day.limit_nusd is None else f" of {usd(day.limit_nusd)}"
    return f"{usd(day.spent_nusd)}{limit} today"
