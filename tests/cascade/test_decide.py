"""The decision table, row by row, and what no history of evidence ever leads to."""

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.cascade.confidence import Confidence, Judged, confidence
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
    Wait,
    decide,
)

ASK, AUTO, NEVER = Policy("ask"), Policy("auto"), Policy("never")
OFFERS = (Offer(0), Offer(2_000), Offer(9_000))
OFFLINE = tuple(replace(offer, refusal="offline") for offer in OFFERS)


def sure(value: float, best: int | None = 0, at_most: float | None = None) -> Confidence:
    return Confidence(value, "consensus", best, value if at_most is None else at_most)


def situation(stage: int, evidence: Confidence, rounds: int = 1, **more: object) -> Situation:
    """Return one in which every draft has come, and the local ones were drawn again already."""
    made = Situation(stage, evidence, rounds, OFFERS, available_nusd=50_000)
    return replace(made, **more)  # type: ignore[arg-type]


PLANNED = Escalate(1, "unsure", 2_000, ask=False)
HOPELESS = Escalate(2, "hopeless", 9_000, ask=False)
HALF, NONE, TORN = sure(0.5), sure(0.0, None), sure(0.0625)
FAILED = replace(NONE, estimator="tests")

ROWS: dict[str, tuple[Situation, Policy, Decision]] = {
    "agreed in stage 1": (situation(0, sure(0.75, 3)), ASK, Accept(3)),
    "agreed in stage 2, where half is enough": (situation(1, HALF), ASK, Accept(0)),
    "the large model's own draft": (situation(2, sure(1.0)), ASK, Accept(0)),
    "early: 6 of 8 agree": (situation(0, sure(0.75, at_most=1.0)), ASK, Accept(0)),
    "early: it may still be": (situation(0, sure(0.25, at_most=0.75)), ASK, Wait()),
    "early: it cannot be any more": (situation(0, sure(0.25, at_most=0.7)), AUTO, PLANNED),
    "nothing has come": (situation(0, sure(0.0, None, 1.0)), ASK, Wait()),
    "unsure, and the user is asked": (situation(0, HALF), ASK, Escalate(1, "unsure", 2_000, ask=True)),
    "unsure, and the user has agreed": (situation(0, HALF, answer="yes"), ASK, PLANNED),
    "unsure, and the user has declined": (situation(0, HALF, answer="no"), ASK, GiveUp("declined", best=0)),
    "declined, and there is another round": (situation(0, HALF, 0, answer="no"), ASK, SampleMore("declined")),
    "never": (situation(0, HALF), NEVER, GiveUp("never", best=0)),
    "never, and there is another round": (situation(0, HALF, 0), NEVER, SampleMore("never")),
    "offline": (situation(0, HALF, offers=OFFLINE), AUTO, GiveUp("refused", "offline", 0)),
    "offline, another round": (situation(0, HALF, 0, offers=OFFLINE), AUTO, SampleMore("refused")),
    "stage 1 does not repeat what a plan can mend": (situation(0, HALF, 0), AUTO, PLANNED),
    "stage 1 draws again where tests will tell": (situation(0, FAILED, 0), AUTO, SampleMore("unsure")),
    "stage 1 has drawn again, and all fail their tests": (situation(0, FAILED), AUTO, PLANNED),
    "too dear": (situation(0, HALF, available_nusd=8_999), AUTO, GiveUp("over-budget", best=0)),
    "a plan that cannot be followed up is not bought": (
        situation(0, HALF, available_nusd=10_999), AUTO, Escalate(2, "unsure", 9_000, ask=False)
    ),
    "plan and follow-up just fit": (situation(0, HALF, available_nusd=11_000), AUTO, PLANNED),
    "a plan that was paid for is free": (
        situation(0, HALF, offers=(OFFERS[0], Offer(0), OFFERS[2])), ASK, Escalate(1, "unsure", 0, ask=False)
    ),
    "without a large executor the plan alone counts": (
        situation(0, HALF, offers=(*OFFERS[:2], OFFLINE[2]), available_nusd=2_000), AUTO, PLANNED
    ),
    "stage 2 draws again, its plan is paid for": (situation(1, sure(0.25), 0), AUTO, SampleMore("unsure")),
    "stage 2 is still unsure": (situation(1, sure(0.25)), AUTO, Escalate(2, "unsure", 9_000, ask=False)),
    "stage 2 is hopeless: all differ": (situation(1, TORN, 0), AUTO, HOPELESS),
    "stage 2 is hopeless: none is of use": (situation(1, NONE, 0), AUTO, HOPELESS),
    "stage 2 draws again where tests will tell": (situation(1, FAILED, 0), AUTO, SampleMore("unsure")),
    "stage 2 has drawn again, and all fail their tests": (situation(1, FAILED), AUTO, HOPELESS),
    "stage 2 is hopeless, and the user wants to stop": (
        situation(1, TORN, 0), Policy("auto", when_hopeless="stop"), GiveUp("hopeless", best=0)
    ),
    "stage 2 is hopeless, and there is no money": (
        situation(1, TORN, 0, available_nusd=0), AUTO, SampleMore("over-budget")
    ),
    "the large model's draft is of no use": (situation(2, NONE, 0), AUTO, GiveUp("nothing-left")),
}  # fmt: skip


@pytest.mark.parametrize(("now", "policy", "expected"), ROWS.values(), ids=ROWS)
def test_the_table(now: Situation, policy: Policy, expected: Decision) -> None:
    assert decide(now, policy) == expected


def test_one_sample_is_not_drawn_again() -> None:
    """It is greedy: it would be the same."""
    greedy = (replace(STAGES[0], samples=1), *STAGES[1:])
    assert decide(situation(0, FAILED, 0), AUTO, greedy) == PLANNED
    assert decide(situation(0, HALF, 0), NEVER, greedy) == GiveUp("never", best=0)


def test_the_stages_are_those_of_the_paper() -> None:
    rows = [(row.planner, row.executor, row.plan, row.samples, row.threshold) for row in STAGES]
    assert rows == [
        ("small", "small", "goal", 8, 0.75),
        ("large", "small", "guideline", 8, 0.5),
        ("large", "large", "guideline", 1, 0.0),
    ]


# --- whatever comes ------------------------------------------------------------------------------

judged = st.builds(
    Judged,
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(["passed", "failed", "unknown"]),
)
answers: st.SearchStrategy[Literal["yes", "no"]] = st.sampled_from(["yes", "no"])
offers = st.builds(Offer, st.integers(0, 20), st.sampled_from(["", "", "offline"]))
policies = st.builds(
    Policy, st.sampled_from(["never", "ask", "auto"]), st.sampled_from(["go-on", "stop"]), st.integers(0, 2)
)


@given(st.data(), policies, st.tuples(offers, offers, offers), st.integers(0, 40))
def test_no_history_spends_too_much_or_accepts_what_is_of_no_use(
    data: st.DataObject, policy: Policy, offered: tuple[Offer, ...], money: int
) -> None:
    """Walk through a whole cascade; each escalation costs as much as it can."""
    stage, rounds, left = 0, 0, money
    answer: Literal["yes", "no"] | None = None
    drafts: list[Judged] = []
    for _ in range(200):
        samples = STAGES[stage].samples * (rounds + 1)
        estimate = confidence(drafts, samples, ["tests", "consensus"])
        decision = decide(Situation(stage, estimate, rounds, offered, left, answer), policy)
        match decision:
            case Wait():
                drafts.append(data.draw(judged))
            case SampleMore():
                rounds += 1
            case Escalate(to, _, cost, ask):
                assert to > stage
                assert policy.escalate != "never"
                assert cost <= left
                assert not offered[to].refusal
                answer = data.draw(answers) if ask else answer
                if answer == "no":
                    continue
                assert policy.escalate == "auto" or answer == "yes" or cost == 0
                stage, rounds, drafts, left = to, 0, [], left - cost
            case Accept(place):
                assert drafts[place].answer is not None
                assert drafts[place].tests != "failed"
                break
            case GiveUp():
                break
        assert rounds <= policy.extra_rounds
    else:
        pytest.fail("it never ends")
    assert left >= 0
