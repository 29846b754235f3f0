"""The record of what went to completion servers: requests and bytes, by day and server.

Ghost text asks at each pause of typing. A line for each request would bury what else is in the record and
grow without end; a row for each day and server stays small, and still says that something left, when, where
to and how much. It is written before the first request of a process, then every few seconds and at the end:
who is killed takes a few seconds of counts along, and never the fact.
"""

import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_data_path

WRITE_EVERY_S = 5.0
DAYS_KEPT = 400
BUSY_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Day:
    """What went to one server on one day (UTC, ISO 8601)."""

    day: str
    endpoint: str
    requests: int
    bytes: int


class Tally:
    """Counts in `folder`; several threads and processes may."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or user_data_path("cope-lsp", appauthor=False) / "sent") / "completions.sqlite"
        self._waiting: dict[tuple[str, str], tuple[int, int]] = {}
        self._written_at = -math.inf
        self._turn = threading.RLock()

    def add(self, endpoint: str, body_bytes: int) -> None:
        """Count a request that is about to be sent.

        Raises:
            OSError: it cannot be written down; then nothing may be sent.
        """
        key = (datetime.now(UTC).date().isoformat(), endpoint)
        with self._turn:
            requests, total = self._waiting.get(key, (0, 0))
            self._waiting[key] = (requests + 1, total + body_bytes)
            if time.monotonic() - self._written_at >= WRITE_EVERY_S:
                self.write()

    def write(self) -> None:
        """Write down what was counted.

        Raises:
            OSError: it cannot be written; it is still counted, and tried again.
        """
        with self._turn:
            if self._waiting:
                self._write()

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(self._open()) as database, database:
                for (day, endpoint), (requests, total) in self._waiting.items():
                    database.execute(
                        "INSERT INTO days VALUES (?, ?, ?, ?) ON CONFLICT (day, endpoint) DO UPDATE SET"
                        " requests = requests + excluded.requests, bytes = bytes + excluded.bytes",
                        (day, endpoint, requests, total),
                    )
                database.execute("DELETE FROM days WHERE day < date('now', ?)", (f"-{DAYS_KEPT} days",))
        except sqlite3.Error as error:
            msg = f"{self._path}: {error}"
            raise OSError(msg) from error
        self._waiting.clear()
        self._written_at = time.monotonic()

    def days(self) -> Iterator[Day]:
        """Yield what was written down, oldest first.

        Raises:
            OSError: the record cannot be read.
        """
        if not self._path.exists():
            return
        try:
            with closing(self._open()) as database:
                rows = database.execute(
                    "SELECT day, endpoint, requests, bytes FROM days ORDER BY day, endpoint"
                )
                yield from (Day(*row) for row in rows)
        except sqlite3.Error as error:
            msg = f"{self._path} cannot be read ({error}); move it away to begin another"
            raise OSError(msg) from error

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)
        self._path.chmod(0o600)
        database.execute("PRAGMA journal_mode=TRUNCATE")
        database.execute(
            "CREATE TABLE IF NOT EXISTS days (day TEXT, endpoint TEXT, requests INTEGER NOT NULL,"
            " bytes INTEGER NOT NULL, PRIMARY KEY (day, endpoint)) WITHOUT ROWID"
        )
        return database
