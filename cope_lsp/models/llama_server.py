"""A GGUF file, run by the `llama-server` of this machine: for where llama-cpp-python cannot be built.

It is a child of ours that ends when we do, listens on a Unix socket in a folder that only the user can enter,
and so is no server to anybody else. It is started when it is first needed, and again after it died, as often
as our own engine would be.
"""

import asyncio
import contextlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from cope_lsp.engine.deaths import Deaths
from cope_lsp.engine.foreign import NotAModel
from cope_lsp.engine.header import Header, read_header
from cope_lsp.engine.process import (
    LOAD_TIMEOUT_S,
    WORKER_ENVIRONMENT,
    kill_child,
)
from cope_lsp.engine.threads import thread_count
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import CopeError, EngineUnavailableError, GenerationError, ModelFileError
from cope_lsp.models.dialect import Card
from cope_lsp.models.remote import Session, opened
from cope_lsp.values import FimOrder, FimRole, Generation, ModelInfo, ModelState, Sample, Usage

PROGRAM = "llama-server"
ASK_EVERY_S = 0.02
ALIVE_S = 5.0
"""How long a server that missed a deadline may take to say that it lives."""

SOCKET_FOLDER_BYTES_MAX = 70
"""macOS takes 103 bytes for the path of a socket, Linux 107."""

_STDERR_LINES = 20

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


@dataclass(slots=True, eq=False)
class _Running:
    process: asyncio.subprocess.Process
    session: Session
    folder: Path
    info: ModelInfo
    watch: asyncio.Task[None] | None = None

    async def end(self) -> None:
        """Kill the server, and wait until everything of it is gone."""
        _kill(self.process)
        if self.watch:
            await asyncio.shield(self.watch)


class LlamaServerModel:
    """Implements `TextModel` on a llama-server of our own."""

    def __init__(self, program: str, path: Path, settings: EngineSettings, restarts_max: int) -> None:
        """Take what is run; nothing is started yet."""
        self.path = path
        self._program = program
        self._settings = settings
        self._running: _Running | None = None
        self._loading: asyncio.Task[_Running] | None = None
        self._deaths = Deaths(PROGRAM, restarts_max)
        self._off: CopeError | None = None
        self._printed: deque[str] = deque(maxlen=_STDERR_LINES)
        self._checks: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The process id of the server; None when none is running."""
        return self._running.process.pid if self._running else None

    @property
    def state(self) -> ModelState:
        """See `TextModel`."""
        if self._off:
            return "unavailable"
        if self._running:
            return "ready"
        return "loading" if self._loading and not self._loading.done() else "asleep"

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        return (await self._ready()).info

    async def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`. A server that died before it answered is replaced once."""
        answered = False
        try:
            async with aclosing((await self._ready()).session.generate(generation)) as answers:
                async for answer in answers:
                    answered = True
                    yield answer
        except GenerationError:
            self._checks.add(check := asyncio.create_task(self._look_after(self._running)))
            check.add_done_callback(self._checks.discard)
            raise
        except EngineUnavailableError as error:
            if answered:
                raise
            if running := self._running:  # it does not answer any more, so it need not be there
                await running.end()
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
        if self._loading and not self._loading.done():
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
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
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._start())
        return await asyncio.shield(self._loading)

    async def _start(self) -> _Running:
        header = await asyncio.to_thread(read_header, self.path)
        if isinstance(header, NotAModel):
            self._off = ModelFileError(header.message)
            raise self._off
        folder = await asyncio.to_thread(_make_folder)
        try:
            process = await self._spawn(folder / "engine.sock", header)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            self._off = EngineUnavailableError(f"{self._program} cannot be started: {error.strerror}")
            raise self._off from error
        running = None
        try:
            session = await self._connected(process, folder / "engine.sock", card_of(header, self.path))
            running = _Running(process, session, folder, session.info)
        finally:
            if running is None:
                _kill(process)
                await _gone(process, folder)
        self._running = running
        running.watch = asyncio.create_task(self._watch(running))
        return running

    async def _spawn(self, socket: Path, header: Header) -> asyncio.subprocess.Process:
        settings = self._settings
        threads = thread_count(settings.threads, header.parameters)
        arguments = ["-m", str(self.path), "--host", str(socket), "-np", str(settings.sequences)]
        arguments += ["-c", str(settings.context_tokens), "--kv-unified", "--no-webui", "--offline"]
        arguments += ["-ngl", str(settings.gpu_layers), "-t", str(threads)]
        arguments += ["-ctk", settings.cache_type, "-ctv", settings.cache_type]
        if settings.gpu_layers == 0:  # as in our engine: a text must not depend on what else is drawn
            arguments += ["-fa", "off"]
        # Nothing of what a user has set for a server of their own may change ours, or open a port.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("LLAMA_", "HF_"))}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "cope_lsp.models.leash", str(os.getpid())),
            *(self._program, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=WORKER_ENVIRONMENT | kept,
        )
        self._printed.clear()
        assert process.stderr is not None
        self._listening = asyncio.create_task(self._listen(process.stderr))
        return process

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        """Drain what it prints, so that it never blocks, and remember the end of it."""
        while chunk := await stream.read(4096):
            self._printed.extend(chunk.decode("utf-8", "replace").splitlines())

    async def _connected(self, process: asyncio.subprocess.Process, socket: Path, card: Card) -> Session:
        # The transport takes a while to import, and most people have llama-cpp-python.
        from cope_lsp.egress.completions import Completions  # noqa: PLC0415

        deadline = time.monotonic() + LOAD_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.returncode is not None:
                raise self._death(f"ended while it loaded {self.path}")
            if await asyncio.to_thread(socket.exists):
                server = Completions("http://llama-server", socket=socket)
                try:
                    healthy = (await server.get("/health")).status == 200
                except EngineUnavailableError:
                    healthy = False
                if healthy:
                    return await opened(server, card)
                await server.close()
            await asyncio.sleep(ASK_EVERY_S)
        raise self._death(f"did not load the model within {LOAD_TIMEOUT_S:.0f} s")

    async def _watch(self, running: _Running) -> None:
        """Wait for its end, and clean up after it."""
        await running.process.wait()
        if self._running is running:
            self._running = None
            self._death("died")
        await running.session.close()
        await _gone(running.process, running.folder)

    def _death(self, what: str) -> EngineUnavailableError:
        """Count a death; the last one allowed turns the engine off."""
        causes = [line for line in self._printed if "error loading model:" in line]
        error = self._deaths.add(what, causes or self._printed)
        self._off = self._off or self._deaths.too_many
        return error


def _make_folder() -> Path:
    """Make a folder that only the user can enter, with a path that is short enough for a socket in it."""
    usual = tempfile.gettempdir()
    short = len(os.fsencode(usual)) <= SOCKET_FOLDER_BYTES_MAX
    return Path(tempfile.mkdtemp(prefix="cope-", dir=usual if short else "/tmp"))  # noqa: S108  # mode 0700


def _kill(process: asyncio.subprocess.Process) -> None:
    if platform.system() == "Linux":
        kill_child(process)
    elif process.stdin:  # what we started is the leash, which kills when its input ends
        process.stdin.close()


async def _gone(process: asyncio.subprocess.Process, folder: Path) -> None:
    """Wait until a server that was killed is gone with its pipes and its folder."""
    await process.wait()
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


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
