"""Benches in processes of this machine: units go to whichever is free, rows come back as they are made."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cope_lsp.engine.child import kill_child
from cope_lsp.errors import CopeError
from cope_lsp.evaluation.record import Row
from cope_lsp.evaluation.trials.bench import BenchSettings
from cope_lsp.evaluation.trials.spent import Spent
from cope_lsp.evaluation.trials.trial import Unit
from cope_lsp.evaluation.trials.worker import row_of, spent_of

LINE_BYTES_MAX = 1 << 27
FAREWELL_S = 65.0
"""How long a process may wait for what it has sent to a large model, when a run is stopped."""


@dataclass(slots=True)
class Pool:
    """Where units are run."""

    settings: BenchSettings
    jobs: int
    folder: Path
    """For a home of each process."""
    take: Callable[[Row], None]
    """Is given each row as it comes."""
    spent: Spent = field(default_factory=Spent)
    """By all processes; what one that was stopped has not told of counts nowhere."""
    _missing: list[str] = field(default_factory=list)

    async def run(self, units: Sequence[Unit]) -> Sequence[str]:
        """Run all units. Whoever cancels this gets the rows of calls that were sent already.

        Returns:
            what closed benches would have had to ask.

        Raises:
            CopeError: a model or the sandbox cannot be used, or the budget is reached.
        """
        waiting = iter(units)
        works = [
            asyncio.create_task(self._work(number, waiting)) for number in range(min(self.jobs, len(units)))
        ]
        try:
            await asyncio.gather(*works)
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
        return self._missing

    async def _work(self, number: int, waiting: Iterator[Unit]) -> None:
        around, inside = Spent(), Spent()
        with around.on("start"):
            process = await self._start(number)
        try:
            with around.on("start"):
                await self._make_ready(process, number)
            ready = time.monotonic()
            is_busy = _send_next(process, waiting)
            while is_busy:
                # One is always sent ahead, so that the process does not wait for us.
                is_busy = _send_next(process, waiting)
                said = await self._hear(process)
                self._missing += said["missing"]
                inside = spent_of(said)
                inside.total = time.monotonic() - ready
        finally:
            with around.on("start"):
                await self._dismiss(process)
            around.total = around.start
            self.spent.join(around)
            self.spent.join(inside)

    async def _make_ready(self, process: Process, number: int) -> None:
        settings = replace(self.settings, home=str(self.folder / f"home-{number}"))
        if settings.stand_in:
            settings = replace(settings, workspace=settings.home)
            await asyncio.to_thread(Path(settings.home).mkdir, parents=True, exist_ok=True)
        _send(process, asdict(settings))
        await self._hear(process)

    async def _start(self, number: int) -> Process:
        with (self.folder / f"worker-{number}.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "cope_lsp.evaluation.trials.worker",
                stdin=PIPE, stdout=PIPE, stderr=log, start_new_session=True, limit=LINE_BYTES_MAX,
            )  # fmt: skip

    async def _hear(self, process: Process) -> dict[str, Any]:
        """Take the rows that a process tells; return what it says behind them: it is ready, or is done."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            said = json.loads(line)
            if row := row_of(said):
                self.take(row)
            elif error := said.get("budget") or said.get("error"):
                raise CopeError(error)
            else:
                return dict(said)
        msg = f"a process of the run ended by itself, {self.folder}/worker-*.log may say why"
        raise CopeError(f"{msg}; what was done is kept")

    async def _dismiss(self, process: Process) -> None:
        """End a process; rows of calls that it has sent already are still taken."""
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(FAREWELL_S):
                while line := await process.stdout.readline():
                    if row := row_of(json.loads(line)):
                        self.take(row)
                await process.wait()
        except TimeoutError:
            pass
        finally:
            kill_child(process)


def _send_next(process: Process, waiting: Iterator[Unit]) -> bool:
    """Send the next unit; return whether there was one."""
    unit = next(waiting, None)
    if unit:
        _send(process, asdict(unit))
    return unit is not None


def _send(process: Process, what: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(what).encode() + b"\n")
