"""The cascade at work: draws drafts, has them checked, and does what `decide` says until it ends.

"Efficient LLM Collaboration via Planning", section 3. It acts through what it is given: the task's family, a
desk where the large model is asked, and the user's agreement. It does no I/O of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from cope_lsp.cascade.confidence import confidence
from cope_lsp.cascade.decide import (
    STAGES,
    Accept,
    Decision,
    Escalate,
    GiveUp,
    Offer,
    Policy,
    SampleMore,
    Situation,
    Stage,
    Wait,
    decide,
)
from cope_lsp.cascade.family import Assessed, Draft, Family
from cope_lsp.cascade.outcome import (
    DraftChecked,
    EscalationAsked,
    Event,
    HostedCall,
    Outcome,
    PlanWritten,
    Proof,
    Receipt,
    StageStarted,
    failed_call,
    made_call,
)
from cope_lsp.cascade.plan import Plan, Plans, handed_on, memory_key, not_refuted
from cope_lsp.errors import HostedError, HostedFailedError, LedgerError
from cope_lsp.ledger.entries import AMOUNT_NUSD_MAX, Summary, usd
from cope_lsp.models.question import Answer, Question, Quote

GUIDELINE_CHARACTERS = 1_200
"""How long a guideline is taken to be when the price of what follows it is asked."""

SEEDS_PER_ROUND = 1_000


class Desk(Protocol):
    """Where the large model is asked: the `Assistant`."""

    async def quote(self, question: Question) -> Quote:
        """Return what asking would cost at most; raises HostedRefusedError."""
        ...

    async def ask(self, question: Question) -> Answer:
        """Ask; raises HostedRefusedError or HostedFailedError."""
        ...

    async def budget(self) -> Summary:
        """Return the state of the budget; raises LedgerError."""
        ...


class Memory(Protocol):
    """Plans that were paid for."""

    def recall(self, key: str) -> Plan | None:
        """Return the plan that was kept under a key."""
        ...

    def keep(self, key: str, plan: Plan) -> None:
        """Remember a plan."""
        ...


NO_PLANS = Plans()

Agree = Callable[[EscalationAsked], Awaitable[bool]]
"""Asks the user, if the event says that they must be asked or their consent is missing."""


async def run(
    family: Family,
    desk: Desk,
    memory: Memory,
    policy: Policy,
    *,
    report: Callable[[Event], None],
    agree: Agree,
    plans: Plans = NO_PLANS,
    stages: Sequence[Stage] = STAGES,
    seed: int = 0,
    hand_on: bool = True,
) -> Outcome:
    """Solve one task. When this is cancelled, no model goes on with it.

    Args:
        family: the kind of task, bound to the task.
        desk: where the large model is asked.
        memory: of plans that were paid for.
        policy: what the user wants of it.
        report: is told what happens.
        agree: asks the user.
        plans: to begin with, such as the user's own. With a guideline the cascade begins where the large
            model's would be followed; with a goal alone the first drafts are written under it.
        stages: the table.
        seed: of all samples together.
        hand_on: whether the goal behind the majority goes on to the next stage.

    Raises:
        CopeError: the small model cannot be used at all.
    """
    cascade = _Cascade(family, desk, memory, policy, report, agree, stages, seed, hand_on, plans=plans)
    if plans.guideline is not None:
        cascade.stage = next(place for place, stage in enumerate(stages) if stage.plan == "guideline")
    return await cascade.solve()


@dataclass(slots=True)
class _Cascade:
    family: Family
    desk: Desk
    memory: Memory
    policy: Policy
    report: Callable[[Event], None]
    agree: Agree
    stages: Sequence[Stage]
    seed: int
    hand_on: bool

    stage: int = 0
    rounds: int = 0
    drafts: list[Draft] = field(default_factory=list)
    assessed: list[Assessed] = field(default_factory=list)
    plans: Plans = field(default_factory=Plans)
    user: bool | None = None
    """What the user said when asked for money."""
    refusal: str = ""
    """Why the large model cannot be asked any more in this solve."""
    written: Draft | None = None
    """What the large model wrote as the executor."""
    receipt: Receipt = field(default_factory=Receipt)

    async def solve(self) -> Outcome:
        decision = await self._draw()
        while True:
            match decision:
                case Accept(draft):
                    return self._outcome(draft, decision)
                case GiveUp(best=best):
                    return self._outcome(best, decision)
                case SampleMore():
                    self.rounds += 1
                    decision = await self._draw()
                case Escalate():
                    entered = await self._enter(decision)
                    decision = await (self._draw() if entered else self._decide())
                case Wait():  # the executor wrote fewer drafts than it should
                    decision = await self._decide(complete=True)

    # -- drafts -------------------------------------------------------------------------------

    async def _draw(self) -> Decision:
        """Draw the samples of the stage, until it is decided what comes next."""
        stage = self.stages[self.stage]
        self.report(StageStarted(self.stage + 1, stage, self.rounds))
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            if stage.executor == "large":
                assert self.written is not None
                await self._take(self.written)
                return await self._decide()
            seed = self.seed + (self.stage * 10 + self.rounds) * SEEDS_PER_ROUND
            async with aclosing(self.family.draw(stage, self.plans, stage.samples, seed)) as drafts:
                async for draft in drafts:
                    self._count(draft)
                    await self._take(draft)
                    decision = self._decide_here()
                    if decision is not None and not isinstance(decision, Wait):
                        return decision
                    if decision is None:
                        break
            return await self._decide()
        finally:
            self.receipt = replace(
                self.receipt, local_seconds=self.receipt.local_seconds + loop.time() - started
            )

    def _count(self, draft: Draft) -> None:
        self.receipt = replace(
            self.receipt,
            local_drafts=self.receipt.local_drafts + 1,
            local_output_tokens=self.receipt.local_output_tokens + draft.output_tokens,
        )

    async def _take(self, draft: Draft) -> None:
        assessed = await self.family.assess(draft)
        self.drafts.append(draft)
        self.assessed.append(assessed)
        self.report(DraftChecked(len(self.drafts), draft, assessed))

    # -- decisions ----------------------------------------------------------------------------

    def _situation(self, *, complete: bool = False) -> Situation:
        samples = self.stages[self.stage].samples * (self.rounds + 1)
        judged = [each.judged for each in self.assessed]
        sure = confidence(judged, max(1, len(judged)) if complete else samples, self.family.order)
        answers: dict[bool | None, Literal["yes", "no"] | None] = {None: None, True: "yes", False: "no"}
        nothing = [Offer(0, self.refusal)] * len(self.stages)
        return Situation(self.stage, sure, self.rounds, nothing, 0, answers[self.user])

    def _decide_here(self) -> Decision | None:
        """Return a decision that needs no look at prices and budgets; None: it needs one."""
        decision = decide(self._situation(), self.policy, self.stages)
        return decision if isinstance(decision, Accept | Wait) else None

    async def _decide(self, *, complete: bool = False) -> Decision:
        now = self._situation(complete=complete)
        if self.policy.escalate != "never" and self.user is not False:
            offers = [await self._offer(place) for place in range(len(self.stages))]
            now = replace(now, offers=offers, available_nusd=await self._available())
        return decide(now, self.policy, self.stages)

    async def _offer(self, place: int) -> Offer:
        """Return what it takes to enter a stage from where we are."""
        stage = self.stages[place]
        if place <= self.stage or stage.planner == "small":
            return Offer(0)
        if self.refusal:
            return Offer(0, self.refusal)
        if stage.executor == "small" and await self._known_plan() is not None:
            return Offer(0)
        try:
            quote = await self.desk.quote(self._question(place, imagined=True))
            limit = (await self.desk.budget()).limits.call_nusd
        except (HostedError, LedgerError) as error:
            return Offer(0, str(error))
        if limit is not None and quote.bound_nusd > limit:
            msg = f"a call may cost {usd(quote.bound_nusd)}, and the limit for one is {usd(limit)}"
            return Offer(0, f"{msg}; raise it: cope-lsp budget set --call")
        return Offer(quote.bound_nusd)

    async def _available(self) -> int:
        """Return what the budget has left, in nano-USD."""
        try:
            budget = await self.desk.budget()
        except LedgerError:
            return 0
        if budget.state == "closed":
            return 0
        left = (
            period.limit_nusd - period.spent_nusd
            for period in (budget.day, budget.month)
            if period.limit_nusd is not None
        )
        return max(0, min(left, default=AMOUNT_NUSD_MAX))

    # -- the large model ----------------------------------------------------------------------

    async def _enter(self, escalation: Escalate) -> bool:
        """Get what a stage needs from the large model; False: it cannot be had."""
        stage = self.stages[escalation.stage]
        is_plan = stage.executor == "small"
        plans, complaint = self._leaving()
        if stage.planner == "small":
            self._begin(escalation.stage, plans)
            return True
        if is_plan and (known := await self._known_plan()) is not None:
            self.report(PlanWritten(known, 0, reused=True))
            self._begin(escalation.stage, plans.joined_by(known))
            return True
        key = memory_key(self.family.key, complaint)
        answer = await self._ask(escalation)
        if answer is None:
            return False
        if is_plan:
            plan = Plan("guideline", " ".join(answer.text.split()), answer.model)
            await asyncio.to_thread(self.memory.keep, key, plan)
            self.report(PlanWritten(plan, answer.cost_nusd))
            self._begin(escalation.stage, plans.joined_by(plan))
        else:
            self._begin(escalation.stage, plans)
            self.written = self.family.read_draft(plans, answer.text)
        return True

    async def _ask(self, escalation: Escalate) -> Answer | None:
        try:
            question = self._question(escalation.stage)
            quote = await self.desk.quote(question)
            if not await self._may_ask(escalation, question, quote):
                return None
            answer = await self.desk.ask(question)
        except HostedError as error:
            self.refusal = str(error)
            if isinstance(error, HostedFailedError):
                self._book(failed_call(question, quote, error))
            return None
        self._book(made_call(question, quote, answer))
        return answer

    async def _may_ask(self, escalation: Escalate, question: Question, quote: Quote) -> bool:
        later = [await self._offer(place) for place in range(escalation.stage + 1, len(self.stages))]
        most = quote.bound_nusd + sum(offer.cost_max_nusd for offer in later)
        event = EscalationAsked(
            escalation.stage + 1, escalation.reason, question, quote, most, must_ask=escalation.ask
        )
        self.report(event)
        agreed = await self.agree(event)
        if escalation.ask or not agreed:
            self.user = agreed
        return agreed

    def _book(self, call: HostedCall) -> None:
        self.receipt = replace(self.receipt, calls=(*self.receipt.calls, call))

    def _question(self, place: int, *, imagined: bool = False) -> Question:
        """Return what the large model is asked for a stage.

        Args:
            place: of the stage.
            imagined: for a quote: a guideline that may still be written before counts as a long one.
        """
        plans, complaint = self._leaving()
        if self.stages[place].executor == "small":
            return self.family.plan_question(plans, complaint)
        between = self.stages[self.stage + 1 : place]
        may_be_planned = any((each.planner, each.executor) == ("large", "small") for each in between)
        if imagined and may_be_planned and plans.guideline is None:
            plans = plans.joined_by(Plan("guideline", "x" * GUIDELINE_CHARACTERS, ""))
        return self.family.draft_question(plans, complaint)

    def _leaving(self) -> tuple[Plans, str]:
        """Return the plans that the next stage begins with, and what is wrong with most drafts so far."""
        complaints = Counter(each.complaint for each in self.assessed if each.complaint)
        complaint = complaints.most_common(1)[0][0] if complaints else ""
        judged = [each.judged for each in self.assessed]
        if self.plans != NO_PLANS:
            return not_refuted(self.plans, judged), complaint
        goals = [each.goal for each in self.drafts]
        return (handed_on(judged, goals) if self.hand_on else NO_PLANS), complaint

    async def _known_plan(self) -> Plan | None:
        return await asyncio.to_thread(self.memory.recall, memory_key(self.family.key, self._leaving()[1]))

    def _begin(self, place: int, plans: Plans) -> None:
        self.stage, self.rounds, self.plans = place, 0, plans
        self.drafts, self.assessed = [], []

    # -- the end ------------------------------------------------------------------------------

    def _outcome(self, place: int | None, decision: Accept | GiveUp) -> Outcome:
        solved = isinstance(decision, Accept)
        found = self.assessed[place] if place is not None else None
        value = self._situation(complete=True).confidence.value
        return Outcome(
            status="solved" if solved else "not-solved",
            stage=self.stage + 1,
            draft=self.drafts[place] if place is not None else None,
            proof=self._proof(found),
            confidence=value,
            reason="accepted" if isinstance(decision, Accept) else decision.reason,
            detail="" if isinstance(decision, Accept) else decision.detail,
            verdicts=found.verdicts if found else (),
            plans=self.plans if self.stage else self._leaving()[0],
            receipt=self.receipt,
        )

    def _proof(self, found: Assessed | None) -> Proof:
        if found is None or found.judged.answer is None:
            return "none"
        if found.judged.tests == "passed":
            return "tests"
        agreeing = sum(each.judged.answer == found.judged.answer for each in self.assessed)
        return "agreement" if agreeing > 1 else "syntax"
