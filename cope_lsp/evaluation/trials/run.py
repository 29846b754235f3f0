"""A run: every task under every method, what is recorded already left out, and what is missing told.

All methods see the same tasks in the same order and under the same seed: they are compared task by task.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from cope_lsp.errors import CopeError
from cope_lsp.evaluation.record import Call, Record, Row, Setting, Trial, TrialKey
from cope_lsp.evaluation.tasks import Task
from cope_lsp.evaluation.trials import router
from cope_lsp.evaluation.trials.bench import BenchSettings
from cope_lsp.evaluation.trials.methods import METHODS
from cope_lsp.evaluation.trials.trial import Unit, Wanted

MISSING_SHOWN_MAX = 20

Entry = tuple[str, Setting]
"""A method and its setting."""

RunUnits = Callable[[Sequence[Unit]], Awaitable[Sequence[str]]]
"""Runs units and gives their rows to the record; returns what closed benches would have had to ask."""

SMALL_ALONE: Entry = ("small-alone", METHODS["small-alone"].setting)


@dataclass(frozen=True, slots=True)
class Programme:
    """What is to be run."""

    tasks: tuple[Task, ...]
    entries: tuple[Entry, ...]
    seed: int
    settings: BenchSettings

    @property
    def is_routed(self) -> bool:
        """Whether a router takes part, which is fitted to what the small model did alone."""
        return any(METHODS[name].is_routed for name, _ in self.entries)

    def missing(self, record: Record) -> int:
        """Return how many trials the record does not hold; those of a router count as missing."""
        first = sum(unit.size for unit in self._units(record, self._first_entries(), {}))
        return first + len(self.tasks) * len(self._routed_entries())

    async def run(self, record: Record, run_units: RunUnits) -> None:
        """Run what the record does not hold yet.

        Raises:
            CopeError: a model or the sandbox cannot be used, the budget is reached, or calls are missing.
        """
        missing = list(await self._run(record, run_units, self._first_entries(), {}))
        if self._routed_entries() and not missing:
            right = self._right(record)
            chances = router.foretold(self.tasks, right)
            fitted = router.fitted_to(self.tasks, right)
            entries = [(name, replace(setting, fitted=fitted)) for name, setting in self._routed_entries()]
            missing += await self._run(record, run_units, entries, chances)
        if missing:
            raise CopeError(_told(missing))

    async def _run(
        self, record: Record, run_units: RunUnits, entries: Sequence[Entry], chances: dict[str, float]
    ) -> Sequence[str]:
        units = list(self._units(record, entries, chances))
        return await run_units(units) if units else ()

    def _first_entries(self) -> list[Entry]:
        first = [entry for entry in self.entries if not METHODS[entry[0]].is_routed]
        return first if not self.is_routed or SMALL_ALONE in first else [SMALL_ALONE, *first]

    def _routed_entries(self) -> list[Entry]:
        return [entry for entry in self.entries if METHODS[entry[0]].is_routed]

    def _right(self, record: Record) -> dict[str, bool]:
        trials = ((task, record.trials[self._key(task, *SMALL_ALONE)]) for task in self.tasks)
        return {task.digest: trial.right for task, trial in trials}

    def _units(self, record: Record, entries: Sequence[Entry], chances: dict[str, float]) -> Iterator[Unit]:
        """Yield what is missing, tasks that tell a model the same in one unit: they share their calls."""
        groups: dict[str, list[Task]] = {}
        for task in self.tasks:
            groups.setdefault(task.asked, []).append(task)
        calls: dict[str, list[Call]] = {}
        for call in record.calls.values():
            calls.setdefault(call.asked, []).append(call)
        entrants = tuple(record.entrants.values())
        for asked, tasks in groups.items():
            wanted = [
                tuple(
                    Wanted(name, setting, self.seed, chances.get(task.digest))
                    for name, setting in entries
                    if self._key(task, name, setting) not in record.trials
                )
                for task in tasks
            ]
            if any(wanted):
                yield Unit(tuple(tasks), tuple(wanted), tuple(calls.get(asked, ())), entrants)

    def _key(self, task: Task, name: str, setting: Setting) -> TrialKey:
        large = self.settings.large_digest if METHODS[name].uses_large else ""
        return task.digest, name, setting, self.seed, self.settings.small_digest, large


def _told(missing: Sequence[str]) -> str:
    more = len(missing) - MISSING_SHOWN_MAX
    lines = [*missing[:MISSING_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]
    head = f"{len(missing)} trials need calls that are not in the record, and none may be made:"
    return "\n  ".join([head, *lines])


def taken(record: Record, done: Callable[[Trial], None]) -> Callable[[Row], None]:
    """Return what writes a row into a record, and tells of each trial."""

    def take(row: Row) -> None:
        if record.add(row) and row.trial:
            done(row.trial)

    return take
