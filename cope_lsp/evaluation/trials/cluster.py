"""Benches on a Ray cluster: the same units, the same rows; the record stays here.

Ray is no dependency of ours (`pip install "cope-lsp[ray]"`). Its workers need this package, and the models'
files at the same paths. A budget is divided among them, since their ledgers do not know each other.
"""

import asyncio
import logging
import os
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cope_lsp.errors import CopeError, SandboxUnavailableError
from cope_lsp.evaluation.record import Record, Row
from cope_lsp.evaluation.trials.bench import Bench, BenchSettings
from cope_lsp.evaluation.trials.spent import Spent
from cope_lsp.evaluation.trials.trial import Unit, opened
from cope_lsp.evaluation.trials.worker import converter, ended, row_of, spent_of

FOUND_S_MAX = 15.0
_ABSENT = 'Ray is not installed; install it: pip install "cope-lsp[ray]"'


@dataclass(slots=True)
class Cluster:
    """Where units are run; see `Pool`."""

    settings: BenchSettings
    jobs: int
    address: str
    take: Callable[[Row], None]
    record: Record
    """Of what was paid already."""
    spent: Spent = field(default_factory=Spent)
    """By all its processes; how long they take to end is not known."""
    _missing: list[str] = field(default_factory=list)

    async def run(self, units: Sequence[Unit]) -> Sequence[str]:
        """See `Pool.run`. Where it is stopped, a call that is just being made is lost, as by a kill.

        Raises:
            CopeError: there is no Ray, or no such cluster, or see `Pool.run`.
        """
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # by default it reports to its makers
        try:
            import ray  # noqa: PLC0415 - heavy, and not here as a rule
        except ImportError as error:
            raise CopeError(_ABSENT) from error
        await self._find()
        try:
            await asyncio.to_thread(
                ray.init,
                address=self.address,
                log_to_driver=False,
                ignore_reinit_error=True,
                logging_level=logging.ERROR,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            msg = f"there is no Ray cluster at {self.address}: {error}"
            raise CopeError(msg) from error
        free = int(ray.cluster_resources().get("CPU", 0))  # who asks for more waits for ever
        jobs = min(self.jobs, len(units), free)
        if not jobs:
            msg = f"the Ray cluster at {self.address} has no processors"
            raise CopeError(msg)
        budget = self.settings.budget_nusd
        if budget is not None:
            left = max(0, budget - sum(call.nusd for call in self.record.calls.values()))
            budget = left // jobs
        settings = replace(self.settings, budget_nusd=budget)
        actors = [ray.remote(Station).options(num_cpus=1).remote(asdict(settings)) for _ in range(jobs)]
        waiting = iter(units)
        try:
            async with asyncio.TaskGroup() as group:
                for actor in actors:
                    group.create_task(self._work(actor, waiting))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            for actor in actors:
                ray.kill(actor)
        return self._missing

    async def _find(self) -> None:
        """Look for the cluster, in a process of its own: where there is none, Ray ends ours after minutes."""
        if self.address.startswith("ray://"):
            return  # Ray's client, which says so by itself
        command = (sys.executable, "-m", "ray.scripts.scripts", "status", "--address", self.address)
        looking = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
        try:
            async with asyncio.timeout(FOUND_S_MAX):
                found = await looking.wait() == 0
        except TimeoutError:
            found = False
        finally:
            if looking.returncode is None:
                looking.kill()
                await looking.wait()
        if not found:
            msg = f"there is no Ray cluster at {self.address}; start one: ray start --head"
            raise CopeError(msg)

    async def _work(self, actor: Any, waiting: Iterator[Unit]) -> None:
        spent = Spent()
        with spent.on("start"):
            if error := await actor.open.remote():
                raise CopeError(error)
        spent.total = spent.start
        self.spent.join(spent)
        ready, spent = time.monotonic(), Spent()
        for unit in waiting:
            async for reference in actor.run.options(num_returns="streaming").remote(asdict(unit)):
                said = await reference
                if row := row_of(said):
                    self.take(row)
                elif "missing" in said:
                    self._missing += said["missing"]
                    spent = spent_of(said)
                else:
                    raise CopeError(said.get("budget") or said["error"])
            spent.total = time.monotonic() - ready
        self.spent.join(spent)
        await actor.close.remote()


class Station:
    """A bench in a process of the cluster."""

    def __init__(self, settings: dict[str, Any]) -> None:
        home = tempfile.mkdtemp(prefix="cope-lsp-")
        made = converter.structure(settings, BenchSettings)
        purse = str(Path(home) / "ledger")
        workspace = home if made.stand_in else made.workspace
        self._settings = replace(made, home=home, purse=purse, workspace=workspace)
        self._bench: Bench | None = None
        self._said: asyncio.Queue[dict[str, Any]] | None = None

    async def open(self) -> str:
        """Make the bench; return why there can be none, or ""."""
        try:
            self._bench = await opened(self._settings, self._tell)
        except SandboxUnavailableError as error:
            return str(error)
        return ""

    async def run(self, unit: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Run a unit, after `open`; yield what a worker would say."""
        assert self._bench is not None
        said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said = said
        work = asyncio.create_task(ended(self._bench, converter.structure(unit, Unit)))
        work.add_done_callback(lambda done: said.put_nowait(done.result()))
        is_over = False
        while not is_over:
            each = await said.get()
            is_over = "row" not in each
            yield each

    def _tell(self, row: Row) -> None:
        assert self._said is not None
        self._said.put_nowait({"row": asdict(row)})

    async def close(self) -> None:
        """End all that runs."""
        if self._bench:
            await self._bench.close()
