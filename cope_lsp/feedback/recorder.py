"""Counts on their way to disk: gathered in memory, written now and then by a thread."""

import asyncio
import logging

from cope_lsp.feedback.counts import Group, Kind, Waiting, add
from cope_lsp.feedback.store import Store

WRITE_EVERY_S = 10.0

log = logging.getLogger(__name__)


class Recorder:
    """Gathers what is counted; it never raises and never waits. Used on an event loop.

    Who is killed takes at most the counts of `WRITE_EVERY_S` seconds along.
    """

    def __init__(self, store: Store) -> None:
        self.enabled = True
        """Whether the user wants statistics; what comes while they do not is forgotten."""
        self._store = store
        self._waiting: Waiting = Waiting()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._has_complained = False

    def count(self, group: Group, kind: Kind, value: str, number: int = 1) -> None:
        """Count something; a number below 0 takes back what was counted before."""
        if not self.enabled:
            return
        add(self._waiting, group, kind, value, number)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITE_EVERY_S, self._begin_to_write)

    async def close(self) -> None:
        """Write what is left."""
        if self._writing is not None:
            await self._writing
        if self._waiting:
            await self._write()

    def write_now(self) -> None:
        """Write what is left, where no event loop runs any more; this may block for a second."""
        waiting, self._waiting = self._waiting, Waiting()
        if waiting:
            self._look_at(waiting, *self._store.add(waiting))

    def _begin_to_write(self) -> None:
        self._timer = None
        self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, Waiting()
        self._look_at(waiting, *await asyncio.to_thread(self._store.add, waiting))

    def _look_at(self, waiting: Waiting, written: str, why: str) -> None:
        if written == "busy":
            self._waiting.update(waiting)
        elif written != "written" and not self._has_complained:
            self._has_complained = True
            log.warning("statistics were lost: %s", why)
