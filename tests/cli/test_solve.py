"""`cope-lsp solve`: a function is written, checked, shown as a diff, and put into its file on request."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Shell, are_gone, descendants, interrupt, is_clean
from tests.models.provider import COST_NUSD, Provider, write_prices

FILE = '''\
"""Money."""


def evaluate_stock_count(stock_count):
    """Find twice the stock count."""
    raise NotImplementedError


def speed_summary(speed):
    """Return double the bare size of the speed, be it plus or minus."""


def total(amounts):
    return sum(amounts)
'''

TESTS = """\
from shop import evaluate_stock_count, speed_summary


def test_stock():
    assert evaluate_stock_count(3) == 6


def test_speed():
    assert speed_summary(100) == 200
    assert speed_summary(-25) == 50
"""

SOLVED = FILE.replace("    raise NotImplementedError\n", "    return stock_count * 2\n")
GUIDELINE = "Take abs, then multiply by 2."


@pytest.fixture
def project(shell: Shell) -> Shell:
    (shell.folder / "shop.py").write_text(FILE)
    (shell.folder / "test_shop.py").write_text(TESTS)
    return replace(shell, variables={"COPE_LSP_TESTS_PYTHON": sys.executable})


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    made.text = GUIDELINE
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def hosted(project: Shell, provider: Provider) -> Shell:
    config = Path(project.environment["XDG_CONFIG_HOME"]) / "cope-lsp"
    config.mkdir(parents=True)
    write_prices(config / "prices.toml", provider.url)
    return replace(project, variables={**project.variables, "COPE_LSP_HOSTED_ENDPOINT": provider.url})


def solve(shell: Shell, symbol: str, *more: str) -> subprocess.CompletedProcess[str]:
    done = shell.run("solve", "shop.py", "--symbol", symbol, *more)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_diff_is_printed_and_the_file_is_left_alone(project: Shell) -> None:
    done = solve(project, "evaluate_stock_count", "--tests")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("--- a/shop.py\n+++ b/shop.py\n@@")
    assert "\n-    raise NotImplementedError\n" in done.stdout
    assert "solved in stage 1: the tests pass" in done.stderr
    assert "nothing left this machine" in done.stderr
    assert (project.folder / "shop.py").read_text() == FILE
    patched = subprocess.run(
        ["git", "apply", "-"], input=done.stdout, cwd=project.folder, text=True, check=False
    )
    assert patched.returncode == 0
    assert (project.folder / "shop.py").read_text() != FILE


def test_it_is_applied_on_request_and_only_when_it_was_solved(project: Shell) -> None:
    path = project.folder / "shop.py"
    path.chmod(0o640)
    done = solve(project, "evaluate_stock_count", "--tests", "--apply")
    assert (done.returncode, done.stdout) == (0, "")
    assert "shop.py was written" in done.stderr
    namespace: dict[str, object] = {}
    exec(path.read_text(), namespace)
    assert namespace["evaluate_stock_count"](21) == 42  # type: ignore[operator]
    assert path.stat().st_mode & 0o777 == 0o640
    before = path.read_text()
    done = solve(project, "speed_summary", "--tests", "--apply", "--escalate", "never")
    assert done.returncode == 1
    assert "not solved: local drafts did not do" in done.stderr
    assert path.read_text() == before
    assert sorted(entry.name for entry in project.folder.iterdir()) == ["shop.py", "test_shop.py"]


def test_a_plan_is_bought_when_it_must_be(hosted: Shell, provider: Provider) -> None:
    document = hosted.json(
        "solve", "shop.py", "--symbol", "speed_summary", "--tests", "--escalate", "auto", "--yes"
    )
    assert (document["status"], document["stage"], document["proof"]) == ("solved", 2, "tests")
    assert document["plans"]["guideline"]["text"] == GUIDELINE
    assert document["receipt"]["cost_nusd"] == COST_NUSD
    assert document["receipt"]["calls"][0]["endpoint"] == provider.url
    assert "+" in document["diff"]
    assert hosted.json("budget")["day"]["spent_nusd"] == COST_NUSD


def test_without_anybody_to_ask_nothing_is_sent(hosted: Shell, provider: Provider) -> None:
    done = solve(hosted, "speed_summary", "--tests")
    assert done.returncode == 1
    assert "--escalate auto" in done.stderr
    assert provider.posts == 0


def test_a_plan_of_ones_own_is_followed(project: Shell) -> None:
    done = solve(project, "speed_summary", "--tests", "--guideline", GUIDELINE)
    assert done.returncode == 0, done.stderr
    assert "solved in stage 2: the tests pass" in done.stderr


def test_any_command_can_be_the_tests(project: Shell) -> None:
    document = project.json(
        "solve", "shop.py", "--symbol", "evaluate_stock_count", "--tests", "python -m pytest -q -k stock"
    )
    assert document["proof"] == "tests"
    assert [verdict["check"] for verdict in document["verdicts"]] == ["syntax", "tests"]


def test_without_tests_it_says_so(project: Shell) -> None:
    done = solve(project, "evaluate_stock_count")
    assert "the drafts agree; no test was run" in done.stderr
    (project.folder / "test_shop.py").unlink()
    done = solve(project, "evaluate_stock_count", "--tests")
    assert "no test names evaluate_stock_count" in done.stderr


@pytest.mark.parametrize(("arguments", "said"), [
    (["shop.py", "--symbol", "nothing"], "it defines no function nothing"),
    (["missing.py", "--symbol", "f"], "missing.py cannot be read"),
    (["notes.txt", "--symbol", "f"], "notes.txt is not Python"),
    (["test_shop.py", "--symbol", "test_stock", "--tests"], "decides which tests there are"),
    (["shop.py", "--symbol", "total", "--tests", "'"], "tests.command cannot be read"),
])  # fmt: skip
def test_mistakes_are_explained(project: Shell, arguments: list[str], said: str) -> None:
    (project.folder / "notes.txt").write_text("text")
    done = project.run("solve", *arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert is_clean(done.stderr)


def test_an_interrupt_leaves_nothing(project: Shell) -> None:
    (project.folder / "test_slow.py").write_text(
        "import time\nfrom shop import total\n\n\ndef test_total():\n    time.sleep(60)\n"
    )
    with project.started("solve", "shop.py", "--symbol", "total", "--tests") as process:
        assert process.stderr is not None
        assert "stage 1" in process.stderr.readline()
        started = descendants(process)
        interrupt(process, group=True)
        assert process.wait(10) == 130
        assert are_gone(started, 5)
        assert is_clean(process.stderr.read())
    assert (project.folder / "shop.py").read_text() == FILE
    assert json.loads(project.run("budget", "--json").stdout)["calls"] == 0


@pytest.mark.parametrize("moment", ["stage 1", "plan asked", "stage 2", "draft asked"])
def test_a_kill_at_any_moment_leaves_nothing_running_and_no_call_uncounted(
    hosted: Shell, provider: Provider, moment: str
) -> None:
    provider.text = "Mind the sign."  # of no use, so that the function itself is asked for
    before = {path.name: path.read_bytes() for path in hosted.folder.iterdir()}
    calls = {"plan asked": 1, "draft asked": 2}.get(moment, 0)
    command = ("solve", "shop.py", "--symbol", "speed_summary", "--tests", "--escalate", "auto", "--yes")
    if calls == 1:
        provider.may_answer.clear()
    with hosted.started(*command) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("stage 2") and calls == 2:
                provider.may_answer.clear()
            if line.startswith(moment) or (calls and "draft 8" in line and provider_has(provider, calls)):
                break
        started = descendants(process)
        process.kill()
        process.wait(10)
        assert are_gone(started, 5)
    provider.may_answer.set()
    budget = hosted.json("budget")
    assert budget["calls"] == provider.posts
    assert budget["day"]["spent_nusd"] >= provider.posts * COST_NUSD
    assert {path.name: path.read_bytes() for path in hosted.folder.iterdir()} == before


def provider_has(provider: Provider, calls: int) -> bool:
    """Wait a little until so many calls came; False: this was not their moment."""
    deadline = time.monotonic() + 5
    while provider.posts < calls and time.monotonic() < deadline:
        time.sleep(0.01)
    return provider.posts >= calls
