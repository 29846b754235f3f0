"""A project, and the lines of docs/editors.md that make an editor use cope-lsp in it."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EDITORS = HERE.parents[2] / "docs" / "editors.md"
SETUP_S_MAX = 900

STUB = '''import os


def double_price(price):
    """Find twice the price."""
    ...


def add(a, b):
    return
'''
WRITTEN = STUB.replace("    ...\n", "    return price * 2\n")
"""The file when the function is written; the embedded model can do that."""


@pytest.fixture(scope="session")
def programs() -> Path:
    """Return the folder with the editors, fetched when they are not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "cope-lsp-tests" / "others"
    setup = subprocess.run(
        [HERE / "setup_others.sh", folder], check=False, capture_output=True, text=True, timeout=SETUP_S_MAX
    )
    assert setup.returncode == 0, f"there are no editors to test with.\n{setup.stderr}"
    return folder / "bin"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder with a short path, as sockets need it: a home, and a project in it."""
    # What an editor started may still write its last lines while its folder is taken away.
    with tempfile.TemporaryDirectory(prefix="e", ignore_cleanup_errors=True) as made:
        project = Path(made, "project")
        project.mkdir()
        (project / "shop.py").write_text(STUB)
        subprocess.run(["git", "init", "--quiet", project], check=True)
        yield Path(made)


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """Return the variables of somebody who has installed cope-lsp and nothing else."""
    ours = Path(sys.executable).parent
    assert (ours / "cope-lsp").exists(), f"no cope-lsp in {ours}: run `make setup`"
    return {"HOME": str(folder), "PATH": f"{ours}:/usr/bin:/bin"}


def lines_for(editor: str, language: str) -> list[str]:
    """Return the blocks of code for an editor, as a reader of docs/editors.md would copy them."""
    sections = re.split(r"^## ", EDITORS.read_text(), flags=re.MULTILINE)
    (section,) = (each for each in sections if each.startswith(f"{editor}\n"))
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
