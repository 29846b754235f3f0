"""Whether an attempt is within the limits: pure decisions on plain values."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cope_lsp.ledger.entries import Limits, ModelLimit, OverBudget, Which, usd

DAY_MS = 86_400_000

_NAMES: dict[Which, str] = {
    "day": "the limit of the day",
    "month": "the limit of the month",
    "model-day": "the model's limit of the day",
    "model-month": "the model's limit of the month",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """What counts as spent so far, in nano-USD: settled amounts, and open reservations in full."""

    day: int
    month: int
    model_day: int
    model_month: int


def day_start_ms(at_ms: int) -> int:
    """Return when the day of UTC began."""
    return at_ms - at_ms % DAY_MS


def month_start_ms(at_ms: int) -> int:
    """Return when the month of UTC began."""
    day = datetime.fromtimestamp(at_ms // 1000, UTC)
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000


def day_name(at_ms: int) -> str:
    """Return the day of UTC as 2026-11-24."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).date().isoformat()


def model_limit(limits: Limits, model: str) -> ModelLimit:
    """Return the limits of one model, without any where none are set."""
    return next((limit for limit in limits.models if limit.model == model), ModelLimit(model))


def refusal(limits: Limits, model: str, bound_nusd: int, spent: Spent) -> OverBudget | None:
    """Return the first limit that an attempt would pass, or None."""
    if limits.call_nusd is not None and bound_nusd > limits.call_nusd:
        text = (
            f"this call can cost {usd(bound_nusd)}, the limit of a call is {usd(limits.call_nusd)}; "
            "ask for less, or raise it: cope-lsp budget set"
        )
        return OverBudget("call", limits.call_nusd, 0, bound_nusd, text)
    for which, limit_nusd, spent_nusd in _periods(limits, model, spent):
        if spent_nusd + bound_nusd > limit_nusd:
            text = (
                f"{usd(spent_nusd)} of {usd(limit_nusd)}, {_NAMES[which]}, are spent or reserved, and this "
                f"call can cost {usd(bound_nusd)}; wait for the next {which.removeprefix('model-')} (UTC), "
                "or raise it: cope-lsp budget set"
            )
            return OverBudget(which, limit_nusd, spent_nusd, bound_nusd, text)
    return None


def warning(limits: Limits, model: str, spent: Spent) -> str:
    """Return a sentence when the warning level of some period is reached, else ""."""
    for which, limit_nusd, spent_nusd in _periods(limits, model, spent):
        if spent_nusd and spent_nusd * 100 >= limit_nusd * limits.warn_percent:
            return f"{usd(spent_nusd)} of {usd(limit_nusd)}, {_NAMES[which]}, are spent or reserved"
    return ""


def exhausted(limits: Limits, spent: Spent) -> str:
    """Return a sentence when the day or the month has nothing left for any model, else ""."""
    for which, limit_nusd, spent_nusd in _periods(limits, "", spent):
        if spent_nusd >= limit_nusd:
            return f"{_NAMES[which]}, {usd(limit_nusd)}, is used up until the next {which} (UTC)"
    return ""


def _periods(limits: Limits, model: str, spent: Spent) -> Iterator[tuple[Which, int, int]]:
    """Yield (which, limit, spent) of every limit that is set."""
    own = model_limit(limits, model)
    rows: tuple[tuple[Which, int | None, int], ...] = (
        ("day", limits.day_nusd, spent.day),
        ("month", limits.month_nusd, spent.month),
        ("model-day", own.day_nusd, spent.model_day),
        ("model-month", own.month_nusd, spent.model_month),
    )
    for which, limit_nusd, spent_nusd in rows:
        if limit_nusd is not None:
            yield which, limit_nusd, spent_nusd
