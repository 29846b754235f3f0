"""Several windows of one user, each with a server: the model is in memory once, nobody hurts another."""

import subprocess
import sys
from pathlib import Path

import psutil

from cope_lsp.models.catalog import embedded_path
from tests.random_model import write_random_model
from tests.server.conftest import StartServer
from tests.server.places import PLACES, end_of, find_offer
from tests.server.wire_client import WireClient, wait_until

SOON_S = 10.0


def opened(start_server: StartServer, count: int, **environment: str) -> list[WireClient]:
    windows = [start_server(**environment) for _ in range(count)]
    for window in windows:
        window.initialize()
    return windows


def engine_of(window: WireClient) -> int:
    """Return the process id of the engine that a window uses."""
    wait_until(lambda: window.status()["engine"], "the engine runs", SOON_S)
    pid: int = window.status()["engine"]["pid"]
    return pid


def suggested(window: WireClient) -> str:
    """Return the first suggestion that a window gets."""
    text: str = find_offer(window).item["insertText"]
    return text


def test_three_windows_have_one_engine_and_two_go_on_when_one_is_killed(start_server: StartServer) -> None:
    first, second, third = opened(start_server, 3)
    offer = suggested(first)
    for window in (second, third):
        assert suggested(window) == offer
    (pid,) = {engine_of(window) for window in (first, second, third)}
    assert third.status()["engine"]["clients"] == 3
    assert pid in {child.pid for child in psutil.Process(first.process.pid).children()}
    first.process.kill()  # the one that started it
    first.process.wait()
    wait_until(lambda: third.status()["engine"]["clients"] == 2, "the dead one was noticed", SOON_S)
    for window in (second, third):
        assert suggested(window) == offer
        assert engine_of(window) == pid
    for window in (second, third):
        assert window.shut_down() == 0
    wait_until(lambda: not psutil.pid_exists(pid), "the engine is gone", SOON_S)


def test_a_crash_of_the_engine_is_survived_by_all_windows(start_server: StartServer) -> None:
    windows = opened(start_server, 3)
    offers = [suggested(window) for window in windows]
    pid = engine_of(windows[0])
    psutil.Process(pid).kill()
    assert [suggested(window) for window in windows] == offers
    (after,) = {engine_of(window) for window in windows}
    assert after != pid


def test_windows_with_other_models_have_other_engines(start_server: StartServer, tmp_path: Path) -> None:
    model = write_random_model(tmp_path / "other.gguf")
    (one,), (other,) = opened(start_server, 1), opened(start_server, 1, COPE_LSP_MODEL_PATH=str(model))
    for window in (one, other):
        uri = window.open(PLACES[0])
        window.inline(uri, *end_of(PLACES[0]))
    assert engine_of(one) != engine_of(other)


def test_who_wants_an_engine_of_their_own_has_one(start_server: StartServer) -> None:
    windows = opened(start_server, 2, COPE_LSP_ENGINE_SHARED="false")
    for window in windows:
        find_offer(window)
    assert len({engine_of(window) for window in windows}) == 2


def test_the_doctor_names_the_engine_that_windows_share(start_server: StartServer) -> None:
    (window,) = opened(start_server, 1)
    find_offer(window)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cope_lsp", "doctor"],
        capture_output=True,
        text=True,
        env=window.environment | {"COLUMNS": "300", "NO_COLOR": "1"},
        check=True,
    )
    (line,) = [line for line in done.stdout.splitlines() if "shared engine" in line]
    assert str(embedded_path()) in line
    assert "2 clients" in line, "the window and the doctor"
    assert f"process {engine_of(window)}" in line
