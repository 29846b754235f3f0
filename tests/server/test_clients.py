"""Five real editors, by what they said first: each gets the feature that it knows, in its own units."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from lsprotocol.converters import get_converter
from pytest_lsp import ClientServerConfig, LanguageClient

from tests.server.conftest import clean_environment
from tests.server.places import Encoding, end_of, units

CLIENTS = Path(__file__).parent / "clients"
TRIES_MAX = 20
"""The menu does not wait for a model that is still being loaded; the editor asks again as the user types."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a recorded editor."""

    file: str
    ghost_text: bool
    encoding: Encoding


EDITORS = (
    Known("vscode-1.139-lc11", ghost_text=True, encoding="utf-16"),
    Known("nvim-0.12.4", ghost_text=True, encoding="utf-8"),
    Known("emacs-30.2-lsp-mode-10", ghost_text=True, encoding="utf-32"),
    Known("emacs-30.2-eglot", ghost_text=False, encoding="utf-32"),
    Known("helix-25.07.1", ghost_text=False, encoding="utf-8"),
)

EMOJI_PLACES = (
    'class Point:\n    def __init__(self, é, 漢):\n        self.é = é; x = "😀"; self.漢 = ',
    'title = "😀 é 漢"; import numpy as ',
    'for 漢, é in zip("😀漢", range(10)):\n    é = "😀"; print(',
    "def main():\n    print('😀é漢'); re",
    "def read(path):  # 😀\n    with open(path) as é, open('😀') as 漢: file = é; ret",
    'numbers = ["😀", "é", "漢"]; total = ',
)
"""Python files with the cursor at the end of a line that looks longer in some units than in others."""


@dataclass(slots=True)
class Session:
    """An open session of one editor."""

    known: Known
    client: LanguageClient
    answer: types.InitializeResult
    documents: int = 0

    def open(self, text: str) -> str:
        self.documents += 1
        uri = f"file:///home/user/project/file_{self.documents}.py"
        item = types.TextDocumentItem(uri, "python", 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def position(self, text: str) -> types.Position:
        return types.Position(*end_of(text, self.known.encoding))

    async def ghost_text(self, text: str) -> list[types.InlineCompletionItem]:
        context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked)
        document = types.TextDocumentIdentifier(self.open(text))
        params = types.InlineCompletionParams(context, document, self.position(text))
        answer = await self.client.text_document_inline_completion_async(params)
        assert isinstance(answer, types.InlineCompletionList)
        return list(answer.items)

    async def menu(self, text: str) -> list[types.CompletionItem]:
        document = types.TextDocumentIdentifier(self.open(text))
        params = types.CompletionParams(document, self.position(text))
        for _ in range(TRIES_MAX):
            answer = await self.client.text_document_completion_async(params)
            assert isinstance(answer, types.CompletionList)
            assert answer.is_incomplete, "the next key may bring what was not ready"
            if answer.items:
                return list(answer.items)
        return []


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=EDITORS, ids=lambda known: known.file)
async def session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Session]:
    known: Known = request.param
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-P", "-m", "cope_lsp", "serve", "--stdio"]
    config = ClientServerConfig(server_command=command, server_env=clean_environment(home))
    client = await config.start()
    assert isinstance(client, LanguageClient)
    try:
        yield Session(known, client, await initialize(client, recorded(known)))
        await client.shutdown_session()
    finally:
        if client._server and client._server.returncode is None:
            client._server.kill()
        await client.stop()  # type: ignore[no-untyped-call]  # pytest-lsp annotates no result


def recorded(known: Known) -> dict[str, Any]:
    text = (CLIENTS / f"{known.file}-initialize.json").read_text("utf-8")
    params: dict[str, Any] = json.loads(text)
    return params | {"processId": os.getpid()}


async def initialize(client: LanguageClient, params: dict[str, Any]) -> types.InitializeResult:
    """Send the params as they were recorded; parsed, they would lose keys that hold null."""
    client.capabilities = get_converter().structure(params, types.InitializeParams).capabilities
    answered: Future[types.InitializeResult] = Future()
    client.protocol._request_futures["first"] = answered
    client.protocol._result_types["first"] = types.InitializeResponse
    client.protocol._send_data({"jsonrpc": "2.0", "id": "first", "method": "initialize", "params": params})
    answer = await asyncio.wrap_future(answered)
    client.initialized(types.InitializedParams())
    return answer


async def test_the_answer_tells_what_the_server_can_do(session: Session) -> None:
    can, known = session.answer.capabilities, session.known
    assert session.answer.server_info
    assert session.answer.server_info.name == "cope-lsp"
    assert can.position_encoding == known.encoding
    assert isinstance(can.text_document_sync, types.TextDocumentSyncOptions)
    assert can.text_document_sync.open_close
    assert can.text_document_sync.change == types.TextDocumentSyncKind.Incremental
    assert can.execute_command_provider
    assert set(can.execute_command_provider.commands) == {
        f"cope.server.{name}"
        for name in (
            *("accept", "apply", "budget", "cancel", "plan"),
            *("sent", "snooze", "solve", "status", "undo"),
        )
    }


async def test_an_editor_gets_ghost_text_or_a_menu_entry_but_not_both(session: Session) -> None:
    can, known = session.answer.capabilities, session.known
    if known.ghost_text:
        assert isinstance(can.inline_completion_provider, types.InlineCompletionOptions)
        assert can.completion_provider is None
    else:
        assert can.completion_provider
        assert "." in (can.completion_provider.trigger_characters or ())
        assert not can.completion_provider.resolve_provider


async def test_an_offer_is_at_the_cursor_in_the_units_of_the_editor(session: Session) -> None:
    check = check_ghost_text if session.known.ghost_text else check_menu
    offers = [await check(session, text) for text in EMOJI_PLACES]
    assert any(offers), "the model is silent everywhere"


async def test_an_offer_that_was_taken_is_counted(session: Session) -> None:
    find = session.ghost_text if session.known.ghost_text else session.menu
    commands = [item.command for text in EMOJI_PLACES for item in await find(text)]
    assert commands[0]
    params = types.ExecuteCommandParams(commands[0].command, commands[0].arguments)
    assert await session.client.workspace_execute_command_async(params) is True
    assert await session.client.workspace_execute_command_async(params) is False


async def check_ghost_text(session: Session, text: str) -> bool:
    items = await session.ghost_text(text)
    for item in items:
        assert isinstance(item.insert_text, str)
        assert item.range == types.Range(session.position(text), session.position(text))
        assert "\ufffd" not in item.insert_text, "no half of a character is offered"
    return bool(items)


async def check_menu(session: Session, text: str) -> bool:
    items = await session.menu(text)
    for item in items:
        word = re.findall(r"\w*$", text)[0]
        end = session.position(text)
        start = types.Position(end.line, end.character - units(word, session.known.encoding))
        check_menu_item(item, word, types.Range(start, end))
    return bool(items)


def check_menu_item(item: types.CompletionItem, word: str, where: types.Range) -> None:
    """An editor inserts `insertText` or `textEdit`, filters by `filterText` and shows `label` on one line."""
    assert isinstance(item.text_edit, types.TextEdit)
    assert item.text_edit.range == where
    assert item.insert_text == item.text_edit.new_text
    assert item.insert_text_format == types.InsertTextFormat.PlainText
    assert item.insert_text.startswith(word)
    assert item.insert_text != word
    assert not re.search("[\r\ufffd]", item.insert_text)
    assert item.filter_text == word
    assert item.label.strip() == item.label != ""
    assert "\n" not in item.label
    assert not item.preselect
    shown = item.documentation
    assert item.insert_text in (shown.value if isinstance(shown, types.MarkupContent) else shown or "")
