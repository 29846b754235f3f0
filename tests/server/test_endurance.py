"""The engine dies, prints and is hit between frames; the server answers every request and lives."""

import itertools
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.server.conftest import StartServer
from tests.server.places import PLACES, end_of
from tests.server.wire_client import INLINE, WireClient, inline_params, wait_until

SIGNALS = (signal.SIGKILL, signal.SIGABRT)
MEGABYTE = 1_000_000
GROWTH_BYTES_MAX = 6 * MEGABYTE

Scale = Callable[[int, int], int]


@pytest.fixture(scope="session")
def meddler(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Compile the library that is preloaded into the worker and return its path."""
    source = Path(__file__).with_name("meddler.c")
    library = tmp_path_factory.mktemp("native") / "meddler.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return str(library)


def ask_somewhere(client: WireClient, number: int) -> int:
    """Send a request at a place that no cache knows and return its id."""
    text = f"# {number} {random.Random(number).random()}\n" + PLACES[number % len(PLACES)]
    uri = client.open(text)
    return client.request(INLINE, inline_params(uri, *end_of(text)))


def start_with_restarts(start_server: StartServer, **environment: str) -> WireClient:
    client = start_server(COPE_LSP_ENGINE_RESTARTS_MAX="1000000", **environment)
    client.initialize()
    return client


@pytest.mark.timeout(600)
def test_killed_workers_cost_a_load_and_no_answer(start_server: StartServer, scale: Scale) -> None:
    """A request after a death is answered within the time to load a model plus one second."""
    client = start_with_restarts(start_server)
    started = time.monotonic()
    client.result(ask_somewhere(client, 0))
    load_s = time.monotonic() - started
    for number, how in zip(range(1, scale(6, 100) + 1), itertools.cycle(SIGNALS), strict=False):
        worker = client.worker()
        in_flight = ask_somewhere(client, 2 * number)
        worker.send_signal(how)
        client.result(in_flight)
        wait_until(lambda dead=worker: not alive(dead), "the worker is gone")  # type: ignore[misc]
        asked = time.monotonic()
        client.result(ask_somewhere(client, 2 * number + 1))
        assert time.monotonic() - asked < load_s + 1.0
    assert client.status()["kind"] == "Normal"
    assert client.shut_down() == 0


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.timeout(600)
def test_native_noise_never_reaches_the_editor(
    start_server: StartServer, meddler: str, scale: Scale, tmp_path: Path
) -> None:
    """Models are loaded again and again by a worker that prints all the time, while requests flow.

    That nothing but LSP came on standard output is asserted by the fixture for every server.
    """
    noise = tmp_path / "noise"
    client = start_with_restarts(start_server, LD_PRELOAD=meddler, MEDDLER_NOISE=str(noise))
    loads = scale(5, 100)
    for number in range(loads):
        requests = [ask_somewhere(client, 3 * number + n) for n in range(3)]
        for request in requests:
            client.result(request)
        worker = client.worker()
        worker.kill()
        wait_until(lambda dead=worker: not alive(dead), "the worker is gone")  # type: ignore[misc]
    assert noise.stat().st_size > 10 * loads
    assert client.shut_down() == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", SIGNALS)
def test_a_worker_that_dies_between_any_two_frames_costs_no_answer(
    start_server: StartServer, meddler: str, how: signal.Signals
) -> None:
    """It dies after its first, second, ... frame, every time, until a whole request fits before its death."""
    for frames in range(1, 6):
        client = start_with_restarts(
            start_server, LD_PRELOAD=meddler, MEDDLER_DIE_AFTER=str(frames), MEDDLER_SIGNAL=str(int(how))
        )
        for number in range(3):
            answer = client.result(ask_somewhere(client, number))
            assert answer is None or isinstance(answer["items"], list)
        assert client.shut_down() == 0


@pytest.mark.timeout(600)
def test_memory_stays_flat_while_requests_come_and_go(start_server: StartServer, scale: Scale) -> None:
    client = start_with_restarts(start_server)
    uri = client.open(PLACES[0])
    batch, rounds = 100, scale(3, 20)

    def storm(first: int) -> None:
        requests = []
        for number in range(first, first + batch):
            line, character = end_of(PLACES[0])
            text = PLACES[0] + "    " + f"value_{number} = "
            client.change(uri, {"text": text}, version=number + 2)
            requests.append(client.request(INLINE, inline_params(uri, line, character)))
            if number % 3 == 0:
                client.notify("$/cancelRequest", {"id": requests[-1]})
        for request in requests:
            client.response(request)

    for warm_up in range(2):
        storm(warm_up * batch)
    before = memory(client)
    for number in range(2, 2 + rounds):
        storm(number * batch)
    assert memory(client) - before < GROWTH_BYTES_MAX
    assert client.shut_down() == 0


def memory(client: WireClient) -> int:
    processes = [psutil.Process(client.process.pid), *client.workers()]
    total: int = sum(process.memory_info().rss for process in processes)
    return total
