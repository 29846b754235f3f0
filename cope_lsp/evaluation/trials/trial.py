"""One trial from plain values: a method at work on a task, and its score by the tests that nobody saw."""

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cope_lsp.cascade.code import CodeTask
from cope_lsp.checks.assertions import Assertions
from cope_lsp.checks.base import Check, Verdict
from cope_lsp.context.target import target_named
from cope_lsp.evaluation.record import Call, Entrant, Record, Row, Setting, Trial
from cope_lsp.evaluation.score import Score, score
from cope_lsp.evaluation.tasks import Task
from cope_lsp.evaluation.trials.bench import Bench, BenchSettings
from cope_lsp.evaluation.trials.methods import METHODS, Reached, Scene, authors_plans
from cope_lsp.evaluation.trials.tape import MissingCallError, Tape, Tell

CHECK_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A method that is to be tried on a task."""

    method: str
    setting: Setting
    seed: int
    predicted: float | None = None
    """See `Scene`."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one bench does in one go: tasks that tell a model the same, and so may share calls."""

    tasks: tuple[Task, ...]
    wanted: tuple[tuple[Wanted, ...], ...]
    """Of each task."""
    known: tuple[Call, ...] = ()
    """The calls of these tasks that were made before."""
    entrants: tuple[Entrant, ...] = ()

    @property
    def size(self) -> int:
        """How many trials it holds."""
        return sum(map(len, self.wanted))


async def opened(settings: BenchSettings, tell: Tell) -> Bench:
    """Return a bench that tells its rows.

    Raises:
        SandboxUnavailableError: there is no safe place to run drafts.
    """
    bench = Bench.set_up(settings, Tape(Record(None), tell, settings.is_closed))
    try:
        await bench.sandbox.probe()
    except BaseException:
        await bench.close()
        raise
    return bench


async def work(bench: Bench, unit: Unit) -> list[str]:
    """Run the trials of a unit, and tell each row as it comes.

    Returns:
        what a closed bench would have had to ask, a line for each trial.

    Raises:
        CopeError: a model or the sandbox cannot be used, or the budget is reached.
    """
    bench.tape.record = Record(None)
    bench.tape.record.learn(Row(call=call) for call in unit.known)
    bench.tape.record.learn(Row(entrant=entrant) for entrant in unit.entrants)
    missing: list[str] = []
    for task, wanted in zip(unit.tasks, unit.wanted, strict=True):
        scores: dict[str, Score] = {}
        for each in wanted:
            try:
                bench.tape.write(Row(trial=await _trial(bench, task, each, scores)))
            except MissingCallError as error:
                missing.append(f"{task.id}, {each.method}: {error}")
    return missing


async def _trial(bench: Bench, task: Task, wanted: Wanted, scores: dict[str, Score]) -> Trial:
    bench.tape.begin(task.asked)
    bench.small.temperature = wanted.setting.temperature
    timer = Timer()
    workspace = Path(bench.settings.workspace)
    code = code_task(task, workspace, Path(bench.settings.file or workspace / "task.py"))
    async with checks(bench, code, task, wanted.setting.tests, timer) as used:
        scene = Scene(
            code=code,
            checks=used,
            setting=wanted.setting,
            seed=wanted.seed,
            predicted=wanted.predicted,
            author=authors_plans(task),
            assistant=bench.assistant,
            small=bench.small,
            tape=bench.tape,
        )
        reached = await METHODS[wanted.method].run(scene)
    bench.tape.spent.add("checks", timer.seconds)
    if reached.draft not in scores:
        with bench.tape.spent.on("checks"):
            (scores[reached.draft],) = await score(task, (reached.draft,), bench.sandbox)
    trial = _as_trial(bench, task, wanted, reached, scores[reached.draft])
    return replace(trial, checks_seconds=timer.seconds)


def _as_trial(bench: Bench, task: Task, wanted: Wanted, reached: Reached, scored: Score) -> Trial:
    settings, calls = bench.settings, bench.tape.used
    large = [call for call in calls if call.role == "large"]
    asks = METHODS[wanted.method].uses_large
    return Trial(
        task=task.id,
        digest=task.digest,
        wording=task.wording,
        method=wanted.method,
        setting=wanted.setting,
        seed=wanted.seed,
        small=settings.small_name,
        small_digest=settings.small_digest,
        large=settings.large_name if asks else "",
        large_digest=settings.large_digest if asks else "",
        stage=reached.stage,
        accepted=reached.accepted,
        confidence=reached.confidence,
        estimator=reached.estimator,
        visible=scored.visible,
        right=scored.hidden,
        calls=tuple(call.key for call in calls),
        tokens_in_small=sum(call.prompt_tokens for call in calls if call.role == "small"),
        tokens_out_small=bench.tape.drafted_tokens,
        tokens_in_large=sum(call.prompt_tokens for call in large),
        tokens_out_large=sum(call.output_tokens for call in large),
        nusd=sum(call.nusd for call in large),
        seconds=sum(call.seconds for call in calls),
        plans=reached.plans,
        answer=reached.draft,
    )


def code_task(task: Task, workspace: Path, file: Path) -> CodeTask:
    """Return a task as the product knows it: a file with a function that is still to be written."""
    quoted = task.docstring.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    said = f'    """{quoted}{" " if quoted.endswith(chr(34)) else ""}"""\n' if quoted.strip() else ""
    text = f"{task.context}{task.signature}\n{said}    raise NotImplementedError\n"
    return CodeTask(target_named(text, task.name), text, file, workspace)


@dataclass(slots=True)
class Timer:
    """How long checks took together."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Timed:
    """Implements `Check`: another one, whose time is counted."""

    check: Check
    timer: Timer
    name: str = field(default="", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.check.name)

    async def judge(self, draft: str) -> Verdict:
        """See `Check`."""
        started = time.monotonic()
        try:
            return await self.check.judge(draft)
        finally:
            self.timer.seconds += time.monotonic() - started


@asynccontextmanager
async def checks(
    bench: Bench, code: CodeTask, task: Task, tests: int, timer: Timer
) -> AsyncGenerator[list[Check], None]:
    """Prepare the product's checks, and `tests` of the task's visible tests in the place of a project's."""
    async with bench.assistant.checks(code, with_tests=False) as found:
        shown = task.visible_tests[:tests]
        suite: Iterable[Check] = (
            [Assertions(bench.sandbox, shown, task.name, task.setup, CHECK_TIMEOUT_S)] if shown else []
        )
        yield [Timed(each, timer) for each in (*found, *suite)]
