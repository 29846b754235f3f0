"""The real llama-server as the engine: a child on a socket of ours, also without llama-cpp-python."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cope_lsp.config import Config
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import EngineUnavailableError, GenerationError, ModelFileError
from cope_lsp.models import catalog, llama_server
from cope_lsp.models.llama_server import LlamaServerModel, find_program
from cope_lsp.models.local import LocalModel, NoEngine, model_from, same_model
from cope_lsp.values import Generation, Limits, ModelInfo, Sampling, Text
from tests.benchmarks.peers import tool
from tests.egress.conftest import sealed
from tests.models.test_remote import PLACES, drawn, places
from tests.random_model import write_exact_copy
from tests.server.conftest import StartServer, clean_environment, servers_in
from tests.server.places import find_offers

__all__ = ["sealed"]

ROOT = Path(__file__).parents[2]
ADD = Generation((Text("def add(a, b):\n", 100, "tail"),), Limits(20, 20.0))
GONE_S = 5.0
CLASS = "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        self.y = \n"


@pytest.fixture(scope="module")
def program() -> str:
    return str(tool("llama-server"))


@pytest.fixture
async def model(program: str) -> AsyncIterator[LlamaServerModel]:
    made = LlamaServerModel(program, catalog.resolve(None), EngineSettings(), restarts_max=2)
    yield made
    await made.close()


def server_of(leash: int | None) -> psutil.Process:
    """Return the server itself, which a wrapper may have started."""
    (found,) = (p for p in psutil.Process(leash).children(recursive=True) if p.name() == "llama-server")
    return found


async def texts(model: LlamaServerModel | LocalModel, wanted: list[Generation]) -> list[str]:
    return [(await drawn(model, one))[0].text for one in wanted]


async def test_it_writes_exactly_what_our_own_engine_writes(program: str, tmp_path: Path) -> None:
    """With weights in 32 bits; in 8 bits, what is rounded depends on how a prompt was cut into batches."""
    exact = write_exact_copy(tmp_path / "exact.gguf")
    for path, differing_max in ((exact, 0), (catalog.resolve(None), PLACES // 5)):
        ours = LocalModel(path, EngineSettings(), restarts_max=0)
        theirs = LlamaServerModel(program, path, EngineSettings(), restarts_max=0)
        wanted = await places(ours)
        pairs = zip(await texts(ours, wanted), await texts(theirs, wanted), strict=True)
        assert sum(one != other for one, other in pairs) <= differing_max  # measured: 0 and 3 of 30
        known, other = await ours.info(), await theirs.info()
        for name in ("name", "fim", "fim_order", "fim_marks", "languages", "suffix_tokens_max", "chat"):
            assert getattr(known, name) == getattr(other, name), name
        await ours.close()
        await theirs.close()


@pytest.mark.parametrize("slots", [9, 4, 1])
async def test_drafts_do_not_depend_on_how_many_are_drawn_at_once(
    program: str, tmp_path: Path, slots: int
) -> None:
    settings = EngineSettings(sequences=slots, cache_type="f32")
    model = LlamaServerModel(program, write_exact_copy(tmp_path / "exact.gguf"), settings, restarts_max=0)
    together = await drawn(model, replace(ADD, samples=9, sampling=Sampling(0.8, seed=5)))
    one_by_one = [replace(ADD, sampling=Sampling(0.8, seed=seed)) for seed in range(5, 14)]
    assert [sample.text for sample in together] == await texts(model, one_by_one)
    await model.close()


async def test_it_listens_where_only_the_user_can_knock(model: LlamaServerModel) -> None:
    await model.info()
    process = server_of(model.pid)
    assert not process.net_connections("inet")
    socket = socket_of(process)
    assert socket.parent.stat().st_mode & 0o77 == 0
    await model.close()
    await ended(process)
    assert not socket.parent.exists()


async def test_a_server_that_died_is_replaced_a_few_times(model: LlamaServerModel) -> None:
    for _ in range(3):
        assert (await drawn(model, ADD))[0].text
        server_of(model.pid).kill()
    with pytest.raises(EngineUnavailableError, match="llama-server is off: it died 3 times"):
        await drawn(model, ADD)
    assert model.state == "unavailable"


async def test_a_leash_that_is_killed_takes_its_server_along(model: LlamaServerModel) -> None:
    await model.info()
    server, folder = server_of(model.pid), socket_of(server_of(model.pid)).parent
    assert model.pid
    os.kill(model.pid, signal.SIGKILL)
    await ended(server)
    await gone(folder)
    assert (await drawn(model, ADD))[0].text, "and another one is started"


async def test_a_server_that_hangs_is_ended_and_replaced(
    model: LlamaServerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_server, "ALIVE_S", 0.3)
    await model.info()
    hung = server_of(model.pid)
    hung.suspend()
    with pytest.raises(GenerationError, match="did not begin to answer"):
        await drawn(model, replace(ADD, limits=Limits(20, 0.3)))
    await ended(hung)
    assert (await drawn(model, ADD))[0].text
    assert server_of(model.pid) != hung


async def test_a_long_folder_of_temporary_files_is_no_obstacle(
    model: LlamaServerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert (await drawn(model, ADD))[0].text


async def test_a_stranger_of_a_file_is_not_given_to_it(program: str, tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<!doctype html>")
    model = LlamaServerModel(program, path, EngineSettings(), restarts_max=2)
    with pytest.raises(ModelFileError, match="is not a GGUF file"):
        await model.info()
    await model.close()


async def test_what_cannot_load_says_what_the_server_said(program: str, tmp_path: Path) -> None:
    path = tmp_path / "strange.gguf"
    path.write_bytes(catalog.resolve(None).read_bytes().replace(b"llama", b"lalla"))
    model = LlamaServerModel(program, path, EngineSettings(), restarts_max=0)
    with pytest.raises(EngineUnavailableError, match="unknown model architecture: 'lalla'"):
        await model.info()
    assert model.state == "unavailable"
    await model.close()


def socket_of(server: psutil.Process) -> Path:
    line = server.cmdline()
    return Path(line[line.index("--host") + 1])


async def ended(process: psutil.Process) -> None:
    """Wait until a process runs no more; whoever inherited it may take its time to bury it."""
    async with asyncio.timeout(GONE_S):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)


async def gone(folder: Path) -> None:
    """Wait until a folder is not there any more."""
    async with asyncio.timeout(GONE_S):
        while folder.exists():
            await asyncio.sleep(0.01)


def wrapper(folder: Path, script: str) -> str:
    """Make a program that starts a llama-server without becoming it."""
    path = folder / "llama-server.sh"
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o700)
    return str(path)


async def test_a_server_in_a_wrapper_is_closed_with_it(program: str, tmp_path: Path) -> None:
    path = wrapper(tmp_path, f'{program} "$@"\necho "it ended"\n')
    model = LlamaServerModel(path, catalog.resolve(None), EngineSettings(), restarts_max=0)
    assert (await drawn(model, ADD))[0].text
    server = server_of(model.pid)
    await model.close()
    await ended(server)


async def test_what_escapes_from_a_wrapper_does_not_hold_the_end_up(program: str, tmp_path: Path) -> None:
    path = wrapper(tmp_path, f'setsid sleep 600 &\necho $! > {tmp_path}/pid\nexec {program} "$@"\n')
    model = LlamaServerModel(path, catalog.resolve(None), EngineSettings(), restarts_max=0)
    await model.info()
    server = server_of(model.pid)
    try:
        await model.close()
        await ended(server)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


async def test_a_program_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = tmp_path / "llama-server"
    path.write_text("no program")
    path.chmod(0o700)
    model = LlamaServerModel(str(path), catalog.resolve(None), EngineSettings(), restarts_max=0)
    with pytest.raises(EngineUnavailableError, match="cannot be started: Exec format error"):
        await model.info()
    await model.close()
    assert not list(tmp_path.glob("cope-*"))


@pytest.mark.parametrize("started", [0.0, 0.01, 0.05, 0.2])
async def test_to_close_it_while_it_starts_leaves_nothing(
    model: LlamaServerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: float
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(psutil.Process().children())
    waiting = asyncio.create_task(model.info())
    await asyncio.sleep(started)
    await model.close()
    (said,) = await asyncio.gather(waiting, return_exceptions=True)
    assert str(said) == "the engine was closed" or isinstance(said, ModelInfo)
    with pytest.raises(EngineUnavailableError, match="the engine was closed"):
        await model.info()
    assert set(psutil.Process().children()) == before
    assert not list(tmp_path.glob("cope-*"))


HELD = """
import asyncio, sys
from pathlib import Path
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models.llama_server import LlamaServerModel

async def main():
    model = LlamaServerModel(sys.argv[1], Path(sys.argv[2]), EngineSettings(), 0)
    await model.info()
    print(model.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_it_ends_with_us_also_when_we_are_killed(
    program: str, tmp_path: Path, *, is_wrapped: bool
) -> None:
    path = wrapper(tmp_path, f'{program} "$@"\necho "it ended"\n') if is_wrapped else program
    command = [sys.executable, "-c", HELD, path, str(catalog.resolve(None))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout
        server = server_of(int(holder.stdout.readline()))
        folder = socket_of(server).parent
        assert folder.is_dir()
        holder.kill()
    await ended(server)
    await gone(folder)


# -- which one is used --------------------------------------------------------------------------------


def test_the_setting_decides_and_auto_prefers_our_own(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(program).parent))
    assert isinstance(model_from(Config()), LocalModel)
    assert isinstance(model_from(Config(engine_backend="llama-server")), LlamaServerModel)
    assert not same_model(Config(), Config(engine_backend="llama-server"))
    monkeypatch.setenv("PATH", "")
    missing = model_from(Config(engine_backend="llama-server"))
    assert isinstance(missing, NoEngine)
    assert "put llama.cpp's llama-server on PATH" in missing.reason


def test_a_llama_server_of_the_folder_that_is_edited_is_not_run(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llama-server").symlink_to(program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin"]))
    assert find_program() is None


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with all that we need but llama-cpp-python."""
    folder = tmp_path_factory.mktemp("bare")
    packages = folder / "packages"
    packages.mkdir()
    for entry in Path(pytest.__file__).parents[1].iterdir():
        if not entry.name.startswith("llama_cpp") and entry.suffix != ".pth":
            (packages / entry.name).symlink_to(entry)
    venv.create(folder / "venv", symlinks=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "ours.pth").write_text(f"{packages}\n{ROOT}\n")
    return folder / "venv" / "bin" / "python"


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    with servers_in(tmp_path) as start:
        yield start


def run(
    python: Path, folder: Path, *arguments: str, path: str, sealed: str = ""
) -> subprocess.CompletedProcess[str]:
    before = [sealed] if sealed else []
    return subprocess.run(
        [*before, python, "-P", "-m", "cope_lsp", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(folder) | {"HOME": str(folder), "PATH": path, "COPE_LSP_OFFLINE": "true"},
        check=False,
        timeout=60,
    )


def test_without_llama_cpp_python_everything_works_with_llama_server_and_offline(
    bare: Path, program: str, tmp_path: Path, sealed: str
) -> None:
    (tmp_path / "some.py").write_text(
        "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        self.y = \n"
    )
    place = ("some.py", "--line", "3", "--character", "17")
    path = f"{Path(program).parent}:/usr/bin:/bin"
    done = run(bare, tmp_path, "complete", *place, path=path, sealed=sealed)
    assert (done.returncode, done.stdout.strip()) == (0, "y"), done.stderr
    report = run(bare, tmp_path, "doctor", "--json", path=path)
    findings = {row["subject"]: row for row in json.loads(report.stdout)["findings"]}
    assert report.returncode == 0, report.stdout
    assert findings["backend"]["fact"].endswith(f"used: {program}")
    assert "llama-server" in findings["model"]["fact"]


def test_without_either_doctor_names_both_ways(bare: Path, tmp_path: Path) -> None:
    report = run(bare, tmp_path, "doctor", "--json", path="/usr/bin:/bin")
    findings = {row["subject"]: row for row in json.loads(report.stdout)["findings"]}
    assert report.returncode == 1
    assert findings["backend"]["state"] == findings["model"]["state"] == "broken"
    for way in ("pip install llama-cpp-python", "llama-server on PATH"):
        assert way in findings["backend"]["next_step"]
        assert way in findings["model"]["fact"]


def test_without_llama_cpp_python_an_editor_gets_ghost_text(
    bare: Path, program: str, start_server: StartServer, tmp_path: Path
) -> None:
    path = f"{Path(program).parent}:/usr/bin:/bin"
    client = start_server(command=(str(bare), "-P", "-m", "cope_lsp"), PATH=path, COPE_LSP_OFFLINE="true")
    client.initialize(rootUri=tmp_path.as_uri())
    assert find_offers(client)
    servers = [
        p for p in psutil.Process(client.process.pid).children(recursive=True) if p.name() == "llama-server"
    ]
    assert len(servers) == 1
    assert client.shut_down() == 0
    deadline = time.monotonic() + GONE_S
    while servers[0].is_running() and servers[0].status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
