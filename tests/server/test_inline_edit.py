"""The next edit over LSP: what is answered, for which version, under both names."""

import re
from typing import Any

import psutil
import pytest

from tests.server.conftest import StartServer
from tests.server.editor import edited, offset_of
from tests.server.wire_client import Json, WireClient, insertion, paused, wait_until

METHODS = ("cope/inlineEdit", "textDocument/copilotInlineEdit")
NOTHING: Json = {"edits": []}
TEXT = "def f(item):\n    g(item)\n    return 'ä𝄞', item\n\n\nf(item=1)\n"


def params(uri: str, version: Any = 2, line: int = 0, character: int = 11) -> Json:
    position = {"line": line, "character": character}
    return {"textDocument": {"uri": uri, "version": version}, "position": position}


def replacement(line: int, start: int, end: int, text: str) -> Json:
    where = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
    return {"range": where, "text": text}


RENAMED = replacement(0, 6, 10, "thing")


def opened(client: WireClient, *changes: Json, text: str = TEXT, language: str = "python") -> str:
    """Open a document and change it, which makes its second version."""
    uri = client.open(text, language)
    client.change(uri, *changes)
    return uri


def told(client: WireClient, method: str, asked: Json) -> Json:
    """Ask until there is an edit: the first answers may come too late on a busy machine."""
    found: list[Json] = []

    def is_told() -> bool:
        found[:] = client.ask(method, asked)["edits"]
        return bool(found)

    wait_until(is_told, "an edit is proposed")
    (edit,) = found
    return edit


def reasons(client: WireClient) -> list[str]:
    """Return why nothing was proposed, as the log has it."""
    return re.findall(r"no next edit: (.+)", client.errors.decode())


def process_of(client: WireClient) -> psutil.Process:
    """Return the process that finds next edits."""
    children = psutil.Process(client.process.pid).children(recursive=True)
    (found,) = [child for child in children if "cope_lsp.next_edit.worker" in child.cmdline()]
    return found


@pytest.fixture
def talkative(start_server: StartServer) -> WireClient:
    """Return an editor whose server logs everything."""
    client = start_server(COPE_LSP_LOG_LEVEL="info")
    client.initialize()
    return client


@pytest.mark.parametrize("method", METHODS)
def test_the_next_place_of_a_rename_is_proposed(shared_client: WireClient, method: str) -> None:
    uri = opened(shared_client, RENAMED)
    assert told(shared_client, method, params(uri)) == {
        "text": "thing",
        "range": replacement(1, 6, 10, "")["range"],
        "textDocument": {"uri": uri, "version": 2},
    }


def test_a_rename_walks_through_the_file(shared_client: WireClient) -> None:
    uri, text = opened(shared_client, RENAMED), edited(TEXT, RENAMED["range"], RENAMED["text"])
    where = (0, 11)
    for version in (2, 3, 4):
        edit = told(shared_client, METHODS[0], params(uri, version, *where))
        text = edited(text, edit["range"], edit["text"])
        change = {"range": edit["range"], "text": edit["text"]}
        shared_client.change(uri, change, version=version + 1)
        where = edit["range"]["start"]["line"], edit["range"]["start"]["character"]
    assert text == TEXT.replace("item", "thing")
    assert shared_client.ask(METHODS[0], params(uri, 5, *where)) == NOTHING


def test_columns_are_counted_as_the_client_counts_them(shared_client: WireClient) -> None:
    uri = opened(shared_client, RENAMED)
    edit = told(shared_client, METHODS[0], params(uri, 2, 2, 0))
    line = TEXT.splitlines()[2]
    assert edit["range"]["start"] == {"line": 2, "character": len(line) - len("item") + 1}
    assert edited(line, replacement(0, 0, 0, "")["range"], "") == line
    assert offset_of(TEXT, edit["range"]["start"]) == TEXT.index("item\n\n")


def test_a_new_parameter_reaches_its_calls(shared_client: WireClient) -> None:
    uri = opened(shared_client, insertion(0, 10, ", unit"))
    edit = told(shared_client, METHODS[0], params(uri))
    assert edit["text"] == ", unit=..."
    assert edit["range"] == replacement(5, 8, 8, "")["range"]


def test_typing_key_by_key_is_one_edit(shared_client: WireClient) -> None:
    keys = [replacement(0, 6, 10, ""), *(insertion(0, 6 + n, key) for n, key in enumerate("thing"))]
    uri = opened(shared_client, *keys)
    assert told(shared_client, METHODS[0], params(uri))["text"] == "thing"


def test_a_client_that_sends_all_of_its_text_is_understood(shared_client: WireClient) -> None:
    uri = opened(shared_client, {"text": TEXT.replace("f(item):", "f(thing):")})
    assert told(shared_client, METHODS[0], params(uri))["text"] == "thing"


def test_an_edit_is_for_the_version_that_was_asked_about(talkative: WireClient) -> None:
    uri = opened(talkative, RENAMED)
    told(talkative, METHODS[0], params(uri))
    for version in (1, 3, "2", [2]):
        assert talkative.ask(METHODS[0], params(uri, version)) == NOTHING
    wait_until(
        lambda: reasons(talkative).count("the question is about another version of the document") == 4,
        "the log says why",
    )
    assert told(talkative, METHODS[0], params(uri, None))["textDocument"]["version"] == 2


def test_what_was_typed_meanwhile_makes_an_edit_worthless(talkative: WireClient) -> None:
    uri = opened(talkative, RENAMED)
    told(talkative, METHODS[0], params(uri))
    worker = process_of(talkative)
    with paused(worker):
        request = talkative.request(METHODS[0], params(uri))
        talkative.change(uri, insertion(0, 0, "# "), version=3)
        talkative.status()  # by its answer the change has been read
    assert talkative.result(request) == NOTHING


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        {},
        {"textDocument": {}},
        {"textDocument": {"uri": 3, "version": 2}, "position": {}},
        {
            "textDocument": {"uri": "file:///nowhere.py"},
            "position": {"line": 0, "character": 0},
        },
    ],
)
def test_a_question_that_makes_no_sense_has_an_empty_answer(shared_client: WireClient, asked: Any) -> None:
    assert shared_client.ask(METHODS[0], asked) == NOTHING


@pytest.mark.parametrize("place", [(10_000, 0), (0, 10_000), (-1, -1), (2**40, 0), ("0", None)])
def test_a_position_outside_means_the_nearest_end(shared_client: WireClient, place: tuple[Any, Any]) -> None:
    uri = opened(shared_client, RENAMED)
    assert told(shared_client, METHODS[0], params(uri, 2, *place))["text"] == "thing"


def test_a_language_without_rules_is_left_alone(talkative: WireClient) -> None:
    uri = opened(talkative, RENAMED, language="markdown")
    assert talkative.ask(METHODS[0], params(uri)) == NOTHING
    wait_until(lambda: "there are no rules for markdown" in reasons(talkative), "the log says why")


def test_the_process_ends_with_the_session(start_server: StartServer) -> None:
    client = start_server()
    client.initialize()
    told(client, METHODS[0], params(opened(client, RENAMED)))
    worker = process_of(client)
    assert client.shut_down() == 0
    assert not worker.is_running()
