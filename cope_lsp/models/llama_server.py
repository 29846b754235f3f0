"""A GGUF file, run by the `llama-server` of this machine: for where llama-cpp-python cannot be built.

A child of ours (`leash`) holds it and ends it when we end. It listens on a Unix socket in a folder that only
the user can enter, and so is no server to anybody else. It is started when it is first needed, and again
after it died, as often as our own engine would be.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from cope_lsp.engine.child import WORKER_ENVIRONMENT
from cope_lsp.engine.deaths import Deaths
from cope_lsp.engine.foreign import NotAModel
from cope_lsp.engine.header import Header, read_header
from cope_lsp.engine.process import LOAD_TIMEOUT_S
from cope_lsp.engine.threads import thread_count
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import CopeError, EngineUnavailableError, GenerationError, ModelFileError
from cope_lsp.models.dialect import Card
from cope_lsp.models.opening import Opening
from cope_lsp.models.remote import Session, is_healthy, opened
from cope_lsp.values import FimOrder, FimRole, Generation, ModelInfo, ModelState, Sample, Usage

PROGRAM = "llama-server"
SOCKET = "engine.sock"
ASK_EVERY_S = 0.02
ALIVE_S = 5.0
"""How long a server that missed a deadline may take to say that it lives."""

END_S = 5.0
"""How long is waited for what was killed: a process that the system cannot end must not hold us."""

SOCKET_FOLDER_BYTES_MAX = 70
"""macOS takes 103 bytes for the path of a socket, Linux 107."""

_STDERR_LINES = 20
_STDERR_BYTES = 16_384

_FIM_KEYS: dict[str, FimRole] = {
    "fim_pre_token_id": "prefix",
    "fim_suf_token_id": "suffix",
    "fim_mid_token_id": "middle",
    "fim_rep_token_id": "repository",
    "fim_sep_token_id": "file",
}


def find_program() -> str | None:
    """Return the path of `llama-server`; None where there is none on PATH.

    An entry of PATH that is not absolute leads into whatever folder we were started in, and is passed over.
    Windows is, too: what we start listens on a Unix socket.
    """
    if os.name != "posix":
        return None
    folders = [
        entry for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(entry).is_absolute()
    ]
    return shutil.which(PROGRAM, path=os.pathsep.join(folders))


class _LastLines(asyncio.Protocol):
    """Drains what a server prints, so that it never blocks, and remembers the end of it."""

    def __init__(self) -> None:
        self._end = b""
        self.are_all = asyncio.Event()

    @property
    def lines(self) -> list[str]:
        """The last lines, without empty ones."""
        lines = self._end.decode("utf-8", "replace").splitlines()
        return [line for line in lines if line.strip()][-_STDERR_LINES:]

    def data_received(self, data: bytes) -> None:
        self._end = (self._end + data)[-_STDERR_BYTES:]

    def connection_lost(self, _error: Exception | None) -> None:
        self.are_all.set()


@dataclass(frozen=True, slots=True, eq=False)
class _Leash:
    """The process that holds a server, and what belongs to it."""

    process: asyncio.subprocess.Process
    printed: _LastLines
    pipe: asyncio.ReadTransport
    folder: Path

    @classmethod
    async def hold(cls, folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> "_Leash":
        """Start a server in a process group of its own, with a folder that the leash makes."""
        # asyncio would count a pipe of its own to the process, which then ends only with all who hold it.
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb"):
            pipe, printed = await asyncio.get_running_loop().connect_read_pipe(
                _LastLines, os.fdopen(reading, "rb", buffering=0)
            )
            process = None
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "cope_lsp.models.leash", str(folder), *command),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=writing,
                    env=environment,
                    start_new_session=True,
                )
            finally:
                if process is None:
                    pipe.close()
        return cls(process, printed, pipe, folder)

    def kill(self) -> None:
        """Kill the whole group, also what a wrapper of the server has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until it has ended, by itself or not, with its server and its folder."""
        try:
            await self.process.wait()
            self.kill()  # if the leash alone was killed, by somebody else, its group is still there
            if self.process.stdin is not None:
                self.process.stdin.close()
                with contextlib.suppress(ConnectionError):
                    await self.process.stdin.wait_closed()
        finally:
            self.pipe.close()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


@dataclass(slots=True, eq=False)
class _Running:
    leash: _Leash
    session: Session
    info: ModelInfo
    watch: asyncio.Task[None] | None = None

    async def end(self) -> None:
        """Kill the server, and wait until everything of it is gone."""
        self.leash.kill()
        if self.watch:
            await asyncio.wait({self.watch}, timeout=END_S)


class LlamaServerModel:
    """Implements `TextModel` on a llama-server of our own."""

    def __init__(self, program: str, path: Path, settings: EngineSettings, restarts_max: int) -> None:
        """Take what is run; nothing is started yet."""
        self.path = path
        self._program = program
        self._settings = settings
        self._running: _Running | None = None
        self._opening = Opening(self._start)
        self._deaths = Deaths(PROGRAM, restarts_max)
        self._off: CopeError | None = None
        self._checks: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The process id of the server's leash, which leads its group; None when none is running."""
        return self._running.leash.process.pid if self._running else None

    @property
    def state(self) -> ModelState:
        """See `TextModel`."""
        if self._off:
            return "unavailable"
        if self._running:
            return "ready"
        return "loading" if self._opening.is_running else "asleep"

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        return (await self._ready()).info

    async def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`. A server that died before it answered is replaced once."""
        answered, running = False, None
        try:
            running = await self._ready()
            async with aclosing(running.session.generate(generation)) as answers:
                async for answer in answers:
                    answered = True
                    yield answer
        except GenerationError:
            self._checks.add(check := asyncio.create_task(self._look_after(running)))
            check.add_done_callback(self._checks.discard)
            raise
        except EngineUnavailableError as error:
            await self._look_after(running)
            if answered:
                raise
            if self._off:
                raise self._off from error
        else:
            return
        async with aclosing((await self._ready()).session.generate(generation)) as answers:
            async for answer in answers:
                yield answer

    async def close(self) -> None:
        """See `TextModel`."""
        self._off = EngineUnavailableError("the engine was closed")
        await self._opening.stop()
        if running := self._running:
            self._running = None
            await running.end()
        await asyncio.gather(*self._checks)

    async def _look_after(self, running: _Running | None) -> None:
        """End a server that does not even say that it lives; one that is only slow is left to work."""
        if running and not await running.session.is_alive(ALIVE_S) and self._running is running:
            await running.end()

    async def _ready(self) -> _Running:
        """Return the server, started if need be; who stops waiting does not stop the loading."""
        if self._off:
            raise self._off
        if self._running:
            return self._running
        return await self._opening.result()

    async def _start(self) -> _Running:
        header = await asyncio.to_thread(read_header, self.path)
        if isinstance(header, NotAModel):
            self._off = ModelFileError(header.message)
            raise self._off
        folder = _folder()
        try:
            leash = await _Leash.hold(folder, self._command(folder, header), _environment())
        except OSError as error:
            self._off = EngineUnavailableError(f"{self._program} cannot be started: {error.strerror}")
            raise self._off from error
        running = None
        try:
            session = await self._connected(leash, card_of(header, self.path))
            running = _Running(leash, session, session.info)
        finally:
            if running is None:
                leash.kill()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(leash.gone(), END_S)
        self._running = running
        running.watch = asyncio.create_task(self._watch(running))
        return running

    def _command(self, folder: Path, header: Header) -> list[str]:
        settings = self._settings
        threads = thread_count(settings.threads, header.parameters)
        command = [self._program, "-m", str(self.path), "--host", str(folder / SOCKET)]
        command += ["-np", str(settings.sequences), "-c", str(settings.context_tokens)]
        command += ["--kv-unified", "--no-webui", "--offline"]
        command += ["-ngl", str(settings.gpu_layers), "-t", str(threads)]
        command += ["-ctk", settings.cache_type, "-ctv", settings.cache_type]
        if settings.gpu_layers == 0:  # as in our engine: a text must not depend on what else is drawn
            command += ["-fa", "off"]
        return command

    async def _connected(self, leash: _Leash, card: Card) -> Session:
        # The transport takes a while to import, and most people have llama-cpp-python.
        from cope_lsp.egress.completions import Completions  # noqa: PLC0415

        socket, deadline = leash.folder / SOCKET, time.monotonic() + LOAD_TIMEOUT_S
        while (left_s := deadline - time.monotonic()) > 0:
            if leash.process.returncode is not None:
                with contextlib.suppress(TimeoutError):  # what it printed last may still be on its way
                    await asyncio.wait_for(leash.printed.are_all.wait(), ALIVE_S)
                raise self._death(leash, f"ended while it loaded {self.path}")
            if await asyncio.to_thread(socket.exists):
                server = Completions("http://llama-server", socket=socket)
                if await is_healthy(server, left_s):
                    return await opened(server, card, LOAD_TIMEOUT_S)
                await server.close()
            await asyncio.sleep(ASK_EVERY_S)
        raise self._death(leash, f"did not load the model within {LOAD_TIMEOUT_S:.0f} s")

    async def _watch(self, running: _Running) -> None:
        """Wait for its end, and clean up after it."""
        await running.leash.process.wait()
        if self._running is running:
            self._running = None
            self._death(running.leash, "died")
        await running.session.close()
        await running.leash.gone()

    def _death(self, leash: _Leash, what: str) -> EngineUnavailableError:
        """Count a death; the last one allowed turns the engine off."""
        causes = [line for line in leash.printed.lines if "error loading model:" in line]
        error = self._deaths.add(what, causes or leash.printed.lines)
        self._off = self._off or self._deaths.too_many
        return error


def _environment() -> dict[str, str]:
    """Return ours without what a user has set for a server of their own: it must not change this one."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LLAMA_", "HF_"))}
    return WORKER_ENVIRONMENT | kept


def _folder() -> Path:
    """Return a folder for the leash to make, with a path that is short enough for a socket in it."""
    usual = tempfile.gettempdir()
    short = len(os.fsencode(usual)) <= SOCKET_FOLDER_BYTES_MAX
    return Path(usual if short else "/tmp") / f"cope-{secrets.token_hex(8)}"  # noqa: S108  # nobody guesses it


def card_of(header: Header, path: Path) -> Card:
    """Return what the file says that the server does not hand on."""
    hints = header.hints
    languages = hints.get("cope.languages")
    tokens_max = hints.get("cope.suffix_tokens_max")
    order = hints.get("cope.fim_order")
    marks = {role: hints.get(f"tokenizer.ggml.{key}") for key, role in _FIM_KEYS.items()}
    return Card(
        name=header.name or path.stem,
        languages=tuple(languages.split(",")) if isinstance(languages, str) and languages else None,
        suffix_tokens_max=int(str(tokens_max)) if str(tokens_max).isdecimal() else None,
        fim_order=cast("FimOrder", order) if order in get_args(FimOrder) else None,
        fim={role: token for role, token in marks.items() if isinstance(token, int)},
    )
