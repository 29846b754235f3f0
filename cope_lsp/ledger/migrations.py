"""The tables of the ledger, as numbered steps. A step is never edited once it has been released."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from cope_lsp.errors import LedgerError

APPLICATION_ID = 0x434F5045
"""The letters COPE: what makes an SQLite file a ledger of ours."""

Step = Callable[[sqlite3.Connection], object]


def _create(connection: sqlite3.Connection) -> None:
    for statement in (
        """CREATE TABLE entries (
            number INTEGER NOT NULL CHECK (number > 0),
            id TEXT NOT NULL PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('reserve', 'settle', 'void', 'limit', 'reopen', 'clock')),
            at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
            subject TEXT REFERENCES entries (id),
            amount_nusd INTEGER NOT NULL CHECK (amount_nusd >= 0),
            overrun INTEGER NOT NULL CHECK (overrun IN (0, 1)),
            endpoint TEXT NOT NULL,
            model TEXT NOT NULL,
            workspace TEXT NOT NULL,
            purpose TEXT NOT NULL,
            detail TEXT NOT NULL,
            CHECK ((subject IS NOT NULL) = (kind IN ('settle', 'void')))
        ) STRICT""",
        "CREATE INDEX entries_by_kind ON entries (kind, number)",
        "CREATE INDEX entries_by_time ON entries (at_ms)",
        "CREATE UNIQUE INDEX resolutions ON entries (subject) WHERE subject IS NOT NULL",
        "CREATE INDEX overruns ON entries (number) WHERE overrun = 1",
        """CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
            BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END""",
        """CREATE TRIGGER entries_are_never_deleted BEFORE DELETE ON entries
            BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END""",
        # How far the journal reaches, the hash of its last line, and the last number given.
        """CREATE TABLE journal (
            only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
            bytes INTEGER NOT NULL,
            head TEXT NOT NULL,
            number INTEGER NOT NULL
        ) STRICT""",
        "INSERT INTO journal VALUES (1, 0, '', 0)",
    ):
        connection.execute(statement)


MIGRATIONS: tuple[Step, ...] = (_create,)


def refuse_strangers(connection: sqlite3.Connection, path: Path, steps: Sequence[Step] = MIGRATIONS) -> None:
    """Look at a file without changing it.

    Raises:
        LedgerError: it is no ledger, or one of a newer version.
    """
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application_id != APPLICATION_ID and (application_id or version or tables):
        raise LedgerError(
            f"{path} is not a ledger of cope-lsp; move it away, and the ledger is rebuilt from its journal"
        )
    if version > len(steps):
        raise LedgerError(
            f"the ledger {path} was written by a newer cope-lsp "
            f"(version {version}, this one knows {len(steps)}); update cope-lsp to ask hosted models again"
        )


def migrate(connection: sqlite3.Connection, steps: Sequence[Step] = MIGRATIONS) -> None:
    """Bring the tables up to date, in one transaction, whoever else opens the file now."""
    connection.execute("BEGIN EXCLUSIVE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    for step in steps[version:]:
        step(connection)
    if version < len(steps):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
    connection.execute("COMMIT")
