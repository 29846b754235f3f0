"""Where the time of a run goes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cope_lsp.evaluation.trials.spent import Spent
from tests.cli.conftest import Shell
from tests.evaluation.test_run import PRICES, TASKS, shell_in


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return shell_in(tmp_path)


def test_shares_are_of_the_time_between_start_and_end() -> None:
    spent = Spent(start=2.0, models=6.0, checks=3.0, total=12.0)
    assert spent.told(20, 12.0) == (
        "20 trials in 12.0 s (100 a minute, 17 % to start and end); "
        "of the rest models 60 %, checks 30 %, ours 10 %"
    )


def test_a_rate_is_of_the_time_that_passed_whatever_was_done_beside_each_other() -> None:
    spent = Spent(models=100.0, total=200.0)
    assert spent.told(1, 100.0).startswith("1 trial in 100 s (1 a minute, 0 % to start and end); ")
    assert spent.told(1, 100.0).endswith("models 50 %, checks 0 %, ours 50 %")


@pytest.mark.parametrize(("spent", "trials"), [(Spent(), 0), (Spent(start=1.0, total=1.0), 1)])
def test_where_nothing_was_at_work_there_are_no_shares(spent: Spent, trials: int) -> None:
    assert spent.told(trials, 0.25) == f"{'1 trial' if trials else '0 trials'} in 0.2 s"


def test_what_fails_has_taken_its_time_too() -> None:
    spent = Spent()
    with pytest.raises(ValueError, match="no"), spent.on("checks"):
        raise ValueError("no")
    assert spent.checks > 0
    assert (spent.start, spent.models, spent.total) == (0, 0, 0)


def test_processes_are_joined() -> None:
    spent = Spent(1.0, 2.0, 3.0, 10.0)
    spent.join(Spent(start=0.5, models=1.0, checks=1.0, total=3.0))
    assert spent == Spent(1.5, 3.0, 4.0, 13.0)
    assert spent.ours == 4.5


def test_a_run_tells_what_it_took_of_what_was_run_now_alone(shell: Shell) -> None:
    new = told(shell, "new.jsonl", "--jobs", "2")
    assert new["trials"] == 2 * TASKS
    assert min(new["models"], new["checks"]) > 0
    replayed = told(shell, "replayed.jsonl", "--calls", "new.jsonl", "--replay-only")
    assert replayed["models"] == 0
    for shares in (new, replayed):
        assert shares["models"] + shares["checks"] + shares["ours"] == pytest.approx(100, abs=1)
        assert 0 < shares["start"] < 100
    done = shell.run("eval", "run", "tasks.jsonl", "--out", "new.jsonl", "--method", _TIMED, *PRICES)
    assert done.stderr.splitlines()[-1].startswith("0 trials in 0.")


_TIMED = "cope-checks,large-alone"


def told(shell: Shell, out: str, *more: str) -> dict[str, int]:
    """Return the numbers of the last line of a run."""
    done = shell.run("eval", "run", "tasks.jsonl", "--out", out, "--method", _TIMED, *PRICES, *more)
    line = done.stderr.splitlines()[-1]
    said = re.fullmatch(
        r"(?P<trials>\d+) trials in [\d.]+ s \((?P<pace>\d+) a minute, (?P<start>\d+) % to start and end\); "
        r"of the rest models (?P<models>\d+) %, checks (?P<checks>\d+) %, ours (?P<ours>\d+) %",
        line,
    )
    assert said, line
    return {name: int(value) for name, value in said.groupdict().items()}


def test_a_process_that_is_told_nothing_ends() -> None:
    """Whoever started it was killed before it said what to do."""
    command = [sys.executable, "-P", "-m", "cope_lsp.evaluation.trials.worker"]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
