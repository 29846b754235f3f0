"""Plans: the short texts that stand between who plans and who executes, and how they are handed on.

"Efficient LLM Collaboration via Planning", section 3: in stage 1 every sample draws its own goal; the one
behind the majority goes on to stage 2, where the guideline of the large model joins it, and both
reach the executor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cope_lsp.cascade.confidence import Judged, confidence

PlanKind = Literal["goal", "guideline"]

USER = "user"
"""The author of a user's own plans."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One or two sentences. Data, never instructions to the program."""

    kind: PlanKind
    text: str
    author: str
    """The model that wrote it, or `USER`."""


@dataclass(frozen=True, slots=True)
class Plans:
    """What an executor is shown beside the task."""

    goal: Plan | None = None
    guideline: Plan | None = None

    def joined_by(self, plan: Plan) -> "Plans":
        """Return these with another one, which takes the place of one of its kind."""
        return replace(self, goal=plan) if plan.kind == "goal" else replace(self, guideline=plan)


def memory_key(task: str, complaint: str = "") -> str:
    """Return under what a plan is remembered: its task's key, and what was wrong when it was asked for."""
    return f"{task}\n{complaint}"


def not_refuted(plans: Plans, drafts: Sequence[Judged]) -> Plans:
    """Return the plans of a stage that are handed on: all, or the user's own where tests refuted the others.

    When all that was written under a plan fails the tests, it misses what is wanted, and whoever goes on is
    better off without it. The paper, which has no tests, hands on each plan. One answer refutes no plan.
    """
    tested = {each.answer: each.tests for each in drafts if each.answer and each.tests != "unknown"}
    if len(tested) < 2 or "passed" in tested.values():
        return plans
    kept = (plan if plan and plan.author == USER else None for plan in (plans.goal, plans.guideline))
    return Plans(*kept)


def handed_on(drafts: Sequence[Judged], goals: Sequence[Plan | None]) -> Plans:
    """Return the plans that the next stage begins with: the goal behind the majority's answer.

    Checks do not count here: when all drafts fail their tests, what most of them wanted is still the best
    guess at what is wanted. Where no draft is of use, the first goal is as good as any.

    Args:
        drafts: those of the stage, in the order in which they came.
        goals: the own goal of each, or its own guideline where it drew that; None where it drew none.
    """
    majority = confidence(drafts, max(1, len(drafts)), ["consensus"]).best
    chosen = goals[majority] if majority is not None else None
    plan = chosen or next((goal for goal in goals if goal), None)
    return Plans().joined_by(plan) if plan else Plans()
