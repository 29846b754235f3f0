"""The command line as a whole: what is asked for, what is refused, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cope_lsp.cli.main import COMMANDS
from cope_lsp.version import __version__
from tests.cli.conftest import COPE_LSP, TIMEOUT_S, Shell, is_clean

NAMES = [command.name for command in COMMANDS]


def test_the_version_is_told(shell: Shell) -> None:
    done = shell.run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"cope-lsp {__version__}\n", "")


def test_the_module_is_the_command(shell: Shell) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cope_lsp", "--version"],
        capture_output=True,
        env=shell.environment,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"cope-lsp {__version__}\n")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_command_with_its_purpose(shell: Shell, flag: str) -> None:
    done = shell.run(flag)
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        assert command.name in done.stdout
        assert command.help in done.stdout


HELP = {
    "serve": ["--stdio", "--log FILE", "--log-level", "--model FILE"],
    "demo": ["--json", "--model FILE"],
    "complete": ["FILE", "--line", "--character", "--language", "--json", "--model FILE"],
    "solve": ["FILE", "--symbol", "--tests", "--escalate", "--apply", "--guideline", "--yes", "--json"],
    "eval": ["holes", "infilling"],
    "plan": ["FILE", "--symbol", "--instruction", "--workspace", "--show", "--yes", "--json"],
    "auth": ["show", "set", "remove", "--endpoint", "--file", "--json"],
    "budget": ["show", "set", "history", "export", "price", "verify", "--json"],
    "consent": ["list", "allow", "deny", "forget", "--workspace", "--endpoint", "--json"],
    "sent": ["ID", "--last", "--json"],
    "stats": ["--days", "--json", "--plot", "--reset"],
    "models": ["list", "pull", "use", "verify", "bench", "--json"],
    "config": ["show", "path", "schema", "--json"],
    "doctor": ["--json", "--model FILE"],
}


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_help_of_its_own(shell: Shell, name: str) -> None:
    done = shell.run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: cope-lsp {name} ")
    assert all(option in done.stdout for option in HELP[name])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bogus"], "bogus"),
        (["complet", "a.py", "--line", "1", "--character", "1"], "complet"),
        (["Serve"], "Serve"),
        ([""], "COMMAND"),
        (["doctor", "--bogus"], "--bogus"),
        (["doctor", "bogus"], "bogus"),
        (["demo", "--fast"], "--fast"),
        (["complete", "a.py", "--line", "1", "--character", "1", "--bogus"], "--bogus"),
        (["complete"], "FILE"),
        (["complete", "a.py"], "--line"),
        (["complete", "a.py", "--line", "1"], "--character"),
        (["complete", "a.py", "--line", "one", "--character", "1"], "'one'"),
        (["doctor", "--model"], "--model"),
        (["serve", "--log-level", "loud"], "loud"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_not_understood_is_refused_with_a_message(
    shell: Shell, arguments: list[str], told: str
) -> None:
    done = shell.run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: cope-lsp")
    assert told in done.stderr.splitlines()[-1]
    assert is_clean(done.stderr)


def frame(method: str, request_id: int | None = None) -> bytes:
    message: dict[str, object] = {"jsonrpc": "2.0", "method": method}
    if request_id is not None:
        message["id"] = request_id
    if method == "initialize":
        message["params"] = {"processId": None, "rootUri": None, "capabilities": {}}
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


SESSION = frame("initialize", 1) + frame("shutdown", 2) + frame("exit")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--stdio"],
        ["serve"],
        ["serve", "--stdio"],
        ["--stdio", "--clientProcessId=1"],
        ["serve", "--clientProcessId=1", "--node-ipc"],
        ["--log-level", "debug"],
    ],
    ids=" ".join,
)
def test_whatever_an_editor_adds_it_is_served(shell: Shell, arguments: list[str]) -> None:
    done = shell.run(*arguments, stdin=SESSION)
    assert done.returncode == 0, done.stderr
    assert '"serverInfo"' in done.stdout
    assert '"id": 2' in done.stdout, "`shutdown` is answered, also to who does not wait for it"
    assert is_clean(done.stderr)


def test_a_client_that_goes_without_a_word_is_a_failure(shell: Shell) -> None:
    done = shell.run("serve", stdin=frame("initialize", 1))
    assert done.returncode == 1
    assert is_clean(done.stderr)


def test_the_log_of_a_server_goes_where_it_should(shell: Shell) -> None:
    done = shell.run("serve", "--log", "cope.log", "--log-level", "debug", stdin=SESSION)
    assert (done.returncode, done.stderr) == (0, "")
    assert (shell.folder / "cope.log").exists()


@pytest.mark.parametrize("log", ["no/such/folder/cope.log", "."])
def test_a_log_that_cannot_be_written_is_told_and_no_traceback(shell: Shell, log: str) -> None:
    done = shell.run("serve", "--log", log, stdin=SESSION)
    assert "log" in done.stderr
    assert is_clean(done.stderr)


# -- settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["complete", "demo"])
def test_settings_that_cannot_be_used_stop_a_command_with_a_message(shell: Shell, name: str) -> None:
    (shell.folder / ".cope.toml").write_text("\ncompletion.enabled = 1\n")
    (shell.folder / "a.py").write_text("")
    place = ["a.py", "--line", "0", "--character", "0"] if name == "complete" else []
    done = shell.run(name, *place)
    path = shell.folder / ".cope.toml"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"cope-lsp: {path}:2: completion.enabled takes true or false, not 1\n"


def test_settings_that_cannot_be_used_do_not_stop_the_server(shell: Shell) -> None:
    done = shell.run("serve", stdin=SESSION, COPE_LSP_MODEL_THREADS="many")
    assert done.returncode == 0
    assert "COPE_LSP_MODEL_THREADS: model.threads takes a whole number, not 'many'" in done.stderr


def test_the_model_of_the_command_line_is_stronger_than_that_of_the_environment(shell: Shell) -> None:
    findings = shell.json("doctor", "--model", "b.gguf", code=1, COPE_LSP_MODEL_PATH="a.gguf")["findings"]
    (found,) = [found["fact"] for found in findings if found["subject"] == "setting model.path"]
    assert found == "b.gguf (command line)"


def test_a_home_that_nobody_has_is_a_message_and_no_traceback(shell: Shell) -> None:
    done = shell.run("doctor", "--model", "~nobody-of-this-name/a.gguf")
    assert "command line: model.path" in done.stderr
    assert is_clean(done.stderr)


def test_a_folder_that_was_deleted_is_a_message_and_no_traceback(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = ")
    script = 'cd "$1" && rmdir "$1" && exec "$2" complete "$3" --line 0 --character 4'
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", script, "sh", gone, COPE_LSP, tmp_path / "a.py"],
        capture_output=True,
        env=shell.environment,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode in {0, 1}
    assert is_clean(done.stderr)


# -- a reader that goes away ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["complete", "a.py", "--line", "0", "--character", "4"],
        ["complete", "a.py", "--line", "0", "--character", "4", "--json"],
        ["doctor"],
        ["doctor", "--json"],
        ["demo", "--json"],
    ],
    ids=" ".join,
)
def test_a_reader_that_is_gone_is_no_reason_for_a_traceback(shell: Shell, arguments: list[str]) -> None:
    (shell.folder / "a.py").write_text("x = ")
    with shell.started(*arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert is_clean(process.stderr.read())
        assert process.wait(TIMEOUT_S) in {0, 1}


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["complete", "a.py", "--line", "0", "--character", "4"], ["doctor"], ["demo"]],
    ids=" ".join,
)
def test_a_closed_standard_output_is_no_reason_for_a_traceback(shell: Shell, arguments: list[str]) -> None:
    (shell.folder / "a.py").write_text("x = ")
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", COPE_LSP, *arguments],
        stderr=subprocess.PIPE,
        cwd=shell.folder,
        env=shell.environment,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr, "what a test of the demo says names errors"
