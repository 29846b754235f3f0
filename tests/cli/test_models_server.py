"""`cope-lsp models use URL` and what then goes there, with the real llama-server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cope_lsp.models import catalog
from tests.benchmarks.peers import llama_server
from tests.cli.conftest import Shell
from tests.models.fronts import front, relay
from tests.server.conftest import StartServer, servers_in
from tests.server.places import find_offers

ADD = 'def add(a, b):\n    """Return the sum of a and b."""\n    ...\n'
PLACE = ("--line", "1", "--character", "0")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with llama_server(catalog.resolve(None), threads=1, slots=4) as url:
        yield url


@pytest.fixture
def file(shell: Shell) -> Path:
    path = shell.folder / "add.py"
    path.write_text(ADD)
    return path


def test_a_server_is_used_after_a_yes_and_what_left_can_be_seen(
    shell: Shell, file: Path, address: str
) -> None:
    assert shell.run("sent").stdout == "nothing ever left this machine\n"
    done = shell.run("models", "use", address + "/v1", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"cope-nano-v1 (llama-server b11669-Debian) at {address} is used")
    answer = shell.json("complete", file, *PLACE)
    assert answer.get("reason") != "model-unavailable", answer
    assert f"Used here: {address} (cope-lsp models use)" in shell.run("models").stdout
    (row,) = shell.json("sent")
    assert (row["purpose"], row["endpoint"]) == ("completions", address)
    assert row["requests"] > 5
    assert row["bytes"] > 200
    assert address in shell.run("sent").stdout
    facts = {row["subject"]: row["fact"] for row in shell.json("doctor")["findings"]}
    assert facts["backend"].startswith(f"the server at {address}")
    assert facts["model"].endswith(address)
    shell.run("models", "use", "embedded")
    assert shell.json("models", "list")["used"] == str(catalog.resolve(None))


def test_without_a_yes_nothing_is_sent_and_nothing_chosen(shell: Shell, file: Path, address: str) -> None:
    with front(relay(address)) as seen:
        done = shell.run("models", "use", seen.url)
        assert done.returncode == 1
        assert "nothing was sent" in done.stderr
        silent = shell.run("complete", file, *PLACE, COPE_LSP_MODEL_ENDPOINT=seen.url)
        assert silent.returncode == 1
        assert f"to look at it and agree: cope-lsp models use {seen.url}" in silent.stdout
        solved = shell.run("solve", file, "--symbol", "add", COPE_LSP_MODEL_ENDPOINT=seen.url)
        assert solved.returncode != 0
        assert "you have not agreed" in solved.stdout + solved.stderr
        assert seen.connections == 0
    assert shell.run("sent").stdout == "nothing ever left this machine\n"


def test_an_ignored_file_is_not_sent_and_says_why(shell: Shell, file: Path, address: str) -> None:
    with front(relay(address)) as seen:
        shell.run("models", "use", seen.url, "--yes")
        looked = len(seen.requests)
        (shell.folder / ".copeignore").write_text("add.py\n")
        answer = shell.json("complete", file, *PLACE)
        assert (answer["kind"], answer["reason"]) == ("silence", "not-sent")
        assert "matched by .copeignore line 1: add.py" in answer["detail"]
        solved = shell.run("solve", file, "--symbol", "add")
        assert solved.returncode != 0
        assert "it is not sent to" in solved.stderr
        assert len(seen.requests) == looked


def test_offline_and_no_server_are_sentences(shell: Shell, file: Path) -> None:
    with front(relay("http://127.0.0.1:9")) as seen:
        url = seen.url
    refused = shell.run("models", "use", url, "--yes", COPE_LSP_OFFLINE="true")
    assert refused.returncode == 1
    assert refused.stderr == (
        "cope-lsp: offline is on, and a server is none of this machine's own; set offline = false\n"
    )
    silent = shell.run("complete", file, *PLACE, COPE_LSP_MODEL_ENDPOINT=url, COPE_LSP_OFFLINE="true")
    assert "offline is on" in silent.stdout
    absent = shell.run("models", "use", url, "--yes")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert f"no server answers at {url}; start it" in absent.stderr
    wrong = shell.run("models", "use", "http://user:secret@gpu/", "--yes")
    assert "is no address of a server" in wrong.stderr


def test_a_denial_stays_one(shell: Shell, address: str) -> None:
    shell.run("models", "use", address, "--yes")
    folder = shell.json("consent", "list")[0]["workspace"]
    shell.run("consent", "deny", "--workspace", folder, "--endpoint", address)
    done = shell.run("models", "use", address, "--yes")
    assert done.returncode == 1
    assert f"to allow it: cope-lsp consent allow --workspace {folder} --endpoint {address}" in done.stderr


def test_a_file_chosen_for_a_project_outdoes_a_server_chosen_for_all(shell: Shell, address: str) -> None:
    shell.run("models", "use", address, "--yes")
    shell.run("models", "use", catalog.embedded_path(), "--workspace", ".")
    assert shell.json("models", "list")["used"] == str(catalog.embedded_path())
    named = shell.json("models", "list", COPE_LSP_MODEL_ENDPOINT=address)
    assert named["used"] == address


@pytest.fixture
def start_server(shell: Shell) -> Iterator[StartServer]:
    with servers_in(shell.folder) as start:
        yield start


def test_an_editor_gets_ghost_text_from_the_server(
    shell: Shell, start_server: StartServer, address: str
) -> None:
    shell.run("models", "use", address, "--yes")
    settings = {name: shell.environment[name] for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    client = start_server(**settings)
    client.initialize(rootUri=shell.folder.as_uri())
    assert find_offers(client)
    status = client.status()["model"]
    assert status == {"name": address.removeprefix("http://"), "path": address, "state": "ready"}
    assert not client.workers(), "no engine of ours runs"
    assert client.shut_down() == 0
