"""Nothing passes the gate without consent, online, once, and without a secret in it."""

import asyncio
import gzip
import json
import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cope_lsp.egress import offline
from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.gate import ANSWER_BYTES_MAX, Gate, Parcel, Waits
from cope_lsp.egress.redact import redact, secrets_in
from cope_lsp.errors import HostedRefusedError
from tests.egress.corpus import OTHERS, PROVIDERS

MAKERS = PROVIDERS | OTHERS


class Sink:
    """A real server that counts what reaches it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answer, self.encoding = b"{}", ""
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sink.headers.append({name.lower(): value for name, value in self.headers.items()})
                sink.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", str(len(sink.answer)))
                if sink.encoding:
                    self.send_header("content-encoding", sink.encoding)
                self.end_headers()
                with suppress(OSError):  # whoever asked may have gone
                    self.wfile.write(sink.answer)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sink() -> Any:
    made = Sink()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(ConsentStore(tmp_path / "consent"), Audit(tmp_path / "sent"))


async def send(gate: Gate, sink: Sink, workspace: Path, body: object, *, times: int = 1, **more: Any) -> None:
    parcel = Parcel("r1", workspace, sink.url, "plan")
    async with gate.client(parcel, Waits(), **more) as client:
        for _ in range(times):
            await client.post(sink.url + "/v1/messages", json=body, headers={"x-spy": "1"})


async def test_without_consent_no_byte_leaves(gate: Gate, sink: Sink, tmp_path: Path) -> None:
    with pytest.raises(HostedRefusedError) as refused:
        await send(gate, sink, tmp_path, {"text": "hello"})
    assert refused.value.reason == "no-consent"
    assert not sink.bodies


async def test_with_consent_one_request_leaves_and_is_recorded(
    gate: Gate, sink: Sink, tmp_path: Path
) -> None:
    gate.consent.record(tmp_path, sink.url, "allowed")
    with pytest.raises(HostedRefusedError) as refused:
        await send(gate, sink, tmp_path, {"text": "hello"}, times=2)
    assert refused.value.reason == "unreserved"
    assert [json.loads(body) for body in sink.bodies] == [{"text": "hello"}]
    assert "x-spy" not in sink.headers[0]
    (sent,) = gate.audit.entries()
    assert sent.bytes == len(sink.bodies[0])
    assert gate.audit.text_of("r1") == sink.bodies[0].decode()


async def test_the_key_is_in_its_header_whatever_stood_there_and_nothing_else_goes_along(
    gate: Gate, sink: Sink, tmp_path: Path
) -> None:
    gate.consent.record(tmp_path, sink.url, "allowed")
    spy = {"x-spy": "1", "Authorization": "Bearer of-somebody-else", "X-Api-Key": "of-somebody-else"}
    for key in ("the-key-of-the-user", ""):
        async with gate.client(Parcel("r1", tmp_path, sink.url, "plan"), Waits(), key=key) as client:
            await client.post(sink.url, json={"text": "hello"}, headers=spy)
    with_key, without = sink.headers
    assert with_key.pop("authorization") == "Bearer the-key-of-the-user"
    assert with_key == without
    assert set(without) == {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent")
    }


async def test_consent_taken_back_while_the_request_is_looked_at_counts(
    gate: Gate, sink: Sink, tmp_path: Path
) -> None:
    gate.consent.record(tmp_path, sink.url, "allowed")
    record = tmp_path / "sent" / "sent.jsonl"
    record.parent.mkdir()
    os.mkfifo(record)  # to write it waits until somebody reads
    sending = asyncio.create_task(send(gate, sink, tmp_path, {"text": "hello"}))
    await asyncio.to_thread(lambda: threading.Event().wait(0.2))
    gate.consent.record(tmp_path, sink.url, "denied")
    reader = os.open(record, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(HostedRefusedError) as refused:
        await sending
    os.close(reader)
    assert refused.value.reason in {"no-consent", "unrecorded"}
    assert not sink.bodies


async def test_what_nobody_waits_for_any_more_is_not_sent(gate: Gate, sink: Sink, tmp_path: Path) -> None:
    gate.consent.record(tmp_path, sink.url, "allowed")
    parcel = Parcel("r1", tmp_path, sink.url, "plan", is_wanted=lambda: False)
    async with gate.client(parcel, Waits()) as client:
        with pytest.raises(HostedRefusedError) as refused:
            await client.post(sink.url, json={})
    assert refused.value.reason == "cancelled"
    assert not sink.bodies


async def test_a_compressed_answer_is_not_unpacked(gate: Gate, sink: Sink, tmp_path: Path) -> None:
    gate.consent.record(tmp_path, sink.url, "allowed")
    sink.answer, sink.encoding = gzip.compress(b" " * 50_000_000), "gzip"
    with pytest.raises(httpx2.DecodingError):
        await send(gate, sink, tmp_path, {"text": "hello"})
    assert sink.headers[0]["accept-encoding"] == "identity"


async def test_an_answer_that_is_too_long_ends_at_its_limit(gate: Gate, sink: Sink, tmp_path: Path) -> None:
    gate.consent.record(tmp_path, sink.url, "allowed")
    sink.answer = b" " * (ANSWER_BYTES_MAX + 1)
    with pytest.raises(httpx2.RemoteProtocolError, match="longer than"):
        await send(gate, sink, tmp_path, {"text": "hello"})


def test_a_torn_line_of_the_record_costs_no_other_line(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.record("r1", "https://x", "w", "plan", b"1")
    with (tmp_path / "sent.jsonl").open("a") as file:
        file.write('{"id": "torn')
    audit.record("r2", "https://x", "w", "plan", b"2")
    assert [sent.id for sent in Audit(tmp_path).entries()] == ["r1", "r2"]


async def test_consent_for_one_project_is_none_for_another(gate: Gate, sink: Sink, tmp_path: Path) -> None:
    gate.consent.record(tmp_path / "mine", sink.url, "allowed")
    with pytest.raises(HostedRefusedError):
        await send(gate, sink, tmp_path / "other", {"text": "hello"})
    assert gate.consent.forget(tmp_path / "mine", sink.url)
    assert gate.consent.answer(tmp_path / "mine", sink.url) is None
    assert not sink.bodies


async def test_a_secret_in_the_final_bytes_stops_them(gate: Gate, sink: Sink, tmp_path: Path) -> None:
    gate.consent.record(tmp_path, sink.url, "allowed")
    key = "no-known-shape-" + "7"
    with pytest.raises(HostedRefusedError) as refused:
        await send(gate, sink, tmp_path, {"messages": [{"content": f"it is {key}"}]}, key=key)
    assert refused.value.reason == "secret"
    assert not sink.bodies


@pytest.mark.parametrize("kind", MAKERS)
async def test_the_second_look_refuses_and_rewrites_nothing(
    gate: Gate, sink: Sink, tmp_path: Path, kind: str
) -> None:
    """Whoever forgot the first look is told so; a changed request is none that anybody asked for."""
    gate.consent.record(tmp_path, sink.url, "allowed")
    text = next(text for text in made_of(kind) if secrets_in(text))
    body = {"system": "be brief", "messages": [{"role": "user", "content": f"def f():\n    {text}\n"}]}
    with pytest.raises(HostedRefusedError) as refused:
        await send(gate, sink, tmp_path, body)
    assert refused.value.reason == "secret"
    assert not sink.bodies
    assert not list(gate.audit.entries())


def made_of(kind: str) -> Iterator[str]:
    rng = random.Random(kind)
    while True:
        yield MAKERS[kind](rng)[0]


async def test_offline_stops_everything(gate: Gate, sink: Sink, tmp_path: Path) -> None:
    gate.consent.record(tmp_path, sink.url, "allowed")
    offline.switch(on=True)
    try:
        with pytest.raises(HostedRefusedError) as refused:
            await send(gate, sink, tmp_path, {"text": "hello"})
        with pytest.raises(PermissionError):
            socket.socket(socket.AF_INET)
        with pytest.raises(PermissionError):
            socket.getaddrinfo("localhost", 80)
        first, second = socket.socketpair()
        first.close()
        second.close()
    finally:
        offline.switch(on=False)
    assert refused.value.reason == "offline"
    assert not sink.bodies


def test_what_redaction_leaves_passes_the_second_look() -> None:
    password = "".join(["hu", "nter", "Zx81", "qQ"])
    seen = redact(f'url = "postgres://bob:{password}@db.example/app"\n')
    assert password not in seen.text
    assert seen.found
    assert not secrets_in(seen.text)
    assert redact("token = tokens[i]\n").text == "token = tokens[i]\n"


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://API.anthropic.com/v1/messages", "https://api.anthropic.com"),
        ("https://api.anthropic.com:443", "https://api.anthropic.com"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_endpoint_is_an_origin(url: str, endpoint: str) -> None:
    assert endpoint_of(url) == endpoint
