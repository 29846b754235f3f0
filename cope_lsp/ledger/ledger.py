"""The budget ledger: no hosted call without a reservation, none above the limits, whatever asks.

A reservation counts in full from the moment when it is made. Only a settlement lowers it, to what the call
really cost, and only a void with proof takes it back. One that nobody resolves stays spent.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from platformdirs import user_data_path

from cope_lsp.errors import LedgerError
from cope_lsp.ledger import audit, budget, summaries
from cope_lsp.ledger.entries import (
    AMOUNT_NUSD_MAX,
    DETAIL_CHARACTERS_MAX,
    Attempt,
    Call,
    Entry,
    Limits,
    OverBudget,
    Reserved,
    Settlement,
    Summary,
    canonical,
    plain,
    storable,
    usd,
)
from cope_lsp.ledger.session import Session
from cope_lsp.ledger.store import LOCK_WAIT_S, Store

CLOCK_MS_MAX = 253_402_300_800_000
"""The year 10000, where Python's calendar ends."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def default_folder() -> Path:
    """Return where the user's ledger lies."""
    return user_data_path("cope-lsp", appauthor=False) / "ledger"


class Ledger:
    """The ledger in one folder. It waits for the disk and for other processes: keep it off event loops."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self._store = Store(folder or default_folder(), lock_wait_s=lock_wait_s)
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self._store.folder

    def close(self) -> None:
        """Close the files. The next use opens them again."""
        self._store.close()

    # -- a call ------------------------------------------------------------------------------------

    def reserve(self, attempt: Attempt) -> Reserved | OverBudget:
        """Take the most that an attempt can cost out of the budget, durably, or say why not.

        Raises:
            LedgerError: the ledger cannot be used, or there is an entry with this id already. Send nothing.
            ValueError: the attempt is no honest one: a bound that is negative, or zero beside a price.
        """
        _check(attempt)
        with self._store.session() as session:
            if session.find(attempt.id) is not None:
                raise LedgerError(
                    f"the attempt {attempt.id} was reserved already; make a new id for each attempt"
                )
            at_ms = self._now_ms(session)
            limits = session.limits()
            if over := session.overrun():
                return _closed(over, attempt.bound_nusd)
            spent = session.spent(at_ms, attempt.model)
            refusal = budget.refusal(limits, attempt.model, attempt.bound_nusd, spent)
            if refusal is not None:
                return refusal
            session.add(_reservation(attempt, at_ms))
            return Reserved(
                attempt.id, budget.warning(limits, attempt.model, session.spent(at_ms, attempt.model))
            )

    def settle(self, reservation_id: str, settlement: Settlement) -> None:
        """Record what a call cost. More than was reserved is recorded in full and closes the budget.

        Raises:
            LedgerError: the ledger cannot be used, there is no such reservation, or it was resolved in
                another way. The same settlement twice is accepted.
            ValueError: the amount is negative or absurd.
        """
        _check_amount(settlement.amount_nusd)
        detail = {
            "basis": settlement.basis,
            "usage": storable(settlement.usage),
            "server_date": settlement.server_date and plain(settlement.server_date),
            "request_id": settlement.request_id and plain(settlement.request_id),
        }
        self._resolve(reservation_id, "settle", settlement.amount_nusd, detail)

    def void(self, reservation_id: str, proof: str) -> None:
        """Take a reservation back. `proof` says why nothing can have been charged; it must not be empty.

        Raises:
            LedgerError: as in `settle`.
        """
        if not proof:
            raise ValueError("a reservation is only taken back with a proof")
        self._resolve(reservation_id, "void", 0, {"proof": plain(proof)})

    def _resolve(self, reservation_id: str, kind: Any, amount_nusd: int, detail: Mapping[str, Any]) -> None:
        with self._store.session() as session:
            reservation = session.find(reservation_id)
            if reservation is None or reservation.kind != "reserve":
                raise LedgerError(f"there is no reservation {reservation_id}")
            before = session.resolution(reservation_id)
            if before is not None:
                if (before.kind, before.amount_nusd, before.detail) != (kind, amount_nusd, detail):
                    raise LedgerError(
                        f"the reservation {reservation_id} was resolved already ({before.kind})"
                    )
                return
            entry = Entry(
                number=0,
                id=f"{reservation_id}.end",
                kind=kind,
                at_ms=self._now_ms(session),
                subject=reservation_id,
                amount_nusd=amount_nusd,
                overrun=amount_nusd > reservation.amount_nusd,
                detail=detail,
            )
            session.add(entry)

    # -- what the user asks --------------------------------------------------------------------------

    def summary(self, recent_days: int = 30) -> Summary:
        """Return the state of the budget, with a bar for each of the last days.

        Raises:
            LedgerError: the ledger cannot be used.
        """
        with self._store.session() as session:
            return summaries.summary(session, self._now_ms(session), self._machine_ms(), recent_days)

    def history(self, calls_max: int = 100) -> tuple[Call, ...]:
        """Return the last calls, newest first."""
        with self._store.session() as session:
            return tuple(session.calls(self._now_ms(session), calls_max=calls_max))

    def entries(self) -> Iterator[Entry]:
        """Return every entry in its order, as of now."""
        with self._store.session() as session:
            return iter(session.entries())

    def limits(self) -> Limits:
        """Return the limits that hold now."""
        with self._store.session() as session:
            return session.limits()

    def set_limits(self, limits: Limits) -> None:
        """Set all limits.

        Raises:
            ValueError: one is negative or absurd, or a model is named twice.
        """
        self.change_limits(lambda _: limits)

    def change_limits(self, change: Callable[[Limits], Limits]) -> Limits:
        """Set the limits that `change` makes of those that hold, and return them; no other change comes between.

        Raises:
            ValueError: one is negative or absurd, or a model is named twice.
        """
        with self._store.session() as session:
            before = session.limits()
            limits = change(before)
            _check_limits(limits)
            if limits != before:
                at_ms = self._now_ms(session)
                session.add(Entry(0, f"limit-{uuid4().hex}", "limit", at_ms, detail=asdict(limits)))
            return limits

    def reopen(self) -> None:
        """Accept every overrun so far, so that the budget opens again."""
        self._append("reopen", {})

    # -- repairs -------------------------------------------------------------------------------------

    def repair_clock(self) -> int:
        """Bring the ledger's time back to the machine's when it lies ahead; return by how many ms it did.

        What was reserved in that future goes on counting in every day and month until it has passed.
        """
        with self._store.session() as session:
            at_ms = self._machine_ms()
            ahead_ms = max(session.high_water_ms() - at_ms, 0)
            if ahead_ms:
                session.add(Entry(0, f"clock-{uuid4().hex}", "clock", at_ms, detail={"ahead_ms": ahead_ms}))
            return ahead_ms

    def verify(self, price_cost: audit.PriceCost | None = None) -> audit.Report:
        """Check both copies, and recompute what was settled from the server's usage.

        Args:
            price_cost: computes nano-USD from a reservation's price and a settlement's usage; it may raise
                ValueError, TypeError, LookupError or CopeError.
        """
        return audit.verify(self._store, price_cost)

    def repair(self) -> audit.Repaired:
        """Build both copies anew from every good row and line; the present files are kept under a dated name.

        Raises:
            LedgerError: the files are a newer version's or not ours, or the disk does not let us.
        """
        return audit.repair(self._store)

    def _append(self, kind: Any, detail: Mapping[str, Any]) -> None:
        with self._store.session() as session:
            session.add(Entry(0, f"{kind}-{uuid4().hex}", kind, self._now_ms(session), detail=detail))

    # -- time ----------------------------------------------------------------------------------------

    def _now_ms(self, session: Session) -> int:
        """Return the ledger's time, which never goes back: a clock that does would open the budget again."""
        return max(self._machine_ms(), session.high_water_ms())

    def _machine_ms(self) -> int:
        try:
            now_ms = int(self._clock() * 1000)
        except (ValueError, OverflowError):
            now_ms = -1
        if not 0 <= now_ms < CLOCK_MS_MAX:
            raise LedgerError("the clock of this machine is far off; set it right to ask hosted models")
        return now_ms


def _reservation(attempt: Attempt, at_ms: int) -> Entry:
    return Entry(
        number=0,
        id=attempt.id,
        kind="reserve",
        at_ms=at_ms,
        amount_nusd=attempt.bound_nusd,
        endpoint=plain(attempt.endpoint),
        model=plain(attempt.model),
        workspace=plain(attempt.workspace),
        purpose=plain(attempt.purpose),
        detail={"price": dict(attempt.price)},
    )


def _closed(over: Entry, bound_nusd: int) -> OverBudget:
    text = (
        f"a call cost {usd(over.amount_nusd)}, more than was reserved for it, so the price table or a bound "
        "is wrong; look at it with: cope-lsp budget verify, then: cope-lsp budget set --reopen"
    )
    return OverBudget("closed", 0, over.amount_nusd, bound_nusd, text)


def _check(attempt: Attempt) -> None:
    if not _ID.fullmatch(attempt.id):
        raise ValueError("an attempt's id is 1 to 64 letters, digits, - or _")
    _check_amount(attempt.bound_nusd)
    if len(canonical(attempt.price)) > DETAIL_CHARACTERS_MAX:
        raise ValueError("the price is too large to be stored")
    if attempt.bound_nusd == 0 and (not attempt.price or _has_positive_number(attempt.price)):
        raise ValueError("nothing is reserved although the call has a price")


def _has_positive_number(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_has_positive_number(part) for part in value.values())
    if isinstance(value, list | tuple):
        return any(_has_positive_number(part) for part in value)
    return isinstance(value, int | float) and value > 0


def _check_amount(amount_nusd: object) -> None:
    whole = isinstance(amount_nusd, int) and not isinstance(amount_nusd, bool)
    if not whole or not 0 <= amount_nusd <= AMOUNT_NUSD_MAX:  # type: ignore[operator]  # an int, see above
        raise ValueError(
            f"an amount is a whole number of nano-USD up to {AMOUNT_NUSD_MAX}, not {amount_nusd!r}"
        )


def _check_limits(limits: Limits) -> None:
    own = [amount for model in limits.models for amount in (model.day_nusd, model.month_nusd)]
    for amount in (limits.call_nusd, limits.day_nusd, limits.month_nusd, *own):
        if amount is not None:
            _check_amount(amount)
    if not 1 <= limits.warn_percent <= 100:
        raise ValueError("a warning level is a whole number from 1 to 100 percent")
    if len({model.model for model in limits.models}) < len(limits.models) or len(limits.models) > 100:
        raise ValueError("a model has one row of limits, and at most 100 models have one")
