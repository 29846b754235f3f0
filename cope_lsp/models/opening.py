"""Something that takes a while to open: opened once, for all who wait for it, and given up when told to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from cope_lsp.errors import EngineUnavailableError

T = TypeVar("T")


class Opening(Generic[T]):
    """Who stops waiting stops nothing: the next one waits for the same."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        """Take what opens it; nothing is opened yet."""
        self._make = make
        self._task: asyncio.Task[T] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is being opened now."""
        return self._task is not None and not self._task.done()

    async def result(self) -> T:
        """Return what is opened; begin with it if nobody did.

        Raises:
            EngineUnavailableError: `stop` was called meanwhile. Or whatever opening it raised.
        """
        if not self.is_running:
            self._task = asyncio.create_task(self._made())
            self._task.add_done_callback(_look_at)
        task = self._task
        assert task is not None
        await asyncio.wait({task})
        if task.cancelled():
            raise EngineUnavailableError("the engine was closed")
        return task.result()

    async def stop(self) -> None:
        """End what is being opened, and wait until nothing of it is left."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _made(self) -> T:
        return await self._make()


def _look_at(task: asyncio.Task[T]) -> None:
    """Take note of an error that nobody waits for any more; the next one who asks tries again."""
    if not task.cancelled():
        task.exception()
