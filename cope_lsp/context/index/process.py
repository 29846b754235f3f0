"""The index of a workspace as the server sees it: a process that may be slow, hang or die without harm.

Who asks says how long they wait; what is not known by then is left out. Nothing here is an error to anybody.
"""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from cope_lsp.checks.syntax.frames import receive, send
from cope_lsp.engine.deaths import Deaths

ANSWER_TIMEOUT_S = 12.0
"""Its process ends itself a little earlier; this is for one that cannot, as when it has been stopped."""
RESTARTS_MAX = 3
CHANGED_MAX = 1_000


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
    """Which bound it reached; "": none."""


@dataclass(frozen=True, slots=True)
class Defined:
    """A definition that was found: the path of its file in the workspace, and what a model is shown."""

    path: str
    text: str


class WorkspaceIndex:
    """One process, started by `start` and again when it has died; asks it one question at a time."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = ThreadPoolExecutor(1, "index")
        self._asked: Future[tuple[Defined, ...] | None] | None = None
        self._changed: dict[str, None] = {}
        self._deaths = Deaths("the index", RESTARTS_MAX)
        self._is_closed = False
        self.status: IndexStatus | None = None
        """As it was with the last answer."""

    @property
    def pid(self) -> int | None:
        """The process id of the one that builds; None when none is running."""
        return self._process.pid if self._process else None

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

    async def close(self) -> None:
        """End the process, if there is one. The index must not be asked again."""
        self._is_closed = True
        if self._process:
            self._process.kill()  # also ends what a question waits for
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._bury()

    # -- in the thread ------------------------------------------------------------------------

    def _ask(
        self, names: list[str], modules: list[str], path: str, changed: list[str]
    ) -> tuple[Defined, ...] | None:
        process = self._running()
        if process is None:
            return None
        assert process.stdin
        assert process.stdout
        watch = Timer(ANSWER_TIMEOUT_S, process.kill)
        watch.start()
        try:
            send(process.stdin, {"names": names, "modules": modules, "path": path, "changed": changed})
            answer = receive(process.stdout)
        except OSError:
            answer = None
        finally:
            watch.cancel()
        if answer is None:
            self._died()
            return None
        self.status = IndexStatus(**answer["status"])
        return tuple(Defined(*each) for each in answer["found"])

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self._process and self._process.poll() is not None:
            self._died()
        if self._process is None and not self._deaths.too_many and not self._is_closed:
            if not may_be_read(self._workspace):
                return None
            self._process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-P", "-m", "cope_lsp.context.index.worker", str(self._workspace)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def _died(self) -> None:
        self._bury()
        self.status = None
        if not self._is_closed:
            self._deaths.add("died", ())

    def _bury(self) -> None:
        """Kill the process and wait until it and its pipes are gone."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()


def may_be_read(workspace: Path) -> bool:
    """Whether a folder is a project: not the whole disk, not a home, and nothing that a home lies in."""
    try:
        real, home = workspace.resolve(), Path.home().resolve()
        return real.is_dir() and real != Path(real.anchor) and not home.is_relative_to(real)
    except (OSError, RuntimeError, ValueError):
        return False
