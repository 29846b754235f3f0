"""The stream from a server to an engine: that of its own child, or one to an engine that windows share."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from cope_lsp.engine.child import KILL_SIGNAL, WORKER_ENVIRONMENT, kill_child
from cope_lsp.engine.deaths import last_words
from cope_lsp.engine.local_socket import (
    CANNOT_LISTEN,
    PATH_BYTES_MAX,
    TAKEN,
    NoSocketError,
    connect,
    peer_pid,
    private_folder,
)
from cope_lsp.engine.neighbours import SOCKET_SUFFIX
from cope_lsp.engine.wire import (
    HEADER_BYTES,
    WIRE_VERSION,
    EngineSettings,
    Message,
    decode,
    encode,
    frame_length,
)
from cope_lsp.errors import EngineUnavailableError
from cope_lsp.version import __version__

JOIN_S = 20.0
"""How long a shared engine may take to listen; one that ends at this moment is gone after half a second."""
CONNECT_S = 1.0
RETRY_S = 0.02

_COMMAND = (sys.executable, "-P", "-m", "cope_lsp.engine.worker")  # -P: a repository's json.py is not ours
_LAST_LINES = 20
_LAST_BYTES = 4096


class StartError(EngineUnavailableError):
    """An engine died before anybody could speak to it."""

    def __init__(self, printed: Sequence[str]) -> None:
        super().__init__(f"the engine does not start{last_words(printed)}")
        self.printed = printed


class Link(Protocol):
    """An open stream to an engine."""

    pid: int
    """The engine's process."""
    reader: asyncio.StreamReader
    is_mine: bool
    """Whether it was started here, just now."""

    def send(self, message: Message) -> None:
        """Send a message; an engine that is gone is noticed by who reads."""
        ...

    async def leave(self) -> None:
        """Let go of the engine: it ends, unless others use it."""
        ...

    async def kill(self) -> None:
        """End the engine, whoever uses it."""
        ...

    def has_left(self) -> bool:
        """Whether an engine that is gone ended on purpose: it may be gone before it could be heard."""
        ...

    def printed(self) -> Sequence[str]:
        """Return the lines that the engine printed last."""
        ...


async def receive(link: Link) -> Message | None:
    """Return the next message; None when the stream has ended.

    Raises:
        FrameError: what comes is no message of this version.
    """
    try:
        header = await link.reader.readexactly(HEADER_BYTES)
        return decode(await link.reader.readexactly(frame_length(header)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


# -- an engine of one's own ---------------------------------------------------------------------------


class OwnLink:
    """The pipes to a child, which nobody else uses."""

    is_mine = True

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self.pid = process.pid
        self.reader = process.stdout
        self._process = process
        self._printed: deque[str] = deque(maxlen=_LAST_LINES)
        self._listening = asyncio.create_task(self._keep_printed())

    @classmethod
    async def start(cls) -> "OwnLink":
        """Start a child."""
        pipe = asyncio.subprocess.PIPE
        environment = WORKER_ENVIRONMENT | os.environ
        return cls(
            await asyncio.create_subprocess_exec(
                *_COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
            )
        )

    def send(self, message: Message) -> None:
        """See `Link`."""
        assert self._process.stdin is not None
        self._process.stdin.write(encode(message))

    async def leave(self) -> None:
        """See `Link`."""
        await self.kill()

    async def kill(self) -> None:
        """See `Link`. Waits until the child and its pipes are gone."""
        kill_child(self._process)
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()
        await self._listening

    def has_left(self) -> bool:
        """See `Link`."""
        return False

    def printed(self) -> Sequence[str]:
        """See `Link`."""
        return self._printed

    async def _keep_printed(self) -> None:
        """Drain what native code prints, so that it never blocks, and remember the end of it."""
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(4096):
            self._printed.extend(chunk.decode("utf-8", "replace").splitlines())


# -- an engine that windows share ---------------------------------------------------------------------


class SharedLink:
    """A connection to an engine that other servers of the same user may use, too."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        path: Path,
        started_pid: int | None,
    ) -> None:
        self.reader = reader
        self._writer = writer
        self._path = path
        self.pid = peer_pid(writer.get_extra_info("socket")) or 0
        self.is_mine = started_pid is not None and self.pid in {0, started_pid}
        # A process id may be given to another process; a descriptor of the process stays with it.
        self._process: int | None = None
        with contextlib.suppress(AttributeError, OSError):  # of Linux, and not of every one
            self._process = os.pidfd_open(self.pid)

    @classmethod
    async def join(cls, path: Path) -> "SharedLink":
        """Connect to the engine whose socket is at `path`, and start it if there is none.

        Raises:
            NoSocketError: none could be met there.
            StartError: the one that was started died.
        """
        starting = _Starting(path)
        try:
            return await cls._join(path, starting)
        except BaseException:
            starting.give_up()
            raise

    @classmethod
    async def _join(cls, path: Path, starting: "_Starting") -> "SharedLink":
        deadline = time.monotonic() + JOIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError, BlockingIOError):
                connection = connect(path, CONNECT_S)
                connection.settimeout(0)
                reader, writer = await asyncio.open_unix_connection(sock=connection)
                return cls(reader, writer, path, starting.pid)
            starting.go_on()
            await asyncio.sleep(RETRY_S)
        raise NoSocketError(f"no engine listened at {path} within {JOIN_S:.0f} s")

    def send(self, message: Message) -> None:
        """See `Link`."""
        self._writer.write(encode(message))

    async def leave(self) -> None:
        """See `Link`."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        if self._process is not None:
            os.close(self._process)
            self._process = None

    async def kill(self) -> None:
        """See `Link`."""
        with contextlib.suppress(OSError):
            if self._process is not None:
                signal.pidfd_send_signal(self._process, KILL_SIGNAL)
            elif self.pid:
                os.kill(self.pid, KILL_SIGNAL)
        await self.leave()

    def has_left(self) -> bool:
        """See `Link`. Who ends on purpose takes its socket away first."""
        return not self._path.exists()

    def printed(self) -> Sequence[str]:
        """See `Link`."""
        return _end_of_log(self._path)


def place_of(model_path: Path, settings: EngineSettings) -> Path:
    """Return where the engine for a model with these settings listens.

    Another version of us, another file at the same path and other settings are another engine.

    Raises:
        NoSocketError: there can be none on this machine.
        OSError: the file is not there.
    """
    found = model_path.stat()
    program = (WIRE_VERSION, __version__, sys.executable, __file__)
    model = (str(model_path.absolute()), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    named = json.dumps([*program, *model, asdict(settings)])
    path = private_folder() / f"{hashlib.sha256(named.encode()).hexdigest()[:16]}{SOCKET_SUFFIX}"
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise NoSocketError(f"the path of a socket is too long: {path}")
    return path


class _Starting:
    """An engine that is started because none listened, until somebody does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def go_on(self) -> None:
        """Start an engine, or another one when that found its place taken by one that is ending.

        Raises:
            StartError: it died.
        """
        status = None if self._process is None else self._process.poll()
        if status == CANNOT_LISTEN:
            raise NoSocketError(f"nothing can listen at {self._path}")
        if status not in {None, 0, TAKEN}:
            raise StartError(_end_of_log(self._path))
        if self._process is None or status is not None:
            self._process = _start(self._path)

    def give_up(self) -> None:
        """Kill it, unless it listens: then others may have come to it, and if none has it ends by itself."""
        if self._process is not None and self._process.poll() is None and not self._path.exists():
            self._process.kill()


def _start(path: Path) -> subprocess.Popen[bytes]:
    with path.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # our own module
            [*_COMMAND, "--socket", path],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=path.parent,
            env=WORKER_ENVIRONMENT | os.environ,
            start_new_session=True,  # Ctrl-C in this terminal is not meant for the other windows
        )
    # It may outlive us; when it does not, somebody must take note of its end.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def _end_of_log(path: Path) -> list[str]:
    with contextlib.suppress(OSError), path.with_suffix(".log").open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_BYTES))
        return log.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
    return []
