"""A call that is killed or cancelled at any point: the ledger never knows less than the server charged."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.config import Config
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.redact import redact
from cope_lsp.ledger.entries import Summary
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.store import Store
from cope_lsp.models.question import Question
from tests.models.faulty import head_of, read_request, sse
from tests.models.provider import COST_NUSD, events, write_prices
from tests.server.wire_client import wait_until

ROOT = Path(__file__).parent.parent.parent
EVENTS = [sse(event) for event in events("well")]


@dataclass
class SteppingServer:
    """Answers one request, waiting before each step until the test lets it go on."""

    charged_nusd: int = 0
    reached: set[str] = field(default_factory=set)
    """The steps before which it waits or waited: request, head, middle, end, gone."""
    may_pass: dict[str, threading.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.may_pass = {step: threading.Event() for step in ("request", "head", "middle", "end")}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def pass_all(self, *steps: str) -> None:
        for step in steps:
            self.may_pass[step].set()

    def close(self) -> None:
        self.pass_all(*self.may_pass)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError, ValueError):
            connection, _ = self._listener.accept()
            with connection:
                read_request(connection)
                self.charged_nusd = COST_NUSD
                self._wait("request")
                connection.sendall(head_of(200))
                self._wait("head")
                connection.sendall(b"".join(EVENTS[:3]))
                self._wait("middle")
                connection.sendall(b"".join(EVENTS[3:-1]))
                self._wait("end")
                connection.sendall(EVENTS[-1])
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)
        self.reached.add("gone")

    def _wait(self, step: str) -> None:
        self.reached.add(step)
        self.may_pass[step].wait()


@pytest.fixture
def server(home: Path) -> Iterator[SteppingServer]:
    made = SteppingServer()
    write_prices(home / "config" / "cope-lsp" / "prices.toml", made.url)
    ConsentStore().record(home, made.url, "allowed")
    yield made
    made.close()


@contextmanager
def asking(home: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that asks once, and kill it in the end."""
    with subprocess.Popen([sys.executable, "-m", "tests.models.asking", home, url], cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def summary() -> Summary:
    with Ledger() as ledger:
        return ledger.summary()


def has_open(process: subprocess.Popen[bytes], name: str) -> bool:
    files = Path(f"/proc/{process.pid}/fd")
    with suppress(OSError):
        return any(name in str(file.readlink()) for file in files.iterdir())
    return False


@pytest.mark.parametrize("step", ["request", "head", "middle", "end"])
def test_killed_after_it_was_sent_a_call_counts_in_full(
    home: Path, server: SteppingServer, step: str
) -> None:
    steps = list(server.may_pass)
    with asking(home, server.url):
        server.pass_all(*steps[: steps.index(step)])
        wait_until(lambda: step in server.reached, f"the server waits before its {step}")
    found = summary()
    (call,) = found.open_calls
    assert found.day.spent_nusd == call.bound_nusd > server.charged_nusd > 0


def test_killed_before_its_reservation_a_call_was_never_made(home: Path, server: SteppingServer) -> None:
    with Ledger() as ledger:
        ledger.summary()
        folder = ledger.folder
    store = Store(folder)
    with asking(home, server.url) as process, store.locked():
        wait_until(lambda: has_open(process, "ledger.lock"), "the program waits for the ledger")
        process.kill()
        process.wait()
    store.close()
    assert (summary().calls, server.reached) == (0, set())


def test_killed_between_reservation_and_request_a_call_counts_in_full(
    home: Path, server: SteppingServer
) -> None:
    # The record of what leaves is written after the reservation and before the request: a pipe without a
    # reader holds the program up there.
    record = home / "data" / "cope-lsp" / "sent" / "sent.jsonl"
    record.parent.mkdir(parents=True)
    os.mkfifo(record)
    with asking(home, server.url):
        wait_until(lambda: summary().calls, "the call is reserved")
    found = summary()
    assert server.reached == set()
    assert found.day.spent_nusd == found.open_calls[0].bound_nusd > 0


def test_killed_between_answer_and_settlement_a_call_counts_in_full(
    home: Path, server: SteppingServer
) -> None:
    with asking(home, server.url) as process:
        server.pass_all("request", "head", "middle")
        wait_until(lambda: "end" in server.reached, "the server waits before its last event")
        with Ledger() as ledger:
            folder = ledger.folder
        store = Store(folder)
        with store.locked():
            server.pass_all("end")
            wait_until(lambda: "gone" in server.reached, "the program has read everything")
            process.kill()
            process.wait()
        store.close()
    found = summary()
    assert found.day.spent_nusd == found.open_calls[0].bound_nusd > COST_NUSD


async def _started(server: SteppingServer, home: Path, assistant: Assistant) -> asyncio.Task[object]:
    question = Question("Answer in a sentence.", redact("def f(): ..."), home, "plan")
    task: asyncio.Task[object] = asyncio.create_task(assistant.ask(question))
    server.pass_all("request", "head")
    await until(lambda: "middle" in server.reached)
    return task


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_cancelled_call_returns_at_once_and_is_charged_exactly(
    home: Path, server: SteppingServer
) -> None:
    assistant = Assistant.from_config(Config(hosted_endpoint=server.url))
    task = await _started(server, home, assistant)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 0.5)
    assert (await assistant.budget()).open_calls
    server.pass_all("middle", "end")
    await until(lambda: "gone" in server.reached)
    async with asyncio.timeout(10):
        while (await assistant.budget()).open_calls:
            await asyncio.sleep(0.01)
    assert (await assistant.budget()).day.spent_nusd == COST_NUSD
    await assistant.close()


async def test_a_cancelled_call_whose_server_stalls_is_charged_in_full_at_its_deadline(
    home: Path, server: SteppingServer
) -> None:
    assistant = Assistant.from_config(Config(hosted_endpoint=server.url, hosted_timeout_s=2))
    task = await _started(server, home, assistant)
    task.cancel()
    async with asyncio.timeout(5):
        while (await assistant.budget()).open_calls:
            await asyncio.sleep(0.01)
    (day,) = (await assistant.budget()).days[-1:]
    assert day.spent_nusd > server.charged_nusd
    await assistant.close()


async def test_closing_waits_no_longer_than_a_moment_and_leaves_the_call_counted(
    home: Path, server: SteppingServer
) -> None:
    assistant = Assistant.from_config(Config(hosted_endpoint=server.url))
    task = await _started(server, home, assistant)
    async with asyncio.timeout(5):
        await assistant.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    found = summary()
    assert found.day.spent_nusd > server.charged_nusd
