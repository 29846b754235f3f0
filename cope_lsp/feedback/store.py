"""The counts on disk: one SQLite file of the user's, which all windows add to."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path

from cope_lsp.feedback.counts import Count, Group, Waiting

DAYS_KEPT = 400
BUSY_TIMEOUT_S = 1.0

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""SQLite's codes for a file that will not get better. SQLITE_ERROR: its tables are not ours."""

Written = Literal["written", "busy", "lost", "damaged"]
"""What became of counts. "busy": nothing was written, and it can be tried again. "lost": nothing can be.
"damaged": as "lost", and the file was moved aside, so that the next counts begin another."""


class Store:
    """Keeps counts for `DAYS_KEPT` days; several threads and processes may use a file at once.

    Args:
        folder: where the file lies; by default the user's data.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or user_data_path("cope-lsp", appauthor=False) / "feedback") / "counts.sqlite"

    def add(self, waiting: Waiting) -> tuple[Written, str]:
        """Add what was counted, all or nothing; return what became of it, and why. Raises nothing."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._try_twice(lambda database: _insert(database, waiting))
        except sqlite3.Error as error:
            return self._trouble(error)
        except OSError as error:
            return "lost", str(error)
        return "written", ""

    def counts(self, days: int) -> Iterator[Count]:
        """Yield what was counted today and on the days before, `days` in all, oldest first.

        Raises:
            OSError: the file cannot be read.
        """
        if not self.path.exists() or not self.path.stat().st_size:
            return
        try:
            # As it is, without a change: the file may be read-only.
            with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)) as database:
                rows = database.execute(
                    "SELECT day, language, model, source, kind, value, number FROM counts"
                    " WHERE day > date('now', ?) ORDER BY day, language, model, source, kind, value",
                    (f"-{days} days",),
                )
                for day, language, model, source, kind, value, number in rows:
                    yield Count(Group(day, language, model, source), kind, value, number)
        except sqlite3.Error as error:
            msg = f"{self.path} cannot be read ({error}); cope-lsp stats --reset begins another"
            raise OSError(msg) from error

    def reset(self) -> None:
        """Forget everything.

        Raises:
            OSError: the file cannot be changed.
        """
        if self.path.exists():
            try:
                with closing(self._open()) as database:
                    database.execute("DELETE FROM counts WHERE day IS NOT NULL")
                    database.commit()
                    database.execute("VACUUM")
            except sqlite3.Error as error:
                if error.sqlite_errorcode not in _DAMAGED:
                    msg = f"{self.path}: {error}"
                    raise OSError(msg) from error
                self._move_aside()
        self._aside.unlink(missing_ok=True)

    @property
    def _aside(self) -> Path:
        return self.path.with_suffix(".damaged")

    def _try_twice(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Work on the file; once more if it was damaged: another window may have moved it aside meanwhile."""
        with contextlib.suppress(sqlite3.DatabaseError), closing(self._open()) as database, database:
            work(database)
            return
        with closing(self._open()) as database, database:
            work(database)

    def _trouble(self, error: sqlite3.Error) -> tuple[Written, str]:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # of an extended code the class counts
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return "busy", str(error)
        if code not in _DAMAGED:
            return "lost", f"{self.path}: {error}"
        try:
            self._move_aside()
        except OSError as problem:
            return "lost", str(problem)
        return "damaged", f"{self.path}: {error}; it was moved to {self._aside}"

    def _move_aside(self) -> None:
        # SQLite would apply a journal that was left here to the next file of this name.
        self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
        self.path.replace(self._aside)

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            self.path.touch(mode=0o600)
        database = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)
        try:
            database.execute("PRAGMA journal_mode=TRUNCATE")
            database.execute("PRAGMA synchronous=NORMAL")  # statistics may lose seconds at a power cut
            database.execute(
                "CREATE TABLE IF NOT EXISTS counts (day TEXT, language TEXT, model TEXT, source TEXT,"
                " kind TEXT, value TEXT, number INTEGER NOT NULL,"
                " PRIMARY KEY (day, language, model, source, kind, value)) WITHOUT ROWID"
            )
        except BaseException:
            database.close()
            raise
        return database


def _insert(database: sqlite3.Connection, waiting: Waiting) -> None:
    database.executemany(
        "INSERT INTO counts (day, language, model, source, kind, value, number) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (day, language, model, source, kind, value)"
        " DO UPDATE SET number = number + excluded.number",
        [
            (group.day, group.language, group.model, group.source, kind, value, number)
            for (group, kind, value), number in waiting.items()
            if number
        ],
    )
    database.execute("DELETE FROM counts WHERE day < date('now', ?)", (f"-{DAYS_KEPT} days",))
