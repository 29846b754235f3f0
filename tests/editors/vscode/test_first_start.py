"""A machine that has VS Code and our extension, and no server yet."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, expect

from cope_lsp.version import __version__
from tests.editors.vscode.code_server import CodeServer, Programs, running
from tests.editors.vscode.conftest import windows
from tests.editors.vscode.samples import canary
from tests.editors.vscode.window import Window, reload

pytestmark = pytest.mark.timeout(120, func_only=True)

TRUSTING: dict[str, Any] = {"security__workspace__trust__enabled": False}

INSTALL_S_MAX = 3000
"""llama.cpp is compiled, unless pip has the wheel in its cache that it made when the tests were set up."""


def pip_cache() -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "cache", "dir"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def bare(programs: Programs, vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    """Start a VS Code whose machine has no server, in a folder with modules for Python to fall for."""
    trap = tmp_path_factory.mktemp("trap")
    for module in ("json", "venv", "pip", "cope_lsp"):
        (trap / f"{module}.py").write_text(canary(trap / "song"))
    home = tmp_path_factory.mktemp("bare")
    with running(programs, home, folder=trap, PIP_CACHE_DIR=pip_cache()) as server:
        server.install(vsix)
        server.configure(**TRUSTING)
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
def test_the_server_installs_itself_from_the_walkthrough_and_then_there_is_ghost_text(
    window: Window, bare: CodeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    window.run("Cope: Open Walkthrough")
    first = window.page.locator(".getting-started-step").first
    expect(first.get_by_role("checkbox")).to_have_attribute("aria-checked", "false")
    started = time.monotonic()
    first.get_by_role("button", name="Install").click()
    expect(window.modal).to_contain_text("llama.cpp is compiled")
    window.decide("Install")
    window.run("Cope: Install Language Server")
    window.decide("Install")
    window.says("is being installed already")
    wait_for_server(window)
    seconds = time.monotonic() - started
    expect(first.get_by_role("checkbox")).to_have_attribute("aria-checked", "true")
    assert len(bare.environments) == 1
    assert bare.folder
    assert not (bare.folder / "song").exists(), (
        "a module of the folder that the editor was started in has run"
    )
    waited = wait_for_ghost_text(window)
    with capsys.disabled():
        print(f"\ninstalled after {seconds:.0f} s, ghost text {waited:.0f} s later")  # noqa: T201 - a measurement


def test_an_installation_that_fails_leaves_the_server_that_works(window: Window, bare: CodeServer) -> None:
    working = bare.environments
    assert len(working) == 1, "it is installed by the test before"
    bare.configure(**TRUSTING, cope__install__engineWheel="/nowhere/llama_cpp_python-0.3.36-py3-none-any.whl")
    reload(window)
    before = bare.language_servers()
    window.run("Cope: Install Language Server")
    expect(window.modal).to_contain_text("Into ")
    window.decide("Install")
    expect(window.notifications.filter(has_text="The installation failed")).to_be_visible(timeout=60_000)
    window.wait("that what was begun is gone", lambda: bare.environments == working)
    assert bare.language_servers() == before, "it never stopped"
    window.run("Cope: Restart Language Server")
    window.wait("another server", lambda: bare.language_servers() not in ([], before))
    expect(window.status.locator(".codicon-check")).to_be_visible()


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
        server.configure(**TRUSTING)
        with windows(server, browser, tmp_path, ready=False) as start:
            window = start()
            install(window, "llama-server will run the model")
            wait_for_ghost_text(window)
            family = psutil.Process(server.pid).children(recursive=True)
            assert [each for each in family if "llama-server" in each.name()]


def install(window: Window, about: str) -> None:
    """Install the server; the question says how the model will be run."""
    window.run("Cope: Install Language Server")
    expect(window.modal).to_contain_text(about)
    window.decide("Install")
    wait_for_server(window)


def wait_for_server(window: Window) -> None:
    window.wait("the server", window.status.locator(".codicon-check").is_visible, INSTALL_S_MAX)


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
