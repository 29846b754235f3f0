"""How server and engine come up, survive each other, and end with the editor."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cope_lsp.completion.request import AUTOMATIC_DEADLINE_S
from cope_lsp.engine.process import ANSWER_GRACE_S, RESTARTS_MAX
from tests.server.conftest import StartServer
from tests.server.places import PLACES, end_of, find_offer
from tests.server.wire_client import (
    INLINE,
    Json,
    WireClient,
    inline_params,
    message,
    open_message,
    wait_until,
)

REQUEST_CANCELLED = -32800
NOTHING: Json = {"items": []}
SOON_S = 5.0


def has_native_code(process: psutil.Process) -> bool:
    return any("llama" in Path(mapped.path).name for mapped in process.memory_maps())


def server_of(client: WireClient) -> psutil.Process:
    return psutil.Process(client.process.pid)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


# -- coming up ----------------------------------------------------------------------------------------


def test_initialize_is_answered_before_any_model_is_loaded(start_server: StartServer) -> None:
    client = start_server()
    client.initialize()
    assert client.status()["kind"] == "Normal"
    assert client.workers() == []
    assert not has_native_code(server_of(client))


def test_the_model_is_loaded_when_a_document_is_opened(client: WireClient) -> None:
    client.open("x = 1\n")
    worker = client.worker()
    wait_until(lambda: has_native_code(worker), "the worker loads llama.cpp")


def test_native_code_stays_out_of_the_server(shared_client: WireClient) -> None:
    find_offer(shared_client)
    assert has_native_code(shared_client.worker())
    assert not has_native_code(server_of(shared_client))


def test_many_documents_share_one_engine(shared_client: WireClient) -> None:
    uris = [shared_client.open(PLACES[0]) for _ in range(10)]
    requests = [shared_client.request(INLINE, inline_params(uri, *end_of(PLACES[0]))) for uri in uris]
    assert all("items" in shared_client.result(request) for request in requests)
    assert len(shared_client.workers()) == 1


def test_arguments_that_editors_add_are_ignored(start_server: StartServer) -> None:
    client = start_server("--clientProcessId=1", "--node-ipc", "--socket=7")
    assert client.initialize()["positionEncoding"] == "utf-16"


def test_without_a_model_file_the_reason_is_told_and_nothing_else_breaks(start_server: StartServer) -> None:
    client = start_server("--model", "missing.gguf")
    client.initialize()
    for _ in range(3):
        uri = client.open(PLACES[0])
        assert client.inline(uri, *end_of(PLACES[0])) == NOTHING
    status = client.status()
    assert (status["kind"], status["lastSilence"]) == ("Error", "model-unavailable")
    assert "missing.gguf" in status["message"]
    wait_until(lambda: not client.workers(), "the useless worker is gone")


# -- a worker that dies -------------------------------------------------------------------------------


def test_a_killed_worker_is_replaced_for_the_next_question(client: WireClient) -> None:
    offer = find_offer(client)
    first = client.worker()
    first.kill()
    wait_until(lambda: is_gone(first), "the worker is dead")
    uri = client.open(offer.before)
    wait_until(lambda: client.inline(uri, offer.line, offer.character)["items"], "the new worker answers")
    assert client.worker() != first
    assert client.status()["kind"] == "Normal"


def answer_of_killed_worker(client: WireClient) -> Json:
    """Ask where the model has something to say, and kill the worker before it can answer."""
    offer = find_offer(client)
    worker, uri = client.worker(), client.open(offer.before)
    worker.suspend()
    asked = client.request(INLINE, inline_params(uri, offer.line, offer.character))
    client.status()
    worker.kill()
    answer: Json = client.result(asked)
    return answer


def test_a_question_whose_worker_is_killed_is_answered_by_the_next_one(client: WireClient) -> None:
    assert answer_of_killed_worker(client)["items"]
    assert client.status()["kind"] == "Normal"


def test_a_question_that_no_worker_is_left_for_gets_an_empty_answer_and_a_reason(
    start_server: StartServer,
) -> None:
    client = start_server(COPE_LSP_ENGINE_RESTARTS_MAX="0")
    client.initialize()
    assert answer_of_killed_worker(client) == NOTHING
    status = client.status()
    assert (status["kind"], status["lastSilence"]) == ("Error", "model-unavailable")
    assert "died" in status["message"]


DEAD = {"asleep", "unavailable"}


def test_a_worker_that_keeps_dying_is_given_up_with_a_reason(client: WireClient) -> None:
    for _ in range(RESTARTS_MAX + 1):
        client.open("x = 1\n")
        worker = client.worker()
        worker.kill()
        wait_until(lambda dying=worker: is_gone(dying), "the worker is dead")  # type: ignore[misc]
        wait_until(lambda: client.status()["model"]["state"] in DEAD, "the server knows")
    uri = client.open(PLACES[0])
    assert client.inline(uri, *end_of(PLACES[0])) == NOTHING
    assert client.workers() == []
    status = client.status()
    assert status["kind"] == "Error"
    assert "off" in status["message"]
    assert "doctor" in status["message"], "it says what to do"
    assert client.shut_down() == 0


# -- a worker that hangs ------------------------------------------------------------------------------


def test_a_worker_that_hangs_is_replaced_and_the_server_stays_awake(client: WireClient) -> None:
    offer = find_offer(client)
    worker, uri = client.worker(), client.open(offer.before)
    worker.suspend()
    asked_at = time.monotonic()
    asked = client.request(INLINE, inline_params(uri, offer.line, offer.character, triggerKind=2))
    while asked not in client.responses:
        began = time.monotonic()
        client.status(timeout_s=1.0)
        wait_until(lambda began=began: time.monotonic() > began + 0.05, "a moment passed")  # type: ignore[misc]
        assert time.monotonic() - asked_at < AUTOMATIC_DEADLINE_S + ANSWER_GRACE_S + SOON_S
    assert client.result(asked) == NOTHING
    assert "did not answer" in client.status()["message"]
    wait_until(lambda: is_gone(worker), "the hung worker is dead")
    assert client.inline(uri, offer.line, offer.character)["items"]
    assert client.worker() != worker


def test_a_worker_that_does_not_obey_a_cancel_is_replaced(client: WireClient) -> None:
    offer = find_offer(client)
    worker, uri = client.worker(), client.open(offer.before)
    worker.suspend()
    requests = [client.request(INLINE, inline_params(uri, offer.line, offer.character)) for _ in range(20)]
    time.sleep(SOON_S / 2)  # until the last one waits for the worker, which nobody can see
    client.notify("$/cancelRequest", {"id": requests[-1]})
    assert client.response(requests[-1], 2)["error"]["code"] == REQUEST_CANCELLED
    wait_until(lambda: is_gone(worker), "the hung worker is dead", ANSWER_GRACE_S + SOON_S)
    assert client.inline(uri, offer.line, offer.character)["items"], "it hung once, which is not dying often"


# -- the end ------------------------------------------------------------------------------------------


def test_after_shutdown_the_exit_code_is_zero_and_nothing_is_left(client: WireClient) -> None:
    find_offer(client)
    worker = client.worker()
    assert client.shut_down() == 0
    wait_until(lambda: is_gone(worker), "the worker is gone", SOON_S)


def test_shutdown_does_not_wait_for_what_is_running(client: WireClient) -> None:
    offer = find_offer(client)
    worker = client.worker()
    worker.suspend()
    uris = [client.open(offer.before) for _ in range(5)]
    asked = [client.request(INLINE, inline_params(uri, offer.line, offer.character)) for uri in uris]
    assert client.shut_down(SOON_S) == 0
    worker.resume()  # other windows could use it, so it ends by itself
    wait_until(lambda: is_gone(worker), "the worker is gone", SOON_S)
    assert all(len(client.responses[request]) == 1 for request in asked)


def test_shutdown_does_not_wait_for_a_model_that_is_being_loaded(start_server: StartServer) -> None:
    client = start_server()
    client.initialize()
    uri, asked = client.next_uri(), client.next_id()
    question = {"id": asked} | message(INLINE, inline_params(uri, *end_of(PLACES[0])))
    client.send(open_message(uri, PLACES[0]), question)
    worker = client.worker()
    assert client.shut_down(SOON_S) == 0
    wait_until(lambda: is_gone(worker), "the worker is gone", SOON_S)
    assert len(client.responses[asked]) == 1
    client.kill()  # all that it said is here now
    assert b"Traceback" not in client.errors


def test_an_exit_without_shutdown_is_an_error(client: WireClient) -> None:
    find_offer(client)
    worker = client.worker()
    client.notify("exit")
    assert client.process.wait(SOON_S) == 1
    wait_until(lambda: is_gone(worker), "the worker is gone", SOON_S)


def test_the_end_of_the_input_after_shutdown_is_no_error(client: WireClient) -> None:
    client.ask("shutdown")
    assert client.hang_up() == 0


@pytest.mark.parametrize("moment", ["idle", "loading", "computing"])
def test_everything_ends_with_the_input(client: WireClient, moment: str) -> None:
    if moment != "loading":
        find_offer(client)
    uri = client.open(PLACES[0])
    worker = client.worker()
    if moment == "computing":
        client.request(INLINE, inline_params(uri, *end_of(PLACES[0])))
    assert client.hang_up() == 1
    wait_until(lambda: is_gone(worker), "the worker is gone", SOON_S)


@pytest.fixture
def editor() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for an editor; it is not the one that holds the server's input open."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_everything_ends_with_the_editor_though_the_input_stays_open(
    start_server: StartServer, editor: subprocess.Popen[bytes]
) -> None:
    client = start_server()
    client.initialize(processId=editor.pid)
    find_offer(client)
    worker = client.worker()
    editor.kill()
    editor.wait()
    assert client.process.wait(SOON_S) == 1
    wait_until(lambda: is_gone(worker), "the worker is gone", SOON_S)


def test_an_editor_that_is_unknown_here_is_not_waited_for(
    start_server: StartServer, editor: subprocess.Popen[bytes]
) -> None:
    """As from a container: the process id means nothing on this side."""
    editor.kill()
    editor.wait()
    client = start_server()
    client.initialize(processId=editor.pid)
    find_offer(client)
    assert client.shut_down() == 0
