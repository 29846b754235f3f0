"""`$/cope/status` and `cope.server.status`: what the server does, and why nothing appears."""

from collections.abc import Mapping
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
INDEX_WAIT_S = 0.1
"""For how far the indexes are; what is slower is told as it was last known."""

_UNSOUND = "nothing that the model wrote here is sound; the whole function can be drafted and checked"
_DRAFT = "Draft the function"

_KINDS: dict[SilenceReason, StatusKind] = {
    "language": "Inactive",
    "disabled": "Inactive",
    "not-sent": "Inactive",
    "resting": "Inactive",
    "manual": "Inactive",
    "excluded": "Inactive",
    "snoozed": "Inactive",
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
        `engine.clients` are the servers that share it. `index` is null, or what is known of each workspace;
        `stopped` there says which bound was reached, or that it was given up. `command` is null, or what
        could be done about it.
        """
        engine = await ls.assistant.engine_status()
        last, current = ls.last_completion, ls.status or Status()
        return {
            "busy": ls.solves.is_busy(),
            "kind": current.kind,
            "message": current.message,
            "command": current.command,
            "lastSilence": last.reason if isinstance(last, Silence) else None,
            "snoozedUntil": ls.assistant.trigger.snoozed_until_text,
            "accepted": ls.offers.accepted,
            "version": __version__,
            "model": _model(ls),
            "engine": None if engine is None else _engine(engine),
            "index": await _index(ls),
            "offline": ls.loaded.config.offline,
            "trusted": ls.client.trusted,
        }


def model_name(ls: CopeServer) -> str:
    """Return the name of the small model: its file without folder and ending, or what its server calls it."""
    config = ls.loaded.config
    if config.model_endpoint:
        return config.model_served_as or urlsplit(config.model_endpoint).netloc
    return Path(config.model_path or EMBEDDED).stem


def _model(ls: CopeServer) -> dict[str, Any]:
    config, name = ls.loaded.config, model_name(ls)
    if config.model_endpoint:
        return {"name": name, "path": config.model_endpoint, "state": ls.assistant.model_state}
    chosen = config.model_path
    return {
        "name": name,
        "path": None if chosen is None else str(chosen),
        "state": ls.assistant.model_state,
    }


def _engine(engine: EngineStatus) -> dict[str, Any]:
    return {"pid": engine.pid, "clients": engine.clients, "memoryBytes": engine.memory_bytes}


async def _index(ls: CopeServer) -> list[dict[str, Any]] | None:
    known = await ls.assistant.related.status(INDEX_WAIT_S)
    return [
        {
            "workspace": folder.name,
            "files": each.files,
            "complete": each.complete,
            "stopped": each.stopped,
            "memoryBytes": each.resident_bytes,
        }
        for folder, each in known.items()
    ] or None


def report(ls: CopeServer, completion: Completion, where: Mapping[str, Any] | None = None) -> None:
    """Tell the editor what came of a request, when that changes what its status line should say.

    Args:
        ls: the server.
        completion: what came of it.
        where: what it was about, as `cope.server.solve` is told; None: there it cannot be asked.
    """
    ls.last_completion = completion
    if isinstance(completion, Silence) and completion.offers_solve and where is not None:
        command = {"title": _DRAFT, "command": "cope.server.solve", "arguments": [where]}
        publish(ls, "Warning", _UNSOUND, command)
    elif isinstance(completion, Silence):
        publish(ls, _KINDS.get(completion.reason, "Normal"), completion.detail)
    else:
        publish(ls, "Normal", "")


def moved_on(ls: CopeServer) -> None:
    """Take back a command that was proposed for a place in a text that has changed since."""
    if ls.status is not None and ls.status.command is not None:
        publish(ls, "Normal", "")


def refresh(ls: CopeServer) -> None:
    """Send the status again if a solve began or ended meanwhile, or the model was loaded."""
    current = ls.status or Status()
    publish(ls, current.kind, current.message, current.command)


def publish(ls: CopeServer, kind: StatusKind, message: str, command: Mapping[str, Any] | None = None) -> None:
    """Send the status if it is new and the client wants it. A snooze is told while there is nothing worse."""
    if kind == "Normal" and (snoozed := ls.assistant.trigger.snooze_words()):
        kind, message = "Inactive", snoozed
    shown = "" if kind == "Normal" else message
    status = Status(ls.solves.is_busy(), kind, shown, ls.assistant.model_state, command)
    if status == ls.status:
        return
    ls.status = status
    if ls.client.wants_status:
        ls.protocol.notify(NOTIFICATION, asdict(status))
