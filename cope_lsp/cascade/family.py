"""What a cascade must be told of a kind of task. A family adds a module; the cascade has no branch for it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cope_lsp.cascade.confidence import Estimator, Judged
from cope_lsp.cascade.decide import Stage
from cope_lsp.cascade.plan import Plan, Plans
from cope_lsp.checks.base import Verdict
from cope_lsp.models.question import Question


@dataclass(frozen=True, slots=True)
class Draft:
    """One sample of an executor."""

    text: str
    """In the family's own form; for code the body of the function."""
    goal: Plan | None = None
    """The plan that the executor wrote before it, where it wrote one."""
    output_tokens: int = 0
    perplexity: float | None = None


@dataclass(frozen=True, slots=True)
class Assessed:
    """What the checks say of a draft."""

    judged: Judged
    verdicts: tuple[Verdict, ...]

    @property
    def complaint(self) -> str:
        """What the first check that failed says; "" when none did."""
        return next((each.evidence for each in self.verdicts if each.judgement == "failed"), "")


class Family(Protocol):
    """One kind of task, bound to one task."""

    @property
    def order(self) -> Sequence[Estimator]:
        """Its estimators of confidence, strongest first."""
        ...

    @property
    def key(self) -> str:
        """What stays the same while the same thing is wanted: a plan that was paid for is found by it."""
        ...

    def draw(self, stage: Stage, plans: Plans, samples: int, seed: int) -> AsyncGenerator[Draft, None]:
        """Let the small model write drafts of a stage; closing the iterator stops it at once.

        Raises:
            CopeError: there is no model, or it cannot serve this.
        """
        ...

    async def assess(self, draft: Draft) -> Assessed:
        """Check a draft. Where there is no safe place to run it, it is not run, and its tests are unknown."""
        ...

    def plan_question(self, plans: Plans, complaint: str) -> Question:
        """Return what the large model is asked as a planner.

        Raises:
            HostedRefusedError: it is too large to be asked.
        """
        ...

    def draft_question(self, plans: Plans, complaint: str) -> Question:
        """Return what the large model is asked as an executor; raises as `plan_question`."""
        ...

    def read_draft(self, plans: Plans, answer: str) -> Draft:
        """Return the draft in an answer to `draft_question`."""
        ...
