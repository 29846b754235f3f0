"""One transaction of the ledger: what is asked of its tables, and how an entry gets into both copies."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from cope_lsp.ledger import faults, journal
from cope_lsp.ledger.budget import Spent, day_start_ms, month_start_ms
from cope_lsp.ledger.entries import Call, Entry, Limits, ModelLimit, canonical

UNKNOWN_AFTER_MS = 600_000
"""No call lasts ten minutes: by then the process that made the reservation is dead or has given up."""

COLUMNS = (
    "number, id, kind, at_ms, coalesce(subject, ''), amount_nusd, overrun, "
    "endpoint, model, workspace, purpose, detail"
)

_FIELDS = tuple(entry.name for entry in fields(Entry))

_SPENT = """
    SELECT coalesce(sum(coalesce(e.amount_nusd, r.amount_nusd)), 0)
    FROM entries r LEFT JOIN entries e ON e.subject = r.id
    WHERE r.at_ms >= ? AND r.kind = 'reserve'
"""
"""A void has the amount 0. Not bounded above: what the clock once placed in the future counts in every period
until that has passed."""

_CALLS = """
    SELECT r.id, r.at_ms, r.endpoint, r.model, r.workspace, r.purpose, r.amount_nusd,
        e.kind, e.amount_nusd, e.overrun, e.detail
    FROM entries r LEFT JOIN entries e ON e.subject = r.id
    WHERE r.kind = 'reserve' AND r.at_ms >= ? ORDER BY r.number DESC, r.id LIMIT ?
"""


class Position(NamedTuple):
    """How far the journal reaches, the hash of its last line, and the last number that was given."""

    bytes: int
    head: str
    number: int


class Session:
    """A transaction under the ledger's lock. It adds one entry at most: one line is what can be torn."""

    def __init__(self, connection: sqlite3.Connection, journal_path: Path) -> None:
        self._connection = connection
        self._journal = journal_path
        self._added: Entry | None = None

    def add(self, entry: Entry) -> None:
        """Add an entry, giving it its number; it is durable when the session has finished."""
        assert self._added is None
        self._added = replace(entry, number=position(self._connection).number + 1)
        insert(self._connection, self._added)

    def finish(self) -> None:
        """Commit what was added, to the journal first."""
        if self._added is None:
            self._connection.execute("ROLLBACK")
            return
        before = position(self._connection)
        line, head = journal.line_of(self._added, before.head)
        move(self._connection, Position(before.bytes + len(line), head, self._added.number))
        try:
            journal.append(self._journal, before.bytes, line)
            self._connection.execute("COMMIT")
        except BaseException:
            # Should this fail too, the entry comes back when the ledger is next opened, and counts.
            with suppress(OSError):
                journal.cut(self._journal, before.bytes)
            raise

    def find(self, entry_id: str) -> Entry | None:
        """Return the entry with this id."""
        return self._entry("id = ?", entry_id)

    def resolution(self, reservation_id: str) -> Entry | None:
        """Return the settlement or the void of a reservation."""
        return self._entry("subject = ?", reservation_id)

    def limits(self) -> Limits:
        """Return the limits that hold now."""
        entry = self._entry("kind = 'limit' ORDER BY number DESC LIMIT 1")
        return limits_of(entry) if entry else Limits()

    def high_water_ms(self) -> int:
        """Return the latest time of any entry since the clock was last repaired; 0: there is none."""
        return self._value(
            "SELECT at_ms FROM entries"
            " WHERE number >= (SELECT coalesce(max(number), 0) FROM entries WHERE kind = 'clock')"
            " ORDER BY at_ms DESC LIMIT 1"
        )

    def overrun(self) -> Entry | None:
        """Return a settlement above its reservation that has not been accepted since."""
        since = "SELECT coalesce(max(number), 0) FROM entries WHERE kind = 'reopen'"
        return self._entry(f"overrun = 1 AND number > ({since}) LIMIT 1")

    def spent(self, at_ms: int, model: str = "") -> Spent:
        """Return what counts as spent in the day and the month of `at_ms`, by all and by one model."""
        day, month, own = day_start_ms(at_ms), month_start_ms(at_ms), " AND r.model = ?"
        return Spent(
            self._value(_SPENT, day),
            self._value(_SPENT, month),
            self._value(_SPENT + own, day, model),
            self._value(_SPENT + own, month, model),
        )

    def entries(self) -> list[Entry]:
        """Return all entries in their order."""
        return list(all_entries(self._connection))

    def calls(self, at_ms: int, *, since_ms: int = 0, calls_max: int = -1) -> list[Call]:
        """Return reservations made since a time, newest first, as they stand at `at_ms`; -1: all."""
        return [_call(row, at_ms) for row in self._connection.execute(_CALLS, (since_ms, calls_max))]

    def calls_ever(self) -> int:
        """Return how many reservations were made."""
        return self._value("SELECT count(*) FROM entries WHERE kind = 'reserve'")

    def integrity(self) -> list[str]:
        """Return what SQLite finds wrong with the file and with the references between rows."""
        found = [row[0] for row in self._connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        return found + [
            f"a reference of row {row[1]}" for row in self._connection.execute("PRAGMA foreign_key_check")
        ]

    def schema(self) -> set[str]:
        """Return the statements that made the tables, the indices and the triggers."""
        return schema(self._connection)

    def _value(self, query: str, *values: object) -> int:
        row = self._connection.execute(query, values).fetchone()
        return int(row[0]) if row else 0

    def _entry(self, condition: str, *values: object) -> Entry | None:
        query = f"SELECT {COLUMNS} FROM entries WHERE {condition}"  # noqa: S608  # conditions are written above
        row = self._connection.execute(query, values).fetchone()
        return entry_of(row) if row else None


def limits_of(entry: Entry) -> Limits:
    """Return the limits that an entry sets."""
    models = tuple(ModelLimit(**values) for values in entry.detail["models"])
    return Limits(**{**entry.detail, "models": models})


def all_entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    """Yield all entries in their order."""
    query = f"SELECT {COLUMNS} FROM entries ORDER BY number, id"  # noqa: S608  # constants
    return map(entry_of, connection.execute(query))


def entry_of(row: tuple[Any, ...]) -> Entry:
    """Return the entry that a row holds.

    Raises:
        LedgerError: the row cannot be one that we wrote.
    """
    values = dict(zip(_FIELDS, row, strict=True))
    try:
        # SQLite has neither truth values nor objects.
        values |= {"overrun": bool(values["overrun"]), "detail": json.loads(values["detail"])}
        return Entry(**values)
    except (ValueError, TypeError, RecursionError) as error:
        raise faults.damaged(f"entry {row[1]}: {error}") from error


def insert(connection: sqlite3.Connection, entry: Entry) -> None:
    """Insert a row as it is."""
    values = (
        *(
            entry.number,
            entry.id,
            entry.kind,
            entry.at_ms,
            entry.subject or None,
            entry.amount_nusd,
            entry.overrun,
        ),
        *(entry.endpoint, entry.model, entry.workspace, entry.purpose, canonical(entry.detail)),
    )
    connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def position(connection: sqlite3.Connection) -> Position:
    """Return what the database knows of the journal.

    Raises:
        LedgerError: it knows nothing.
    """
    row = connection.execute("SELECT bytes, head, number FROM journal").fetchone()
    if row is None:
        raise faults.damaged("its row about the journal is gone")
    return Position(*row)


def move(connection: sqlite3.Connection, to: Position) -> None:
    """Note how far the journal reaches once this transaction is committed."""
    connection.execute("UPDATE journal SET bytes = ?, head = ?, number = ?", to)


def schema(connection: sqlite3.Connection) -> set[str]:
    """Return the statements that made the tables, the indices and the triggers."""
    return {row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}


def _call(row: tuple[Any, ...], at_ms: int) -> Call:
    call_id, reserved_ms, endpoint, model, workspace, purpose, bound, kind, amount, overrun, detail = row
    made = Call(call_id, reserved_ms, endpoint, model, workspace, purpose, "open", bound, bound)
    if kind == "settle":
        basis = json.loads(detail)["basis"]
        return replace(made, state="settled", spent_nusd=amount, basis=basis, overrun=bool(overrun))
    if kind == "void":
        return replace(made, state="voided", spent_nusd=0, basis=json.loads(detail)["proof"])
    return replace(made, state="unknown" if at_ms - reserved_ms >= UNKNOWN_AFTER_MS else "open")
