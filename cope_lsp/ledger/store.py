"""Both copies of the ledger kept as one: the lock around them, their opening, and what brings them together.

Three files: `ledger.db` (SQLite), `ledger.jsonl` (the journal), `ledger.lock`. The lock is a file of its own
because the database's lock goes away with the file when it is replaced, and is let go by SQLite itself after
a failed write, just when the journal has still to be cut back.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.errors import LedgerError
from cope_lsp.ledger import faults, journal
from cope_lsp.ledger.entries import Entry
from cope_lsp.ledger.migrations import MIGRATIONS, Step, migrate, refuse_strangers
from cope_lsp.ledger.session import Position, Session, all_entries, insert, move, position

LOCK_WAIT_S = 10.0
LOCK_POLL_S = 0.002

PRAGMAS: tuple[tuple[str, str, str | int], ...] = (
    ("journal_mode", "TRUNCATE", "truncate"),
    # FULL would be enough for this journal mode; EXTRA is for the day when somebody changes the mode.
    ("synchronous", "EXTRA", 3),
    ("fullfsync", "ON", 1),
    ("foreign_keys", "ON", 1),
    ("recursive_triggers", "ON", 1),  # without it REPLACE deletes rows past the trigger that forbids it
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("mmap_size", "0", 0),
)
"""(name, what is asked, what must be read back)."""

_FORKED: list[sqlite3.Connection] = []
"""Connections that a parent process opened. To close one here would roll the parent's transaction back."""


@dataclass(frozen=True, slots=True)
class Healed:
    """What was brought together when the ledger was opened."""

    inserted: int = 0
    """Entries that only the journal had."""
    appended: int = 0
    """Entries that only the database had."""
    cut_bytes: int = 0
    """An unfinished last line."""


class Store:
    """The ledger's files in one folder. One thread of one process uses it at a time."""

    def __init__(
        self, folder: Path, *, lock_wait_s: float = LOCK_WAIT_S, migrations: Sequence[Step] = MIGRATIONS
    ) -> None:
        self.folder = folder.absolute()
        self.database = self.folder / "ledger.db"
        self.journal = self.folder / "ledger.jsonl"
        self.healed = Healed()
        self._lock_path = self.folder / "ledger.lock"
        self._lock_wait_s = lock_wait_s
        self._migrations = migrations
        self._forget()

    def close(self) -> None:
        """Close the files; the next session opens them again."""
        if self._pid != os.getpid():
            _FORKED.extend(connection for connection in (self._connection, self._lock) if connection)
            self._forget()
        self._drop()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Hold the lock and a transaction; an entry that was added is durable when the block ends.

        Raises:
            LedgerError: nothing was added, or (after a failed write) maybe something that counts as spent.
        """
        with self.locked():
            connection = self._ready()
            connection.execute("BEGIN IMMEDIATE")
            session = Session(connection, self.journal)
            yield session
            session.finish()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock alone, without looking at the copies."""
        if self._pid != os.getpid():
            self.close()
        with self._thread_lock:
            try:
                lock = self._acquire()
                yield
                lock.execute("ROLLBACK")
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise faults.translated(error, self.folder) from error
            except BaseException:
                self._drop()
                raise

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._thread_lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._lock: sqlite3.Connection | None = None
        self._identity = self._lock_identity = (0, 0)

    def _drop(self) -> None:
        """Close the database before the lock, so that nobody sees a transaction that is being rolled back."""
        for connection in (self._connection, self._lock):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._connection = self._lock = None

    # -- the lock ----------------------------------------------------------------------------------

    def _acquire(self) -> sqlite3.Connection:
        deadline = time.monotonic() + self._lock_wait_s
        while True:
            try:
                lock = self._lock or self._open_lock()
                lock.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not faults.is_busy(error) or time.monotonic() > deadline:
                    raise
                # Whoever waits asks often, unlike SQLite's own handler, or it starves beside a busy loop.
                time.sleep(LOCK_POLL_S)
                continue
            except sqlite3.DatabaseError:
                self._drop()
                self._lock_path.unlink()  # It is not the empty file that we made, so nobody can hold it.
                continue
            if _identity(self._lock_path) == self._lock_identity:
                return lock
            self._drop()  # Somebody has replaced the folder or the lock: the others meet at the new one.

    def _open_lock(self) -> sqlite3.Connection:
        for missing in reversed([path for path in (self.folder, *self.folder.parents) if not path.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
            journal.sync_folder(missing.parent)
        if self.folder.stat().st_mode & 0o777 != 0o700:
            self.folder.chmod(0o700)
        _create_private(self._lock_path)
        # Taken before the file is opened: should it be replaced in between, the two differ, and we try again.
        self._lock_identity = _identity(self._lock_path)
        self._lock = _connect(self._lock_path, timeout_s=0)
        self._lock.execute("PRAGMA journal_mode = MEMORY")  # Nothing is written: all is rolled back.
        return self._lock

    # -- opening -----------------------------------------------------------------------------------

    def _ready(self) -> sqlite3.Connection:
        """Return a connection to the file that the path names now, its journal as long as it should be."""
        if self._connection is not None and _identity(self.database) != self._identity:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self._connection = self._open()
            self._unite(self._connection)
        else:
            refuse_strangers(self._connection, self.database, self._migrations)
            if position(self._connection).bytes != _size(self.journal):
                self._unite(self._connection)
        return self._connection

    def _open(self) -> sqlite3.Connection:
        if _create_private(self.database):
            journal.sync_folder(self.folder)
        self._identity = _identity(self.database)
        connection = _connect(self.database, timeout_s=self._lock_wait_s)
        try:
            refuse_strangers(connection, self.database, self._migrations)
            for name, value, expected in PRAGMAS:
                set_pragma(connection, name, value, expected)
            migrate(connection, self._migrations)
        except BaseException:
            connection.close()
            raise
        return connection

    def _unite(self, connection: sqlite3.Connection) -> None:
        """Give each copy the entries that only the other one has."""
        chain = journal.read(self.journal)
        rows = {entry.id: entry for entry in all_entries(connection)}
        self._refuse_damage(chain, rows, is_new=position(connection).head == "")
        if chain.torn_bytes:
            journal.cut(self.journal, chain.bytes)
        known = {entry.id for entry in chain.entries}
        only_here = [entry for entry in chain.entries if entry.id not in rows]
        only_there = [entry for entry in rows.values() if entry.id not in known]
        torn_bytes = chain.torn_bytes
        if only_there or not self.journal.exists():
            chain = journal.replace(self.journal, (*chain.entries, *only_there))
        last = max((entry.number for entry in chain.entries), default=0)
        if position(connection) != (now := Position(chain.bytes, chain.head, last)):
            connection.execute("BEGIN IMMEDIATE")
            for entry in only_here:
                insert(connection, entry)
            move(connection, now)
            connection.execute("COMMIT")
        self.healed = Healed(len(only_here), len(only_there), torn_bytes)

    def _refuse_damage(self, chain: journal.Chain, rows: Mapping[str, Entry], *, is_new: bool) -> None:
        """Raise LedgerError when the copies cannot be brought together without losing something.

        A database that was made just now, beside a journal without any good line, would begin from nothing.
        """
        if chain.damage or (is_new and chain.torn_bytes and not chain.entries):
            raise faults.damaged(f"{self.journal}: {chain.damage or 'no line can be read'}")
        for entry in chain.entries:
            if rows.get(entry.id, entry) != entry:
                raise faults.damaged(
                    f"entry {entry.id} is not the same in {self.database} and {self.journal}"
                )


def set_pragma(connection: sqlite3.Connection, name: str, value: str, expected: str | int) -> None:
    """Set a pragma and read it back; SQLite ignores what it does not know or cannot do.

    Raises:
        LedgerError: it is not as asked.
    """
    connection.execute(f"PRAGMA {name} = {value}")
    row = connection.execute(f"PRAGMA {name}").fetchone()
    if row != (expected,):
        raise LedgerError(
            f"SQLite {sqlite3.sqlite_version} does not do what the ledger needs: "
            f"{name} is {row}, not {expected}; use a Python with another SQLite library to ask hosted models"
        )


def _connect(path: Path, *, timeout_s: float) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout_s, check_same_thread=False)


def _create_private(path: Path) -> bool:
    """Create an empty file that nobody else may read; return whether it was missing.

    It gets its name when it is closed: SQLite's locks belong to the process, and closing any descriptor of a
    file, also one that SQLite knows nothing of, drops them.
    """
    if path.exists():
        return False
    new = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    journal.write_private(new, b"")
    with suppress(FileExistsError):  # Another process was quicker.
        path.hardlink_to(new)
    new.unlink()
    return True


def _identity(path: Path) -> tuple[int, int]:
    """Return what tells a file from another that had the same name; (0, 0): there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_dev, status.st_ino


def _size(path: Path) -> int:
    """Return the size in bytes; -1: there is no such file."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
