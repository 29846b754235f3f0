"""A run from the command line: a real model, the real sandbox, answers that are kept."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.checks.cage.sandbox import Sandbox
from cope_lsp.errors import TaskFileError
from cope_lsp.evaluation import report
from cope_lsp.evaluation.__main__ import main
from cope_lsp.evaluation.journal import Attempt, Journal, Setting
from cope_lsp.evaluation.methods import Drafted, Draw
from cope_lsp.evaluation.score import Score, score
from cope_lsp.evaluation.tasks import Task, write
from tests.evaluation.conftest import PEAK
from tests.random_model import write_random_model

TASKS = 24
RIGHT, WRONG = "    return max(readings, default=0)\n", "    return max(readings)\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small model: what it writes is of no use, but it is soon written."""
    return write_random_model(tmp_path_factory.mktemp("models") / "random.gguf")


@pytest.fixture
def command(model: Path, tmp_path: Path) -> list[str]:
    """Return a run of two methods, whose answers are kept in `answers.jsonl`."""
    tasks, answers = tmp_path / "tasks.jsonl", tmp_path / "answers.jsonl"
    write(tasks, [replace(PEAK, id=f"held-out:{n}") for n in range(TASKS)])
    return [
        *("run", str(tasks), "--answers", str(answers), "--executor", str(model)),
        *("--methods", "no-plan,own-goal"),
    ]


def attempt(task: str, right: Sequence[bool], *, method: str = "no-plan", visible: bool = True) -> Attempt:
    setting = Setting(method, "e" * 16, "", Draw(samples=len(right)))
    scores = tuple(Score(visible, hidden, "") for hidden in right)
    drafted = Drafted(("",) * len(right), executor_tokens=10)
    return Attempt(task, task, "", setting, "nano", "", drafted, scores, 1.0)


async def test_only_hidden_tests_score_and_visible_ones_are_told_apart() -> None:
    sandbox = Sandbox(1)
    scores = await score(PEAK, (RIGHT, WRONG, "    return 1\n", RIGHT, ""), sandbox)
    await sandbox.close()
    assert [(s.visible, s.hidden) for s in scores] == [
        (True, True),
        (True, False),
        (False, False),
        (True, True),
        (False, False),
    ]
    assert scores[1].evidence.startswith("assert peak([]) == 0: peak([]) raised ValueError")


def test_a_run_keeps_every_answer_and_is_not_repeated(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.jsonl"
    command += ["--samples", "1", "--samples", "2", "--limit", "2"]
    assert main(command) == 0
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    assert len(rows) == 2 * 2 * 2
    assert all(row["drafted"]["executor_tokens"] > 0 for row in rows)
    assert {len(row["scores"]) for row in rows} == {1, 2}
    before = answers.read_bytes()
    assert main(command) == 0
    assert answers.read_bytes() == before
    capsys.readouterr()
    assert main(["report", str(answers), "--format", "json"]) == 0
    table: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert {(row["method"], row["samples"]) for row in table} == {
        (method, samples) for method in ("no-plan", "own-goal") for samples in (1, 2)
    }
    assert all(row["pass_1"]["count"] == 2 for row in table)


def test_gaps_are_filled_and_scored_by_the_tests_of_their_file(model: Path, tmp_path: Path) -> None:
    tasks, answers = tmp_path / "gaps.jsonl", tmp_path / "answers.jsonl"
    gap = Task(
        "gap", "infilling", "f", "def f(a):\n", suffix="    return 1\n", hidden_tests=("assert f(0) == 1",)
    )
    write(tasks, [gap])
    assert main(["run", str(tasks), "--answers", str(answers), "--executor", str(model)]) == 0
    (found,) = Journal(answers).attempts.values()
    assert "\n" not in found.drafted.drafts[0]
    assert found.drafted.executor_tokens > 0
    assert found.scores[0].visible


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on_where_it_was(
    command: list[str], tmp_path: Path, sign: signal.Signals
) -> None:
    answers = tmp_path / "answers.jsonl"
    started = subprocess.Popen(
        [sys.executable, "-m", "cope_lsp.evaluation", *command],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (answers.exists() and answers.read_bytes().count(b"\n") >= 3):
        assert started.poll() is None
        time.sleep(0.02)
    os.kill(started.pid, sign)
    _, said = started.communicate()
    assert started.returncode == (130 if sign == signal.SIGINT else -signal.SIGKILL)
    if sign == signal.SIGINT:
        assert said.endswith("stopped; what was answered is kept, and the same command goes on from there\n")
    kept = answers.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    assert 3 <= kept.count(b"\n") < 2 * TASKS
    assert main(command) == 0
    assert answers.read_bytes().startswith(kept)
    rows = [json.loads(line) for line in answers.read_text().splitlines()]
    assert len(rows) == len({(row["task"], row["setting"]["method"]) for row in rows}) == 2 * TASKS


def test_half_a_line_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    first, second = attempt("a", [True]), attempt("b", [False])
    Journal(path).add(first)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:30])
    journal = Journal(path)
    assert list(journal.attempts.values()) == [first]
    journal.add(second)
    assert list(Journal(path).attempts.values()) == [first, second]


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"x": 1}\n')
    with pytest.raises(TaskFileError, match=r"answers\.jsonl:1"):
        Journal(path)
    assert path.read_text() == '{"x": 1}\n'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--methods", "magic"), "there is no method magic"),
        (("--methods", "planner-goal"), "--planner"),
        (("--executor", "/missing.gguf"), "/missing.gguf cannot be read"),
    ],
)
def test_what_cannot_be_run_is_said(
    command: list[str], capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert main([*command, *more]) == 1
    assert said in capsys.readouterr().err


def test_a_table_has_rates_chances_and_differences() -> None:
    names = [f"t{n}" for n in range(10)]
    attempts = [
        *(attempt(name, [n < 2]) for n, name in enumerate(names)),
        *(attempt(name, [n < 8], method="own-goal") for n, name in enumerate(names)),
        *(attempt(name, [n < 5, n < 9], method="own-goal") for n, name in enumerate(names)),
    ]
    bare, planned, sampled = report.rows(attempts)
    assert (bare.pass_1.value, bare.pass_n, bare.against_baseline) == (0.2, None, None)
    assert planned.against_baseline is not None
    assert planned.against_baseline.value == pytest.approx(0.6)
    assert planned.against_baseline.p == pytest.approx(2 / 64)
    assert sampled.pass_1.value == pytest.approx(0.7)
    assert sampled.pass_n is not None
    assert sampled.pass_n.value == 0.9
    assert sampled.checked is not None
    assert sampled.checked.value == 0.5
    text = report.as_markdown([bare, planned, sampled], "A table")
    assert "| nano | own-goal | - | all | 10 | greedy | 80.0 [49.0, 94.3] | - | - | +60.0 [" in text


def test_tasks_can_be_told_apart_by_their_wording() -> None:
    attempts = [
        replace(attempt(name, [n < 5]), wording="explicit" if n < 6 else "indirect")
        for n, name in enumerate("abcdefghij")
    ]
    explicit, indirect = report.rows_by_wording(attempts)
    assert (explicit.wording, explicit.pass_1.count, explicit.pass_1.value) == ("explicit", 6, 5 / 6)
    assert (indirect.wording, indirect.pass_1.count, indirect.pass_1.value) == ("indirect", 4, 0)


def test_without_visible_tests_passed_nothing_is_chosen() -> None:
    (row,) = report.rows([attempt("a", [True, True], visible=False)])
    assert row.checked is not None
    assert row.checked.value == 0


def test_a_table_of_mbpp_says_what_to_expect() -> None:
    assert "MBPP" in report.note_for([attempt("mbpp:2", [True])])
    assert report.note_for([attempt("held-out:2", [True])]) == ""
