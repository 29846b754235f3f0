"""The limits hold, whatever happens around them."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from cope_lsp.errors import LedgerError
from cope_lsp.ledger.entries import Attempt, Limits, OverBudget, Reserved, Settlement
from cope_lsp.ledger.ledger import Ledger

USD = 10**9
ROOT = Path(__file__).parent.parent.parent


def attempt(bound_nusd: int) -> Attempt:
    price = {"input": 1}
    return Attempt(uuid.uuid4().hex, "https://api.anthropic.com", "m", bound_nusd, "/w", "plan", price)


def ledger(folder: Path, *, day: int = 5 * USD) -> Ledger:
    made = Ledger(folder)
    made.set_limits(Limits(call_nusd=None, day_nusd=day, month_nusd=None))
    return made


def test_a_reservation_that_is_never_settled_counts_in_full(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    assert isinstance(book.reserve(attempt(3 * USD)), Reserved)
    assert book.summary().day.spent_nusd == 3 * USD
    refused = book.reserve(attempt(3 * USD))
    assert isinstance(refused, OverBudget)
    assert refused.which == "day"


def test_a_settlement_lowers_a_reservation_to_what_the_call_did_cost(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    tried = attempt(3 * USD)
    book.reserve(tried)
    book.settle(tried.id, Settlement(USD, "usage", {"input_tokens": 1, "output_tokens": 1}))
    assert book.summary().day.spent_nusd == USD


def test_a_void_gives_a_reservation_back(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    tried = attempt(3 * USD)
    book.reserve(tried)
    book.void(tried.id, "no connection was made")
    assert book.summary().day.spent_nusd == 0


def test_a_cost_above_its_reservation_is_recorded_in_full_and_closes_the_budget(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    tried = attempt(USD)
    book.reserve(tried)
    book.settle(tried.id, Settlement(2 * USD, "usage"))
    assert book.summary().day.spent_nusd == 2 * USD
    refused = book.reserve(attempt(1))
    assert isinstance(refused, OverBudget)
    assert refused.which == "closed"
    book.reopen()
    assert isinstance(book.reserve(attempt(1)), Reserved)


def test_eight_processes_together_are_admitted_exactly_as_often_as_the_limit_allows(tmp_path: Path) -> None:
    ledger(tmp_path).close()
    program = (
        "import sys, uuid; from pathlib import Path\n"
        "from cope_lsp.ledger.entries import Attempt, Reserved\n"
        "from cope_lsp.ledger.ledger import Ledger\n"
        "book = Ledger(Path(sys.argv[1]))\n"
        "new = lambda: Attempt(uuid.uuid4().hex, 'https://e.example', 'm', 10**8, '/w', 'plan', {})\n"
        "tries = [new() for _ in range(125)]\n"
        "print(sum(isinstance(book.reserve(each), Reserved) for each in tries))\n"
    )
    command = [sys.executable, "-P", "-c", program, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(8)]
    admitted = [int(process.communicate(timeout=100)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * 8
    assert sum(admitted) == 50


def test_a_deleted_database_is_rebuilt_from_the_journal_and_not_reset(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.reserve(attempt(3 * USD))
    book.close()
    databases = [path for path in tmp_path.iterdir() if path.suffix != ".jsonl"]
    assert databases
    for path in databases:
        path.unlink()
    assert Ledger(tmp_path).summary().day.spent_nusd == 3 * USD


def test_a_clock_that_goes_back_gives_nothing_back(tmp_path: Path) -> None:
    now = 1_800_000_000.0
    book = Ledger(tmp_path, clock=lambda: now)
    book.set_limits(Limits(call_nusd=None, day_nusd=5 * USD, month_nusd=None))
    book.reserve(attempt(5 * USD))
    book.close()
    earlier = Ledger(tmp_path, clock=lambda: now - 2 * 86_400)
    assert isinstance(earlier.reserve(attempt(USD)), OverBudget)


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    ledger(tmp_path).close()
    (database,) = [
        path
        for path in tmp_path.iterdir()
        if path.suffix in {".sqlite", ".db", ".sqlite3"} and "lock" not in path.name
    ]
    database.write_bytes(b"\x89PNG\r\n" * 1000)
    with pytest.raises(LedgerError, match="repair"):
        Ledger(tmp_path).reserve(attempt(1))
    assert database.read_bytes() == b"\x89PNG\r\n" * 1000
