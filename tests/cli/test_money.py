"""The commands around hosted models: plan, budget, consent, sent, auth."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Shell, is_clean
from tests.models.provider import COST_NUSD, Provider, write_prices

TEXT = "def merge(a, b):\n    pass\n"


@pytest.fixture
def hosted(shell: Shell, provider: Provider) -> Shell:
    """Return `shell` with a hosted model at `provider`, its prices and a file to ask about."""
    config = Path(shell.environment["XDG_CONFIG_HOME"]) / "cope-lsp"
    config.mkdir(parents=True)
    write_prices(config / "prices.toml", provider.url)
    (shell.folder / "a.py").write_text(TEXT)
    return replace(shell, variables={"COPE_LSP_HOSTED_ENDPOINT": provider.url})


def plan(hosted: Shell, *more: str) -> str:
    done = hosted.run("plan", "a.py", "--symbol", "merge", *more)
    assert is_clean(done.stderr)
    return done.stdout if done.returncode == 0 else done.stderr


def test_what_would_be_sent_is_shown_and_not_sent(hosted: Shell, provider: Provider) -> None:
    shown = json.loads(plan(hosted, "--show", "--json"))
    assert "def merge" in shown["text"]
    assert (shown["endpoint"], provider.posts) == (provider.url, 0)
    assert shown["bound_nusd"] > COST_NUSD
    assert "Nothing was sent" in plan(hosted, "--show")


def test_a_script_is_refused_without_consent_and_told_how_to_give_it(
    hosted: Shell, provider: Provider
) -> None:
    assert "cope-lsp consent allow" in plan(hosted)
    assert provider.posts == 0
    hosted.run("consent", "allow")
    assert plan(hosted) == "Sort first.\n"
    hosted.run("consent", "deny")
    assert "may be sent" in plan(hosted, "--yes")
    assert provider.posts == 1


def test_a_plan_is_in_the_budget_the_history_and_the_record(hosted: Shell) -> None:
    answer = json.loads(plan(hosted, "--yes", "--json"))
    assert answer["cost_nusd"] == COST_NUSD
    budget = hosted.json("budget")
    assert (budget["state"], budget["day"]["spent_nusd"], budget["calls"]) == ("open", COST_NUSD, 1)
    (call,) = hosted.json("budget", "history")
    assert (call["state"], call["spent_nusd"], call["purpose"]) == ("settled", COST_NUSD, "plan")
    (sent,) = hosted.json("sent")
    assert sent["id"] == answer["reservation"] == call["id"]
    rows = list(csv.DictReader(io.StringIO(hosted.run("budget", "export").stdout)))
    assert [row["kind"] for row in rows] == ["reserve", "settle"]
    assert json.loads(rows[1]["detail"])["usage"]["output_tokens"] == 20
    report = hosted.json("budget", "verify")
    assert (report["sound"], report["recomputed"], report["findings"]) == (True, 1, [])
    shown = hosted.run("budget").stdout
    assert "0.0004 USD of 0.50 USD" in shown
    assert "█" in shown


def test_the_text_of_a_request_is_kept_only_on_wish(hosted: Shell) -> None:
    first = json.loads(plan(hosted, "--yes", "--json"))["reservation"]
    refusal = hosted.run("sent", first)
    assert refusal.returncode == 1
    assert "hosted.keep_sent" in refusal.stderr
    keeping = replace(hosted, variables={**hosted.variables, "COPE_LSP_HOSTED_KEEP_SENT": "true"})
    second = json.loads(plan(keeping, "--json"))["reservation"]
    assert "def merge" in hosted.run("sent", second).stdout
    (shown,) = (line for line in hosted.run("sent").stdout.splitlines() if second[:12] in line)
    assert "def merge" in hosted.run("sent", shown.split()[-1]).stdout


def test_a_call_of_unknown_outcome_is_in_the_history_in_full(hosted: Shell, provider: Provider) -> None:
    hosted.run("consent", "allow")
    provider.mode = "clean early end"
    assert "try again" in plan(hosted)
    provider.mode, provider.status = "well", 401
    assert "cope-lsp auth set" in plan(hosted)
    rejected, unknown = (line.split("  ") for line in hosted.run("budget", "history").stdout.splitlines()[1:])
    assert "settled, in full" in unknown
    assert any(cell.startswith("voided: turned down with status 401") for cell in rejected)


def test_a_limit_refuses_before_anything_is_sent(hosted: Shell, provider: Provider) -> None:
    assert hosted.json("budget", "set", "--call", "0.001")["call_nusd"] == 1_000_000
    hosted.run("consent", "allow")
    assert "0.001 USD" in plan(hosted)
    assert provider.posts == 0


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["--day", "0.2", "--warn", "50"], {"day_nusd": 200_000_000, "warn_percent": 50}),
        (["--month", "none"], {"month_nusd": None}),
        (["--call", "$1"], {"call_nusd": 1_000_000_000}),
        (
            ["--model-only", "opus", "--day", "1 USD"],
            {"models": [{"model": "opus", "day_nusd": 1_000_000_000, "month_nusd": None}]},
        ),
    ],
)
def test_limits_are_set_and_stay(shell: Shell, arguments: list[str], changed: dict[str, object]) -> None:
    before = shell.json("budget", "show")["limits"]
    assert shell.json("budget", "set", *arguments) == before | changed
    assert shell.json("budget", "show")["limits"] == before | changed


@pytest.mark.parametrize("amount", ["abc", "-1", "0.0000000001", "nan", "1e30", ""])
def test_an_amount_that_is_none_is_refused(shell: Shell, amount: str) -> None:
    done = shell.run("budget", "set", f"--day={amount}")
    assert done.returncode == 2
    assert "no amount of USD" in done.stderr


def test_without_a_price_nothing_is_sent_and_the_command_that_sets_one_is_told(
    hosted: Shell, provider: Provider
) -> None:
    (Path(hosted.environment["XDG_CONFIG_HOME"]) / "cope-lsp" / "prices.toml").unlink()
    refusal = plan(hosted, "--yes")
    told = f"cope-lsp budget price --endpoint {provider.url} --model"
    assert told in refusal
    assert hosted.json("budget", "price", code=1)["price"] is None
    set_to = hosted.json("budget", "price", "--input", "2", "--output", "10")
    assert set_to["price"]["rates"] == {
        "input": 2 * 10**9,
        "output": 10 * 10**9,
        "cache_write_5m": 2_500_000_000,
        "cache_write_1h": 4 * 10**9,
        "cache_read": 2 * 10**9,
    }
    assert json.loads(plan(hosted, "--yes", "--json"))["cost_nusd"] == COST_NUSD
    assert "2.00 USD in; 10.00 USD out" in hosted.run("budget", "price").stdout


def test_a_server_of_ones_own_costs_nothing_once_the_user_says_so(hosted: Shell, provider: Provider) -> None:
    (Path(hosted.environment["XDG_CONFIG_HOME"]) / "cope-lsp" / "prices.toml").unlink()
    assert hosted.run("budget", "price", "--free", "--endpoint", provider.url).returncode == 0
    assert json.loads(plan(hosted, "--yes", "--json"))["cost_nusd"] == 0
    assert hosted.json("budget")["day"]["spent_nusd"] == 0
    assert hosted.json("budget", "verify")["sound"] is True


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--input", "2"], "--output"),
        (["--output", "2"], "--input"),
        (["--free", "--endpoint", "http://127.0.0.1:1", "--input", "1", "--output", "1"], "--free"),
        (["--free"], "--endpoint"),
        (["--free", "--endpoint", "https://api.anthropic.com"], "not free"),
        (["--model", "claude-haiku-5-5", "--input", "1", "--output", "1"], "long prompts"),
        (["--cache-read", "1"], "--input"),
        (["--input", "none", "--output", "1"], "--free"),
        (["--endpoint", "ftp://x"], "ftp://x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_half_a_price_is_refused(shell: Shell, arguments: list[str], told: str) -> None:
    done = shell.run("budget", "price", *arguments)
    assert done.returncode in {1, 2}
    assert told in done.stderr
    assert is_clean(done.stderr)


def test_a_price_that_is_not_known_hides_nothing_of_what_would_be_sent(hosted: Shell) -> None:
    (Path(hosted.environment["XDG_CONFIG_HOME"]) / "cope-lsp" / "prices.toml").unlink()
    shown = json.loads(plan(hosted, "--show", "--json"))
    assert shown["refusal"] == "price-unknown"
    assert "def merge" in shown["text"]
    assert "cope-lsp budget price" in plan(hosted, "--show")


def test_what_is_denied_for_a_project_is_denied_for_its_folders(hosted: Shell, provider: Provider) -> None:
    inner = hosted.folder / "src"
    inner.mkdir()
    (inner / "a.py").write_text(TEXT)
    hosted.run("consent", "deny")
    done = hosted.run("plan", "src/a.py", "--symbol", "merge", "--yes", "--workspace", "src")
    assert "may be sent" in done.stderr
    assert hosted.json("consent", "allow", "--workspace", "src")["answer"] == "denied"
    assert provider.posts == 0


def test_offline_of_the_project_counts_wherever_one_stands(hosted: Shell, provider: Provider) -> None:
    (hosted.folder / ".cope.toml").write_text("offline = true\n")
    inner = hosted.folder / "src"
    inner.mkdir()
    (inner / "a.py").write_text(TEXT)
    deeper = replace(hosted, folder=inner, variables={**hosted.variables, **homes(hosted)})
    assert "offline is on" in plan(deeper, "--yes")
    elsewhere = replace(hosted, folder=hosted.folder.parent / "elsewhere", variables=deeper.variables)
    elsewhere.folder.mkdir()
    done = elsewhere.run("plan", inner / "a.py", "--symbol", "merge", "--yes", "--workspace", inner)
    assert "offline is on" in done.stderr
    assert provider.posts == 0


def homes(shell: Shell) -> dict[str, str]:
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")
    return {name: shell.environment[name] for name in names}


def test_a_half_written_pair_in_the_instruction_is_no_reason_for_a_traceback(hosted: Shell) -> None:
    done = hosted.run("plan", "a.py", "--symbol", "merge", "--yes", "--instruction", "\udcff")
    assert (done.returncode, done.stdout) == (0, "Sort first.\n")


def test_a_key_that_cannot_be_sent_is_told_before_anything_is_reserved(
    hosted: Shell, provider: Provider
) -> None:
    hosted.run("consent", "allow")
    wrong = replace(hosted, variables={**hosted.variables, "COPE_LSP_API_KEY": "two words"})
    assert "cope-lsp auth show" in plan(wrong)
    assert "COPE_LSP_API_KEY holds no API key" in wrong.run("auth", "show").stderr
    assert (provider.posts, hosted.json("budget")["calls"]) == (0, 0)


def test_changes_of_limits_at_the_same_time_are_all_kept(shell: Shell) -> None:
    with (
        shell.started("budget", "set", "--day", "0.3") as day,
        shell.started("budget", "set", "--call", "0.1") as call,
    ):
        assert (day.wait(60), call.wait(60)) == (0, 0)
    limits = shell.json("budget", "show")["limits"]
    assert (limits["day_nusd"], limits["call_nusd"]) == (300_000_000, 100_000_000)


def test_a_damaged_ledger_is_told_and_repaired(hosted: Shell) -> None:
    plan(hosted, "--yes")
    database = Path(hosted.environment["XDG_DATA_HOME"]) / "cope-lsp" / "ledger" / "ledger.db"
    database.write_bytes(b"\0" * 8192)
    refusal = hosted.run("budget")
    assert refusal.returncode == 1
    assert "cope-lsp budget verify --repair" in refusal.stderr
    assert is_clean(refusal.stderr)
    assert hosted.json("budget", "verify", code=1)["sound"] is False
    assert hosted.run("budget", "verify", "--repair").returncode == 0
    assert hosted.json("budget")["day"]["spent_nusd"] == COST_NUSD


def test_an_export_replaces_no_file(shell: Shell) -> None:
    (shell.folder / "mine.csv").write_text("mine")
    done = shell.run("budget", "export", "--output", "mine.csv")
    assert done.returncode == 1
    assert (shell.folder / "mine.csv").read_text() == "mine"


def test_a_key_is_kept_in_a_private_file_and_never_shown(shell: Shell) -> None:
    assert shell.json("auth", code=1) == {"origin": None}
    done = shell.run("auth", "set", "--file", stdin=b"sk-test-secret\n")
    assert done.returncode == 0
    shown = shell.run("auth", "show").stdout
    assert "from" in shown
    assert "secret" not in done.stdout + done.stderr + shown
    (file,) = (Path(shell.environment["XDG_DATA_HOME"]) / "cope-lsp" / "keys").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert shell.json("auth", "remove") == {"removed": True}
    assert not file.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "missing.py", "--symbol", "f"],
        ["plan", "a.py", "--symbol", "missing"],
        ["consent", "allow", "--workspace", "missing"],
        ["consent", "allow", "--endpoint", "ftp://x"],
        ["budget", "set", "--model-only", "", "--day", "1"],
        ["sent", "missing"],
        ["auth", "set", "--file"],
        ["auth", "show", "--endpoint", "nonsense"],
    ],
)
def test_bad_input_is_told_in_a_sentence(shell: Shell, arguments: list[str]) -> None:
    (shell.folder / "a.py").write_text(TEXT)
    done = shell.run(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("cope-lsp: ")
    assert is_clean(done.stderr)
