"""The rules of the ledger, one by one, on a clock that the test sets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.errors import LedgerError
from cope_lsp.ledger.entries import Limits, ModelLimit, Settlement, storable, usd
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.teller import Teller
from tests.ledger.samples import CENT, DAY_S, NOON, USD, Clock, attempt, cost, refused, reserved


def test_the_next_day_has_a_budget_of_its_own_and_the_month_goes_on(ledger: Ledger, clock: Clock) -> None:
    ledger.set_limits(Limits(None, day_nusd=2 * CENT, month_nusd=3 * CENT))
    reserved(ledger, 2 * CENT)
    assert refused(ledger).which == "day"
    clock.now += DAY_S
    reserved(ledger)
    assert refused(ledger).which == "month"
    clock.now = NOON + 31 * DAY_S
    reserved(ledger, 2 * CENT)


def test_one_call_has_a_limit(ledger: Ledger) -> None:
    ledger.set_limits(Limits(call_nusd=CENT))
    assert refused(ledger, CENT + 1).which == "call"
    reserved(ledger, CENT)


def test_a_model_may_have_limits_of_its_own(ledger: Ledger, clock: Clock) -> None:
    own = ModelLimit("big", day_nusd=CENT, month_nusd=2 * CENT)
    ledger.set_limits(Limits(None, None, None, models=(own,)))
    reserved(ledger, model="big")
    assert refused(ledger, model="big").which == "model-day"
    reserved(ledger, 5 * USD, model="small")
    clock.now += DAY_S
    reserved(ledger, model="big")
    clock.now += DAY_S
    assert refused(ledger, model="big").which == "model-month"
    (small, big) = ledger.summary().models
    assert (small.model, big.model, big.month_limit_nusd) == ("small", "big", 2 * CENT)


def test_a_warning_comes_before_the_limit(ledger: Ledger) -> None:
    ledger.set_limits(Limits(None, 10 * CENT, None, warn_percent=50))
    first, second = ledger.reserve(attempt(4 * CENT)), ledger.reserve(attempt(CENT))
    assert getattr(first, "warning", None) == ""
    assert "0.05 USD of 0.10 USD" in getattr(second, "warning", "")
    assert ledger.summary().state == "warning"
    reserved(ledger, 5 * CENT)
    assert (ledger.summary().state, ledger.summary().day.percent) == ("closed", 100.0)


def test_a_clock_that_goes_back_gives_no_new_day(ledger: Ledger, clock: Clock) -> None:
    ledger.set_limits(Limits(None, CENT, None))
    reserved(ledger)
    clock.now -= 2 * DAY_S
    assert refused(ledger).which == "day"
    assert ledger.summary().ahead_ms == 2 * DAY_S * 1000


def test_a_clock_that_jumps_ahead_gains_one_day_at_most_and_can_be_repaired(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.set_limits(Limits(None, CENT, None))
    reserved(ledger)
    clock.now += 400 * DAY_S
    reserved(ledger)
    clock.now = NOON + 60
    assert refused(ledger).which == "day"
    assert ledger.repair_clock() == (400 * DAY_S - 60) * 1000
    assert ledger.repair_clock() == 0
    # What was reserved in that future goes on counting, or the jump would have been a gain.
    assert refused(ledger).which == "day"
    assert ledger.verify().is_sound


@pytest.mark.parametrize("now", [-1.0, float("nan"), float("inf"), 1e300])
def test_a_clock_that_makes_no_sense_closes_the_budget(ledger: Ledger, clock: Clock, now: float) -> None:
    clock.now = now
    with pytest.raises(LedgerError, match="clock"):
        ledger.reserve(attempt())


@pytest.mark.parametrize(
    "more",
    [
        {"bound_nusd": -1},
        {"bound_nusd": 10**15 + 1},
        {"bound_nusd": 1.5},
        {"bound_nusd": True},
        {"bound_nusd": 0},
        {"bound_nusd": 0, "price": {}},
        {"bound_nusd": 0, "price": {"above": [{"input": 1}]}},
        {"id": ""},
        {"id": "a/b"},
        {"id": "a" * 65},
        {"price": {"text": "x" * 20_000}},
    ],
)
def test_an_attempt_that_is_not_honest_is_refused(ledger: Ledger, more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        ledger.reserve(replace(attempt(), **more))
    assert ledger.summary().calls == 0


def test_a_price_of_zero_may_be_reserved(ledger: Ledger) -> None:
    reserved(ledger, 0, price={"rates": {"input": 0}})


@pytest.mark.parametrize(
    "limits",
    [
        Limits(call_nusd=-1),
        Limits(day_nusd=10**16),
        Limits(warn_percent=0),
        Limits(warn_percent=101),
        Limits(models=(ModelLimit("a"), ModelLimit("a"))),
        Limits(models=(ModelLimit("a", day_nusd=-5),)),
        Limits(models=tuple(ModelLimit(str(number)) for number in range(101))),
    ],
)
def test_limits_that_make_no_sense_are_refused(ledger: Ledger, limits: Limits) -> None:
    with pytest.raises(ValueError, match=r"."):
        ledger.set_limits(limits)
    assert ledger.limits() == Limits()


def test_a_reservation_is_resolved_once(ledger: Ledger) -> None:
    first, second = reserved(ledger), reserved(ledger)
    ledger.settle(first, cost(5))
    ledger.settle(first, cost(5))  # the same again, as after a lost answer
    with pytest.raises(LedgerError, match="resolved already"):
        ledger.settle(first, cost(6))
    with pytest.raises(LedgerError, match="resolved already"):
        ledger.void(first, "proof")
    with pytest.raises(ValueError, match="proof"):
        ledger.void(second, "")
    for stranger in ("nobody", f"{first}.end"):
        with pytest.raises(LedgerError, match="no reservation"):
            ledger.settle(stranger, cost(1))
    with pytest.raises(LedgerError, match="reserved already"):
        ledger.reserve(replace(attempt(), id=first))


def test_what_a_server_sends_never_keeps_a_settlement_from_being_recorded(ledger: Ledger) -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    for usage in ({"a": float("nan")}, {"a": "x" * 20_000}, circle, {"a": object()}):
        tried = reserved(ledger)
        ledger.settle(tried, Settlement(1, "usage", usage, "no date \udcff", "\ud800"))
    assert storable({"a": 1}) == {"a": 1}
    report = ledger.verify(lambda _price, _usage: 1)
    assert report.is_sound
    assert {finding.severity for finding in report.findings} == {"note"}


def test_verification_finds_a_cost_that_its_usage_does_not_make(ledger: Ledger) -> None:
    tried = reserved(ledger)
    ledger.settle(tried, cost(5))
    assert ledger.verify(lambda _price, _usage: 5).is_sound
    assert not ledger.verify(lambda _price, _usage: 6).is_sound
    (finding,) = ledger.verify(lambda price, _usage: price["missing"]).findings
    assert finding.severity == "warning"


def test_verification_tells_that_the_servers_clock_is_another(ledger: Ledger) -> None:
    tried = reserved(ledger)
    ledger.settle(tried, Settlement(5, "usage", None, "Fri, 01 Jan 2027 12:00:01 GMT", None))
    facts = [finding.fact for finding in ledger.verify().findings]
    assert any("days apart" in fact for fact in facts)


def test_an_overrun_closes_the_budget_until_the_user_accepts_it(ledger: Ledger) -> None:
    ledger.settle(reserved(ledger, 10), cost(11))
    over = refused(ledger)
    assert over.which == "closed"
    assert "budget set --reopen" in over.message
    assert ledger.summary().state == "closed"
    ledger.reopen()
    reserved(ledger)


def test_an_open_reservation_is_unknown_after_a_while_and_stays_spent(ledger: Ledger, clock: Clock) -> None:
    reserved(ledger)
    assert ledger.summary().open_calls[0].state == "open"
    clock.now += 3_600
    (call,) = ledger.summary().open_calls
    assert (call.state, ledger.summary().day.spent_nusd) == ("unknown", CENT)


@pytest.mark.parametrize(
    ("amount_nusd", "text"),
    [
        (0, "0.00 USD"),
        (5 * CENT, "0.05 USD"),
        (123_000, "0.000123 USD"),
        (USD, "1.00 USD"),
        (1, "0.000000001 USD"),
    ],
)
def test_an_amount_is_shown_exactly(amount_nusd: int, text: str) -> None:
    assert usd(amount_nusd) == text


async def test_the_teller_answers_for_the_ledger(folder: Path) -> None:
    teller = Teller(Ledger(folder))
    tried, other = attempt(), attempt()
    await teller.reserve(tried)
    await teller.reserve(other)
    await teller.settle(tried.id, cost(5))
    await teller.void(other.id, "nothing was sent")
    assert (await teller.summary()).day.spent_nusd == 5
    await teller.close()
