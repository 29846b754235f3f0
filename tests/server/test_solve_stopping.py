"""A solve that is not wanted any more stops at once, whoever says so, and nothing of it is left."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.server.conftest import StartServer
from tests.server.editor import HARD, SHOWS_PROGRESS, Editor, start_editor
from tests.server.wire_client import paused, wait_until


@pytest.fixture
def drawing(start_server: StartServer, tmp_path: Path) -> Iterator[tuple[Editor, str, int]]:
    """Yield a solve whose engine has its job and stands still."""
    editor = start_editor(start_server, tmp_path / "project", SHOWS_PROGRESS)
    assert editor.solved(editor.open())["status"] == "solved"  # the model is loaded now
    uri = editor.open(HARD)
    with paused(editor.client.worker()):
        solving = editor.solve(uri, 0, workDoneToken="mine", id="job")
        editor.wait_for_drafts()
        yield editor, uri, solving


def by_request(editor: Editor, _uri: str, solving: int) -> None:
    editor.client.notify("$/cancelRequest", {"id": solving})


def by_progress(editor: Editor, _uri: str, _solving: int) -> None:
    editor.client.notify("window/workDoneProgress/cancel", {"token": "mine"})


def by_name(editor: Editor, _uri: str, _solving: int) -> None:
    assert editor.client.command("cope.server.cancel", {"id": "job"}) == {"cancelled": True}


def by_document(editor: Editor, uri: str, _solving: int) -> None:
    assert editor.client.command("cope.server.cancel", {"id": uri}) == {"cancelled": True}


def by_newer(editor: Editor, uri: str, _solving: int) -> None:
    editor.solve(uri, 0)


def by_trust(editor: Editor, _uri: str, _solving: int) -> None:
    editor.client.notify("cope/didChangeTrust", {"trusted": False})


@pytest.mark.parametrize("stop", [by_request, by_progress, by_name, by_document, by_newer, by_trust])
def test_a_solve_stops_at_once_even_when_the_engine_does_not_answer(
    drawing: tuple[Editor, str, int], stop: Callable[[Editor, str, int], None]
) -> None:
    editor, uri, solving = drawing
    assert editor.client.status()["busy"]
    stop(editor, uri, solving)
    answer = editor.client.response(solving, timeout_s=5)
    if stop is by_request:
        assert answer["error"]["code"] == -32800
    else:
        assert answer["result"] is None
    wait_until(lambda: "end" in editor.progress(), "the progress ends")
    wait_until(lambda: editor.client.status()["busy"] == (stop is by_newer), "nothing but a newer one runs")


def test_after_a_stop_the_engine_rests_and_serves_the_next(start_server: StartServer, tmp_path: Path) -> None:
    editor = start_editor(
        start_server, tmp_path / "project", SHOWS_PROGRESS, COPE_LSP_CASCADE_EXTRA_ROUNDS="20"
    )
    assert editor.solved(editor.open())["status"] == "solved"  # the model is loaded now
    worker, uri = editor.client.worker(), editor.open(HARD)
    solving = editor.solve(uri, 0, workDoneToken="mine")
    editor.wait_for_drafts()
    with paused(worker):
        editor.client.notify("$/cancelRequest", {"id": solving})
        assert editor.client.response(solving, timeout_s=5)["error"]["code"] == -32800
        used = [cpu_s(worker)]

    def rests() -> bool:
        used.append(cpu_s(worker))
        return len(used) > 50 and used[-1] == used[-50]

    wait_until(rests, "the engine does nothing any more")
    assert used[-1] - used[0] < 0.5, "what was cancelled would have taken seconds"
    assert editor.solved(editor.open())["status"] == "solved"


def cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


def test_the_session_ends_in_the_middle_of_a_solve(start_server: StartServer, tmp_path: Path) -> None:
    editor = start_editor(start_server, tmp_path / "project", SHOWS_PROGRESS)
    solving = editor.solve(editor.open(HARD), 0, workDoneToken="mine")
    editor.wait_for_drafts()
    assert editor.client.shut_down() == 0
    answer = editor.client.response(solving)
    assert answer.get("result", "none") is None or answer["error"]["code"] == -32800


def test_a_stop_that_comes_late_or_is_about_something_else_changes_nothing(
    start_server: StartServer, tmp_path: Path
) -> None:
    editor = start_editor(start_server, tmp_path / "project")
    uri = editor.open()
    solving = editor.solve(uri, workDoneToken="mine")
    editor.client.notify("window/workDoneProgress/cancel", {"token": "other"})
    editor.client.notify("$/cancelRequest", {"id": 10_000})
    assert editor.client.result(solving, timeout_s=60)["status"] == "solved"
    editor.client.notify("window/workDoneProgress/cancel", {"token": "mine"})
    editor.client.notify("$/cancelRequest", {"id": solving})
    assert editor.solved(uri, workDoneToken="mine")["status"] == "solved", "a token may come again"


@pytest.mark.parametrize("stop", [by_request, by_trust])
def test_tests_that_run_are_stopped_with_the_solve(
    start_server: StartServer, tmp_path: Path, stop: Callable[[Editor, str, int], None]
) -> None:
    editor = start_editor(
        start_server, tmp_path / "project", trusted=True, COPE_LSP_TESTS_PYTHON=sys.executable
    )
    uri = editor.open()
    (editor.project / "tests").mkdir()
    test = "import time\nfrom shop import double_price\n\n\ndef test_it():\n    time.sleep(600)\n"
    (editor.project / "tests" / "test_shop.py").write_text(test)
    solving = editor.solve(uri)
    wait_until(lambda: running_tests(editor), "the tests run")
    stop(editor, uri, solving)
    answer = editor.client.response(solving, timeout_s=5)
    assert answer.get("result", "none") is None or answer["error"]["code"] == -32800
    wait_until(lambda: not running_tests(editor), "nothing is left of the tests")


def running_tests(editor: Editor) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(editor.client.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "pytest" in process.cmdline():
                found.append(process)
    return found
