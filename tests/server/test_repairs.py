"""What clients get wrong, and what pygls 2.1.1 gets wrong, does no harm."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import StartServer
from tests.server.places import find_offer
from tests.server.wire_client import (
    ABSENT,
    INLINE,
    Json,
    WireClient,
    change_message,
    inline_params,
    insertion,
    message,
    wait_until,
)

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002

NOT_OPEN = "file:///project/not_open.py"
GARBAGE = {
    "jsonrpc": "2.0",
    "method": "textDocument/didOpen",
    "id": 7,
    "params": {"jsonrpc": "1"},
    "error": {},
}
"""An object that looks like a message wherever it is nested."""


def assert_alive(client: WireClient) -> None:
    assert client.status(timeout_s=10)["version"]


# -- requests that cannot be understood --------------------------------------------------------------

BAD_PARAMS: dict[str, object] = {
    "absent": ABSENT,
    "null": None,
    "a-number": 7,
    "a-list": [],
    "of-another-shape": {"bad": 1},
    "without-a-position": {"textDocument": {"uri": NOT_OPEN}, "context": {"triggerKind": 1}},
    "a-negative-line": inline_params(NOT_OPEN, -1, 0),
    "a-line-in-words": {**inline_params(NOT_OPEN, 0, 0), "position": {"line": "one", "character": 0}},
    "a-uri-that-is-none": inline_params("file", 0, 0) | {"textDocument": {"uri": ["file"]}},
}


@pytest.mark.parametrize("kind", BAD_PARAMS)
def test_a_request_with_bad_params_is_answered(shared_client: WireClient, kind: str) -> None:
    answer = shared_client.response(shared_client.request(INLINE, BAD_PARAMS[kind]), 10)
    assert answer.get("result") == {"items": []} or answer["error"]["code"] in {
        INVALID_PARAMS,
        INTERNAL_ERROR,
    }
    assert_alive(shared_client)


@pytest.mark.parametrize("method", [5, None, ["initialize"], {"a": 1}, True], ids=str)
def test_a_request_whose_method_is_no_name_is_answered(shared_client: WireClient, method: object) -> None:
    request_id = shared_client.next_id()
    shared_client.send({"id": request_id, "method": method})
    assert "error" in shared_client.response(request_id, 10)
    assert_alive(shared_client)


@pytest.mark.parametrize("params", [ABSENT, None, {}, [], {"jsonrpc": "2.0"}, 3], ids=str)
def test_an_unknown_request_is_refused_with_or_without_params(
    shared_client: WireClient, params: object
) -> None:
    assert shared_client.error("cope/noSuchThing", params)["code"] == METHOD_NOT_FOUND


def test_ids_may_be_texts(shared_client: WireClient) -> None:
    shared_client.send({"id": "seven", "method": INLINE, "params": inline_params(NOT_OPEN, 0, 0)})
    assert shared_client.result("seven") == {"items": []}


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 99])
def test_every_trigger_kind_is_understood(shared_client: WireClient, kind: int) -> None:
    """Older clients count from 0, newer ones from 1."""
    assert shared_client.inline(NOT_OPEN, 0, 0, triggerKind=kind) == {"items": []}


def test_an_unknown_command_is_refused(shared_client: WireClient) -> None:
    assert "error" in shared_client.response(
        shared_client.request("workspace/executeCommand", {"command": "cope.server.none", "arguments": []})
    )


FAULTY = """
from cope_lsp.loading import load
from cope_lsp.server.build import build_server
from cope_lsp.server.server import serve
from cope_lsp.stdio import claim_stdio

server = build_server(load())

@server.feature("test/fail")
def fail(params):
    raise ValueError("boom")

@server.feature("test/failLater")
async def fail_later(params):
    raise ValueError("boom")

serve(server, *claim_stdio())
"""


@pytest.mark.parametrize("method", ["test/fail", "test/failLater"])
def test_an_error_of_ours_is_answered_and_its_traceback_stays_in_the_log(
    start_server: StartServer, method: str
) -> None:
    client = start_server(command=(sys.executable, "-P", "-c", FAULTY))
    client.initialize()
    error = client.error(method, {})
    assert error["code"] == INTERNAL_ERROR
    assert set(error) == {"code", "message"}
    client.notify(method, {})
    assert_alive(client)
    wait_until(lambda: b"in fail" in client.errors, "the log has it")
    assert client.notifications == []


# -- bodies that are no messages ---------------------------------------------------------------------

BAD_BODIES: dict[str, bytes] = {
    "half-an-object": b'{"jsonrpc": "2.0", "id": 900, "method"',
    "no-json": b"hello",
    "no-utf-8": b'{"jsonrpc": "2.0", "method": "\xff\xfe"}',
    "an-empty-object": b"{}",
    "a-list": b"[]",
    "a-batch": b'[{"jsonrpc": "2.0", "id": 901, "method": "shutdown"}]',
    "null": b"null",
    "a-number": b"7",
    "a-text": b'"shutdown"',
    "another-version": b'{"jsonrpc": "1.0", "method": "exit"}',
    "no-version": b'{"method": "exit"}',
    "nested-too-deep": b"[" * 200_000,
    "an-answer-to-nothing": b'{"jsonrpc": "2.0", "id": 902, "result": null}',
    "an-error-to-nothing": b'{"jsonrpc": "2.0", "id": "x", "error": {"code": 1, "message": "no"}}',
    "an-answer-without-result": b'{"jsonrpc": "2.0", "id": 903}',
    "a-cancel-of-nothing": b'{"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 904}}',
    "a-cancel-without-id": b'{"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {}}',
}


@pytest.mark.parametrize("kind", BAD_BODIES)
def test_a_body_that_is_no_message_does_no_harm(shared_client: WireClient, kind: str) -> None:
    shared_client.send_body(BAD_BODIES[kind])
    assert_alive(shared_client)


def test_surplus_headers_and_blank_lines_do_no_harm(shared_client: WireClient) -> None:
    request_id = shared_client.next_id()
    body = json.dumps({"jsonrpc": "2.0", "id": request_id} | message(INLINE, inline_params(NOT_OPEN, 0, 0)))
    kind = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n"
    shared_client.stdin.write(b"\r\n" + kind + b"Content-Length: %d\r\n\r\n%s" % (len(body), body.encode()))
    shared_client.stdin.flush()
    assert shared_client.result(request_id) == {"items": []}


# -- objects that look like messages -----------------------------------------------------------------


@pytest.mark.parametrize("argument", [GARBAGE, {"id": GARBAGE}, [GARBAGE], None, "id", 7, {}], ids=str)
def test_arguments_of_a_command_may_look_like_messages(shared_client: WireClient, argument: object) -> None:
    assert shared_client.command("cope.server.accept", argument) is False
    assert shared_client.command("cope.server.status", argument, argument)["version"]


@pytest.mark.parametrize("more", [{}, {"arguments": None}, {"arguments": []}], ids=str)
def test_a_command_may_come_without_arguments(shared_client: WireClient, more: Json) -> None:
    ask = shared_client.ask
    assert ask("workspace/executeCommand", {"command": "cope.server.accept"} | more) is False
    assert ask("workspace/executeCommand", {"command": "cope.server.status"} | more)["version"]


def test_initialization_options_may_hold_anything(start_server: StartServer) -> None:
    client = start_server()
    options = {"cope": GARBAGE | {"settings": {"jsonrpc": [GARBAGE], "completion": 7}, "status": "yes"}}
    client.initialize(initializationOptions=options)
    assert_alive(client)


# -- notifications ------------------------------------------------------------------------------------

NOTIFICATIONS: dict[str, Json] = {
    "an-unknown-one": message("cope/noSuchThing", {"a": 1}),
    "an-unknown-one-without-params": message("cope/noSuchThing"),
    "an-optional-one": message("$/noSuchThing", [1]),
    "a-known-one-without-params": message("textDocument/didOpen"),
    "a-known-one-with-bad-params": message("textDocument/didChange", {"textDocument": 7}),
    "a-change-of-a-document-not-open": change_message(NOT_OPEN, insertion(0, 0, "x")),
    "a-save": message("textDocument/didSave", {"textDocument": {"uri": NOT_OPEN}}),
    "a-close-of-a-document-not-open": message("textDocument/didClose", {"textDocument": {"uri": NOT_OPEN}}),
    "settings": message("workspace/didChangeConfiguration", {"settings": GARBAGE}),
    "trace": message("$/setTrace", {"value": "verbose"}),
}


@pytest.mark.parametrize("kind", NOTIFICATIONS)
def test_a_notification_that_cannot_be_used_is_ignored(shared_client: WireClient, kind: str) -> None:
    heard = len(shared_client.notifications)
    shared_client.send(NOTIFICATIONS[kind])
    assert_alive(shared_client)
    assert shared_client.notifications[heard:] == [], "nobody who types wants a pop-up"


def test_a_bad_edit_does_not_spoil_the_document(shared_client: WireClient) -> None:
    uri = shared_client.open("word = 1\n")
    bad = {"range": {"start": {"line": 0, "character": "x"}}, "text": "bad"}
    shared_client.change(uri, bad)
    shared_client.change(uri, insertion(0, 2, " "), version=3)
    assert shared_client.inline(uri, 0, 3, triggerKind=2) == {"items": []}
    assert shared_client.status()["lastSilence"] == "inside-word"


# -- documents that are not there ---------------------------------------------------------------------


def test_a_document_that_is_not_open_gets_an_empty_answer(start_server: StartServer) -> None:
    client = start_server(COPE_LSP_COMPLETION_FALLBACK="always")
    client.initialize()
    where = {"textDocument": {"uri": NOT_OPEN}, "position": {"line": 3, "character": 1}}
    assert client.inline(NOT_OPEN, 0, 0) == {"items": []}
    assert client.ask("textDocument/completion", where) == {"isIncomplete": True, "items": []}
    uri = client.open("x = 1\n")
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert client.inline(uri, 1, 0) == {"items": []}


ODD_URIS = (
    "untitled:Untitled-1",
    "file:///project/a%20b%25.py",
    "file:///project/50%2520.py",
    "file:///c%3A/Users/%C3%A9.py",
    "vscode-notebook-cell:/project/a.ipynb#W0sZmlsZQ==",
    "not a uri at all",
    "",
)


@pytest.mark.parametrize("uri", ODD_URIS)
def test_a_document_may_have_an_odd_name(shared_client: WireClient, uri: str) -> None:
    known = find_offer(shared_client)
    item = {"uri": uri, "languageId": "python", "version": 1, "text": known.before}
    shared_client.notify("textDocument/didOpen", {"textDocument": item})
    assert shared_client.inline(uri, known.line, known.character)["items"]


# -- before and after ---------------------------------------------------------------------------------


def test_a_request_before_initialize_is_refused(start_server: StartServer) -> None:
    client = start_server()
    client.open("x = 1\n")
    error = client.error(INLINE, inline_params(NOT_OPEN, 0, 0))
    assert error["code"] == NOT_INITIALIZED
    client.initialize()
    assert_alive(client)


@pytest.mark.parametrize("ghost_text", [True, False])
def test_a_second_initialize_is_refused_and_changes_nothing(
    start_server: StartServer, *, ghost_text: bool
) -> None:
    client = start_server()
    client.initialize(ghost_text=ghost_text)
    uri = client.open("word = 1\n")
    worker = client.worker()
    error = client.error("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    assert error["code"] == INVALID_REQUEST
    client.open("x = 2\n")
    assert client.inline(uri, 0, 2, triggerKind=2) == {"items": []}
    assert client.status()["lastSilence"] == "inside-word"
    assert client.workers() == [worker]


@pytest.mark.parametrize("params", [ABSENT, None], ids=["absent", "null"])
def test_after_shutdown_requests_are_refused_until_the_exit(start_server: StartServer, params: Any) -> None:
    client = start_server()
    client.initialize()
    client.open("x = 1\n")
    assert client.ask("shutdown", params) is None
    for method in (INLINE, "shutdown", "cope/noSuchThing", "workspace/executeCommand"):
        error = client.error(method, inline_params(NOT_OPEN, 0, 0))
        assert error["code"] == INVALID_REQUEST
        client.notify("textDocument/didClose", {"textDocument": {"uri": NOT_OPEN}})
    client.notify("exit", params)
    assert client.process.wait(10) == 0


# -- what is printed ------------------------------------------------------------------------------------


NOISY = """
import os, sys

class Noise:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("llama_cpp"):
            print("python prints", flush=True)
            os.write(1, b"somebody writes to descriptor 1\\n")

sys.meta_path.insert(0, Noise())
"""


def test_what_native_code_prints_stays_out_of_the_protocol(start_server: StartServer, tmp_path: Path) -> None:
    """Far more than a pipe holds is printed; the fixture checks what came on standard output."""
    (tmp_path / "sitecustomize.py").write_text(NOISY)
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    client = start_server(
        PYTHONPATH=os.pathsep.join(paths),
        OMP_DISPLAY_ENV="verbose",
        GGML_SCHED_DEBUG="2",
        PYTHONVERBOSE="1",
        LD_DEBUG="libs,files",
    )
    client.initialize()
    find_offer(client)
    wait_until(lambda: len(client.errors) > 100_000, "the noise is on standard error")
    assert client.shut_down() == 0


def test_what_native_code_says_of_a_bad_model_stays_out_of_the_protocol(
    start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(1000))
    client = start_server("--model", "bad.gguf")
    client.initialize()
    uri = client.open("import numpy as ")
    assert client.inline(uri, 0, 16) == {"items": []}
    assert client.status()["kind"] == "Error"
    assert "bad.gguf" in client.status()["message"]
