"""One engine for all windows: who starts it, who ends it, and what happens when one of them dies."""

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import aclosing, suppress
from pathlib import Path

import psutil
import pytest

from cope_lsp.engine.link import place_of
from cope_lsp.engine.local_socket import NoSocketError, private_folder
from cope_lsp.engine.neighbours import engines
from cope_lsp.engine.process import ANSWER_GRACE_S, EngineProcess
from cope_lsp.engine.wire import EngineSettings, Inquire, Open, encode
from cope_lsp.errors import EngineUnavailableError
from cope_lsp.models.catalog import embedded_path
from tests.engine.conftest import MakeEngine, draw, generation
from tests.random_model import write_random_model

GONE_S = 10.0


def workers(folder: Path) -> list[psutil.Process]:
    """Return the engines whose sockets lie in a folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "cope_lsp.engine.worker" in command and any(str(folder) in word for word in command):
            found.append(process)
    return found


async def until_gone(pid: int | None) -> None:
    assert pid
    async with asyncio.timeout(GONE_S):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)


async def test_those_who_want_the_same_model_get_the_same_engine(
    make_engine: MakeEngine, runtime_folder: Path
) -> None:
    windows = [make_engine(shared=True) for _ in range(5)]
    await asyncio.gather(*(window.start() for window in windows))
    assert len({window.pid for window in windows}) == 1
    assert [each.pid for each in workers(runtime_folder)] == [windows[0].pid]
    expected = (await draw(make_engine(), generation())).texts
    answers = await asyncio.gather(*(draw(window, generation()) for window in windows for _ in range(4)))
    assert [answer.texts for answer in answers] == [expected] * 20
    status = await windows[0].status()
    assert status is not None
    assert (status.clients, status.generations, status.model_path) == (5, 0, str(embedded_path()))
    assert status.memory_bytes > embedded_path().stat().st_size


async def test_other_settings_and_other_files_are_other_engines(
    make_engine: MakeEngine, tmp_path: Path
) -> None:
    copy = shutil.copy(embedded_path(), tmp_path / "copy.gguf")
    windows = [
        make_engine(shared=True),
        make_engine(shared=True, context_tokens=1024),
        make_engine(Path(copy), shared=True),
    ]
    await asyncio.gather(*(window.start() for window in windows))
    assert len({window.pid for window in windows}) == 3


async def test_an_engine_ends_with_its_last_client(make_engine: MakeEngine, runtime_folder: Path) -> None:
    first, second = make_engine(shared=True), make_engine(shared=True)
    await asyncio.gather(first.start(), second.start())
    pid = first.pid
    await first.close()
    assert (await draw(second, generation())).samples
    assert second.pid == pid
    await second.close()
    await until_gone(pid)
    assert not list(runtime_folder.rglob("*.socket"))


WINDOW = """
import asyncio, sys
from contextlib import aclosing, suppress
from pathlib import Path
from cope_lsp.engine.process import ANSWER_GRACE_S, EngineProcess
from cope_lsp.engine.wire import EngineSettings
from tests.engine.conftest import generation

async def main():
    engine = EngineProcess(Path(sys.argv[1]), EngineSettings(), shared=True)
    await engine.start()
    async with aclosing(engine.generate(generation(tokens=3000, temperature=1.5, samples=8))) as answers:
        print(engine.pid, flush=True)
        async for answer in answers: pass
    await asyncio.sleep(60)

asyncio.run(main())
"""


def other_window() -> subprocess.Popen[str]:
    """Start another process that has the engine at work; its id was printed when this returns."""
    return subprocess.Popen(
        [sys.executable, "-c", WINDOW, embedded_path()], stdout=subprocess.PIPE, text=True
    )


async def test_a_window_that_is_killed_hurts_nobody(make_engine: MakeEngine) -> None:
    """Not even if it is the one that started the engine, with work under way."""
    other = other_window()
    assert other.stdout is not None
    pid = int(await asyncio.to_thread(other.stdout.readline))
    ours = make_engine(shared=True)
    await ours.start()
    assert ours.pid == pid
    other.kill()
    other.wait()
    assert (await draw(ours, generation())).samples
    assert ours.pid == pid
    async with asyncio.timeout(GONE_S):  # what the dead one had under way was cancelled
        while (status := await ours.status()) is None or (status.clients, status.generations) != (1, 0):
            await asyncio.sleep(0.01)
    other.stdout.close()
    await ours.close()
    await until_gone(pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_crash_is_survived_by_all_windows(make_engine: MakeEngine, how: signal.Signals) -> None:
    windows = [make_engine(shared=True) for _ in range(3)]
    await asyncio.gather(*(window.start() for window in windows))
    pid = windows[0].pid
    assert pid
    os.kill(pid, signal.SIGSTOP)  # so that it certainly dies before it answers
    waiting = [asyncio.create_task(draw(window, generation(tokens=100))) for window in windows]
    await asyncio.sleep(0.05)
    os.kill(pid, how)
    with suppress(ProcessLookupError):  # SIGKILL did not wait for that
        os.kill(pid, signal.SIGCONT)
    texts = [answer.texts for answer in await asyncio.gather(*waiting)]
    assert texts == [texts[0]] * 3
    assert len({window.pid for window in windows}) == 1
    assert windows[0].pid != pid


async def test_an_engine_that_hangs_is_ended_for_all(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cope_lsp.engine.process.ANSWER_GRACE_S", 0.5)
    windows = [make_engine(shared=True) for _ in range(2)]
    await asyncio.gather(*(window.start() for window in windows))
    pid = windows[0].pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(EngineUnavailableError, match="did not answer"):
        await draw(windows[0], generation(deadline_s=0.1))
    await until_gone(pid)
    assert (await draw(windows[1], generation())).samples
    assert windows[1].pid != pid


async def test_an_idle_engine_ends_and_the_next_request_starts_another(make_engine: MakeEngine) -> None:
    window = make_engine(shared=True, idle_s=0.3)
    first = await draw(window, generation())
    pid = window.pid
    await until_gone(pid)
    async with asyncio.timeout(GONE_S):
        while window.state != "asleep":
            await asyncio.sleep(0.01)
    assert (await draw(window, generation())).texts == first.texts
    assert window.pid != pid


async def test_one_of_ones_own_ends_when_it_is_idle_too(make_engine: MakeEngine) -> None:
    window = make_engine(idle_s=0.3)
    first = await draw(window, generation())
    async with asyncio.timeout(GONE_S):
        while window.state != "asleep":
            await asyncio.sleep(0.01)
    assert (await draw(window, generation())).texts == first.texts


async def test_a_model_that_is_not_used_makes_room_for_another(
    make_engine: MakeEngine, tmp_path: Path, runtime_folder: Path
) -> None:
    paths = [write_random_model(tmp_path / f"{name}.gguf") for name in "abc"]
    old, used, new = (make_engine(path, shared=True, memory_bytes_max=1) for path in paths)
    await old.start()
    unused = old.pid
    busy = generation(tokens=2000, temperature=1.5, samples=8, deadline_s=60.0, priority="batch")
    async with aclosing(used.generate(busy)) as answers:
        await anext(answers)
        await until_gone(unused)
        await new.start()
        running = {status.model_path for status in engines(runtime_folder / "cope-lsp").values()}
        assert running == {str(paths[1]), str(paths[2])}, "one at work is left alone"
    assert (await draw(old, generation())).samples, "and it is loaded again when it is wanted"


async def test_an_engine_nobody_comes_to_is_not_left_behind() -> None:
    path = private_folder() / "lonely.socket"
    code = "from cope_lsp.engine import worker; worker.FIRST_CLIENT_S = 0.2; worker.main()"
    process = subprocess.Popen([sys.executable, "-c", code, "--socket", path])
    assert await asyncio.to_thread(process.wait, GONE_S) == 0
    assert not path.exists()


async def test_a_socket_that_was_left_behind_is_replaced(make_engine: MakeEngine) -> None:
    path = place_of(embedded_path(), EngineSettings())
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    window = make_engine(shared=True)
    assert (await draw(window, generation())).samples


async def test_who_only_inquires_keeps_no_engine_alive(make_engine: MakeEngine) -> None:
    window = make_engine(shared=True)
    await window.start()
    path = place_of(embedded_path(), EngineSettings())
    with socket.socket(socket.AF_UNIX) as curious:
        curious.connect(str(path))
        curious.sendall(encode(Inquire()))
        assert curious.recv(4)
        pid = window.pid
        await window.close()
        await until_gone(pid)


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2{}", encode(Open(0, "x", EngineSettings()))]
)
async def test_who_does_not_speak_the_language_harms_nobody(make_engine: MakeEngine, noise: bytes) -> None:
    window = make_engine(shared=True)
    await window.start()
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(place_of(embedded_path(), EngineSettings())))
        stranger.sendall(noise)
        assert (await draw(window, generation())).samples
    assert (await draw(window, generation())).samples


def ask_until_refused(connection: socket.socket) -> None:
    with suppress(TimeoutError, ConnectionError):
        while True:
            connection.sendall(encode(Inquire()) * 1000)


async def test_who_does_not_read_holds_up_nobody(make_engine: MakeEngine) -> None:
    window = make_engine(shared=True)
    await window.start()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(place_of(embedded_path(), EngineSettings())))
        deaf.settimeout(0.2)
        ask_until_refused(deaf)
        assert (await draw(window, generation())).samples


async def test_a_window_that_stood_still_ends_no_engine_that_has_answered(make_engine: MakeEngine) -> None:
    """As after Ctrl-Z: the deadline is over, and the answer is there."""
    window, other = make_engine(shared=True), make_engine(shared=True)
    await asyncio.gather(window.start(), other.start())
    pid = other.pid
    drawing = asyncio.create_task(draw(window, generation(deadline_s=0.1)))
    await asyncio.sleep(0.01)
    time.sleep(0.1 + ANSWER_GRACE_S + 0.2)  # it is what is tested
    assert (await drawing).usage.prompt_tokens > 0
    assert window.pid == other.pid == pid
    assert (await draw(other, generation())).samples


async def test_where_nothing_can_listen_everybody_has_an_engine_of_their_own(
    make_engine: MakeEngine,
) -> None:
    place_of(embedded_path(), EngineSettings()).mkdir()  # what cannot be replaced by a socket
    windows = [make_engine(shared=True) for _ in range(2)]
    for window in windows:
        assert (await draw(window, generation())).samples
    assert windows[0].pid != windows[1].pid


# -- only this user -----------------------------------------------------------------------------------


def test_the_folder_of_the_sockets_is_closed_to_others(runtime_folder: Path) -> None:
    folder = private_folder()
    assert folder.is_relative_to(runtime_folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    with pytest.raises(NoSocketError, match="others can write"):
        private_folder()


AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")


@pytest.mark.parametrize("what", ["file", "link", "open", pytest.param("foreign", marks=AS_ROOT)])
async def test_where_others_could_listen_everybody_has_an_engine_of_their_own(
    make_engine: MakeEngine, runtime_folder: Path, tmp_path: Path, what: str
) -> None:
    folder = runtime_folder / "cope-lsp"
    match what:
        case "file":
            folder.touch()
        case "link":
            folder.symlink_to(tmp_path)
        case "open":
            folder.mkdir()
            folder.chmod(0o777)
        case "foreign":
            folder.mkdir()
            os.chown(folder, 12345, -1)
    with pytest.raises(NoSocketError):
        private_folder()
    windows = [make_engine(shared=True) for _ in range(2)]
    assert all([(await draw(window, generation())).samples for window in windows])
    assert windows[0].pid != windows[1].pid


@pytest.mark.skipif(os.getuid() != 0, reason="only root can listen as somebody else")
async def test_what_listens_for_somebody_else_is_not_spoken_to(make_engine: MakeEngine) -> None:
    """Another user who could put a socket into our folder would still not be sent a text."""
    path = place_of(embedded_path(), EngineSettings())
    listening = subprocess.Popen(
        [sys.executable, "-c", LISTENER, path], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert listening.stdout is not None
    assert listening.stdin is not None
    assert listening.stdout.readline() == "listening\n"
    window = make_engine(shared=True)
    assert (await draw(window, generation())).samples
    output, _ = listening.communicate("\n")
    assert output == "heard b''\n"


LISTENER = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    os.chmod(sys.argv[1], 0o777)
    os.setuid(12345)
    listener.listen()
    print("listening", flush=True)
    connection, _ = listener.accept()
    print("heard", connection.recv(100), flush=True)
    sys.stdin.readline()
"""


async def test_a_path_too_long_for_a_socket_is_no_reason_to_fail(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 120)))
    window: EngineProcess = make_engine(shared=True)
    assert (await draw(window, generation())).samples
