"""What a cascade tells while it runs, and what comes out of it: values without behaviour."""

from dataclasses import dataclass
from typing import Literal

from cope_lsp.cascade.decide import Reason, Stage
from cope_lsp.cascade.family import Assessed, Draft
from cope_lsp.cascade.plan import Plan, Plans
from cope_lsp.checks.base import Verdict
from cope_lsp.errors import HostedFailedError
from cope_lsp.models.question import Answer, Question, Quote


@dataclass(frozen=True, slots=True)
class StageStarted:
    """Drafts are about to be drawn."""

    number: int
    """From 1, as the paper counts."""
    stage: Stage
    round: int
    """From 0; later ones draw more samples of the same stage."""


@dataclass(frozen=True, slots=True)
class PlanWritten:
    """A plan goes on to the executor."""

    plan: Plan
    cost_nusd: int
    reused: bool = False
    """Whether it was paid for before."""


@dataclass(frozen=True, slots=True)
class DraftChecked:
    """One more draft is known, and what it is worth."""

    number: int
    """From 1, in its stage."""
    draft: Draft
    assessed: Assessed


@dataclass(frozen=True, slots=True)
class EscalationAsked:
    """The user is asked whether a call may be made. Nothing has been sent."""

    number: int
    """Of the stage that it would lead to, from 1."""
    reason: Reason
    question: Question
    quote: Quote
    """Of this call."""
    cost_max_nusd: int
    """Of this call and all that may follow it: one yes is a yes to them."""
    must_ask: bool
    """Whether the settings want the user to be asked; their consent for the project is another matter."""


@dataclass(frozen=True, slots=True)
class HostedCall:
    """One line of a receipt: a call to the hosted model."""

    reservation: str
    model: str
    endpoint: str
    purpose: str
    input_tokens: int
    output_tokens: int
    cost_nusd: int
    bytes_sent: int
    failure: str = ""
    """Why it brought nothing; its cost is then the most that it can have been."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a solve took."""

    calls: tuple[HostedCall, ...] = ()
    local_drafts: int = 0
    local_output_tokens: int = 0
    local_seconds: float = 0.0
    """Of drawing and checking together."""

    @property
    def cost_nusd(self) -> int:
        """What the calls cost together."""
        return sum(call.cost_nusd for call in self.calls)


Status = Literal["solved", "not-solved"]
Proof = Literal["tests", "agreement", "syntax", "none"]
"""Why a draft is believed: the tests pass, the samples agree, it is at least well-formed, or nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a solve."""

    status: Status
    stage: int
    """The one reached, from 1."""
    draft: Draft | None
    """The accepted one; when nothing was accepted, the best one, which is not verified, or None."""
    proof: Proof
    confidence: float
    reason: Reason | Literal["accepted"]
    detail: str
    """For a person; "" when it was solved."""
    verdicts: tuple[Verdict, ...]
    """Of the draft."""
    plans: Plans
    receipt: Receipt


Event = StageStarted | PlanWritten | DraftChecked | EscalationAsked | Outcome


_PROOFS: dict[Proof, str] = {
    "tests": "the tests pass",
    "agreement": "the drafts agree; no test was run",
    "syntax": "it parses; no test was run",
    "none": "nothing speaks for it",
}
_ENDS = {
    "unsure": "the drafts do not agree, or fail",
    "hopeless": "no draft works, not even under the hosted model's plan",
    "never": "local drafts did not do, and cascade.escalate is never",
    "declined": "local drafts did not do, and nobody agreed to ask the hosted model",
    "refused": "local drafts did not do, and the hosted model cannot be asked",
    "over-budget": "local drafts did not do, and the budget has not enough left for the hosted model",
    "nothing-left": "not even the hosted model's own draft works",
}


def explain(outcome: Outcome) -> str:
    """Return in a sentence how it ended, for a person."""
    if outcome.reason == "accepted":
        unsaid = next((each.evidence for each in outcome.verdicts if each.judgement == "unknown"), "")
        why = f" ({unsaid})" if unsaid and outcome.proof != "tests" else ""
        return f"solved in stage {outcome.stage}: {_PROOFS[outcome.proof]}{why}"
    detail = f": {outcome.detail}" if outcome.detail else ""
    shown = "; the best draft is shown, not verified" if outcome.draft else ""
    return f"not solved: {_ENDS[outcome.reason]}{detail}{shown}"


def made_call(question: Question, quote: Quote, answer: Answer) -> HostedCall:
    """Return the line of a receipt for a call that brought an answer."""
    return HostedCall(
        reservation=answer.reservation,
        model=answer.model,
        endpoint=quote.endpoint,
        purpose=question.purpose,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_nusd=answer.cost_nusd,
        bytes_sent=quote.bytes,
    )


def failed_call(question: Question, quote: Quote, error: HostedFailedError) -> HostedCall:
    """Return the line for an attempt that failed: it counts as what was reserved for it."""
    return HostedCall(
        reservation="",
        model=quote.model,
        endpoint=quote.endpoint,
        purpose=question.purpose,
        input_tokens=0,
        output_tokens=0,
        cost_nusd=quote.bound_nusd,
        bytes_sent=quote.bytes,
        failure=error.reason,
    )
