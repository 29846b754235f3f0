"""What a record may be gone on with: the same code and prices, what was paid for, one budget for all."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cope_lsp.egress.redact import redact
from cope_lsp.errors import CopeError
from cope_lsp.evaluation.record import Conditions, Record, Row
from cope_lsp.evaluation.trials import conditions
from cope_lsp.evaluation.trials.purse import BudgetReachedError, Purse
from cope_lsp.ledger.entries import Attempt, Limits, Settlement
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.models.question import Question, Quote
from tests.cli.conftest import Shell
from tests.evaluation.test_run import TASKS, ran, record_of, reserved, shell_in

NOW = Conditions("this code", (1, 2, 3, 4, 5))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a folder with the record of a run."""
    shell = shell_in(tmp_path_factory.mktemp("made"))
    ran(shell, "out.jsonl", "large-alone")
    return shell


def test_a_record_says_what_it_was_made_under(made: Shell) -> None:
    found = record_of(made).conditions
    assert found is not None
    assert found.code == conditions.code()
    assert found.rates is not None
    assert found.rates[:2] == (2_000_000_000, 10_000_000_000)


def test_another_version_does_not_go_on_with_it(tmp_path: Path) -> None:
    record = Record(tmp_path / "out.jsonl")
    conditions.hold(record, NOW)
    conditions.hold(Record.open(record.path), NOW)
    with pytest.raises(CopeError, match=r"begun by another version of cope-lsp.*--calls"):
        conditions.hold(Record.open(record.path), Conditions("other code", NOW.rates))


def test_a_record_of_a_version_that_did_not_say_is_left_alone(tmp_path: Path, made: Shell) -> None:
    record = Record(tmp_path / "out.jsonl")
    record.add(Row(call=next(iter(record_of(made).calls.values()))))
    with pytest.raises(CopeError, match="begun by another version"):
        conditions.hold(record, NOW)


def test_other_prices_need_another_record(made: Shell) -> None:
    done = made.run(
        "eval", "run", "tasks.jsonl", "--out", "out.jsonl", "--method", "large-own-plan", "--price-in", "9",
        "--price-out", "9",
    )  # fmt: skip
    assert done.returncode == 1
    assert "was begun at other prices of the large model; name these, or another --out" in done.stderr
    done = made.run(
        "eval", "run", "tasks.jsonl", "--out", "new.jsonl", "--calls", "out.jsonl", "--method", "large-alone",
        "--price-in", "9", "--price-out", "9",
    )  # fmt: skip
    assert done.returncode == 1
    assert "the calls of out.jsonl were made at other prices" in done.stderr


def test_a_large_model_may_join_a_record_without_one(tmp_path: Path) -> None:
    record = Record(tmp_path / "out.jsonl")
    conditions.hold(record, Conditions(NOW.code))
    conditions.hold(record, NOW)
    conditions.hold(record, Conditions(NOW.code))
    assert Record.open(record.path).conditions == NOW


def test_what_was_paid_for_and_never_told_is_not_paid_for_again(made: Shell) -> None:
    """The run was killed before it could write down what its process had asked."""
    lines = (made.folder / "out.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["conditions"] or json.loads(line)["entrant"]]
    (made.folder / "out.jsonl").write_text("".join(kept))
    record = ran(made, "out.jsonl", "large-alone")
    assert len(record.trials) == TASKS
    assert reserved(made)["settled"] == TASKS


def test_a_budget_is_for_all_months_of_a_run(tmp_path: Path) -> None:
    asked = Attempt("before", "http://127.0.0.1", "large", 700, str(tmp_path), "draft", {"bound_nusd": 700})
    with Ledger(tmp_path / "purse", clock=datetime(2026, 1, 5, tzinfo=UTC).timestamp) as ledger:
        ledger.set_limits(Limits(None, None, None))
        ledger.reserve(asked)
        ledger.settle("before", Settlement(600, "usage", {}))
    Purse(tmp_path / "purse", 1_000)
    with Ledger(tmp_path / "purse") as ledger:
        assert ledger.limits().month_nusd == 400


async def test_who_asks_for_more_than_is_left_gets_nothing(tmp_path: Path) -> None:
    purse = Purse(tmp_path / "purse", 1_000)
    question = Question("", redact("x"), tmp_path, "draft", ())
    await purse.reserve("one", question, Quote("http://127.0.0.1", "large", 1, 700, 1, ()))
    with pytest.raises(BudgetReachedError, match="goes on with a larger --budget"):
        await purse.reserve("two", question, Quote("http://127.0.0.1", "large", 1, 400, 1, ()))
    await purse.close()
