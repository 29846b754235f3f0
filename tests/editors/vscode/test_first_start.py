"""A machine that has VS Code and our extension, and no server yet."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect

from cope_lsp.version import __version__
from tests.editors.vscode.code_server import CodeServer, Programs, running
from tests.editors.vscode.conftest import windows
from tests.editors.vscode.window import Window

pytestmark = pytest.mark.timeout(120, func_only=True)

INSTALL_S_MAX = 3000
"""llama.cpp is compiled, unless pip has the wheel in its cache that it made when the tests were set up."""


def pip_cache() -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "cache", "dir"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def bare(programs: Programs, vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    """Start a VS Code whose machine has no server."""
    with running(programs, tmp_path_factory.mktemp("bare"), PIP_CACHE_DIR=pip_cache()) as server:
        server.install(vsix)
        server.configure(security__workspace__trust__enabled=False)
        yield server


@pytest.fixture(scope="module")
def window(bare: CodeServer, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with windows(bare, browser, tmp_path_factory.mktemp("first"), ready=False) as start:
        yield start()


def test_the_extension_has_the_version_of_the_server(bare: CodeServer) -> None:
    assert f"cope-lsp.cope-lsp@{__version__}" in bare.installed()


def test_without_a_server_the_status_says_so_and_what_to_do(window: Window) -> None:
    expect(window.status).to_contain_text("not installed")
    window.status.click()
    assert "Install the language server" in window.choices("not installed")[0]
    window.press("Escape")


def test_the_walkthrough_leads_from_the_server_to_the_first_plan(window: Window) -> None:
    window.run("Cope: Open Walkthrough")
    steps = window.page.locator(".getting-started-step .step-title")
    expect(steps.first).to_be_visible()
    titles = steps.all_inner_texts()
    assert 3 <= len(titles) <= 6
    assert "server" in titles[0].lower()
    assert [title for title in titles if "ghost" in title.lower()]
    assert [title for title in titles if "plan" in title.lower()]


@pytest.mark.timeout(INSTALL_S_MAX + 300, func_only=True)
def test_the_server_installs_itself_and_then_there_is_ghost_text(
    window: Window, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = install(window, "llama.cpp is compiled")
    waited = wait_for_ghost_text(window)
    with capsys.disabled():
        print(f"\ninstalled after {seconds:.0f} s, ghost text {waited:.0f} s later")  # noqa: T201 - a measurement


@pytest.mark.timeout(INSTALL_S_MAX + 300, func_only=True)
def test_where_nothing_compiles_a_llama_server_on_the_path_runs_the_model(
    programs: Programs, vsix: Path, browser: Browser, nvim_program: str, tmp_path: Path
) -> None:
    tools = tmp_path / "home" / "bin"
    tools.mkdir(parents=True)
    for name in ("bash", "sh", "env", "cat", "uname", "dirname", "readlink", "sed", "ps"):
        (tools / name).symlink_to(str(shutil.which(name)))
    (tools / "python3").symlink_to(sys.executable)
    llama_server = Path(nvim_program).with_name("llama-server")
    assert llama_server.exists(), "it comes with the Neovim that the tests fetch"
    (tools / "llama-server").symlink_to(llama_server)
    (tmp_path / "home" / ".profile").write_text('PATH="$HOME/bin"\n')
    with running(programs, tmp_path / "home", PIP_CACHE_DIR=pip_cache()) as server:
        server.install(vsix)
        server.configure(security__workspace__trust__enabled=False)
        with windows(server, browser, tmp_path, ready=False) as start:
            window = start()
            install(window, "llama-server will run the model")
            wait_for_ghost_text(window)
            family = psutil.Process(server.pid).children(recursive=True)
            assert [each for each in family if "llama-server" in each.name()]


def install(window: Window, about: str) -> float:
    """Install the server and return how many seconds it took; the question says how the model will be run."""
    started = time.monotonic()
    window.run("Cope: Install Language Server")
    expect(window.modal).to_contain_text(about)
    window.decide("Install")
    window.wait("the server", window.status.locator(".codicon-check").is_visible, INSTALL_S_MAX)
    return time.monotonic() - started


def wait_for_ghost_text(window: Window) -> float:
    """Return after how many seconds there is ghost text in the sample."""
    started = time.monotonic()
    window.run("Cope: Open a Sample")
    window.wait("the sample", lambda: "def add(a, b):" in window.shown())

    def typed_again() -> str:
        window.press("Backspace", "Space")
        return window.ghost_within(2)

    window.wait("ghost text", typed_again, 60)
    return time.monotonic() - started
