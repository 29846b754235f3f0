"""Ledgers of their own for each test, and programs beside them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cope_lsp.ledger.ledger import Ledger
from tests.ledger.samples import Clock

ROOT = Path(__file__).parent.parent.parent

Run = Callable[..., str]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "ledger"


@pytest.fixture
def ledger(folder: Path, clock: Clock) -> Iterator[Ledger]:
    with Ledger(folder, clock=clock) as made:
        yield made


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Compile the library that sees the system calls and return its path."""
    source = Path(__file__).with_name("disk.c")
    library = tmp_path_factory.mktemp("native") / "disk.so"
    command = [
        "cc",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        "-O1",
        "-o",
        str(library),
        str(source),
        "-ldl",
    ]
    subprocess.run(command, check=True)
    return str(library)


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a program of programs.py to its end and return what it prints."""

    def run_it(*arguments: object, timeout_s: float = 100, **environment: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tests.ledger.programs", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=timeout_s,
        ).stdout

    return run_it
