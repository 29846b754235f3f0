"""Files that are damaged, closed, foreign or held: a clear refusal, nothing lost, and a way out."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cope_lsp.errors import LedgerError
from cope_lsp.ledger.journal import GENESIS, line_of
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.migrations import APPLICATION_ID, MIGRATIONS, migrate, refuse_strangers
from cope_lsp.ledger.store import Store
from tests.ledger.samples import CENT, Clock, attempt, cost, reserved

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def spent(ledger: Ledger) -> Ledger:
    """Return a ledger with 100 calls of a cent, each settled at a thousandth of it."""
    for _ in range(100):
        ledger.settle(reserved(ledger, CENT // 10), cost(CENT // 1000))
    ledger.close()
    return ledger


def nusd(ledger: Ledger) -> int:
    return ledger.summary().day.spent_nusd


def zeroed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    path.write_bytes(data)


def text(path: Path) -> None:
    path.write_text("this is no database\n" * 500)


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


Damage = Callable[[Path], object]


@pytest.mark.parametrize("damage", [zeroed, text, half])
def test_a_damaged_database_refuses_and_is_repaired_from_the_journal(spent: Ledger, damage: Damage) -> None:
    damage(spent.folder / "ledger.db")
    with pytest.raises(LedgerError) as refusal:
        spent.reserve(attempt())
    assert "cope-lsp budget verify --repair" in str(refusal.value) or "move it away" in str(refusal.value)
    assert not spent.verify().is_sound
    repaired = spent.repair()
    assert repaired.aside
    assert all(path.exists() for path in repaired.aside), "what was replaced is kept"
    assert nusd(spent) == 100 * (CENT // 1000)
    assert spent.verify().is_sound
    reserved(spent)


@pytest.mark.parametrize("damage", [zeroed, text])
def test_a_damaged_journal_refuses_and_is_repaired_from_the_database(spent: Ledger, damage: Damage) -> None:
    damage(spent.folder / "ledger.jsonl")
    with pytest.raises(LedgerError, match="budget verify --repair"):
        spent.reserve(attempt())
    spent.repair()
    assert nusd(spent) == 100 * (CENT // 1000)
    assert spent.verify().is_sound


def test_with_both_damaged_what_is_good_in_either_is_kept(spent: Ledger) -> None:
    zeroed(spent.folder / "ledger.jsonl")
    zeroed(spent.folder / "ledger.db")
    spent.repair()
    assert spent.verify().is_sound
    assert spent.summary().calls >= 50


@pytest.mark.parametrize("name", ["ledger.db", "ledger.jsonl"])
def test_a_copy_that_is_gone_is_made_anew(spent: Ledger, name: str) -> None:
    (spent.folder / name).unlink()
    assert nusd(spent) == 100 * (CENT // 1000)
    assert (spent.folder / name).exists()
    assert spent.verify().is_sound


def test_a_copy_that_is_shorter_is_completed_and_that_is_told(spent: Ledger) -> None:
    older = spent.folder / "older"
    shutil.copy(spent.folder / "ledger.db", older)
    reserved(spent, 7)
    spent.close()
    shutil.copy(older, spent.folder / "ledger.db")
    facts = [finding.fact for finding in spent.verify().findings]
    assert any("came from the journal" in fact for fact in facts)
    lines = (spent.folder / "ledger.jsonl").read_text().splitlines(keepends=True)
    (spent.folder / "ledger.jsonl").write_text("".join(lines[:-1]) + lines[-1][:30])
    found = [finding.fact for finding in spent.verify().findings]
    assert any("came from the database" in fact for fact in found)
    assert any("was cut off" in fact for fact in found)


def test_a_row_that_somebody_changed_is_found(spent: Ledger) -> None:
    with closing(sqlite3.connect(spent.folder / "ledger.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER entries_are_never_changed")
        connection.execute("UPDATE entries SET amount_nusd = 0 WHERE kind = 'settle'")
    assert not spent.verify().is_sound


def test_rows_cannot_be_changed_or_deleted_by_accident(spent: Ledger) -> None:
    with closing(sqlite3.connect(spent.folder / "ledger.db", isolation_level=None)) as connection:
        for statement in ("UPDATE entries SET amount_nusd = 0", "DELETE FROM entries"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                connection.execute(statement)


def test_a_line_that_somebody_changed_is_found(spent: Ledger) -> None:
    path = spent.folder / "ledger.jsonl"
    path.write_text(path.read_text().replace('"amount_nusd":10000,', '"amount_nusd":10001,', 1))
    assert not spent.verify().is_sound


def test_a_later_versions_database_is_left_alone(spent: Ledger) -> None:
    with closing(sqlite3.connect(spent.folder / "ledger.db", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = (spent.folder / "ledger.db").read_bytes()
    for use in (lambda: spent.reserve(attempt()), spent.repair):
        with pytest.raises(LedgerError, match="newer cope-lsp"):
            use()
    assert (spent.folder / "ledger.db").read_bytes() == before


def test_a_later_versions_journal_is_left_alone(spent: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = next(iter(spent.entries()))
    spent.close()
    with monkeypatch.context() as later:
        later.setattr("cope_lsp.ledger.journal.FORMAT", 99)
        line, _ = line_of(entry, GENESIS)
    (spent.folder / "ledger.jsonl").write_bytes(line)
    with pytest.raises(LedgerError, match="newer cope-lsp"):
        spent.reserve(attempt())


def test_a_database_of_another_program_is_left_alone(folder: Path, clock: Clock) -> None:
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "ledger.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    with Ledger(folder, clock=clock) as ledger, pytest.raises(LedgerError, match="not a ledger of cope-lsp"):
        ledger.reserve(attempt())


def test_an_older_version_refuses_what_a_newer_one_has_migrated(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    later = (*MIGRATIONS, lambda connection: connection.execute("CREATE TABLE later (a)"))
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        migrate(old)
        with closing(sqlite3.connect(path, isolation_level=None)) as new:
            migrate(new, later)
            migrate(new, later)  # a second time changes nothing
            refuse_strangers(new, path, later)
        with pytest.raises(LedgerError, match="newer cope-lsp"):
            refuse_strangers(old, path)
        assert old.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_a_ledger_that_another_process_holds_too_long_refuses(folder: Path) -> None:
    with Ledger(folder) as other:
        other.summary()
    holder = Store(folder)
    busy = pytest.raises(LedgerError, match="another process")
    with holder.locked(), Ledger(folder, lock_wait_s=0.05) as ledger, busy:
        ledger.reserve(attempt())
    holder.close()
    with Ledger(folder) as ledger:
        reserved(ledger)


AS_A_USER = """
import json, sys
from pathlib import Path
from cope_lsp.errors import LedgerError
from cope_lsp.ledger.ledger import Ledger
from tests.ledger.samples import attempt
try:
    Ledger(Path(sys.argv[1])).reserve(attempt())
except LedgerError as error:
    print(json.dumps(str(error)))
"""


@pytest.mark.parametrize("closed", ["files", "parent"])
def test_files_that_cannot_be_written_refuse_with_the_next_step(
    folder: Path, spent: Ledger, closed: str
) -> None:
    before = nusd(spent)
    spent.close()
    where = folder / "below" / "ledger" if closed == "parent" else folder
    paths = [folder] if closed == "parent" else sorted(folder.iterdir())
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    # Root passes by every permission, so that power is given up.
    drop = ["setpriv", "--bounding-set=-dac_override,-fowner", "--inh-caps=-dac_override,-fowner"]
    command = [*(drop if os.geteuid() == 0 else []), sys.executable, "-c", AS_A_USER, str(where)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for path, mode in modes.items():
        path.chmod(mode)
    assert "and writable" in json.loads(done.stdout)
    assert nusd(spent) == before


def test_a_folder_that_others_can_read_is_made_private(spent: Ledger, folder: Path) -> None:
    folder.chmod(0o755)
    reserved(spent)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
