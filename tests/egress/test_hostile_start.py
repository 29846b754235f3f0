"""Hostile start-ups: whatever lies around or is set, not one byte leaves before the user has agreed."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import scaled
from tests.egress.lures import CODE, LURES, PRICES, Lure, Place, all_at_once
from tests.server.conftest import clean_environment
from tests.server.places import end_of, find_offer
from tests.server.wire_client import COMMAND, Json, WireClient, open_message, wait_until

PLAN = "cope.server.plan"
LULL_S = 0.3
OWN_KEY = "the-users-" + "own-key-0123"


class Sink:
    """A server at an internet address that takes any protocol, and counts connections and bytes."""

    def __init__(self) -> None:
        self.connections = self.bytes = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._swallow, args=(connection,), daemon=True).start()

    def _swallow(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(LULL_S)
            while data := connection.recv(65536):
                self.bytes += len(data)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path, sink: Sink) -> Place:
    return Place(tmp_path / "repository", tmp_path / "home", sink.host, sink.port)


@contextlib.contextmanager
def editor(place: Place, lure: Lure, *before: str) -> Iterator[WireClient]:
    """Start a server inside the repository, as an editor does, and open the session."""
    place.lay(lure)
    own = clean_environment(place.home) | {"HOME": str(place.home)}
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        own.pop(name, None)
    client = WireClient((*before, *COMMAND), own | place.fill(lure.environment), place.repository)
    try:
        options = {"cope": {"trusted": True, "settings": place.fill(lure.settings)}}
        client.initialize(rootUri=place.repository.as_uri(), initializationOptions=options)
        changed = {"settings": {"cope": place.fill(lure.settings)}}
        client.notify("workspace/didChangeConfiguration", changed)
        yield client
    finally:
        client.kill()


def work(client: WireClient, uri: str) -> Json:
    """Open a file, wait for its ghost text, and ask for a plan that the user does not agree to."""
    client.send(open_message(uri, CODE))
    client.inline(uri, *end_of(CODE))
    argument = {"uri": uri, "position": {"line": 4, "character": 0}}
    asked = client.request("workspace/executeCommand", {"command": PLAN, "arguments": [argument]})
    turn_down(client, asked)
    return client.response(asked)


def turn_down(client: WireClient, request_id: int) -> None:
    """Close the question that the server may ask the user meanwhile."""

    def question() -> Any:
        said = (note for note in client.notifications if note["method"] == "window/showMessageRequest")
        return next(said, None)

    wait_until(lambda: question() or client.responses.get(request_id), "a question or an answer")
    if found := question():
        client.send({"id": found["id"], "result": None})


def start_and_look(place: Place, sink: Sink, lure: Lure) -> None:
    uri = place.fill(lure.uri) or (place.repository / "main.py").as_uri()
    with editor(place, lure) as client:
        assert "error" in work(client, uri), "a plan without consent"
        assert client.shut_down() == 0
    assert (sink.connections, sink.bytes) == (0, 0), client.errors.decode()


def test_there_are_thirty_lures() -> None:
    assert len(LURES) >= 30


@pytest.mark.parametrize("name", list(LURES)[:: scaled(12, 1)])
def test_no_lure_gets_a_byte(place: Place, sink: Sink, name: str) -> None:
    start_and_look(place, sink, LURES[name])


def test_all_lures_together_get_nothing_and_hinder_no_local_work(place: Place, sink: Sink) -> None:
    with editor(place, all_at_once()) as client:
        assert "error" in work(client, (place.repository / "main.py").as_uri())
        find_offer(client)
        assert client.shut_down() == 0
    assert (sink.connections, sink.bytes) == (0, 0)
    assert not list(place.repository.glob("*.log"))


def test_without_consent_not_even_a_socket_is_opened(place: Place, sealed: str) -> None:
    """Under a filter that kills who opens one: so nothing went elsewhere, or asked for a name, either."""
    with editor(place, all_at_once(), sealed) as client:
        answer = work(client, (place.repository / "main.py").as_uri())
        assert "[no-consent]" in answer["error"]["message"]
        assert client.shut_down() == 0


def test_with_consent_the_server_that_was_agreed_to_gets_it(place: Place, sink: Sink) -> None:
    """A control: the harness sees what leaves."""
    lure = LURES["the user's own server, not agreed to"]
    agree(place, f"http://{sink.host}:{sink.port}")
    with editor(place, lure) as client:
        assert "error" in work(client, (place.repository / "main.py").as_uri())
    assert sink.connections == 1
    assert sink.bytes > 500


def agree(place: Place, endpoint: str) -> None:
    """Allow it as the command line does."""
    command = (sys.executable, "-P", "-m", "cope_lsp", "consent", "allow", "--endpoint", endpoint)
    place.repository.mkdir(parents=True, exist_ok=True)
    environment = clean_environment(place.home) | {"HOME": str(place.home)}
    subprocess.run(command, check=True, capture_output=True, cwd=place.repository, env=environment)


class Redirecting:
    """A server that the user agreed to, and that points to another one."""

    def __init__(self, target: str) -> None:
        self.headers: list[Json] = []
        seen = self.headers

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.append({name.lower(): value for name, value in self.headers.items()})
                self.rfile.read(int(self.headers["content-length"]))
                self.send_response(307)
                self.send_header("location", f"{target}{self.path}")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def redirecting(sink: Sink) -> Iterator[Redirecting]:
    made = Redirecting(f"http://{sink.host}:{sink.port}")
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_with_consent_the_bytes_take_no_other_way(place: Place, sink: Sink, redirecting: Redirecting) -> None:
    """Neither a redirect nor a proxy nor another address; no other secret goes along."""
    headers = asked_in_a_trap(place, redirecting)
    assert not {"proxy-authorization", "x-spy"} & set(headers)
    assert (headers["authorization"], headers.get("x-api-key")) == (f"Bearer {OWN_KEY}", None)
    assert (sink.connections, sink.bytes) == (0, 0)


def asked_in_a_trap(place: Place, server: Redirecting) -> Json:
    """Ask the server that the user agreed to, with all lures around; return the headers that it saw."""
    (place.home / "cope-lsp").mkdir(parents=True)
    (place.home / "cope-lsp" / "prices.toml").write_text(PRICES.replace("{url}", server.url))
    agree(place, server.url)
    own = {"COPE_LSP_HOSTED_ENDPOINT": server.url, "COPE_LSP_API_KEY": OWN_KEY}
    lure = all_at_once()
    with editor(place, replace(lure, environment={**lure.environment, **own})) as client:
        assert "[redirected]" in work(client, (place.repository / "main.py").as_uri())["error"]["message"]
        assert client.shut_down() == 0
    (headers,) = server.headers
    return headers
