"""Real VS Code windows in a browser, with our extension, our server and its model."""

import contextlib
import fcntl
import os
import shlex
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.editors.vscode.code_server import CodeServer, Programs, running
from tests.editors.vscode.window import Window, close_window, open_window

HERE = Path(__file__).parent
collect_ignore = [] if os.environ.get("COPE_LSP_SCREENSHOTS") else ["test_pictures.py"]
"""Pictures are made when somebody wants them, not on each run."""

EXTENSION = HERE.parents[2] / "editors" / "vscode"
SETUP_S_MAX = 600

OPEN: list[Window] = []
"""The windows that are open, for the report of a test that failed."""


class OpenWindow(Protocol):
    """Opens a window of a project, which ends with the test; keywords are variables of the server's."""

    def __call__(self, **environment: str) -> Window: ...


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Return VS Code and a browser, which are fetched when they are not there yet."""
    directory = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "cope-lsp-tests/vscode")
    setup = subprocess.run(
        [HERE / "setup_vscode.sh", directory],
        check=False,
        capture_output=True,
        text=True,
        timeout=SETUP_S_MAX,
    )
    assert setup.returncode == 0, f"there is no VS Code to test with.\n{setup.stderr}"
    return Programs(directory / "bin/code-server", directory / "bin/chromium")


@pytest.fixture(scope="session")
def vsix() -> Path:
    """Return a packed extension of one's own choice, or one that is packed from the sources here."""
    if chosen := os.environ.get("COPE_TEST_VSIX"):
        return Path(chosen)
    with (EXTENSION / "package.json").open() as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        command = ["make", "--directory", str(EXTENSION), "vsix"]
        packed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SETUP_S_MAX)
    assert packed.returncode == 0, f"{packed.stdout}\n{packed.stderr}"
    return EXTENSION / "dist" / "cope-lsp.vsix"


@pytest.fixture(scope="session")
def vscode(programs: Programs, vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    """Start one VS Code for all tests, with our extension in it and our server on the path."""
    home = tmp_path_factory.mktemp("vscode")
    write_server_script(home)
    with running(programs, home) as server:
        server.install(vsix)
        yield server


def write_server_script(home: Path) -> None:
    """Put the server on the path of a home; the variables of its environment are in a file.

    Each call notes the environment that it was given, in the folder that COPE_TEST_CALLS names there.
    """
    server = Path(sys.executable).with_name("cope-lsp")
    assert server.exists(), f"no cope-lsp in {server.parent}: run `make setup`"
    script = home / "bin" / "cope-lsp"
    script.parent.mkdir(parents=True)
    script.write_text(
        f"""#!/bin/sh
given=$(env)
set -a
. {shlex.quote(str(home))}/server-environment
[ -z "$COPE_TEST_CALLS" ] || echo "$given" >"$COPE_TEST_CALLS/$1.$$"
exec {server} "$@"
"""
    )
    script.chmod(0o755)
    (home / "server-environment").touch()
    # The editor asks a login shell for the path.
    (home / ".profile").write_text('PATH="$HOME/bin:$PATH"\n')


@pytest.fixture(scope="module")
def browser(programs: Programs) -> Iterator[Browser]:
    """Start a browser; for a module only, as no other test can have an event loop while there is one."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        yield playwright.chromium.launch(executable_path=programs.chromium, args=options)


def choose_environment(vscode: CodeServer, folder: Path, **environment: str) -> None:
    """Say what the server's settings, ledger and the like are from its next start on: those in a folder."""
    folders = {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in (folders | environment).items())
    (vscode.home / "server-environment").write_text("".join(lines), "utf-8")


@contextlib.contextmanager
def windows(
    vscode: CodeServer, browser: Browser, folder: Path, *, ready: bool = True
) -> Iterator[OpenWindow]:
    """Open windows of the project in a folder, one at a time; each in a fresh browser."""
    project = folder / "shop"
    project.mkdir(exist_ok=True)
    with contextlib.ExitStack() as opened:

        def start(**environment: str) -> Window:
            choose_environment(vscode, folder, **environment)
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            opened.callback(context.close)
            opened.callback(close_window, page)
            first = project / "first.py"
            first.touch()
            window = open_window(page, vscode.page_of(project, first), project, ready=ready)
            OPEN.append(window)
            opened.callback(OPEN.remove, window)
            return window

        yield start


@pytest.fixture
def start_window(vscode: CodeServer, browser: Browser, tmp_path: Path) -> Iterator[OpenWindow]:
    """Open windows that end with the test."""
    vscode.configure()
    with windows(vscode, browser, tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def shared_window(
    vscode: CodeServer, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    """Open one window for all tests of a module that leave it as it was."""
    vscode.configure(security__workspace__trust__enabled=False)
    with windows(vscode, browser, tmp_path_factory.mktemp("shared")) as start:
        yield start()


class Restart(Protocol):
    """Starts the server again; keywords are variables of its environment."""

    def __call__(self, **environment: str) -> None: ...


@pytest.fixture
def restart(shared_window: Window, vscode: CodeServer, tmp_path: Path) -> Restart:
    """Let the shared window have a server that remembers nothing: no consent, no ledger."""

    def start(**environment: str) -> None:
        shared_window.dismiss()
        before = vscode.language_servers()
        choose_environment(vscode, tmp_path, **environment)
        shared_window.run("Cope: Restart Language Server")
        shared_window.wait("another server", lambda: vscode.language_servers() not in ([], before))
        expect(shared_window.status.locator(".codicon-check")).to_be_visible()

    return start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what could be seen when a test failed."""
    report = yield
    if report.failed and call.when == "call":
        for window in OPEN:
            picture = window.project.parent / f"{item.name}.png"
            window.page.screenshot(path=picture)
            report.sections.append((f"window ({picture})", window.describe()))
    return report
