"""A plan in an editor: asked for in the open, paid from the budget, or refused with the reason."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.provider import COST_NUSD, Provider, write_prices
from tests.server.conftest import StartServer
from tests.server.wire_client import Json, WireClient, wait_until

TEXT = 'import os\n\n\ndef merge(a, b):\n    """Merge."""\n\n\ndef other():\n    return 1\n'
ALLOW = "Allow for this project"

Plan = Callable[..., Json]


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


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
    "wish", [{"uri": "file:///not/open.py"}, {"position": {}}, {"position": {"line": 10_000}}, {"uri": None}]
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
