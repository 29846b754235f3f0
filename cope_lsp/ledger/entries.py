"""What the ledger remembers and says: entries, attempts, limits, summaries. Values without behaviour.

Amounts are whole nano-USD (10^-9 USD), times are whole milliseconds since 1970 in UTC.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["reserve", "settle", "void", "limit", "reopen", "clock"]
"""reserve: an attempt may be made. settle, void: what became of it. limit: the limits from here on.
reopen: the user accepts an overrun. clock: the ledger's time is brought back to the machine's."""

Basis = Literal["usage", "reserve"]
"""What a settlement rests on: the server's usage, or the reservation where that is not known."""

Which = Literal["call", "day", "month", "model-day", "model-month", "closed"]
State = Literal["open", "warning", "closed"]
CallState = Literal["open", "unknown", "settled", "voided"]
"""unknown: open for so long that nobody will settle it any more; it counts in full."""

AMOUNT_NUSD_MAX = 10**15
"""A million USD. Sums of 9,000 such amounts fit SQLite's integers; larger sums are an error there."""

DETAIL_CHARACTERS_MAX = 16_000
"""Far more than a price or a usage object needs; what a server sends is not trusted to be small."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger. It is written once and never changed."""

    number: int
    """Counts up from 1 in the order of writing."""
    id: str
    kind: Kind
    at_ms: int
    subject: str = ""
    """The id of the reservation that a settlement or a void resolves."""
    amount_nusd: int = 0
    overrun: bool = False
    """A settlement above its reservation."""
    endpoint: str = ""
    model: str = ""
    workspace: str = ""
    purpose: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """JSON: the price of a reservation, the usage of a settlement, the proof of a void, the limits."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that is about to be sent, and the most that it can cost."""

    id: str
    """Made by the caller before anything is sent: 1 to 64 letters, digits, - or _, such as a UUID in hex."""
    endpoint: str
    model: str
    bound_nusd: int
    workspace: str
    purpose: str
    price: Mapping[str, Any]
    """The rates that `bound_nusd` was computed from, as JSON, so that the cost can be recomputed."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an attempt cost in the end."""

    amount_nusd: int
    basis: Basis
    usage: Mapping[str, Any] | None = None
    """The server's usage object as it came."""
    server_date: str | None = None
    """The `Date` header of the answer."""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelLimit:
    """Limits for one model besides those for all; None: no limit of this kind."""

    model: str
    day_nusd: int | None = None
    month_nusd: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent: per call, and per day and month of UTC. None: no limit of this kind."""

    call_nusd: int | None = 50_000_000
    day_nusd: int | None = 500_000_000
    month_nusd: int | None = 5_000_000_000
    warn_percent: int = 80
    """From which share of the limit of a day or a month on a reservation comes with a warning."""
    models: tuple[ModelLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Reserved:
    """The attempt may be made. `warning` is a sentence for the user, "" when all is well."""

    id: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class OverBudget:
    """The attempt must not be made: `spent_nusd` and `bound_nusd` together pass `limit_nusd`."""

    which: Which
    limit_nusd: int
    spent_nusd: int
    bound_nusd: int
    message: str


@dataclass(frozen=True, slots=True)
class Call:
    """A reservation and what became of it."""

    id: str
    at_ms: int
    endpoint: str
    model: str
    workspace: str
    purpose: str
    state: CallState
    bound_nusd: int
    spent_nusd: int
    basis: str = ""
    """Of a settlement: its basis. Of a void: its proof."""
    overrun: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month of UTC so far."""

    start: str
    """Its first day, as 2026-11-24."""
    spent_nusd: int
    limit_nusd: int | None
    percent: float | None
    """Of the limit; None without a limit."""
    calls: int


@dataclass(frozen=True, slots=True)
class ModelSpending:
    """What one model cost this day and this month, and its own limits."""

    endpoint: str
    model: str
    day_nusd: int
    month_nusd: int
    calls: int
    """In the month."""
    day_limit_nusd: int | None = None
    month_limit_nusd: int | None = None


@dataclass(frozen=True, slots=True)
class DaySpending:
    """One bar of a chart."""

    day: str
    spent_nusd: int
    calls: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of the budget; `dataclasses.asdict` makes it JSON."""

    state: State
    reason: str
    """Why the state is not "open", for the user."""
    day: Period
    month: Period
    models: tuple[ModelSpending, ...]
    open_calls: tuple[Call, ...]
    """Of this month and of `days`: reserved and neither settled nor voided, newest first."""
    days: tuple[DaySpending, ...]
    """The last days, oldest first, each of them, also those without a call."""
    limits: Limits
    calls: int
    """Reservations ever made."""
    ahead_ms: int
    """How far the ledger's time is ahead of the machine's clock, which once was so itself; 0: not at all."""


def usd(amount_nusd: int) -> str:
    """Return an amount for people: "0.05 USD", "0.000123 USD"; at least two decimals, no rounding."""
    text = f"{Decimal(amount_nusd).scaleb(-9):f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2} USD" if amount_nusd else "0.00 USD"


def canonical(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII.

    Raises:
        ValueError, TypeError, RecursionError: it is no JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def storable(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return `value` as it will be read back; when it is no JSON or far too large, a note that says so.

    What a server sent must never keep a settlement from being recorded.
    """
    if value is None:
        return None
    try:
        text = canonical(value)
    except (ValueError, TypeError, RecursionError) as error:
        return {"not_stored": f"no JSON: {type(error).__name__}"}
    if len(text) > DETAIL_CHARACTERS_MAX:
        return {"not_stored": f"{len(text)} characters are too many"}
    stored: dict[str, Any] = json.loads(text)
    return stored


def plain(text: str) -> str:
    """Return `text` without lone surrogates, which paths may hold and SQLite cannot, and not too long."""
    return text[:4096].encode("utf-8", "backslashreplace").decode("utf-8")
