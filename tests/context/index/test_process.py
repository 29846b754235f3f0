"""The index in its own process: it is slow, stopped, killed, and must never be more than missing."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from cope_lsp.context.index.build import Bounds
from cope_lsp.context.index.files import FILE_BYTES_MAX
from cope_lsp.context.index.process import GIVEN_UP, RESTARTS_MAX, Defined, WorkspaceIndex, may_be_read

WAIT_S = 30.0
FOUND = (Defined("a.py", "def unusual(x):"),)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[WorkspaceIndex]:
    (tmp_path / "a.py").write_text("def unusual(x): ...\n")
    made = WorkspaceIndex(tmp_path)
    yield made
    await made.close()


async def until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not happens():
            await asyncio.sleep(0.02)


async def find(index: WorkspaceIndex, timeout_s: float = WAIT_S) -> tuple[Defined, ...] | None:
    return await index.definitions(["unusual"], [], "b.py", timeout_s)


async def complete(index: WorkspaceIndex) -> None:
    async with asyncio.timeout(WAIT_S):
        while not (index.status and index.status.complete):
            await find(index, 5.0)


async def test_it_is_built_in_the_background_and_says_what_it_takes(index: WorkspaceIndex) -> None:
    index.start()
    await complete(index)
    assert await find(index) == FOUND
    status = index.status
    assert status is not None
    assert (status.files, status.definitions, status.stopped) == (1, 1, "")
    assert status.bytes == len("def unusual(x): ...\n")
    assert index.pid is not None
    process = psutil.Process(index.pid)
    assert status.resident_bytes == pytest.approx(process.memory_info().rss, rel=0.3)
    if os.name == "posix":
        assert process.nice() >= min(19, os.nice(0) + 10)


async def test_a_file_that_is_saved_is_read_with_the_next_question(
    index: WorkspaceIndex, tmp_path: Path
) -> None:
    await complete(index)
    (tmp_path / "new.py").write_text("def brand_new(): ...\n")
    index.changed("new.py")
    assert await index.definitions(["brand_new"], [], "", WAIT_S) == (Defined("new.py", "def brand_new():"),)


async def test_who_asks_waits_no_longer_than_they_said(index: WorkspaceIndex) -> None:
    await complete(index)
    assert index.pid is not None
    os.kill(index.pid, signal.SIGSTOP)
    started = time.monotonic()
    assert await find(index, 0.05) is None
    assert await find(index, 0.05) is None  # is not even asked: the first question still waits
    assert time.monotonic() - started < 5.0  # of 12 that the process has
    os.kill(index.pid, signal.SIGCONT)
    await until(lambda: index._asked is not None and index._asked.done())
    assert await find(index) == FOUND


async def test_one_that_was_stopped_does_not_hinder_the_end(index: WorkspaceIndex) -> None:
    await complete(index)
    assert index.pid is not None
    os.kill(index.pid, signal.SIGSTOP)
    process = psutil.Process(index.pid)
    assert await find(index, 0.05) is None
    await index.close()
    assert not process.is_running()
    assert await find(index) is None


async def test_after_a_crash_there_is_nothing_and_later_everything_again(index: WorkspaceIndex) -> None:
    await complete(index)
    first = index.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(
        lambda: not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE
    )
    async with asyncio.timeout(WAIT_S):
        while await find(index) != FOUND:
            await asyncio.sleep(0.02)
    assert index.pid not in {None, first}


async def test_one_that_dies_again_and_again_is_left_alone_and_says_so(
    index: WorkspaceIndex, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(RESTARTS_MAX + 1):
        await complete(index)
        assert index.pid is not None
        process = psutil.Process(index.pid)
        process.kill()
        await until(lambda process=process: process.status() == psutil.STATUS_ZOMBIE)  # type: ignore[misc]
        index.status = None
    assert await find(index) is None
    assert index.pid is None
    assert index.status is not None
    assert (index.status.stopped, index.status.complete, index.status.resident_bytes) == (GIVEN_UP, False, 0)
    assert len([line for line in caplog.messages if "is off until" in line]) == 1


async def test_one_that_cannot_be_started_is_missing_and_given_up(
    index: WorkspaceIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no_python"))
    for _ in range(RESTARTS_MAX + 1):
        assert index.status is None
        assert await find(index) is None
    assert index.status is not None
    assert index.status.stopped == GIVEN_UP


async def test_a_name_that_no_table_holds_does_not_end_it(index: WorkspaceIndex) -> None:
    await complete(index)
    pid = index.pid
    assert await index.definitions(["unusual"], ["half\ud800"], "half\ud800.py", WAIT_S) == ()
    index.changed("half\ud800.py")
    assert await find(index) == FOUND
    assert index.pid == pid


async def test_of_a_file_that_it_dies_of_it_dies_once(
    index: WorkspaceIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "Bad.cs").write_text("a.b<" * 60_000)  # `tree-sitter` hangs, and cannot be stopped
    index.start()
    await until(lambda: index._was_reading() == "Bad.cs")
    assert index.pid is not None
    os.kill(index.pid, signal.SIGKILL)  # as the process does itself, ten seconds later
    await complete(index)
    assert await find(index) == FOUND
    assert [line for line in caplog.messages if "died" in line] == [
        f"the index of {tmp_path} died, and leaves out Bad.cs now"
    ]


async def test_one_that_dies_while_it_reads_nothing_leaves_nothing_out(index: WorkspaceIndex) -> None:
    await complete(index)
    assert index.pid is not None
    os.kill(index.pid, signal.SIGKILL)
    async with asyncio.timeout(WAIT_S):
        while await find(index) != FOUND:
            await asyncio.sleep(0.02)
    assert not index._skip


async def test_which_bound_it_reached_is_told_once(
    index: WorkspaceIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "0.sh").write_text("#" * FILE_BYTES_MAX)
    for number in range(1, Bounds().bytes_max // FILE_BYTES_MAX + 1):
        os.link(tmp_path / "0.sh", tmp_path / f"{number}.sh")
    async with asyncio.timeout(WAIT_S * 2):
        while not (index.status and index.status.stopped):
            await find(index, 5.0)
    await find(index)
    reason = "it has read 100000000 bytes"
    assert index.status.stopped == reason
    assert caplog.messages == [f"the index of {tmp_path} has stopped: {reason}"]


async def test_stopping_ends_it_at_once_and_for_good(index: WorkspaceIndex) -> None:
    await complete(index)
    assert index.pid is not None
    process = psutil.Process(index.pid)
    index.stop()
    await until(lambda: not process.is_running())
    assert await find(index) is None
    assert index.pid is None


@pytest.mark.skipif(sys.platform == "win32", reason="kills as Unix does")
def test_it_ends_when_its_client_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path\n"
        "from cope_lsp.context.index.process import WorkspaceIndex\n"
        "async def main():\n"
        "    index = WorkspaceIndex(Path(sys.argv[1])); await index.definitions([], [], '', 30)\n"
        "    print(index.pid, flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        worker = psutil.Process(int(client.stdout.readline()))
        client.kill()
        assert psutil.wait_procs([worker], timeout=WAIT_S)[1] == []


async def test_a_module_of_the_workspace_is_not_run(index: WorkspaceIndex, tmp_path: Path) -> None:
    for name in ("json", "sqlite3", "queue"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    folder = Path.cwd()
    os.chdir(tmp_path)
    try:
        await complete(index)
    finally:
        os.chdir(folder)
    assert not (tmp_path / "ran").exists()


def test_neither_a_home_nor_the_whole_disk_is_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "homes" / "me"
    (home / "project").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    (tmp_path / "link").symlink_to(home)
    assert may_be_read(home / "project")
    for folder in (home, tmp_path / "homes", tmp_path / "link", Path(home.anchor), home / "gone"):
        assert not may_be_read(folder), folder


async def test_of_a_home_no_index_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    index = WorkspaceIndex(tmp_path)
    assert await find(index) is None
    assert index.pid is None
    await index.close()
