"""A run: every task under every method, several at a time, each answer written down as it comes."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.checks.cage.sandbox import Sandbox
from cope_lsp.engine.process import RESTARTS_MAX
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.evaluation.journal import Attempt, Journal, Setting
from cope_lsp.evaluation.methods import METHODS, Draw, run
from cope_lsp.evaluation.score import score
from cope_lsp.evaluation.tasks import Task
from cope_lsp.models.local import LocalModel

LANES = 17
"""Sequences of the engine: 16 drafts at once, and one that it keeps for interactive requests."""

CONTEXT_TOKENS = 8_192


@dataclass(frozen=True, slots=True)
class Contender:
    """A model that takes part, under the name that tables show."""

    name: str
    model: LocalModel
    digest: str

    @classmethod
    def load(cls, name: str, path: Path, *, threads: int = 0) -> "Contender":
        """Return the model in a file, which is read once for its sha256 and loaded at the first question."""
        settings = EngineSettings(context_tokens=CONTEXT_TOKENS, sequences=LANES, threads=threads)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return cls(name, LocalModel(path, settings, RESTARTS_MAX), digest)


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is to be run."""

    tasks: Sequence[Task]
    methods: Sequence[str]
    draws: Sequence[Draw]
    executor: Contender
    planner: Contender | None = None

    def settings(self) -> Iterator[Setting]:
        """Yield each combination that is asked of every task."""
        for draw in self.draws:
            for name in self.methods:
                planner = self.planner.digest if self.planner and METHODS[name].needs_planner else ""
                yield Setting(name, self.executor.digest, planner, draw)

    def missing(self, journal: Journal) -> dict[Setting, list[Task]]:
        """Return what the journal does not hold yet."""
        return {
            setting: [task for task in self.tasks if (task.digest, setting) not in journal.attempts]
            for setting in self.settings()
        }


@dataclass(frozen=True, slots=True)
class Session:
    """An experiment, and what it is carried out with."""

    experiment: Experiment
    journal: Journal
    sandbox: Sandbox
    done: Callable[[Attempt], None]
    """Told of each answer when it is written down."""

    async def run(self) -> None:
        """Run what is missing. Whoever cancels this finds all complete answers in the journal.

        Raises:
            CopeError: a model or the sandbox cannot be used; nothing more is tried.
        """
        await self.sandbox.probe()
        for setting, tasks in self.experiment.missing(self.journal).items():
            try:
                await self._run_setting(setting, tasks)
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _run_setting(self, setting: Setting, tasks: Sequence[Task]) -> None:
        waiting = iter(tasks)

        async def work() -> None:
            for task in waiting:
                attempt = await self._attempt(setting, task)
                self.journal.add(attempt)
                self.done(attempt)

        async with asyncio.TaskGroup() as group:
            # One more than the engine draws at once: while drafts are scored, it is not idle.
            for _ in range((LANES - 1) // setting.draw.samples + 1):
                group.create_task(work())

    async def _attempt(self, setting: Setting, task: Task) -> Attempt:
        started = time.monotonic()
        executor, planner = self.experiment.executor, self.experiment.planner if setting.planner else None
        method = METHODS[setting.method]
        drafted = await run(task, method, setting.draw, executor.model, planner.model if planner else None)
        return Attempt(
            task=task.id,
            digest=task.digest,
            wording=task.wording,
            setting=setting,
            executor_name=executor.name,
            planner_name=planner.name if planner else "",
            drafted=drafted,
            scores=await score(task, drafted.drafts, self.sandbox),
            seconds=time.monotonic() - started,
        )
