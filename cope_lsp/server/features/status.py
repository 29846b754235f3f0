"""`$/cope/status` and `cope.server.status`: what the server does, and why nothing appears."""

from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cope_lsp.engine.wire import EngineStatus
from cope_lsp.models.catalog import EMBEDDED
from cope_lsp.server.server import CopeServer, Status, StatusKind
from cope_lsp.values import Completion, Silence, SilenceReason
from cope_lsp.version import __version__

COMMAND = "cope.server.status"
NOTIFICATION = "$/cope/status"

_KINDS: dict[SilenceReason, StatusKind] = {
    "language": "Inactive",
    "disabled": "Inactive",
    "not-sent": "Inactive",
    "resting": "Inactive",
    "large-document": "Warning",
    "model-unavailable": "Error",
}


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def status(ls: CopeServer, *_arguments: Any) -> dict[str, Any]:
        """Return the current status, the reason of the last silence, and which model there is.

        `model.state` is "asleep", "loading", "ready" or "unavailable"; `model.path` is null for the one that
        comes with the package, and an address for one that a server runs. `engine` is null unless ours runs;
        `engine.clients` are the servers that share it.
        """
        engine = await ls.assistant.engine_status()
        last, current = ls.last_completion, ls.status or Status()
        return {
            "busy": ls.solves.is_busy(),
            "kind": current.kind,
            "message": current.message,
            "lastSilence": last.reason if isinstance(last, Silence) else None,
            "accepted": ls.offers.accepted,
            "version": __version__,
            "model": _model(ls),
            "engine": None if engine is None else _engine(engine),
            "offline": ls.loaded.config.offline,
            "trusted": ls.client.trusted,
        }


def _model(ls: CopeServer) -> dict[str, Any]:
    config = ls.loaded.config
    if config.model_endpoint:
        name = config.model_served_as or urlsplit(config.model_endpoint).netloc
        return {"name": name, "path": config.model_endpoint, "state": ls.assistant.model_state}
    chosen = config.model_path
    return {
        "name": Path(chosen or EMBEDDED).stem,
        "path": None if chosen is None else str(chosen),
        "state": ls.assistant.model_state,
    }


def _engine(engine: EngineStatus) -> dict[str, Any]:
    return {"pid": engine.pid, "clients": engine.clients, "memoryBytes": engine.memory_bytes}


def report(ls: CopeServer, completion: Completion) -> None:
    """Tell the editor what came of a request, when that changes what its status line should say."""
    ls.last_completion = completion
    if isinstance(completion, Silence):
        publish(ls, _KINDS.get(completion.reason, "Normal"), completion.detail)
    else:
        publish(ls, "Normal", "")


def refresh(ls: CopeServer) -> None:
    """Send the status again if a solve began or ended meanwhile, or the model was loaded."""
    current = ls.status or Status()
    publish(ls, current.kind, current.message)


def publish(ls: CopeServer, kind: StatusKind, message: str) -> None:
    """Send the status if it is new and the client wants it."""
    shown = "" if kind == "Normal" else message
    status = Status(busy=ls.solves.is_busy(), kind=kind, message=shown, model=ls.assistant.model_state)
    if status == ls.status:
        return
    ls.status = status
    if ls.client.wants_status:
        ls.protocol.notify(NOTIFICATION, asdict(status))
