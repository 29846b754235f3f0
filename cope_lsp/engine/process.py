"""The engine as the server sees it: another process that is started when needed and may die.

States: not started, running, or off. A dead engine is started again for the next request, a few times in
five minutes; then it is off, with a reason for the user. It may be shared with other servers of the user.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cope_lsp.engine.deaths import Deaths, last_words
from cope_lsp.engine.foreign import NotAModel
from cope_lsp.engine.header import read_header
from cope_lsp.engine.link import (
    Link,
    OwnLink,
    SharedLink,
    StartError,
    place_of,
    receive,
)
from cope_lsp.engine.local_socket import NoSocketError
from cope_lsp.engine.wire import (
    WIRE_VERSION,
    Cancel,
    Drawn,
    EngineSettings,
    EngineStatus,
    Finished,
    Generate,
    Inquire,
    Leaving,
    Message,
    Open,
    Ready,
    Refused,
)
from cope_lsp.errors import CopeError, EngineUnavailableError, FrameError, GenerationError, ModelFileError
from cope_lsp.values import Generation, ModelInfo, ModelState, Sample, Usage

RESTARTS_MAX = 3
LOAD_TIMEOUT_S = 120.0
ANSWER_GRACE_S = 5.0
"""How long after its deadline or its cancellation a generation may stay unanswered before the worker
counts as hung and is killed."""

CATCH_UP_S = 0.2
STATUS_S = 0.3
JOINS_MAX = 5
"""A shared engine may end just when somebody comes; then another is started."""
RETRY_S = 0.05

_Answer = Drawn | Finished | EngineUnavailableError


class _WorkerLostError(EngineUnavailableError):
    """The worker died or ended while a generation waited for it."""


@dataclass(slots=True, eq=False)
class _Worker:
    """A running engine and the generations that wait for it."""

    link: Link
    model: ModelInfo
    answers: dict[int, asyncio.Queue[_Answer]] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    inquiries: asyncio.Queue[EngineStatus] = field(default_factory=asyncio.Queue)


class EngineProcess:
    """One model in one other process, for one event loop."""

    def __init__(
        self,
        model_path: Path,
        settings: EngineSettings,
        restarts_max: int = RESTARTS_MAX,
        *,
        shared: bool = False,
    ) -> None:
        """Start nothing yet.

        Args:
            model_path: the model file.
            settings: how it is run.
            restarts_max: see `Deaths`.
            shared: whether all servers of this user that want the same use one engine together. Where that
                cannot be, each has its own.
        """
        self.model_path = model_path.absolute()
        self.settings = settings
        self._shared = shared
        self._ids = itertools.count(1)
        self._worker: _Worker | None = None
        self._loading: asyncio.Task[_Worker] | None = None
        self._deaths = Deaths("the engine", restarts_max)
        self._off: EngineUnavailableError | ModelFileError | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the worker; None when none is running."""
        return self._worker.link.pid if self._worker else None

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
        except _WorkerLostError:
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
            worker.link.send(Generate(job_id, generation))
            while not finished:
                answer = await self._next_answer(worker, queue, deadline)
                finished = isinstance(answer, Finished)
                yield _result(answer)
        finally:
            if not finished:
                self._abandon(worker, job_id)
            else:
                worker.answers.pop(job_id, None)

    async def status(self) -> EngineStatus | None:
        """Return what the engine does; None when none is running, or it does not answer. Loads nothing."""
        if (worker := self._worker) is None:
            return None
        worker.link.send(Inquire())
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(worker.inquiries.get(), STATUS_S)
        return None

    async def close(self) -> None:
        """Let go of the engine, which ends unless others use it, and stay off."""
        self._off = EngineUnavailableError("the engine was closed")
        if self._loading and not self._loading.done():
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        if worker := self._worker:
            self._worker = None
            await worker.link.leave()
            await asyncio.gather(*worker.tasks)

    # -- the other process --------------------------------------------------------------------

    async def _running(self) -> _Worker:
        """Return the worker, started if need be; who stops waiting does not stop the loading."""
        if self._off:
            raise self._off
        if self._worker:
            return self._worker
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._begin())
        return await asyncio.shield(self._loading)

    async def _begin(self) -> _Worker:
        await self._check_file()
        for _ in range(JOINS_MAX):
            link = await self._link()
            answer = None
            try:
                answer = await self._open(link)
            finally:
                if not isinstance(answer, Ready):
                    await self._give_up(link, answer)
            if isinstance(answer, Ready):
                self._worker = worker = _Worker(link, answer.model)
                worker.tasks = [asyncio.create_task(self._receive(worker))]
                return worker
            # An engine that was ending as we came is none that died while it loaded the model for us.
            if not isinstance(answer, Leaving) and (answer is not None or link.is_mine):
                raise self._refusal(answer, link)
            await asyncio.sleep(RETRY_S)
        raise self._death("ended again and again")

    async def _check_file(self) -> None:
        """See that native code is given nothing but what looks like a model, each time it is loaded."""
        found = await asyncio.to_thread(read_header, self.model_path)
        if isinstance(found, NotAModel):
            self._off = ModelFileError(found.message)
            raise self._off

    async def _link(self) -> Link:
        """Return the stream to an engine, one that is shared where that can be."""
        if self._shared:
            try:
                return await SharedLink.join(place_of(self.model_path, self.settings))
            except StartError as error:
                raise self._death("died while it was started", error.printed) from error
            except (NoSocketError, OSError):
                pass
        return await OwnLink.start()

    async def _open(self, link: Link) -> Message | TimeoutError | None:
        """Send `Open` and return what comes of it."""
        link.send(Open(WIRE_VERSION, str(self.model_path), self.settings))
        try:
            return await asyncio.wait_for(receive(link), LOAD_TIMEOUT_S)
        except TimeoutError as error:
            return error
        except FrameError:
            return None

    async def _give_up(self, link: Link, answer: Message | TimeoutError | None) -> None:
        """Let go of an engine that did not become ready; one that hangs is ended for all."""
        if isinstance(answer, TimeoutError):
            await link.kill()
        else:
            await link.leave()

    def _refusal(self, answer: Message | TimeoutError | None, link: Link) -> CopeError:
        """Return the error for a worker that did not become ready."""
        if isinstance(answer, Refused):
            self._off = ModelFileError(answer.reason)
            return self._off
        if isinstance(answer, TimeoutError):
            return self._death(f"did not load the model within {LOAD_TIMEOUT_S:.0f} s", link.printed())
        return self._death(f"died while it loaded {self.model_path}", link.printed())

    async def _receive(self, worker: _Worker) -> None:
        """Hand the worker's answers to those who wait, until it is gone."""
        left = False
        with contextlib.suppress(FrameError):
            while message := await receive(worker.link):
                match message:
                    case Drawn(id=job_id) | Finished(id=job_id) if job_id in worker.answers:
                        worker.answers[job_id].put_nowait(message)
                    case EngineStatus():
                        worker.inquiries.put_nowait(message)
                    case Leaving():
                        left = True
        if self._worker is worker:
            self._worker = None
            if left or worker.link.has_left():
                await worker.link.leave()
            else:
                await worker.link.kill()
                self._death("died", worker.link.printed())
        lost = _WorkerLostError(f"the engine died{last_words(worker.link.printed())}")
        for queue in worker.answers.values():
            queue.put_nowait(lost)

    def _death(self, what: str, printed: Sequence[str] = ()) -> EngineUnavailableError:
        """Count a death; the last one allowed turns the engine off."""
        error = self._deaths.add(what, printed)
        self._off = self._off or self._deaths.too_many
        return error

    # -- one generation -----------------------------------------------------------------------

    async def _next_answer(
        self, worker: _Worker, queue: asyncio.Queue[_Answer], deadline: float
    ) -> Drawn | Finished:
        try:
            answer = await _soon(queue, deadline)
        except TimeoutError:
            if self._worker is not worker:  # another generation noticed first: it hung once
                raise EngineUnavailableError(f"the engine died{last_words(worker.link.printed())}") from None
            self._worker = None
            await worker.link.kill()
            raise self._death("did not answer and was stopped", worker.link.printed()) from None
        if isinstance(answer, EngineUnavailableError):
            raise answer
        return answer

    def _abandon(self, worker: _Worker, job_id: int) -> None:
        """Cancel a generation that nobody waits for, and see that the engine obeys."""
        if self._worker is not worker:
            return
        worker.link.send(Cancel(job_id))
        worker.tasks.append(asyncio.create_task(self._await_obedience(worker, job_id)))

    async def _await_obedience(self, worker: _Worker, job_id: int) -> None:
        deadline = time.monotonic() + ANSWER_GRACE_S
        with contextlib.suppress(EngineUnavailableError):
            while isinstance(await self._next_answer(worker, worker.answers[job_id], deadline), Drawn):
                pass
        worker.answers.pop(job_id, None)
        worker.tasks[:] = [task for task in worker.tasks if not task.done()]


async def _soon(queue: asyncio.Queue[_Answer], deadline: float) -> _Answer:
    """Return the next answer.

    Raises:
        TimeoutError: none came before the deadline, and none since. Where we stood still ourselves, as after
            Ctrl-Z, what came meanwhile is only now read.
    """
    try:
        # `wait_for` would forget, in Python 3.11, that it was cancelled while an answer came.
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            return await queue.get()
    except TimeoutError:
        async with asyncio.timeout(CATCH_UP_S):
            return await queue.get()


def _result(answer: Drawn | Finished) -> Sample | Usage:
    if isinstance(answer, Drawn):
        return answer.sample
    if answer.error:
        raise GenerationError(answer.error)
    return answer.usage
