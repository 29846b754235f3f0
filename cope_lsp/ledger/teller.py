"""The ledger for asynchronous callers: a thread of its own, so that the event loop never waits for a disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cope_lsp.ledger.entries import Attempt, OverBudget, Reserved, Settlement, Summary
from cope_lsp.ledger.ledger import Ledger

T = TypeVar("T")

FAREWELL_S = 1.0


class Teller:
    """Hands every question to a `Ledger` in its thread. All methods raise what the ledger raises."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._closed = False

    async def reserve(self, attempt: Attempt) -> Reserved | OverBudget:
        """Ask for the most that an attempt can cost; nothing may be sent without it."""
        return await self._do(lambda: self._ledger.reserve(attempt))

    async def settle(self, reservation_id: str, settlement: Settlement) -> None:
        """Record what an attempt did cost."""
        await self._do(lambda: self._ledger.settle(reservation_id, settlement))

    async def void(self, reservation_id: str, proof: str) -> None:
        """Give a reservation back, because nothing ran."""
        await self._do(lambda: self._ledger.void(reservation_id, proof))

    async def summary(self, recent_days: int = 30) -> Summary:
        """Return the state of the budget."""
        return await self._do(lambda: self._ledger.summary(recent_days))

    async def close(self) -> None:
        """End the thread after what it was given, but wait for that no longer than a moment.

        Another process may hold the ledger's lock while an editor wants to end. What is closed already
        stays closed.
        """
        if self._closed:
            return
        self._closed = True
        closing = self._thread.submit(self._ledger.close)
        self._thread.shutdown(wait=False)
        await asyncio.wait({asyncio.wrap_future(closing)}, timeout=FAREWELL_S)

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
