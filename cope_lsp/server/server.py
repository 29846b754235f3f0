"""The language server: what it remembers of its client, and how it starts and ends."""

import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pygls.lsp.server import LanguageServer

from cope_lsp.assistant import Assistant
from cope_lsp.cascade.memory import PlanMemory
from cope_lsp.cascade.plan import Plan
from cope_lsp.checks.syntax.tree import Untold
from cope_lsp.config import Loaded
from cope_lsp.context.target import Place
from cope_lsp.context.tested import ModuleOfTests
from cope_lsp.egress import offline
from cope_lsp.feedback.offers import Offers
from cope_lsp.feedback.recorder import Recorder
from cope_lsp.feedback.store import Store
from cope_lsp.next_edit.reader import NextEdits
from cope_lsp.next_edit.rules import Proposal
from cope_lsp.server.documents import Derived, LspDocument, LspWorkspace
from cope_lsp.server.edits import Edit
from cope_lsp.server.kept import Kept
from cope_lsp.server.latest import Latest, Shared
from cope_lsp.server.protocol import CopeProtocol, converter_factory
from cope_lsp.values import Completion, ModelState
from cope_lsp.version import __version__

log = logging.getLogger(__name__)

PARENT_POLL_S = 3.0

_TELLING_LATE = frozenset({"Neovim"})
"""Clients that gather what is typed for a while before they tell it, and say when an offer is accepted."""


@dataclass(slots=True)
class Client:
    """What the client said of itself in `initialize`."""

    name: str = ""
    knows_configuration: bool = False
    knows_inline_completion: bool = False
    reads_markdown: bool = False
    wants_status: bool = False
    shows_progress: bool = False
    shows_lenses: bool = False
    takes_code_actions: bool = False
    """Whether it reads code actions; before LSP 3.8 there were commands only."""
    applies_edits: bool = False
    versions_edits: bool = False
    """Whether it reads edits that name the version of the document that they fit."""
    confirms_edits: bool = False
    """Whether it asks the user about edits that say that they need it, and does so well."""
    trusted: bool = False
    """Whether the user trusts the workspace. Code of one that they do not trust is never run."""
    asks_about_calls: bool = False
    """Whether it wants the facts of a hosted call with the question to the user."""
    shows_documents: bool = False
    """Whether it opens a file when asked to."""


StatusKind = Literal["Normal", "Warning", "Error", "Inactive"]


@dataclass(frozen=True, slots=True)
class Status:
    """What an editor shows in its status line (the shape is copilot-language-server's)."""

    busy: bool = False
    kind: StatusKind = "Normal"
    message: str = ""
    model: ModelState = "asleep"
    command: Mapping[str, Any] | None = None
    """What its user may want to do about it: an LSP `Command`."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that a client may come back with."""

    instruction: str
    guideline: Plan


class CopeServer(LanguageServer):
    """One editor's server."""

    protocol: CopeProtocol

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(
            "cope-lsp", __version__, protocol_cls=CopeProtocol, converter_factory=converter_factory
        )
        self.loaded = loaded
        self.assistant = Assistant.from_config(loaded.config)
        self.client = Client()
        self.status: Status | None = None
        self.last_completion: Completion | None = None
        self.recorder = Recorder(Store())
        self.offers = Offers(self.recorder)
        self.inline_completions: Latest[Completion] = Latest()
        self.completions: Latest[Completion] = Latest()
        self.consents: dict[tuple[Path, str], Shared[None]] = {}
        """Questions to the user that are open, by project and endpoint."""
        self.plans: Kept[Planned] = Kept()
        self.paid_plans = PlanMemory()
        self.solves: Latest[dict[str, Any] | None] = Latest()
        self.solve_names: dict[str, str] = {}
        """The documents of the solves that run, by the ids that their clients gave them."""
        self.edits: Kept[Edit] = Kept()
        self.next_edits = NextEdits()
        self.inline_edits: Latest[Proposal | Untold] = Latest()
        self.outlines: Derived[list[Place]] = Derived()
        self.tests: Derived[ModuleOfTests] = Derived()

    def introduce(self, client: Client) -> None:
        """Take what `initialize` says of the client."""
        self.client = client
        self.offers.tells_late = client.name in _TELLING_LATE

    def use(self, loaded: Loaded) -> None:
        """Take other settings from now on."""
        self.loaded = loaded
        offline.switch(on=loaded.config.offline)
        self.assistant.use(loaded.config)
        self.recorder.enabled = loaded.config.stats_enabled

    def document(self, uri: str) -> LspDocument | None:
        """Return a document that the editor has open, or None."""
        workspace = self.workspace
        return workspace.opened(uri) if isinstance(workspace, LspWorkspace) else None

    def documents(self) -> list[LspDocument]:
        """Return the documents that the editor has open."""
        workspace = self.workspace
        return workspace.all_opened() if isinstance(workspace, LspWorkspace) else []

    async def opening(self, uri: str) -> None:
        """Wait until the editor has a document open; the caller sets the deadline."""
        workspace = self.workspace
        if isinstance(workspace, LspWorkspace):
            await workspace.opening(uri)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what went wrong; a pop-up would interrupt somebody who types."""
        log.error("%s: %s", getattr(source, "__name__", source), error)

    def shutdown(self) -> None:
        """End with the client; the engine ends as its pipe closes."""
        self.inline_completions.cancel_all()
        self.completions.cancel_all()
        self.solves.cancel_all()
        self.inline_edits.cancel_all()
        self.recorder.write_now()
        super().shutdown()  # type: ignore[no-untyped-call]  # pygls annotates no result


def serve(server: CopeServer, protocol_in: BinaryIO, protocol_out: BinaryIO) -> None:
    """Speak LSP on the streams that were standard input and output until the client is gone."""
    server.start_io(protocol_in, protocol_out)
    # The reader thread may still wait for input that never comes. Without `shutdown` before, an end is an
    # error (LSP 3.18, `exit`).
    os._exit(0 if server.protocol.was_shut_down else 1)


def watch_parent(process_id: int | None) -> None:
    """End this process when the editor's is gone (LSP 3.18, `InitializeParams.processId`).

    An id that is not alive now, as from another container's namespace, is not watched; the end of the
    input is noticed in any case. Windows offers no cheap question of this kind: there the input must do.
    """
    if process_id is None or os.name == "nt" or not _alive(process_id):
        return
    threading.Thread(target=_end_with, args=(process_id,), name="parent", daemon=True).start()


def _end_with(process_id: int) -> None:
    while _alive(process_id):
        time.sleep(PARENT_POLL_S)
    os._exit(1)


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
