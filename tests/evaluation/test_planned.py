"""One draft under one plan: every planner with every executor, as in the paper's tables."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from cope_lsp.evaluation.record import Record, Trial
from cope_lsp.evaluation.tasks import read
from tests.cli.conftest import Shell
from tests.evaluation.conftest import PEAK
from tests.evaluation.test_run import PRICES, calls_of, ran, shell_in


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return shell_in(tmp_path_factory.mktemp("planned"))


@pytest.fixture(scope="module")
def record(shell: Shell) -> Record:
    return ran(shell, "out.jsonl", "plans")


def cells(record: Record, executor: str, planner: str, plan: str = "guideline") -> list[Trial]:
    found = [
        each
        for each in record.trials.values()
        if (each.setting.executor, each.setting.planner, each.setting.plan) == (executor, planner, plan)
    ]
    assert found
    return found


@pytest.mark.parametrize(
    ("executor", "planner", "roles"),
    [
        ("small", "none", ("small",)),
        ("small", "small", ("small",)),  # its plan and its draft in one go
        ("small", "large", ("large", "small")),
        ("small", "author", ("small",)),
        ("large", "none", ("large",)),
        ("large", "small", ("small", "large")),
        ("large", "large", ("large", "large")),
        ("large", "author", ("large",)),
    ],
)
def test_who_is_asked(record: Record, executor: str, planner: str, roles: tuple[str, ...]) -> None:
    for trial in cells(record, executor, planner):
        assert tuple(call.role for call in calls_of(record, trial)) == roles
        assert len(trial.plans) == (planner != "none")


def test_the_author_knows_what_is_meant(record: Record, shell: Shell) -> None:
    known = {task.id: task for task in read(shell.folder / "tasks.jsonl")}
    for executor in ("small", "large"):
        for trial in cells(record, executor, "author"):
            assert trial.plans == (known[trial.task].guideline,)
        for trial in cells(record, executor, "author", "goal"):
            assert trial.plans == (known[trial.task].goal,)


def test_the_small_models_plan_is_the_same_for_both(record: Record) -> None:
    for plan in ("goal", "guideline"):
        own = {trial.task: trial.plans for trial in cells(record, "small", "small", plan)}
        theirs = {trial.task: trial.plans for trial in cells(record, "large", "small", plan)}
        assert own == theirs
        assert all(plans[0] for plans in own.values())


def test_the_large_model_reads_the_goal_that_it_is_given(record: Record) -> None:
    for trial in cells(record, "large", "author", "goal"):
        bare = next(each for each in cells(record, "large", "none") if each.task == trial.task)
        assert trial.tokens_in_large > bare.tokens_in_large


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("planned:planner=author", "these tasks come without plans of their author"),
        ("planned:planner=large:plan=goal", "the product asks a large model for guidelines alone"),
    ],
)
def test_what_cannot_be_had_is_said(tmp_path: Path, method: str, said: str) -> None:
    shell = shell_in(tmp_path)
    bare = asdict(PEAK) | {"goal": "", "guideline": ""}
    (shell.folder / "bare.jsonl").write_text(json.dumps(bare) + "\n")
    done = shell.run("eval", "run", "bare.jsonl", "--out", "out.jsonl", "--method", method, *PRICES)
    assert done.returncode == 1
    assert said in done.stderr
