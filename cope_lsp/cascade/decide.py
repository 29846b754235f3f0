"""What a cascade does next: a function of plain values. No I/O, no clock, no idea of code.

The stages are those of "Efficient LLM Collaboration via Planning", section 3. What is ours: nothing is bought
that the budget cannot follow up, a hopeless task is not planned any further, and more is tried locally where
tests can tell, or where no money, no network or no consent is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cope_lsp.cascade.confidence import Confidence
from cope_lsp.cascade.plan import PlanKind

Size = Literal["small", "large"]
Reason = Literal["unsure", "hopeless", "never", "declined", "refused", "over-budget", "nothing-left"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of the cascade."""

    planner: Size
    executor: Size
    plan: PlanKind
    samples: int
    threshold: float
    """Of confidence, from which a draft is accepted."""


STAGES = (
    Stage("small", "small", "goal", samples=8, threshold=0.75),
    Stage("large", "small", "guideline", samples=8, threshold=0.5),
    Stage("large", "large", "guideline", samples=1, threshold=0.0),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user wants of it."""

    escalate: Literal["never", "ask", "auto"] = "ask"
    when_hopeless: Literal["go-on", "stop"] = "go-on"
    """Whether the large model solves what the small one cannot do with its plan either."""
    extra_rounds: int = 1
    """How many times a stage of the small model may draw its samples again instead of something dearer."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What it would take to enter a stage."""

    cost_max_nusd: int
    """The most that it can cost; 0 for one that is free, such as a plan that was paid for before."""
    refusal: str = ""
    """Why it cannot be had: offline, no consent, no price, no key ...; "" when it can."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known after each draft."""

    stage: int
    """The place in the table, from 0."""
    confidence: Confidence
    rounds: int
    """How many times this stage has drawn its samples again."""
    offers: Sequence[Offer]
    """One for each stage of the table."""
    available_nusd: int
    """What the budget has left."""
    answer: Literal["yes", "no"] | None = None
    """What the user said when asked for money in this solve."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Take a draft."""

    draft: int


@dataclass(frozen=True, slots=True)
class Wait:
    """More drafts are on their way, and they matter."""


@dataclass(frozen=True, slots=True)
class SampleMore:
    """Draw the stage's samples once more, here."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Escalate:
    """Enter a dearer stage."""

    stage: int
    reason: Reason
    cost_max_nusd: int
    ask: bool
    """Whether the user must agree first."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End without an accepted draft."""

    reason: Reason
    detail: str = ""
    best: int | None = None
    """A draft that may be shown as not verified."""


Decision = Accept | Wait | SampleMore | Escalate | GiveUp


def decide(now: Situation, policy: Policy, stages: Sequence[Stage] = STAGES) -> Decision:
    """Return what to do next."""
    stage, sure = stages[now.stage], now.confidence
    if sure.best is not None and sure.value >= stage.threshold:
        return Accept(sure.best)
    if not _is_complete(sure, stage):
        return Wait()
    hopeless = now.stage > 0 and _is_hopeless(sure, stage.samples * (now.rounds + 1))
    # One sample is greedy: drawn again it is the same.
    may_repeat = stage.executor == "small" and stage.samples > 1 and now.rounds < policy.extra_rounds
    # Another draft is free. More votes seldom end otherwise, but a plan that was paid for is worth a try; and
    # where tests tell, one draft that passes is enough, however late it comes.
    if may_repeat and (sure.estimator == "tests" or (now.stage > 0 and not hopeless)):
        return SampleMore("unsure")
    if hopeless and policy.when_hopeless == "stop":
        return GiveUp("hopeless", best=sure.best)
    found = _next(now, policy, stages, "hopeless" if hopeless else "unsure")
    if isinstance(found, GiveUp) and may_repeat:
        return SampleMore(found.reason)
    return found


def _is_complete(sure: Confidence, stage: Stage) -> bool:
    """Whether no missing draft can lead to one that is accepted."""
    return sure.at_most < stage.threshold or sure.at_most == sure.value


def _is_hopeless(sure: Confidence, samples: int) -> bool:
    """Whether not even two drafts agree, or none passes what was run."""
    return sure.best is None or sure.value * samples <= 1 < samples


def _next(now: Situation, policy: Policy, stages: Sequence[Stage], reason: Reason) -> Escalate | GiveUp:
    """Return the cheapest later stage that can be had and followed up, or why there is none."""
    best = now.confidence.best
    if now.stage + 1 == len(stages):
        return GiveUp("nothing-left", best=best)
    if policy.escalate == "never" or now.answer == "no":
        return GiveUp("never" if policy.escalate == "never" else "declined", best=best)
    later = range(now.stage + 1, len(stages))
    possible = [place for place in later if not now.offers[place].refusal]
    if not possible:
        return GiveUp("refused", now.offers[now.stage + 1].refusal, best)
    for place in possible:
        if _to_the_end(now, place) <= now.available_nusd:
            cost = now.offers[place].cost_max_nusd
            ask = policy.escalate == "ask" and now.answer is None and cost > 0
            return Escalate(place, reason, cost, ask)
    return GiveUp("over-budget", best=best)


def _to_the_end(now: Situation, place: int) -> int:
    """Return the most that a stage and all that may follow it can cost, in nano-USD."""
    return sum(offer.cost_max_nusd for offer in now.offers[place:] if not offer.refusal)
