"""A user's repository, an interpreter with nothing but pytest for it, and what is around them."""

import hashlib
import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cope_lsp.checks.suite.check import Suite, SuiteSettings

PARTS = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments")
"""All that pytest consists of; the interpreter of our own tests has plugins that take seconds to load."""

MODULE = "def total(numbers):\n    raise NotImplementedError\n"
RIGHT = "def total(numbers):\n    return sum(numbers)\n"
WRONG = "def total(numbers):\n    return len(numbers)\n"
TESTS = """
from calc import total


def test_some():
    assert total([1, 2]) == 3


def test_none():
    assert total([]) == 0
"""


ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp"}
"""Of what runs in a cage."""


def write_many_files(folder: Path) -> None:
    """Write 10,000 modules in 100 folders."""
    for number in range(100):
        (folder / str(number)).mkdir()
        for file in range(100):
            (folder / str(number) / f"{file}.py").write_text(f"X = {file}\n")


def build_python(folder: Path, base: str = sys.executable) -> Path:
    """Return the interpreter of a new environment with pytest in it."""
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    for name in PARTS:
        module: ModuleType = importlib.import_module(name)
        assert module.__file__ is not None
        shutil.copytree(Path(module.__file__).parent, site / name)
    shutil.copy2(Path(pytest.__file__).parents[1] / "py.py", site)
    return folder / "bin" / "python"


def write(folder: Path, **texts: str) -> Path:
    """Write files, by names in which __ stands for a slash, and return their folder."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def suite(folder: Path, python: Path, **settings: Any) -> Suite:
    """Return the check of `total` in `calc.py` in a folder."""
    values: dict[str, Any] = {"python": str(python), "timeout_s": 30.0} | settings
    return Suite(folder, Path("calc.py"), "total", SuiteSettings(**values))


def snapshot(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return all that could be changed of a folder: what is there, with content, owner, mode and times."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else ""
        if path.is_file() and not path.is_symlink():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        facts = (status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_size)
        found[str(path)] = (*facts, status.st_mtime_ns, status.st_ctime_ns, content)
    return found
