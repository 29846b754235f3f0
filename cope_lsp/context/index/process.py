"""The index of a workspace as the server sees it: a process that may be slow, hang or die without harm.

Who asks says how long they wait; what is not known by then is left out. Nothing here is an error to anybody.
"""

import asyncio
import logging
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cope_lsp.context.index.files import language_of
from cope_lsp.engine.deaths import Deaths
from cope_lsp.module_process import ModuleProcess

ANSWER_TIMEOUT_S = 12.0
"""Its process ends itself a little earlier; this is for one that cannot, as when it has been stopped."""
RESTARTS_MAX = 3
CHANGED_MAX = 1_000
SKIPPED_MAX = 50
PATH_BYTES_MAX = 4_096
GIVEN_UP = "it died too often"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How far an index is, and what it takes."""

    files: int
    definitions: int
    bytes: int
    """Of the files."""
    resident_bytes: int
    """Of its process."""
    build_s: float
    """Seconds of the processor."""
    complete: bool
    stopped: str
    """Which bound it reached, or `GIVEN_UP`; "": neither."""


@dataclass(frozen=True, slots=True)
class Defined:
    """A definition that was found: the path of its file in the workspace, and what a model is shown."""

    path: str
    text: str


class WorkspaceIndex:
    """One process, started by `start` and again when it has died; asks it one question at a time."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._process = ModuleProcess("cope_lsp.context.index.worker")
        self._thread = ThreadPoolExecutor(1, "index")
        self._asked: Future[tuple[Defined, ...] | None] | None = None
        self._changed: dict[str, None] = {}
        self._deaths = Deaths("the index", RESTARTS_MAX)
        self._note: IO[bytes] | None = None
        """Where the process writes which file it reads."""
        self._skip: dict[str, None] = {}
        """Files that a process died of."""
        self._told = ""
        self._is_closed = False
        self.status: IndexStatus | None = None
        """As it was with the last answer; None after a death, unless that was the last one."""

    @property
    def pid(self) -> int | None:
        """The process id of the one that builds; None when none is running."""
        return self._process.pid

    def start(self) -> None:
        """Let the index be built. Returns at once."""
        if self._asked is None and not self._is_closed:
            self._asked = self._thread.submit(self._ask, [], [], "", [])

    def changed(self, path: str) -> None:
        """Note that a file has changed, by its path in the workspace; it is read with the next question."""
        if len(self._changed) < CHANGED_MAX:  # others are found to be stale when they are asked for
            self._changed[path] = None

    async def definitions(
        self, names: Sequence[str], modules: Sequence[str], path: str, timeout_s: float
    ) -> tuple[Defined, ...] | None:
        """Return what names mean: see `Table.find`. None: that is not known in time."""
        if self._is_closed or (self._asked is not None and not self._asked.done()):
            return None
        changed, self._changed = [*self._changed], {}
        self._asked = self._thread.submit(self._ask, list(names), list(modules), path, changed)
        waiting = asyncio.wrap_future(self._asked)
        try:
            done, _ = await asyncio.wait({waiting}, timeout=timeout_s)
            return waiting.result() if done else None
        finally:
            waiting.cancel()  # what runs goes on, and tells nobody

    def stop(self) -> None:
        """End the process, if there is one, without waiting for that. The index is not to be asked again."""
        if self._is_closed:
            return
        self._is_closed = True
        self._process.kill()  # also ends what a question waits for
        self._thread.submit(self._end)
        self._thread.shutdown(wait=False)

    async def close(self) -> None:
        """Do the same, and wait."""
        self.stop()
        await asyncio.to_thread(self._thread.shutdown)

    # -- in the thread ------------------------------------------------------------------------

    def _ask(
        self, names: list[str], modules: list[str], path: str, changed: list[str]
    ) -> tuple[Defined, ...] | None:
        question = {"names": names, "modules": modules, "path": path, "changed": changed}
        try:
            if not self._start():
                return None
            with self._process.watched(ANSWER_TIMEOUT_S):
                answer = self._process.ask(question)
        except OSError:  # it cannot be started
            answer = None
        if answer is None:
            self._died()
            return None
        self.status = IndexStatus(**answer["status"])
        if self.status.stopped and self.status.stopped != self._told:
            self._told = self.status.stopped
            log.warning("the index of %s has stopped: %s", self._workspace, self._told)
        return tuple(Defined(*each) for each in answer["found"])

    def _start(self) -> bool:
        """Start the process if it does not run; whether it may run at all.

        Raises:
            OSError: it cannot be started.
        """
        if self._process.pid is not None and not self._process.is_alive:
            self._died()
        if self._process.is_alive:
            return True
        if self._deaths.too_many or self._is_closed or not may_be_read(self._workspace):
            return False
        if self._note is None:
            self._note = tempfile.TemporaryFile()  # noqa: SIM115  # until the end
        self._note.seek(0)
        self._note.truncate()
        self._process.start(str(self._workspace), *self._skip, errors=self._note)
        return True

    def _died(self) -> None:
        self._process.bury()
        self.status = None
        if self._is_closed:
            return
        self._deaths.add("died", ())
        read = self._was_reading()
        if read and len(self._skip) < SKIPPED_MAX:
            self._skip[read] = None
        log.warning("the index of %s died%s", self._workspace, f", and leaves out {read} now" if read else "")
        if self._deaths.too_many:
            self.status = IndexStatus(0, 0, 0, 0, 0.0, complete=False, stopped=GIVEN_UP)
            log.warning("the index of %s is off until the server is restarted: %s", self._workspace, GIVEN_UP)

    def _was_reading(self) -> str:
        """Return the file that a dead process was reading; "": none."""
        if self._note is None:
            return ""
        self._note.seek(0)
        path = self._note.readline(PATH_BYTES_MAX).decode("utf-8", "ignore").rstrip("\r\n")
        return path if language_of(path) else ""  # else these are other words of a dying process

    def _end(self) -> None:
        self._process.bury()
        if self._note:
            self._note.close()


def may_be_read(workspace: Path) -> bool:
    """Whether a folder is a project: not the whole disk, not a home, and nothing that a home lies in."""
    try:
        real, home = workspace.resolve(), Path.home().resolve()
        return real.is_dir() and real != Path(real.anchor) and not home.is_relative_to(real)
    except (OSError, RuntimeError, ValueError):
        return False
