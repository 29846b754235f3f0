"""The engine as the server sees it: a child process that is started when needed and may die.

States: not started, running, or off. A dead worker is started again for the next request, a few times in
five minutes; then the engine is off, with a reason for the user.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from cope_lsp.engine.deaths import Deaths, last_words
from cope_lsp.engine.foreign import NotAModel
from cope_lsp.engine.header import read_header
from cope_lsp.engine.wire import (
    HEADER_BYTES,
    WIRE_VERSION,
    Cancel,
    Drawn,
    EngineSettings,
    Finished,
    Generate,
    Message,
    Open,
    Ready,
    Refused,
    decode,
    encode,
    frame_length,
)
from cope_lsp.errors import CopeError, EngineUnavailableError, FrameError, GenerationError, ModelFileError
from cope_lsp.values import Generation, ModelInfo, ModelState, Sample, Usage

RESTARTS_MAX = 3
LOAD_TIMEOUT_S = 120.0
ANSWER_GRACE_S = 5.0
"""How long after its deadline or its cancellation a generation may stay unanswered before the worker
counts as hung and is killed."""

_STDERR_LINES = 20
_KILL_SIGNAL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has but the latter, and it kills

WORKER_ENVIRONMENT = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
"""By default OpenMP's threads spin at barriers. Beside any other busy process (a compiler, say) each barrier
then lasts a time slice of the system: measured 10 to 15 times slower than with threads that go to sleep."""

_Answer = Drawn | Finished | EngineUnavailableError


class _WorkerDiedError(EngineUnavailableError):
    """The worker was lost while a generation waited for it."""


@dataclass(slots=True, eq=False)
class _Worker:
    """A running child and the generations that wait for it."""

    process: asyncio.subprocess.Process
    model: ModelInfo
    answers: dict[int, asyncio.Queue[_Answer]] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class EngineProcess:
    """One model in one child process, for one event loop."""

    def __init__(self, model_path: Path, settings: EngineSettings, restarts_max: int = RESTARTS_MAX) -> None:
        self.model_path = model_path
        self.settings = settings
        self._ids = itertools.count(1)
        self._worker: _Worker | None = None
        self._loading: asyncio.Task[_Worker] | None = None
        self._deaths = Deaths("the engine", restarts_max)
        self._off: EngineUnavailableError | ModelFileError | None = None
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)

    @property
    def pid(self) -> int | None:
        """The process id of the worker; None when none is running."""
        return self._worker.process.pid if self._worker else None

    @property
    def state(self) -> ModelState:
        """Whether the model is loaded."""
        if self._off:
            return "unavailable"
        if self._worker:
            return "ready"
        return "loading" if self._loading and not self._loading.done() else "asleep"

    async def start(self) -> ModelInfo:
        """Return the model, loading it first when no worker is running.

        Raises:
            ModelFileError: the file cannot be loaded; asking again does not try again.
            EngineUnavailableError: the worker died too often or did not come up.
        """
        return (await self._running()).model

    async def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """Yield every sample as it is complete, then the usage.

        Closing the iterator early cancels what is left; the engine stops at its next batch. A worker that
        died before it answered, as one may have done unnoticed, is replaced once.

        Raises:
            EngineUnavailableError: the worker died or hung; the next call starts another.
            GenerationError: the engine is well but cannot serve this request.
        """
        answered = False
        try:
            async with contextlib.aclosing(self._attempt(generation)) as answers:
                async for answer in answers:
                    answered = True
                    yield answer
        except _WorkerDiedError:
            if answered:
                raise
        else:
            return
        async with contextlib.aclosing(self._attempt(generation)) as answers:
            async for answer in answers:
                yield answer

    async def _attempt(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        worker = await self._running()
        job_id = next(self._ids)
        queue = worker.answers[job_id] = asyncio.Queue()
        deadline = time.monotonic() + generation.limits.deadline_s + ANSWER_GRACE_S
        finished = False
        try:
            self._send(worker, Generate(job_id, generation))
            while not finished:
                answer = await self._next_answer(worker, queue, deadline)
                finished = isinstance(answer, Finished)
                yield _result(answer)
        finally:
            if not finished:
                self._abandon(worker, job_id)
            else:
                worker.answers.pop(job_id, None)

    async def close(self) -> None:
        """End the worker, if there is one, and stay off."""
        self._off = EngineUnavailableError("the engine was closed")
        if self._loading and not self._loading.done():
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        if worker := self._worker:
            await self._reap(worker)
            await asyncio.gather(*worker.tasks)

    # -- the child ----------------------------------------------------------------------------

    async def _running(self) -> _Worker:
        """Return the worker, started if need be; who stops waiting does not stop the loading."""
        if self._off:
            raise self._off
        if self._worker:
            return self._worker
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._spawn())
        return await asyncio.shield(self._loading)

    async def _spawn(self) -> _Worker:
        await self._check_file()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a repository's own json.py must not become ours
            "-m",
            "cope_lsp.engine.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=WORKER_ENVIRONMENT | os.environ,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        self._stderr.clear()
        listening = asyncio.create_task(self._keep_stderr(process.stderr))
        answer = None
        try:
            answer = await self._open(process)
        finally:
            if not isinstance(answer, Ready):
                await _bury(process)
                await listening
        if not isinstance(answer, Ready):
            raise self._refusal(answer)
        self._worker = worker = _Worker(process, answer.model)
        worker.tasks = [listening, asyncio.create_task(self._receive(worker, process.stdout))]
        return worker

    async def _check_file(self) -> None:
        """See that native code is given nothing but what looks like a model, each time it is loaded."""
        found = await asyncio.to_thread(read_header, self.model_path)
        if isinstance(found, NotAModel):
            self._off = ModelFileError(found.message)
            raise self._off

    async def _open(self, process: asyncio.subprocess.Process) -> Message | TimeoutError | None:
        """Send `Open` and return what comes of it."""
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode(Open(WIRE_VERSION, str(self.model_path), self.settings)))
        try:
            return await asyncio.wait_for(_read_message(process.stdout), LOAD_TIMEOUT_S)
        except TimeoutError as error:
            return error
        except FrameError:
            return None

    def _refusal(self, answer: Message | TimeoutError | None) -> CopeError:
        """Return the error for a worker that did not become ready."""
        if isinstance(answer, Refused):
            self._off = ModelFileError(answer.reason)
            return self._off
        if isinstance(answer, TimeoutError):
            return self._death(f"did not load the model within {LOAD_TIMEOUT_S:.0f} s")
        return self._death(f"died while it loaded {self.model_path}")

    async def _receive(self, worker: _Worker, stream: asyncio.StreamReader) -> None:
        """Hand the worker's answers to those who wait, until it is gone."""
        with contextlib.suppress(FrameError):
            while message := await _read_message(stream):
                if isinstance(message, Drawn | Finished) and message.id in worker.answers:
                    worker.answers[message.id].put_nowait(message)
        if self._worker is worker:
            self._worker = None
            self._death("died")
        await _bury(worker.process)
        for queue in worker.answers.values():
            queue.put_nowait(_WorkerDiedError(f"the engine died{last_words(self._stderr)}"))

    def _death(self, what: str) -> EngineUnavailableError:
        """Count a death; the last one allowed turns the engine off."""
        error = self._deaths.add(what, self._stderr)
        self._off = self._off or self._deaths.too_many
        return error

    async def _keep_stderr(self, stream: asyncio.StreamReader) -> None:
        """Drain what native code prints, so that it never blocks, and remember the end of it."""
        while chunk := await stream.read(4096):
            self._stderr.extend(chunk.decode("utf-8", "replace").splitlines())

    # -- one generation -----------------------------------------------------------------------

    async def _next_answer(
        self, worker: _Worker, queue: asyncio.Queue[_Answer], deadline: float
    ) -> Drawn | Finished:
        try:
            answer = await asyncio.wait_for(queue.get(), max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            if self._worker is not worker:  # another generation noticed first: it hung once
                raise EngineUnavailableError(f"the engine died{last_words(self._stderr)}") from None
            await self._reap(worker)
            raise self._death("did not answer and was stopped") from None
        if isinstance(answer, EngineUnavailableError):
            raise answer
        return answer

    def _abandon(self, worker: _Worker, job_id: int) -> None:
        """Cancel a generation that nobody waits for, and see that the engine obeys."""
        if self._worker is not worker:
            return
        self._send(worker, Cancel(job_id))
        worker.tasks.append(asyncio.create_task(self._await_obedience(worker, job_id)))

    async def _await_obedience(self, worker: _Worker, job_id: int) -> None:
        deadline = time.monotonic() + ANSWER_GRACE_S
        with contextlib.suppress(EngineUnavailableError):
            while isinstance(await self._next_answer(worker, worker.answers[job_id], deadline), Drawn):
                pass
        worker.answers.pop(job_id, None)
        worker.tasks[:] = [task for task in worker.tasks if not task.done()]

    def _send(self, worker: _Worker, message: Message) -> None:
        assert worker.process.stdin
        worker.process.stdin.write(encode(message))

    async def _reap(self, worker: _Worker) -> None:
        """Kill a worker and wait until it is gone; nobody is told that it died."""
        if self._worker is worker:
            self._worker = None
        await _bury(worker.process)


def _result(answer: Drawn | Finished) -> Sample | Usage:
    if isinstance(answer, Drawn):
        return answer.sample
    if answer.error:
        raise GenerationError(answer.error)
    return answer.usage


def kill_child(process: asyncio.subprocess.Process) -> None:
    """Kill a child that may be dead already.

    `Process.kill` would reap a dead one behind asyncio's back, which then complains and invents a status.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, _KILL_SIGNAL)


async def _bury(process: asyncio.subprocess.Process) -> None:
    """Kill a child and wait until it and its pipes are gone."""
    kill_child(process)
    await process.wait()
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()


async def _read_message(stream: asyncio.StreamReader) -> Message | None:
    """Return the next message; None when the stream has ended."""
    try:
        header = await stream.readexactly(HEADER_BYTES)
        return decode(await stream.readexactly(frame_length(header)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
