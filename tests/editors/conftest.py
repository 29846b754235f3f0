"""Editors, each in a folder and with settings of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.editors.neovim import Editor, running_editor

HERE = Path(__file__).parent
PLUGIN = HERE.parents[1] / "editors" / "nvim"
SETUP_S_MAX = 600


class StartEditor(Protocol):
    """Starts a Neovim, which ends with the test; its environment is changed by keywords."""

    def __call__(self, **changes: str) -> Editor: ...


@pytest.fixture(scope="session")
def nvim_program() -> str:
    """Return a Neovim of one's own choice, or the one that is fetched when it is not there yet."""
    if chosen := os.environ.get("COPE_TEST_NVIM"):
        return chosen
    directory = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "cope-lsp-tests/sid")
    setup = subprocess.run(
        [HERE / "setup_sid.sh", directory], check=False, capture_output=True, text=True, timeout=SETUP_S_MAX
    )
    assert setup.returncode == 0, f"there is no Neovim to test with.\n{setup.stderr}"
    return str(directory / "bin" / "nvim")


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment that knows nothing of the person who runs the tests."""
    programs = Path(sys.executable).parent
    assert (programs / "cope-lsp").exists(), f"no cope-lsp in {programs}: run `make setup`"
    return {
        "HOME": str(home),
        "PATH": f"{programs}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "COPE_NVIM_PLUGIN": str(PLUGIN),
        **{name: value for name, value in os.environ.items() if name.startswith("COPE_LSP_")},
    }


@pytest.fixture
def start_editor(nvim_program: str, tmp_path: Path) -> Iterator[StartEditor]:
    """Start editors, each in a folder of its own."""
    environment = clean_environment(tmp_path)
    with contextlib.ExitStack() as started:

        def start(**changes: str) -> Editor:
            folder = tmp_path / f"project{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return started.enter_context(running_editor(nvim_program, folder, environment | changes))

        yield start


@pytest.fixture
def start(start_editor: StartEditor) -> StartEditor:
    """Start editors that ask no hosted model, unless the test says so."""

    def start(**changes: str) -> Editor:
        given = {"COPE_LSP_CASCADE_ESCALATE": "never", "COPE_LSP_TESTS_PYTHON": sys.executable}
        return start_editor(**given | changes)

    return start


@pytest.fixture
def editor(start_editor: StartEditor) -> Editor:
    """Return an editor with our server and its model."""
    return start_editor()


@pytest.fixture
def scripted(start_editor: StartEditor) -> Editor:
    """Return an editor with a server that answers when the test says so."""
    return start_editor(COPE_SCRIPTED_SERVER=str(HERE / "scripted_server.lua"))
