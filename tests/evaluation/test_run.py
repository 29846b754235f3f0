"""`cope-lsp eval run`: both real models, the real sandbox, a hosted model on loopback, a record on disk."""

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import pytest
from filelock import FileLock

from cope_lsp.evaluation.record import Call, Record, Trial
from cope_lsp.evaluation.tasks import Task, read, write
from cope_lsp.evaluation.trials.entries import GROUPS
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.models import catalog
from tests.cli.conftest import Shell, are_gone, descendants
from tests.evaluation.conftest import PEAK
from tests.models.provider import COST_NUSD, Provider, write_prices
from training.family.generator import tasks as family

TASKS = 4
PRICES = ("--price-in", "2", "--price-out", "10")


def shell_in(folder: Path) -> Shell:
    for name in ("folder", "home", "temporary"):
        (folder / name).mkdir()
    drawn = family("held-out", TASKS, 2)
    (folder / "folder" / "tasks.jsonl").write_text("".join(json.dumps(asdict(task)) + "\n" for task in drawn))
    return Shell(folder / "folder")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return shell_in(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a folder with the record of all methods, whose run was never disturbed."""
    made = shell_in(tmp_path_factory.mktemp("whole"))
    ran(made, "out.jsonl", "all")
    return made


def ran(shell: Shell, out: str, methods: str, *more: str, code: int = 0) -> Record:
    done = shell.run("eval", "run", "tasks.jsonl", "--out", out, "--method", methods, *PRICES, *more)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return record_of(shell, out)


def record_of(shell: Shell, out: str = "out.jsonl") -> Record:
    return Record.open(shell.folder / out)


def same(one: Record, other: Record) -> bool:
    """Whether two records hold the same trials but for what was measured by a clock."""
    return plain(one) == plain(other)


def plain(record: Record) -> list[Trial]:
    bare = [replace(trial, seconds=0.0, checks_seconds=0.0) for trial in record.trials.values()]
    return sorted(bare, key=lambda trial: (trial.task, trial.method, repr(trial.setting)))


def by_method(record: Record) -> dict[str, list[Trial]]:
    return {name: [each for each in record.trials.values() if each.method == name] for name in GROUPS["all"]}


def calls_of(record: Record, trial: Trial) -> list[Call]:
    return [record.calls[key] for key in trial.calls]


def reserved(shell: Shell, out: str = "out.jsonl") -> Counter[str]:
    """Return what the run's own ledger holds: how many calls in which state."""
    with Ledger(shell.folder / f"{out}.run" / "ledger") as ledger:
        return Counter(call.state for call in ledger.history(10_000))


def test_every_method_has_a_trial_of_every_task(whole: Shell) -> None:
    trials = by_method(record_of(whole))
    assert {name: len(found) for name, found in trials.items()} == dict.fromkeys(GROUPS["all"], TASKS)
    orders = {tuple(each.task for each in found) for found in trials.values()}
    assert len(orders) == 1  # they can be compared task by task


def test_methods_ask_whom_they_say(whole: Shell) -> None:
    record = record_of(whole)
    roles = {
        name: {tuple(call.role for call in calls_of(record, trial)) for trial in found}
        for name, found in by_method(record).items()
    }
    assert roles["small-alone"] == {("small",)}
    assert {role for asked in roles["offline"] for role in asked} == {"small"}
    assert roles["large-alone"] == {("large",)}
    assert roles["large-own-plan"] == {("large", "large")}
    assert roles["plans-only"] == {("large", "small")}
    assert roles["router"] <= {("small",), ("large",)}
    assert roles["scored-cascade"] <= {("small",), ("small", "large")}
    assert roles["verify-only"] <= {("small", "large"), ("small", "large", "large")}
    assert all(
        "small" in asked
        for name in GROUPS["all"]
        if name.startswith(("cope", "cascade"))
        for asked in roles[name]
    )


def test_a_trial_says_who_answered_and_what_it_cost(whole: Shell) -> None:
    record = record_of(whole)
    for trial in record.trials.values():
        calls = calls_of(record, trial)
        large = [call for call in calls if call.role == "large"]
        assert (trial.stage == 0) == (trial.answer == "")
        assert trial.nusd == sum(call.nusd for call in large)
        assert trial.nusd == trial.tokens_in_large * 2_000 + trial.tokens_out_large * 10_000
        assert trial.large == (
            "" if trial.method in {"small-alone", "offline"} else Path(catalog.STANDIN).stem
        )
        assert trial.stage != 3 or large
        assert trial.right <= bool(trial.answer)
    assert {trial.stage for trial in by_method(record)["small-alone"]} == {1}
    assert {trial.stage for trial in by_method(record)["plans-only"]} == {2}


def test_tests_that_accept_do_not_score(whole: Shell) -> None:
    known = {task.id: task for task in read(whole.folder / "tasks.jsonl")}
    for trial in by_method(record_of(whole))["cope-checks"]:
        task = known[trial.task]
        assert trial.setting.tests == 3
        assert not set(task.visible_tests) & set(task.hidden_tests)
        assert len(task.hidden_tests) >= 10
        assert trial.visible or not trial.accepted


def test_no_call_is_paid_for_twice(whole: Shell) -> None:
    record = record_of(whole)
    large = [call for call in record.calls.values() if call.role == "large"]
    with Ledger(whole.folder / "out.jsonl.run" / "ledger") as ledger:
        paid = {call.id: call.spent_nusd for call in ledger.history(10_000)}
    assert paid == {call.reservation: call.nusd for call in large}
    asked = sum(call.role == "large" for each in record.trials.values() for call in calls_of(record, each))
    assert len(large) < asked  # methods share calls, or this shows nothing


def test_the_users_own_ledger_knows_nothing_of_a_stand_in(whole: Shell) -> None:
    assert whole.json("budget")["calls"] == 0
    home = whole.folder / "out.jsonl.run" / "home-0"
    assert "http://127.0.0.1:" in (home / "config" / "cope-lsp" / "prices.toml").read_text()
    assert list((home / "data" / "cope-lsp" / "consent").iterdir())
    with Ledger(home / "data" / "cope-lsp" / "ledger") as ledger:
        assert len(ledger.history(10_000)) == reserved(whole).total() > 0


def test_a_second_start_does_nothing(whole: Shell) -> None:
    before = (whole.folder / "out.jsonl").read_bytes()
    ran(whole, "out.jsonl", "all")
    assert (whole.folder / "out.jsonl").read_bytes() == before
    assert reserved(whole)["settled"] == sum(call.role == "large" for call in record_of(whole).calls.values())


def test_a_replay_needs_no_model(whole: Shell) -> None:
    """Not even its file: all that is asked of it is in the record."""
    gone = ("--small", f"gone/{catalog.EMBEDDED}", "--large", f"gone/{catalog.STANDIN}")
    again = ran(whole, "again.jsonl", "all", "--calls", "out.jsonl", "--replay-only", *gone)
    assert same(again, record_of(whole))
    assert [trial.seconds for trial in again.trials.values()] == [
        record_of(whole).trials[key].seconds for key in again.trials
    ]
    assert reserved(whole, "again.jsonl") == Counter()


def test_a_new_method_costs_nothing_where_its_calls_were_made(whole: Shell) -> None:
    calls = ("--calls", "out.jsonl", "--replay-only")
    stricter = ran(whole, "strict.jsonl", "scored-cascade:thresholds=1", *calls)
    assert {trial.stage for trial in stricter.trials.values()} == {3}


def test_a_replay_says_what_is_missing(whole: Shell) -> None:
    shutil.copy(whole.folder / "out.jsonl", whole.folder / "more.jsonl")
    done = whole.run(
        "eval", "run", "tasks.jsonl", "--out", "more.jsonl", "--method", "cope-checks", "--seed", "1",
        "--replay-only", *PRICES,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{TASKS} trials need calls that are not in the record, and none may be made:" in done.stderr
    assert done.stderr.count(", cope-checks: a call of the small model, ") == TASKS


def test_several_processes_make_the_same_record(whole: Shell, shell: Shell) -> None:
    assert same(ran(shell, "out.jsonl", "all", "--jobs", "2"), record_of(whole))


def test_another_seed_draws_other_drafts(whole: Shell, shell: Shell) -> None:
    one = ran(shell, "out.jsonl", "cascade-no-plans", "--seed", "1", "--limit", "2")
    zero = by_method(record_of(whole))["cascade-no-plans"]
    first = [calls_of(record_of(whole), trial)[0].key for trial in zero]
    assert not set(first) & set(one.calls)


def test_ablations_do_what_their_settings_say(shell: Shell) -> None:
    named = "cope-consensus:thresholds=1/1:"
    methods = (
        f"{named}passed_on=no",
        f"{named}stage_1=guideline",
        f"{named}stage_1=none",
        f"{named}samples=2",
    )
    record = ran(shell, "out.jsonl", ",".join(methods))
    trials = list(record.trials.values())
    alone = [trial for trial in trials if not trial.setting.passed_on and trial.stage > 1]
    assert alone
    assert all(len(trial.plans) == 1 for trial in alone)  # the large model's, and no goal beside it
    none = [trial for trial in trials if trial.setting.stage_1 == "none"]
    assert all(len(trial.plans) == (trial.stage > 1) for trial in none)
    plain = {calls_of(record, trial)[0].prompt_tokens for trial in none}
    planned = {
        calls_of(record, trial)[0].prompt_tokens for trial in trials if trial.setting.stage_1 == "goal"
    }
    assert max(plain) < max(planned)  # the mark of a plan stands at the end of the prompt
    few = [calls_of(record, trial)[0] for trial in trials if trial.setting.samples == 2]
    assert all(len(call.answers) == 2 for call in few)


def test_a_cascade_without_large_plans_draws_as_many_drafts_before_it_asks(shell: Shell) -> None:
    record = ran(shell, "out.jsonl", "cascade-self-planned:thresholds=1/1,cope-consensus:thresholds=1/1")
    asked = [
        tuple(call.role for call in calls_of(record, trial) if len(call.answers) != 1 or call.role == "large")
        for trial in by_method(record)["cascade-self-planned"]
    ]
    assert ("small", "small", "large") in asked
    assert set(asked) <= {("small",), ("small", "small"), ("small", "small", "large")}
    assert {trial.stage for trial in by_method(record)["cascade-self-planned"]} <= {0, 1, 3}


@pytest.mark.timeout(900)
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_trials(
    whole: Shell, shell: Shell, scale: Callable[[int, int], int]
) -> None:
    kills = scale(5, 20)
    rng = random.Random(11)
    out = shell.folder / "out.jsonl"
    total = (whole.folder / "out.jsonl").read_bytes().count(b"\n")
    killed = 0
    for _ in range(kills):
        rows = out.read_bytes().count(b"\n") if out.exists() else 0
        aim = rows + rng.randint(0, max(1, 2 * (total - rows) // (kills + 1 - killed)))
        killed += killed_after(shell, out, aim, rng.uniform(0, 0.2))
    assert killed >= kills - 2
    record = ran(shell, "out.jsonl", "all")
    assert same(record, record_of(whole))
    states = reserved(shell)
    large = sum(call.role == "large" for call in record.calls.values())
    # What was sent and not written down before the kill was asked again; its reservation counts.
    assert large <= states.total() <= large + killed


def killed_after(shell: Shell, out: Path, rows: int, more_s: float) -> bool:
    """Kill a run, but nothing that it started, when it has written so many rows; False: it had ended."""
    command = ("eval", "run", "tasks.jsonl", "--out", "out.jsonl", "--method", "all")
    with shell.started(*command, *PRICES) as process:
        for _ in count():
            if process.poll() is not None:
                return False
            if out.exists() and out.read_bytes().count(b"\n") >= rows:
                break
            time.sleep(0.01)
        time.sleep(more_s)
        children = descendants(process) if process.poll() is None else []
        process.kill()
        process.wait()
    assert are_gone(children, timeout_s=30)
    return True


def test_ctrl_c_loses_nothing_but_the_trial_at_work(shell: Shell) -> None:
    out = shell.folder / "out.jsonl"
    command = ("eval", "run", "tasks.jsonl", "--out", "out.jsonl", "--method", "large-alone,large-own-plan")
    with shell.started(*command, *PRICES) as process:
        while not (out.exists() and out.read_bytes().count(b"\n") >= 2):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    record = ran(shell, "out.jsonl", "large-alone,large-own-plan")
    assert len(record.trials) == 2 * TASKS
    assert reserved(shell) == Counter(settled=len(record.calls))


def test_a_budget_stops_the_run_and_a_larger_one_goes_on(shell: Shell) -> None:
    done = shell.run(
        "eval",
        "run",
        "tasks.jsonl",
        "--out",
        "out.jsonl",
        "--method",
        "large-alone",
        "--budget",
        "0.02",
        *PRICES,
    )
    assert done.returncode == 1
    assert "the budget of 0.02 USD is reached" in done.stderr
    assert "goes on with a larger --budget" in done.stderr
    record = record_of(shell)
    assert 0 < len(record.trials) < TASKS
    assert reserved(shell) == Counter(settled=len(record.trials))  # what waited behind was not begun
    record = ran(shell, "out.jsonl", "large-alone", "--budget", "1")
    assert len(record.trials) == TASKS
    assert reserved(shell) == Counter(settled=TASKS)


def test_one_run_at_a_time_writes_a_record(shell: Shell) -> None:
    (shell.folder / "out.jsonl.run").mkdir()
    with FileLock(shell.folder / "out.jsonl.run" / "lock"):
        done = shell.run("eval", "run", "tasks.jsonl", "--out", "out.jsonl", "--method", "small-alone")
    assert done.returncode == 1
    assert "another run is writing out.jsonl" in done.stderr


@pytest.fixture
def hosted(shell: Shell, provider: Provider) -> Shell:
    config = Path(shell.environment["XDG_CONFIG_HOME"]) / "cope-lsp"
    config.mkdir(parents=True)
    write_prices(config / "prices.toml", provider.url)
    provider.text = "```python\ndef answer():\n    return 1\n```"
    return replace(shell, variables={"COPE_LSP_HOSTED_ENDPOINT": provider.url})


def test_a_hosted_model_is_asked_with_consent_alone_and_through_the_users_ledger(
    hosted: Shell, provider: Provider
) -> None:
    command = ("large-alone", "--large", "hosted", "--limit", "2", "--budget", "1")
    done = hosted.run("eval", "run", "tasks.jsonl", "--out", "out.jsonl", "--method", *command[:-2])
    assert "say what a run with a hosted model may cost at most: --budget USD" in done.stderr
    done = hosted.run("eval", "run", "tasks.jsonl", "--out", "out.jsonl", "--method", *command)
    assert done.returncode == 1
    assert "the large model cannot be asked" in done.stderr
    assert "consent allow" in done.stderr
    assert provider.posts == 0
    assert hosted.run("consent", "allow").returncode == 0
    record = ran(hosted, "out.jsonl", *command)
    assert provider.posts == 2
    assert [trial.nusd for trial in record.trials.values()] == [COST_NUSD] * 2
    assert hosted.json("budget")["day"]["spent_nusd"] == 2 * COST_NUSD
    assert reserved(hosted) == Counter(settled=2, voided=1)
    ran(hosted, "out.jsonl", *command)
    assert provider.posts == 2


def test_tasks_without_shown_tests_can_show_some_that_do_not_score(shell: Shell) -> None:
    bare = replace(PEAK, visible_tests=(), hidden_tests=("assert peak([7]) == 7", "assert peak([]) == 0"))
    write(shell.folder / "tasks.jsonl", [bare])
    (trial,) = ran(shell, "out.jsonl", "cope-checks", "--visible", "3").trials.values()
    assert (
        trial.digest
        == replace(bare, visible_tests=bare.hidden_tests[:1], hidden_tests=bare.hidden_tests[1:]).digest
    )


def test_tasks_that_say_the_same_share_their_calls(shell: Shell) -> None:
    twins = [replace(PEAK, id=name, hidden_tests=tests) for name, tests in _TWINS.items()]
    write(shell.folder / "tasks.jsonl", twins)
    record = ran(shell, "out.jsonl", "large-alone", "--jobs", "2")
    assert len(record.trials) == 2
    assert len(record.calls) == 1
    assert reserved(shell) == Counter(settled=1)


_TWINS = {"one": ("assert peak([1, 2]) == 2",), "other": ("assert peak([]) == 7",)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--method", "magic"), "there is no method magic; known are small-alone"),
        (("--method", "small-alone", "--small", "gone.gguf"), "gone.gguf cannot be read"),
        (("--method", "large-alone", "--price-in", "2"), "--price-in and --price-out belong together"),
        (
            ("--method", "small-alone", "--ray", "127.0.0.1:1"),
            "there is no Ray cluster at 127.0.0.1:1; start one",
        ),
    ],
)
def test_what_cannot_be_run_is_said(shell: Shell, arguments: Sequence[str], said: str) -> None:
    done = shell.run("eval", "run", "tasks.jsonl", "--out", "out.jsonl", *arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_gaps_are_for_another_command(shell: Shell) -> None:
    gap = Task(
        "gap", "infilling", "f", "def f(a):\n", suffix="    return 1\n", hidden_tests=("assert f(0) == 1",)
    )
    write(shell.folder / "tasks.jsonl", [gap])
    done = shell.run("eval", "run", "tasks.jsonl", "--out", "out.jsonl", "--method", "small-alone")
    assert done.returncode == 1
    assert "cope-lsp eval infilling" in done.stderr
