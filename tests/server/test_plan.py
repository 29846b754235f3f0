"""A plan in an editor: asked for in the open, paid from the budget, or refused with the reason."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.ledger.store import Store
from tests.models.provider import COST_NUSD, Provider, write_prices
from tests.server.conftest import StartServer
from tests.server.wire_client import Json, WireClient, wait_until

TEXT = 'import os\n\n\ndef merge(a, b):\n    """Merge."""\n\n\ndef other():\n    return 1\n'
ALLOW = "Allow for this project"

Plan = Callable[..., Json]


@pytest.fixture
def editor(start_server: StartServer, provider: Provider, tmp_path: Path) -> WireClient:
    (tmp_path / "cope-lsp").mkdir()
    write_prices(tmp_path / "cope-lsp" / "prices.toml", provider.url)
    client = start_server(COPE_LSP_HOSTED_ENDPOINT=provider.url)
    client.initialize(rootUri=(tmp_path / "project").as_uri())
    return client


def ask(editor: WireClient, text: str = TEXT, **wish: Any) -> int:
    """Ask for a plan of the function in the fourth line; return the id of the request."""
    argument = {"uri": editor.open(text), "position": {"line": 3, "character": 0}} | wish
    params = {"command": "cope.server.plan", "arguments": [argument]}
    return editor.request("workspace/executeCommand", params)


def question(editor: WireClient) -> Json:
    """Wait for the server's question to the user."""
    found: list[Json] = []

    def asked() -> bool:
        found[:] = [said for said in editor.notifications if said["method"] == "window/showMessageRequest"]
        return bool(found)

    wait_until(asked, "the server asks the user")
    return found[-1]


def answer(editor: WireClient, asked: Json, title: str | None) -> None:
    editor.send({"jsonrpc": "2.0", "id": asked["id"], "result": title and {"title": title}})


def test_the_user_is_asked_once_and_the_plan_is_paid_from_the_budget(
    editor: WireClient, provider: Provider
) -> None:
    first = ask(editor, instruction="keep the order")
    asked = question(editor)
    assert provider.posts == 0
    assert provider.url in asked["params"]["message"]
    assert "bytes" in asked["params"]["message"]
    assert "at most 0." in asked["params"]["message"]
    answer(editor, asked, ALLOW)
    plan = editor.result(first)
    assert plan["guideline"]["text"] == "Sort first."
    assert plan["goal"] == {"text": "keep the order", "author": "user"}
    assert plan["price"]["nusd"] == COST_NUSD
    editor.result(ask(editor))
    assert len([n for n in editor.notifications if n["method"] == "window/showMessageRequest"]) == 1
    budget = editor.command("cope.server.budget")
    assert budget["summary"]["day"]["spent_nusd"] == 2 * COST_NUSD
    assert budget["text"] == "0.0008 USD of 0.50 USD today"


@pytest.mark.parametrize("title", [None, "Not now", "Never for this project"])
def test_without_a_yes_nothing_is_sent(editor: WireClient, provider: Provider, title: str | None) -> None:
    first = ask(editor)
    answer(editor, question(editor), title)
    error = editor.response(first)["error"]
    assert "[no-consent]" in error["message"]
    assert provider.posts == 0
    assert editor.command("cope.server.budget")["summary"]["calls"] == 0


def test_only_the_definition_leaves_and_its_secrets_stay(editor: WireClient, provider: Provider) -> None:
    secret = "sk-ant-api03-" + "q7Rz" * 20 + "-8xKw2QAA"
    text = f'KEY = "one"\n\n\ndef merge(a, b):\n    token = "{secret}"\n\n\nMORE = "two"\n'
    first = ask(editor, text)
    answer(editor, question(editor), ALLOW)
    editor.result(first)
    (body,) = provider.bodies
    assert "def merge" in body
    assert secret not in body
    assert "[redacted:" in body
    assert "KEY" not in body
    assert "MORE" not in body


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"COPE_LSP_OFFLINE": "true"}, "offline"),
        ({"COPE_LSP_HOSTED_MODEL": "unheard-of", "COPE_LSP_HOSTED_ENDPOINT": "http://127.0.0.1:9"}, "price"),
    ],
)
def test_a_refusal_says_why(start_server: StartServer, settings: dict[str, str], reason: str) -> None:
    editor = start_server(**settings)
    editor.initialize()
    error = editor.response(ask(editor))["error"]
    assert reason in error["message"]


@pytest.mark.parametrize(
    "wish",
    [
        {"uri": "file:///not/open.py"},
        {"uri": None},
        {"position": {}},
        {"position": {"line": 10_000}},
        {"position": {"line": -1}},
        {"position": None, "range": 5},
        {"position": None, "range": {"start": 5}},
    ],
)
def test_a_wish_that_makes_no_sense_is_an_error(editor: WireClient, wish: Json) -> None:
    assert editor.response(ask(editor, **wish))["error"]["code"] == -32602


def test_a_project_that_forbids_a_file_is_obeyed(
    editor: WireClient, provider: Provider, tmp_path: Path
) -> None:
    (tmp_path / ".copeignore").write_text("*.py\n")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / ".copeignore").write_text("*.py\n")
    uri = (tmp_path / "project" / "a.py").as_uri()
    item = {"uri": uri, "languageId": "python", "version": 1, "text": TEXT}
    editor.notify("textDocument/didOpen", {"textDocument": item})
    error = editor.response(ask(editor, uri=uri))["error"]
    assert "[ignored-file]" in error["message"]
    assert provider.posts == 0


def test_plans_at_the_same_time_are_one_question(editor: WireClient, provider: Provider) -> None:
    first, second = ask(editor), ask(editor)
    asked = question(editor)
    wait_until(lambda: provider.posts == 0, "nothing is sent")
    answer(editor, asked, ALLOW)
    assert editor.result(first)["guideline"] == editor.result(second)["guideline"]
    assert len([n for n in editor.notifications if n["method"] == "window/showMessageRequest"]) == 1


def test_what_would_be_sent_is_shown_and_what_was_sent_too(editor: WireClient, provider: Provider) -> None:
    shown = editor.result(ask(editor, show=True, instruction="keep the order"))
    assert "keep the order" in shown["text"]
    assert provider.posts == 0
    assert editor.command("cope.server.sent") == {"entries": [], "days": []}
    asked = ask(editor, instruction="keep the order")
    answer(editor, question(editor), ALLOW)
    plan = editor.result(asked)
    assert shown["bytes"] == len(provider.bodies[0].encode())
    (entry,) = editor.command("cope.server.sent")["entries"]
    assert (entry["id"], entry["bytes"], entry["endpoint"]) == (plan["planId"], shown["bytes"], provider.url)
    assert editor.command("cope.server.sent", {"id": entry["id"]}) == {"text": provider.bodies[0]}
    assert editor.command("cope.server.sent", {"id": "unknown"}) == {"text": None}


def test_the_cursor_may_stand_inside_the_definition(editor: WireClient) -> None:
    shown = editor.result(ask(editor, show=True, position={"line": 4, "character": 6}))
    assert shown["text"].startswith("def merge(a, b):")


def test_a_key_file_that_others_can_read_is_a_refusal_that_names_no_file(
    editor: WireClient, provider: Provider, tmp_path: Path
) -> None:
    name = hashlib.sha256(provider.url.encode()).hexdigest()
    file = tmp_path / "data" / "cope-lsp" / "keys" / f"{name}.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    file.chmod(0o644)
    first = ask(editor)
    answer(editor, question(editor), ALLOW)
    message = editor.response(first)["error"]["message"]
    assert "[no-key]" in message
    assert "cope-lsp auth show" in message
    assert str(tmp_path) not in message


def test_an_answer_that_cannot_be_kept_is_no_consent(
    editor: WireClient, provider: Provider, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "cope-lsp" / "consent"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file where a folder should be")
    first = ask(editor)
    answer(editor, question(editor), ALLOW)
    assert "[no-consent]" in editor.response(first)["error"]["message"]
    assert provider.posts == 0


def test_offline_that_is_set_meanwhile_counts_without_a_word_from_the_editor(
    editor: WireClient, provider: Provider, tmp_path: Path
) -> None:
    first = ask(editor)
    answer(editor, question(editor), ALLOW)
    editor.result(first)
    (tmp_path / "project").mkdir(exist_ok=True)
    (tmp_path / "cope-lsp" / "config.toml").write_text("offline = true\n")
    assert "[offline]" in editor.response(ask(editor))["error"]["message"]
    assert provider.posts == 1


def test_the_session_ends_while_another_process_holds_the_ledger(editor: WireClient, tmp_path: Path) -> None:
    editor.command("cope.server.budget")
    store = Store(tmp_path / "data" / "cope-lsp" / "ledger")
    with store.locked():
        for _ in range(3):
            editor.request("workspace/executeCommand", {"command": "cope.server.budget", "arguments": []})
        started = time.monotonic()
        assert editor.shut_down() == 0
        assert time.monotonic() - started < 5, "not as long as the ledger waits for its lock"
    store.close()
