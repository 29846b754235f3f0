"""Runs commands on a repository as it would be with other texts in some files: each in a cage of its own.

The repository itself is never written to; see `root` for what the command sees. A cage serves one
command. The next one is made ahead, while nobody waits for it. Whoever stops waiting ends the cage with all
in it.
"""

import asyncio
import json
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cope_lsp.checks.cage.held import hang_up, last_words, undisturbed
from cope_lsp.errors import SandboxUnavailableError

START_TIMEOUT_S = 30.0
ANSWER_GRACE_S = 30.0
"""How long after a command's time is up its cage may stay silent before it counts as broken."""

_READY = b"ready\n"
_LENGTH_BYTES = 4
_NOT_CAGED = 3
"""The status of a first process that could not make its cage, as it is in `keeper`."""

_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from cope_lsp.checks.suite.keeper import main; main(sys.argv[2])"
)
_PACKAGE_FOLDER = str(Path(__file__).parents[3])
_PLUGIN = Path(__file__).with_name("plugin.py")

Ending = Literal["finished", "timed-out", "flooded", "too much memory"]


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """What one command and all that it starts may use at most."""

    memory_bytes: int = 4 << 30
    """Of all processes together; also of each."""
    processes: int = 256
    """Threads count, too."""
    output_bytes: int = 16 << 20
    disk_bytes: int = 512 << 20
    """All that is written, in the repository and elsewhere; it is in memory."""
    file_bytes: int = 256 << 20
    open_files: int = 1_024


@dataclass(frozen=True, slots=True)
class Order:
    """A command, and what the repository is like for it."""

    command: tuple[str, ...]
    environment: dict[str, str]
    writes: dict[str, str] = field(default_factory=dict)
    """Texts of files, by their path in the repository, without links."""
    shown: tuple[tuple[Path, Path], ...] = ()
    """Folders that are seen, read-only: at which path, and where they really are."""
    timeout_s: float = 60.0
    limits: TreeLimits = field(default_factory=TreeLimits)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command."""

    ending: Ending
    status: int | None
    """Its exit status, negative for a signal; None if it did not end by itself."""
    report: str
    """What came through the descriptor for reports."""
    key: bytes
    """Nobody but the plugin was told it, before anything else of the run was loaded."""
    output: str
    """The end of what was printed."""
    changes: tuple[str, ...]
    """Paths in the repository that the run wrote, replaced or removed."""
    is_copy: bool
    """Whether the repository was copied, since the kernel refused an overlay."""


class CageBrokenError(Exception):
    """A cage ended or fell silent while a command ran in it."""


class Tree:
    """A repository in which commands can be run, several at once."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._spare: asyncio.Task[_Cage] | None = None
        self._all: set[_Cage] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    async def run(self, order: Order) -> Outcome:
        """Run a command; when this returns or is cancelled, nothing of it is left.

        Raises:
            SandboxUnavailableError: there is no safe place to run it, so it was not run.
            CageBrokenError: nothing can be said about the command.
        """
        if self._closed:
            raise SandboxUnavailableError("the tests of this workspace were closed")
        cage = await self._cage()
        try:
            if self._spare is None:
                self._spare = asyncio.create_task(self._start())
            outcome = await cage.run(order, self._workspace)
        except BaseException:
            await undisturbed(self._end(cage))
            raise
        # The command and all that it started are gone; only the first process is still about to leave.
        task = asyncio.create_task(self._end(cage))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return outcome

    async def close(self) -> None:
        """End every cage and all that runs in it."""
        self._closed = True
        spare, self._spare = self._spare, None
        if spare is not None:
            await asyncio.wait([spare])
            spare.exception()  # looked at, so that nobody is told that nobody did
        await asyncio.gather(*self._leaving, *(self._end(cage) for cage in self._all))

    async def _cage(self) -> "_Cage":
        """Return the cage that was made ahead, or a new one."""
        spare, self._spare = self._spare, None
        if spare is None:
            return await self._start()
        try:
            cage = await asyncio.shield(spare)
        except asyncio.CancelledError:
            if self._spare is None:
                self._spare = spare
            raise
        return cage if cage.process.returncode is None else await self._start()

    async def _end(self, cage: "_Cage") -> None:
        await cage.close()
        self._all.discard(cage)

    async def _start(self) -> "_Cage":
        cage = await _Cage.start(self._workspace)
        self._all.add(cage)
        return cage


class _Cage:
    """The first process of a cage, from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, workspace: Path) -> "_Cage":
        if sys.platform != "linux":
            raise SandboxUnavailableError(unavailable("only Linux has what is needed so far"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-s", "-S", "-P", "-c", _PROGRAM, _PACKAGE_FOLDER, str(workspace),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}, cwd="/", start_new_session=True,
        )  # fmt: skip
        cage = cls(process)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(START_TIMEOUT_S):
                await process.stdout.readexactly(len(_READY))
        except (asyncio.IncompleteReadError, TimeoutError):
            reason = await last_words(cage.process)
            await cage.close()
            raise SandboxUnavailableError(unavailable(reason)) from None
        except BaseException:
            await undisturbed(cage.close())
            raise
        return cage

    async def run(self, order: Order, workspace: Path) -> Outcome:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        key = secrets.token_bytes(32)
        text = json.dumps(_as_json(order, workspace, key)).encode()
        try:
            async with asyncio.timeout(order.timeout_s + ANSWER_GRACE_S):
                self.process.stdin.write(len(text).to_bytes(_LENGTH_BYTES, "big") + text)
                await self.process.stdin.drain()
                size = int.from_bytes(await self.process.stdout.readexactly(_LENGTH_BYTES), "big")
                answer = json.loads(await self.process.stdout.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            reason = await last_words(self.process)
            if self.process.returncode == _NOT_CAGED:
                raise SandboxUnavailableError(unavailable(reason)) from None
            raise CageBrokenError(reason) from None
        except TimeoutError:
            raise CageBrokenError("no answer") from None
        return Outcome(**{**answer, "changes": tuple(answer["changes"])}, key=key)

    async def close(self) -> None:
        """End the cage with all that runs in it."""
        await hang_up(self.process)


def _as_json(order: Order, workspace: Path, key: bytes) -> dict[str, Any]:
    limits = order.limits
    return {
        "workspace": str(workspace),
        "command": order.command,
        "environment": order.environment,
        "writes": order.writes,
        "shown": [(str(path), str(source)) for path, source in order.shown],
        "timeout_s": order.timeout_s,
        "plugin": _PLUGIN.read_text("utf-8"),
        "key": key.hex(),
        "output_bytes": limits.output_bytes,
        "disk_bytes": limits.disk_bytes,
        "bounds": {
            "cpu_s": int(order.timeout_s) * 4 + 1,  # of one process, which may have several threads
            "memory_bytes": 4 * limits.memory_bytes,  # many libraries reserve more than they use
            "data_bytes": limits.memory_bytes,
            "file_bytes": limits.file_bytes,
            "processes": limits.processes,
            "open_files": limits.open_files,
        },
    }


def unavailable(reason: str) -> str:
    """Return a message for the person whose tests are not run."""
    return (
        f"tests cannot be run in a sandbox on this system ({reason}), so they are not run; "
        "Linux with unprivileged user namespaces is needed"
    )
