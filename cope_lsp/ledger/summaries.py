"""What the user sees of the budget: made from one transaction, so that its numbers belong together."""

from collections import defaultdict
from collections.abc import Sequence

from cope_lsp.ledger import budget
from cope_lsp.ledger.entries import Call, DaySpending, Limits, ModelSpending, Period, State, Summary, usd
from cope_lsp.ledger.session import Session


def summary(session: Session, at_ms: int, machine_ms: int, recent_days: int) -> Summary:
    """Return the state of the budget at the ledger's time."""
    limits, spent = session.limits(), session.spent(at_ms)
    day_ms, month_ms = budget.day_start_ms(at_ms), budget.month_start_ms(at_ms)
    first_ms = day_ms - max(recent_days - 1, 0) * budget.DAY_MS
    calls = session.calls(at_ms, since_ms=max(min(first_ms, month_ms), 0))
    in_month = [call for call in calls if call.at_ms >= month_ms]
    in_day = [call for call in in_month if call.at_ms >= day_ms]
    state, reason = _state(session, limits, spent)
    return Summary(
        state,
        reason,
        _period(day_ms, spent.day, limits.day_nusd, len(in_day)),
        _period(month_ms, spent.month, limits.month_nusd, len(in_month)),
        _models(in_month, day_ms, limits),
        tuple(call for call in calls if call.state in {"open", "unknown"}),
        _days(calls, day_ms, recent_days),
        limits,
        session.calls_ever(),
        max(at_ms - machine_ms, 0),
    )


def _state(session: Session, limits: Limits, spent: budget.Spent) -> tuple[State, str]:
    if over := session.overrun():
        return "closed", f"a call cost {usd(over.amount_nusd)}, more than was reserved for it"
    if reason := budget.exhausted(limits, spent):
        return "closed", reason
    if reason := budget.warning(limits, "", spent):
        return "warning", reason
    return "open", ""


def _period(start_ms: int, spent_nusd: int, limit_nusd: int | None, calls: int) -> Period:
    percent = round(100 * spent_nusd / limit_nusd, 1) if limit_nusd else None
    return Period(budget.day_name(start_ms), spent_nusd, limit_nusd, percent, calls)


def _models(calls: Sequence[Call], day_ms: int, limits: Limits) -> tuple[ModelSpending, ...]:
    """Return the models of this month, the dearest first."""
    by_model: dict[tuple[str, str], list[Call]] = defaultdict(list)
    for call in calls:
        by_model[call.endpoint, call.model].append(call)
    rows = []
    for (endpoint, model), own in by_model.items():
        day_nusd = sum(call.spent_nusd for call in own if call.at_ms >= day_ms)
        month_nusd = sum(call.spent_nusd for call in own)
        limit = budget.model_limit(limits, model)
        row = ModelSpending(endpoint, model, day_nusd, month_nusd, len(own), limit.day_nusd, limit.month_nusd)
        rows.append(row)
    return tuple(sorted(rows, key=lambda row: (-row.month_nusd, row.endpoint, row.model)))


def _days(calls: Sequence[Call], day_ms: int, recent_days: int) -> tuple[DaySpending, ...]:
    """Return a bar per day. What lies in the future counts today, as it does for the limit."""
    spent: dict[int, int] = defaultdict(int)
    count: dict[int, int] = defaultdict(int)
    for call in calls:
        start_ms = min(budget.day_start_ms(call.at_ms), day_ms)
        spent[start_ms] += call.spent_nusd
        count[start_ms] += 1
    starts = [day_ms - back * budget.DAY_MS for back in range(recent_days - 1, -1, -1)]
    return tuple(
        DaySpending(budget.day_name(start), spent[start], count[start]) for start in starts if start >= 0
    )
