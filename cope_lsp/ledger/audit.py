"""Checking the ledger, and building it anew from whatever is still good."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal

from cope_lsp.errors import CopeError, LedgerError
from cope_lsp.ledger import faults, journal
from cope_lsp.ledger.budget import day_name, day_start_ms, month_start_ms
from cope_lsp.ledger.entries import Entry, usd
from cope_lsp.ledger.migrations import migrate, refuse_strangers
from cope_lsp.ledger.session import COLUMNS, Session, entry_of, insert, limits_of, schema
from cope_lsp.ledger.store import Store

Severity = Literal["error", "warning", "note"]
PriceCost = Callable[[Mapping[str, Any], Mapping[str, Any]], int]

CLOCKS_APART_MS_MAX = 86_400_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the ledger that its user should know. Only an error means that it must be mended."""

    severity: Severity
    subject: str
    fact: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found."""

    findings: tuple[Finding, ...]
    entries: int
    recomputed: int
    """How many settlements were computed again."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing has to be mended."""
        return all(finding.severity != "error" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair kept."""

    entries: int
    aside: tuple[Path, ...]
    """Where the files lie that were replaced."""


def verify(store: Store, price_cost: PriceCost | None) -> Report:
    """Check everything that can be checked; trouble is a finding, not an exception."""
    store.close()  # Opening compares the copies line by line.
    try:
        with store.session() as session:
            entries = session.entries()
            findings = [*_of_files(session, store)]
            if findings and findings[0].severity == "error":
                return Report(tuple(findings), len(entries), 0)
            findings += _of_sums(session, entries)
    except LedgerError as error:
        return Report((Finding("error", "ledger", str(error), faults.REPAIR),), 0, 0)
    reservations = {entry.id: entry for entry in entries if entry.kind == "reserve"}
    settled = [(reservations[entry.subject], entry) for entry in entries if entry.kind == "settle"]
    by_usage = [pair for pair in settled if price_cost and pair[1].detail["basis"] == "usage"]
    for reservation, settlement in settled:
        findings += _of_settlement(reservation, settlement)
    for reservation, settlement in by_usage:
        assert price_cost is not None
        findings += _of_cost(reservation, settlement, price_cost)
    return Report(tuple(findings), len(entries), len(by_usage))


def _of_files(session: Session, store: Store) -> Iterator[Finding]:
    for fault in session.integrity():
        yield Finding("error", "database", fault, faults.REPAIR)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        if session.schema() != schema(fresh):
            fact = "tables, indices or triggers are not those that cope-lsp makes"
            yield Finding("error", "database", fact, faults.REPAIR)
    healed = store.healed
    if healed.inserted:
        yield Finding("note", "database", f"{healed.inserted} entries were missing and came from the journal")
    if healed.appended:
        yield Finding("note", "journal", f"{healed.appended} entries were missing and came from the database")
    if healed.cut_bytes:
        yield Finding("note", "journal", f"an unfinished line of {healed.cut_bytes} bytes was cut off")


def _of_sums(session: Session, entries: list[Entry]) -> Iterator[Finding]:
    """Add everything up again without SQL, for now and for every month in which something happened."""
    ends = {entry.subject: entry for entry in entries if entry.subject}
    rows = [(entry.at_ms, _cost(entry, ends.get(entry.id))) for entry in entries if entry.kind == "reserve"]
    for at_ms in {month_start_ms(entry.at_ms) for entry in entries} | {session.high_water_ms()}:
        spent = session.spent(at_ms)
        month = sum(cost for when, cost in rows if when >= month_start_ms(at_ms))
        day = sum(cost for when, cost in rows if when >= day_start_ms(at_ms))
        if (spent.day, spent.month) != (day, month):
            counted, added = f"{usd(spent.day)}, {usd(spent.month)}", f"{usd(day)}, {usd(month)}"
            fact = f"day and month since {day_name(at_ms)}: counted {counted}, the entries make {added}"
            yield Finding("error", "sums", fact, faults.REPAIR)


def _cost(reservation: Entry, end: Entry | None) -> int:
    return reservation.amount_nusd if end is None else end.amount_nusd


def _of_settlement(reservation: Entry, settlement: Entry) -> Iterator[Finding]:
    if settlement.overrun:
        fact = f"cost {usd(settlement.amount_nusd)}, reserved were {usd(reservation.amount_nusd)}"
        step = "see whether the price table is right, then: cope-lsp budget set --reopen"
        yield Finding("warning", reservation.id, fact, step)
    date = settlement.detail["server_date"]
    if date is None:
        return
    try:
        server = parsedate_to_datetime(date)
    except ValueError:
        yield Finding("note", reservation.id, f"the server's date cannot be read: {date!r}")
        return
    apart_ms = abs(server.replace(tzinfo=server.tzinfo or UTC).timestamp() * 1000 - settlement.at_ms)
    if apart_ms > CLOCKS_APART_MS_MAX:
        fact = f"the server's clock ({date}) and ours are {apart_ms / CLOCKS_APART_MS_MAX:.1f} days apart"
        step = "set this machine's clock right; if it was ahead: cope-lsp budget verify --repair-clock"
        yield Finding("warning", reservation.id, fact, step)


def _of_cost(reservation: Entry, settlement: Entry, price_cost: PriceCost) -> Iterator[Finding]:
    usage = settlement.detail["usage"]
    if usage is None or "not_stored" in usage:
        yield Finding("note", reservation.id, "its usage is not stored, so its cost cannot be computed again")
        return
    try:
        cost_nusd = price_cost(reservation.detail["price"], usage)
    except (ValueError, TypeError, LookupError, CopeError) as error:
        yield Finding("warning", reservation.id, f"its cost cannot be computed again: {error}")
        return
    if cost_nusd != settlement.amount_nusd:
        fact = f"recorded are {usd(settlement.amount_nusd)}, its usage costs {usd(cost_nusd)}"
        yield Finding(
            "error", reservation.id, fact, "compare it with the provider's bill, and report it as a defect"
        )


def repair(store: Store) -> Repaired:
    """Build both copies anew from every good row and line; a line of the journal, which proves itself, wins.

    Raises:
        LedgerError: the files are a newer version's or not ours, or the disk does not let us.
    """
    store.close()
    with store.locked():
        kept = {entry.id: entry for entry in _rows(store.database)}
        kept |= {entry.id: entry for entry in journal.salvage(store.journal)}
        entries = sorted(_complete(kept), key=lambda entry: (entry.number, entry.id))
        aside = _swap(store, entries)
    with store.session() as session:
        return Repaired(len(session.entries()), aside)


def _rows(database: Path) -> Iterator[Entry]:
    """Yield the good rows of a file that may be damaged: from its beginning, and from its end."""
    if not database.exists():
        return
    with closing(
        sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, isolation_level=None)
    ) as connection:
        try:
            refuse_strangers(connection, database)
        except sqlite3.DatabaseError:
            return
        for order in ("ASC", "DESC"):
            with suppress(sqlite3.DatabaseError):
                rows = connection.execute(f"SELECT {COLUMNS} FROM entries NOT INDEXED ORDER BY rowid {order}")  # noqa: S608
                yield from _good(rows)


def _good(rows: Iterable[tuple[Any, ...]]) -> Iterator[Entry]:
    """Yield what can be an entry of ours: with damage SQLite may hand out anything."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        for row in rows:
            with suppress(LedgerError, LookupError, TypeError, sqlite3.Error):
                entry = entry_of(row)
                insert(fresh, entry)  # The tables' own rules judge it.
                if entry.kind == "limit":
                    limits_of(entry)
                yield entry


def _complete(kept: Mapping[str, Entry]) -> Iterator[Entry]:
    """Yield the entries, and for each resolution without its reservation one that costs the same."""
    for entry in kept.values():
        if entry.subject and entry.subject not in kept:
            yield replace(
                entry,
                id=entry.subject,
                kind="reserve",
                subject="",
                overrun=False,
                purpose="recovered",
                detail={"price": {}},
            )
        yield entry


def _swap(store: Store, entries: list[Entry]) -> tuple[Path, ...]:
    """Put the files aside and a good journal in place; return where they lie.

    At every moment a crash leaves the old files or the whole new journal. From that, and no database beside
    it, the next session builds the database.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    aside = store.database.with_name(f"{store.database.name}.aside-{stamp}")
    moves = {
        store.journal: store.journal.with_name(f"{store.journal.name}.aside-{stamp}"),
        store.database.with_name(f"{store.database.name}-journal"): aside.with_name(f"{aside.name}-journal"),
        store.database: aside,
    }
    present = {source: target for source, target in moves.items() if source.exists()}
    if store.journal in present:
        present[store.journal].hardlink_to(store.journal)
    journal.replace(store.journal, entries)
    for source, target in present.items():
        if source != store.journal:
            source.rename(target)
    journal.sync_folder(store.folder)
    return tuple(present.values())
