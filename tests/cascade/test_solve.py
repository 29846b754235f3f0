"""Solve, with real parts: the embedded model in the engine, the sandbox, the ledger, the SDK on loopback.

The tasks were chosen because the embedded model can do them alone, can do them under a guideline, or cannot.
What the hosted side answers is written here, or is `nano-large`'s own (test_pair.py).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.cascade.code import CodeTask
from cope_lsp.cascade.outcome import (
    DraftChecked,
    EscalationAsked,
    Event,
    Outcome,
    PlanWritten,
    StageStarted,
    explain,
)
from cope_lsp.cascade.plan import Plan, Plans
from cope_lsp.checks.assertions import Assertions
from cope_lsp.checks.cage.sandbox import Sandbox
from cope_lsp.config import Config
from cope_lsp.context.target import target_named
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.ledger.entries import Limits
from cope_lsp.ledger.ledger import Ledger
from tests.models.provider import COST_NUSD, Provider, write_prices


@dataclass(frozen=True)
class Sample:
    """A function to write, and what its callers expect."""

    signature: str
    docstring: str
    tests: tuple[str, ...]
    imports: str = ""

    @property
    def symbol(self) -> str:
        return self.signature.removeprefix("def ").partition("(")[0]

    @property
    def text(self) -> str:
        above = f"{self.imports}\n\n\n" if self.imports else ""
        return f'{above}{self.signature}\n    """{self.docstring}"""\n    raise NotImplementedError\n'


EASY = Sample(
    "def evaluate_stock_count(stock_count):",
    "Find twice the stock count.",
    ("assert evaluate_stock_count(3) == 6", "assert evaluate_stock_count(91) == 182"),
)
INDIRECT = Sample(
    "def speed_summary(speed):",
    "Return double the bare size of the speed, be it plus or minus.",
    ("assert speed_summary(100) == 200", "assert speed_summary(-25) == 50"),
)
INDIRECT_GUIDELINE = "Take abs, then multiply by 2."
HARD = Sample(
    "def make_report(distances):",
    "What is the best of the distances once every copy of the winner is gone?",
    (
        "assert make_report([1, 3, 5, 3, 1]) == 3",
        "assert make_report([91, 94, 96, 96, 97, 100]) == 97",
        "assert make_report([-18, -19, -5, -5, -14]) == -14",
        "assert make_report([7, 2, 9, 9, 8, 1]) == 8",
    ),
)
HARD_GUIDELINE = "Mind the copies of the winner."
HARD_ANSWER = "```python\ndef make_report(distances):\n    return sorted(set(distances))[-2]\n```"


@dataclass
class Bench:
    """Everything that a solve needs, and what it did."""

    assistant: Assistant
    provider: Provider
    workspace: Path
    sandbox: Sandbox
    events: list[Event] = field(default_factory=list)
    asked: list[EscalationAsked] = field(default_factory=list)

    def task(self, sample: Sample) -> CodeTask:
        file = self.workspace / "work.py"
        file.write_text(sample.text)
        return CodeTask(target_named(sample.text, sample.symbol), sample.text, file, self.workspace)

    async def solve(
        self,
        sample: Sample,
        agree: Callable[[EscalationAsked], Awaitable[bool]] | None = None,
        plans: Plans = Plans(),  # noqa: B008 - immutable
    ) -> Outcome:
        async def yes(asked: EscalationAsked) -> bool:
            self.asked.append(asked)
            return True

        checks = [Assertions(self.sandbox, sample.tests, sample.symbol, sample.imports)]
        async with aclosing(self.assistant.solve(self.task(sample), checks, agree or yes, plans)) as events:
            async for event in events:
                self.events.append(event)
                if isinstance(event, Outcome):
                    return event
        raise AssertionError("it ended without an outcome")

    def drafts(self) -> list[DraftChecked]:
        return [event for event in self.events if isinstance(event, DraftChecked)]

    def stages(self) -> list[int]:
        return [event.number for event in self.events if isinstance(event, StageStarted)]


@asynccontextmanager
async def bench(home: Path, answers: list[str], url: str = "", **settings: Any) -> AsyncIterator[Bench]:
    """Yield a bench whose hosted model is at `url`, or gives the `answers` one after the other."""
    provider = Provider()
    provider.texts = answers
    endpoint = endpoint_of(url or provider.url)
    write_prices(home / "config" / "cope-lsp" / "prices.toml", endpoint)
    workspace = home / "project"
    workspace.mkdir()
    ConsentStore().record(workspace, endpoint, "allowed")
    given = {"hosted_endpoint": url or provider.url, "hosted_timeout_s": 10, **settings}
    assistant = Assistant.from_config(Config(**given))
    sandbox = Sandbox()
    try:
        yield Bench(assistant, provider, workspace, sandbox)
    finally:
        await assistant.close()
        await sandbox.close()
        provider.server.shutdown()
        provider.server.server_close()


async def test_what_the_small_model_can_do_leaves_no_trace_outside(home: Path) -> None:
    async with bench(home, []) as at:
        outcome = await at.solve(EASY)
        assert (outcome.status, outcome.stage, outcome.proof) == ("solved", 1, "tests")
        assert at.provider.posts == 0
        assert outcome.receipt.calls == ()
        assert (await at.assistant.budget()).calls == 0
        assert at.drafts()[-1].draft.goal, "each draft of stage 1 has a goal of its own"
        assert len(at.drafts()) < 8, "the first draft that passes ends the drawing"


async def test_a_plan_of_the_large_model_helps_the_small_one(home: Path) -> None:
    async with bench(home, [INDIRECT_GUIDELINE], cascade_escalate="auto") as at:
        outcome = await at.solve(INDIRECT)
        assert (outcome.status, outcome.stage, outcome.proof) == ("solved", 2, "tests")
        assert at.stages() == [1, 1, 2]
        assert at.provider.posts == 1
        (call,) = outcome.receipt.calls
        assert (call.purpose, call.cost_nusd) == ("plan", COST_NUSD)
        assert outcome.plans.guideline == Plan("guideline", INDIRECT_GUIDELINE, "claude-sonnet-5-5")
        assert outcome.plans.goal is not None, "the goal behind the majority went on"
        sent = at.provider.bodies[0]
        assert "Now it fails: assert speed_summary" in sent
        assert outcome.plans.goal.text in sent
        assert (await at.assistant.budget()).day.spent_nusd == COST_NUSD
        assert (at.workspace / "work.py").read_text() == INDIRECT.text


async def test_the_same_plan_is_not_paid_for_twice(home: Path) -> None:
    async with bench(home, [INDIRECT_GUIDELINE], cascade_escalate="auto") as at:
        await at.solve(INDIRECT)
        at.events.clear()
        outcome = await at.solve(INDIRECT)
        assert (outcome.status, outcome.stage) == ("solved", 2)
        assert at.provider.posts == 1
        assert [event.reused for event in at.events if isinstance(event, PlanWritten)] == [True]


async def test_the_large_model_writes_what_no_plan_helps_with(home: Path) -> None:
    async with bench(home, [HARD_GUIDELINE, HARD_ANSWER], cascade_escalate="auto") as at:
        outcome = await at.solve(HARD)
        assert (outcome.status, outcome.stage, outcome.proof) == ("solved", 3, "tests")
        assert outcome.draft is not None
        assert outcome.draft.text == "    return sorted(set(distances))[-2]\n"
        assert [call.purpose for call in outcome.receipt.calls] == ["plan", "draft"]
        assert outcome.receipt.cost_nusd == 2 * COST_NUSD == (await at.assistant.budget()).day.spent_nusd
        assert at.stages() == [1, 1, 2, 2, 3], "another draft is free, and the tests tell"
        assert "Guideline" not in at.provider.bodies[1], "tests refuted it"


async def test_one_question_to_the_user_covers_what_follows(home: Path) -> None:
    async with bench(home, [HARD_GUIDELINE, HARD_ANSWER]) as at:
        outcome = await at.solve(HARD)
        assert outcome.status == "solved"
        assert [asked.must_ask for asked in at.asked] == [True, False]
        assert at.asked[0].cost_max_nusd >= at.asked[0].quote.bound_nusd + at.asked[1].quote.bound_nusd
        assert at.asked[1].cost_max_nusd == at.asked[1].quote.bound_nusd, "no plan is bought any more"
        assert at.asked[1].quote.bound_nusd < at.asked[0].cost_max_nusd - at.asked[0].quote.bound_nusd


@pytest.mark.parametrize(("settings", "limits", "reason"), [
    ({"cascade_escalate": "never"}, Limits(), "never"),
    ({"cascade_escalate": "ask"}, Limits(), "declined"),
    ({"cascade_escalate": "auto"}, Limits(day_nusd=1_000), "over-budget"),
    ({"cascade_escalate": "auto"}, Limits(call_nusd=1_000), "refused"),
])  # fmt: skip
async def test_without_money_more_is_tried_here(
    home: Path, settings: dict[str, Any], limits: Limits, reason: str
) -> None:
    Ledger().set_limits(limits)

    async def no(_: EscalationAsked) -> bool:
        return False

    async with bench(home, [], **settings) as at:
        outcome = await at.solve(HARD, no if reason == "declined" else None)
        assert (outcome.status, outcome.reason, outcome.stage) == ("not-solved", reason, 1)
        assert at.stages() == [1, 1]
        assert outcome.receipt.local_drafts == 16
        assert at.provider.posts == 0
        assert outcome.draft is None, "no draft that fails its tests is offered"


async def test_no_plan_is_bought_that_cannot_be_followed_up(home: Path) -> None:
    async with bench(home, [], cascade_escalate="auto") as at:
        plan, draft = await bounds(at)
        assert plan < draft
        Ledger().set_limits(Limits(call_nusd=None, day_nusd=draft - 1))
        outcome = await at.solve(HARD)
        assert outcome.reason == "over-budget", "there is enough for the plan, but not for what may follow"
        assert at.provider.posts == 0
        Ledger().set_limits(Limits(call_nusd=None, day_nusd=plan + draft - 1))
        at.provider.texts = [HARD_ANSWER]
        outcome = await at.solve(HARD)
        assert outcome.status == "solved", "enough for the last stage: it is entered without a plan"
        assert [call.purpose for call in outcome.receipt.calls] == ["draft"]


async def bounds(at: Bench) -> tuple[int, int]:
    """Return what the two calls of the hard task cost at most, as the user would be told."""
    seen: list[EscalationAsked] = []

    async def look(asked: EscalationAsked) -> bool:
        seen.append(asked)
        return False

    await at.solve(HARD, look)
    return seen[0].quote.bound_nusd, seen[0].cost_max_nusd - seen[0].quote.bound_nusd


async def test_a_service_that_fails_ends_in_local_drafts(home: Path) -> None:
    async with bench(home, [], cascade_escalate="auto") as at:
        at.provider.status = 500
        outcome = await at.solve(HARD)
        assert (outcome.status, outcome.reason) == ("not-solved", "refused")
        assert "the service failed" in outcome.detail
        assert at.provider.posts == 1
        (call,) = outcome.receipt.calls
        assert call.failure == "server-fault"
        assert call.cost_nusd == (await at.assistant.budget()).day.spent_nusd


async def test_a_users_own_plan_is_followed_for_nothing(home: Path) -> None:
    async with bench(home, []) as at:
        mine = Plans(guideline=Plan("guideline", INDIRECT_GUIDELINE, "user"))
        outcome = await at.solve(INDIRECT, plans=mine)
        assert (outcome.status, outcome.stage) == ("solved", 2)
        assert at.provider.posts == 0
        assert outcome.plans.guideline == mine.guideline


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("event", [StageStarted, DraftChecked, EscalationAsked, PlanWritten])
async def test_a_solve_that_is_stopped_leaves_nothing_running(
    home: Path, event: type[Event], stage: int
) -> None:
    async with bench(home, [HARD_GUIDELINE, HARD_ANSWER], cascade_escalate="auto") as at:
        checks = [Assertions(at.sandbox, HARD.tests, HARD.symbol)]
        reached = 0

        async def yes(_: EscalationAsked) -> bool:
            return True

        async with aclosing(at.assistant.solve(at.task(HARD), checks, yes)) as events:
            async for happened in events:
                reached = happened.number if isinstance(happened, StageStarted) else reached
                if isinstance(happened, event) and reached >= stage:
                    break
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in others if "_Cascade" in repr(task) or "cascade" in repr(task)]
        after = await at.solve(EASY)  # the engine and the sandbox are free again
        assert after.status == "solved"
        budget = await at.assistant.budget()
        assert budget.day.spent_nusd >= at.provider.posts * COST_NUSD
    alive = [process.name() for process in psutil.Process().children(recursive=True) if process.is_running()]
    assert not [name for name in alive if "python" in name], alive


async def test_without_a_sandbox_nothing_is_run_and_it_says_so(home: Path) -> None:
    async with bench(home, []) as at:
        await at.sandbox.close()
        closed = Sandbox()
        await closed.close()
        at.sandbox = closed
        outcome = await at.solve(EASY)
        assert (outcome.status, outcome.proof) == ("solved", "agreement")
        assert "the sandbox was closed" in explain(outcome)
