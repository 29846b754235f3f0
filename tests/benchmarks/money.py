"""Reserve plus settle, with one process and with eight, beside the same two rows in a bare SQLite table.

The bare table is as durable (the same pragmas) but has no journal beside it, no chain, no limits to look at.
"""

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from cope_lsp.ledger.entries import Attempt, Limits, Reserved, Settlement
from cope_lsp.ledger.ledger import Ledger
from tests.benchmarks.measure import Measurement

ROOT = Path(__file__).parent.parent.parent
CALLS = 100
PROCESSES = (1, 8)

Spend = Callable[[], object]


def measure() -> list[Measurement]:
    """Measure `CALLS` calls in each of some processes at once."""
    rows = []
    for processes in PROCESSES:
        ours, bare = _times("ledger", processes), _times("bare", processes)
        who = f"{processes} process{'es' if processes > 1 else ''}"
        for name, pick in (("median", statistics.median), ("95 of 100", _p95)):
            what = f"reserve and settle, {who}, {name}"
            rows.append(Measurement(what, "ms", pick(ours), "bare SQLite", pick(bare)))
    return rows


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _times(kind: str, processes: int) -> list[float]:
    """Return the milliseconds of every call of every process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", __name__, kind, folder]
        _spender(kind, Path(folder))()  # makes the files
        running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(processes)]
        outputs = [process.communicate()[0] for process in running]
    return [float(line) for output in outputs for line in output.split()]


def _spender(kind: str, folder: Path) -> Spend:
    return _ledger(folder) if kind == "ledger" else _bare(folder)


def _ledger(folder: Path) -> Spend:
    ledger = Ledger(folder)
    ledger.set_limits(Limits(None, 10**15, 10**15))

    def spend() -> None:
        attempt = Attempt(uuid4().hex, "https://x", "m", 10**6, "/w", "plan", {"rates": {"input": 1}})
        assert isinstance(ledger.reserve(attempt), Reserved)
        ledger.settle(attempt.id, Settlement(10, "usage", {"input_tokens": 1, "output_tokens": 1}))

    return spend


def _bare(folder: Path) -> Spend:
    def spend() -> None:
        with closing(sqlite3.connect(folder / "bare.db", isolation_level=None, timeout=60)) as connection:
            connection.execute("PRAGMA journal_mode=TRUNCATE")
            connection.execute("PRAGMA synchronous=EXTRA")
            connection.execute("CREATE TABLE IF NOT EXISTS entries (id TEXT PRIMARY KEY, amount INTEGER)")
            for amount in (10**6, 10):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO entries VALUES (?, ?)", (uuid4().hex, amount))
                connection.execute("COMMIT")

    return spend


def main(kind: str, folder: str) -> None:
    """Spend, and print the milliseconds of each call."""
    spend = _spender(kind, Path(folder))
    for _ in range(CALLS):
        started = time.perf_counter()
        spend()
        sys.stdout.write(f"{1000 * (time.perf_counter() - started)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
