"""Work that nobody waits for any longer is stopped: the older of two, or what all have turned away from."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class Superseded:
    """The answer to a question that a newer one has replaced, or that somebody has stopped."""


class Latest(Generic[Answer]):
    """Runs at most one piece of work per key."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Answer]] = {}

    async def run(self, key: str, work: Coroutine[Any, Any, Answer]) -> Answer | Superseded:
        """Run `work` and stop what ran under `key` before it.

        Returns `Superseded` when a newer call or `cancel` stopped this one. Cancelling the caller cancels the
        work.
        """
        if previous := self._running.get(key):
            previous.cancel()
        task = self._running[key] = asyncio.create_task(work)
        try:
            answer = await task
            # It may have been ready a moment before it was stopped.
            return answer if self._running.get(key) is task else Superseded()
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                task.cancel()
                raise
            return Superseded()
        finally:
            if self._running.get(key) is task:
                del self._running[key]

    def is_busy(self) -> bool:
        """Whether anything runs."""
        return bool(self._running)

    def cancel(self, key: str) -> bool:
        """Stop what runs under `key`; False when nothing does."""
        task = self._running.get(key)
        return task is not None and task.cancel()

    def cancel_all(self) -> None:
        """Stop everything that runs."""
        for task in self._running.values():
            task.cancel()


class Shared(Generic[Answer]):
    """A piece of work that several may wait for."""

    def __init__(self, work: Coroutine[Any, Any, Answer]) -> None:
        self._task = asyncio.ensure_future(work)
        self._waiting = 0

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for it."""
        return self._waiting > 0

    async def wait(self) -> Answer:
        """Return the answer. The last who is cancelled here stops the work."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._task.cancel()
