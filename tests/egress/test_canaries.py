"""Canaries in the code, the prompt and the key: with everything logged, no log and no message holds one."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import scaled
from tests.models.provider import Provider, write_prices
from tests.server.conftest import clean_environment
from tests.server.places import end_of
from tests.server.wire_client import COMMAND, Json, WireClient, message, open_message, wait_until

ROOT = Path(__file__).parents[2]
PLAN = "cope.server.plan"
CODE_CANARY = "canaryOfTheCode7351"
PROMPT_CANARY = "canaryOfThePrompt9024"
KEY_CANARY = "canary-of-the-key-4417"
CANARIES = (CODE_CANARY, PROMPT_CANARY, KEY_CANARY)
CODE = f'import os\n\n\ndef {CODE_CANARY}(a):\n    """Do {CODE_CANARY}."""\n    return '
LOUD = {
    "COPE_LSP_LOG_LEVEL": "debug",
    "ANTHROPIC_LOG": "debug",
    "HTTPX_LOG_LEVEL": "trace",
    "HTTPX2_LOG_LEVEL": "trace",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONDEVMODE": "1",
    "PYTHONFAULTHANDLER": "1",
}
"""Every switch that makes us, the SDK, its transport or Python say more."""


class Parrot:
    """A hosted model that repeats what it was told wherever it can: headers, errors, events, rubbish."""

    def __init__(self) -> None:
        self.way, self.posts = "well", 0
        parrot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                parrot.posts += 1
                heard = self.rfile.read(int(self.headers["content-length"])).decode() + str(self.headers)
                status, kind, body = parrot.answer(heard)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.send_header("request-id", "".join(filter(str.isalnum, heard))[-3000:])
                self.send_header("location", "/" + CODE_CANARY)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, heard: str) -> tuple[int, str, bytes]:
        """Return status, type and body; what was heard is in each of them."""
        fault = {"type": "error", "error": {"type": "x", "message": heard}}
        if self.way.isdigit():
            return int(self.way), "application/json", json.dumps(fault).encode()
        if self.way == "html":
            return 200, "text/html", f"<html>{heard}</html>".encode()
        if self.way == "error event":
            return 200, "text/event-stream", f"event: error\ndata: {json.dumps(fault)}\n\n".encode()
        if self.way == "broken event":
            return 200, "text/event-stream", f"event: message_start\ndata: {{{json.dumps(heard)}\n\n".encode()
        return 200, "text/event-stream", b"".join(self._stream(heard))

    def _stream(self, heard: str) -> Iterator[bytes]:
        usage = {"input_tokens": 100, "output_tokens": 1, "note": heard}
        begun: Json = {"id": "m1", "type": "message", "role": "assistant", "model": heard, "content": [],
                 "usage": usage, "stop_reason": None, "stop_sequence": None}  # fmt: skip
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        for event in (
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": heard}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 20}},
            {"type": "message_stop"} if self.way == "well" else {"type": "ping", "note": heard},
        ):
            yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    made = Parrot()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def home(tmp_path: Path, parrot: Parrot) -> Path:
    """A user who has agreed to the parrot, for a project in `project`."""
    (tmp_path / "project").mkdir()
    (tmp_path / "cope-lsp").mkdir()
    write_prices(tmp_path / "cope-lsp" / "prices.toml", parrot.url)
    done = command_line(tmp_path, parrot, "consent", "allow")
    assert done.returncode == 0, done.stderr
    return tmp_path


def environment_of(home: Path, parrot: Parrot | Provider) -> dict[str, str]:
    key = {"COPE_LSP_API_KEY": KEY_CANARY, "COPE_LSP_HOSTED_ENDPOINT": parrot.url}
    return clean_environment(home) | {"HOME": str(home), "PYTHONPATH": str(ROOT)} | LOUD | key


def command_line(
    home: Path, parrot: Parrot | Provider, *arguments: str, told: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "cope_lsp", *arguments],
        input=told, capture_output=True, text=True, timeout=90, check=False,
        cwd=home / "project", env=environment_of(home, parrot),
    )  # fmt: skip


def assert_no_canary(text: str, where: str) -> None:
    for canary in CANARIES:
        place = text.find(canary)
        assert place < 0, f"{where}: ...{text[max(0, place - 300) : place + 60]}"


def what_was_said(client: WireClient) -> str:
    """Return all that the server told its user, or that an editor would show: not the answers themselves."""
    notes = [
        note for note in client.notifications if note["method"].startswith(("window/", "$/", "telemetry"))
    ]
    errors = [
        answer["error"] for all_of in client.responses.values() for answer in all_of if "error" in answer
    ]
    return json.dumps([notes, errors])


WAYS = ("well", "400", "401", "429", "500", "307", "html", "error event", "broken event", "early end")


@pytest.mark.parametrize("way", WAYS[:: scaled(4, 1)])
def test_a_session_at_debug_says_nothing_of_code_prompt_or_key(home: Path, parrot: Parrot, way: str) -> None:
    parrot.way = way
    log = home / "server.log"
    command = (*COMMAND, "--log", str(log), "--log-level", "debug")
    client = WireClient(command, environment_of(home, parrot), home)
    try:
        talk(client, home / "project")
        kill_worker(client)
        talk_nonsense(client)
        assert client.shut_down() == 0
    finally:
        client.kill()
    assert parrot.posts == 1
    assert log.stat().st_size > 0, "something is logged at this level"
    assert_no_canary(log.read_text(), "log")
    assert_no_canary(client.errors.decode(), "standard error")
    assert_no_canary(what_was_said(client), "messages")


def talk(client: WireClient, project: Path) -> None:
    """Edit, ask for ghost text, and ask for a plan."""
    client.initialize(rootUri=project.as_uri(), initializationOptions={"cope": {"status": True}})
    uri = (project / "a.py").as_uri()
    client.send(open_message(uri, CODE))
    client.inline(uri, *end_of(CODE))
    wish = {"uri": uri, "position": {"line": 3, "character": 0}, "instruction": f"mind {PROMPT_CANARY}"}
    asked = client.request("workspace/executeCommand", {"command": PLAN, "arguments": [wish]})
    client.response(asked)


def kill_worker(client: WireClient) -> None:
    """End the engine as a crash of native code would, and have the next request notice."""
    worker = client.worker()
    worker.send_signal(signal.SIGABRT)
    wait_until(lambda: not worker.is_running() or worker.status() == "zombie", "the worker is gone")
    client.inline(client.open(CODE), *end_of(CODE))


def talk_nonsense(client: WireClient) -> None:
    """Send what no handler understands, with canaries in it."""
    said = " ".join(CANARIES)
    uri = client.open(CODE)
    wrong: list[Json] = [
        message("textDocument/inlineCompletion", {"textDocument": {"uri": uri}, "position": said}),
        message("textDocument/inlineCompletion", {"textDocument": {"uri": said}, "position": {"line": said}}),
        message("workspace/executeCommand", {"command": "no.such.command", "arguments": [said]}),
        message("workspace/executeCommand", {"command": PLAN, "arguments": [{"uri": uri, "position": said}]}),
        message("workspace/executeCommand", {"command": PLAN, "arguments": said}),
        message("no/such/method", {"text": said}),
    ]
    for one in wrong:
        request = client.next_id()
        client.send({"id": request} | one)
        client.response(request)
    client.notify("textDocument/didChange", {"textDocument": {"uri": uri}, "contentChanges": said})
    wrong_place = {"hosted.api_key": KEY_CANARY, "hosted": {"key": KEY_CANARY}, "log.level": ["debug"]}
    client.notify("workspace/didChangeConfiguration", {"settings": {"cope": wrong_place}})
    client.send_body(f'{{"jsonrpc": "2.0", "method": "initialized", "params": "{said}'.encode())
    client.status()


@pytest.mark.parametrize("way", WAYS[:: scaled(5, 1)])
def test_the_command_line_says_nothing_of_code_prompt_or_key(home: Path, parrot: Parrot, way: str) -> None:
    parrot.way = way
    (home / "project" / "a.py").write_text(CODE + "a\n")
    arguments = ("a.py", "--symbol", CODE_CANARY, "--instruction", PROMPT_CANARY)
    done = command_line(home, parrot, "plan", *arguments)
    assert (done.returncode == 0) == (way == "well"), done.stderr
    assert parrot.posts == 1
    assert_no_canary(done.stderr, "standard error")
    for command in ("budget", "budget history", "sent", "auth show", "doctor"):
        shown = command_line(home, parrot, *command.split())
        assert_no_canary(shown.stdout + shown.stderr, command)


def test_setting_a_key_shows_it_nowhere(home: Path, parrot: Parrot) -> None:
    for arguments in (("--file",), (), ("--file", "--json")):
        done = command_line(home, parrot, "auth", "set", *arguments, told=f"{KEY_CANARY}\n")
        assert_no_canary(done.stdout + done.stderr, "auth set")
    done = command_line(home, parrot, "auth", "set", "--file", told=f"{KEY_CANARY} {KEY_CANARY}\n")
    assert done.returncode == 1
    assert_no_canary(done.stdout + done.stderr, "auth set")


def test_what_is_kept_of_a_call_holds_no_key_and_no_text(home: Path) -> None:
    """In the ledger, its journal and the record of what was sent, unless the user wants the text kept."""
    provider = Provider()
    write_prices(home / "cope-lsp" / "prices.toml", provider.url)
    (home / "project" / "a.py").write_text(CODE + "a\n")
    arguments = ("a.py", "--symbol", CODE_CANARY, "--instruction", PROMPT_CANARY, "--yes")
    assert command_line(home, provider, "plan", *arguments).returncode == 0
    written = [path for path in (home / "data").rglob("*") if path.is_file()]
    assert {path.parent.name for path in written} >= {"ledger", "sent", "consent"}
    for path in written:
        assert_no_canary(path.read_text("utf-8", "replace"), path.name)
    provider.server.shutdown()
    provider.server.server_close()
