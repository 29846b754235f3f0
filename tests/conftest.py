"""What all tests share."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.models.provider import Provider


@pytest.fixture(scope="session")
def scale() -> Callable[[int, int], int]:
    """Choose how often a test repeats: `scale(short, full)` is `full` under `make prove`."""
    return scaled


def scaled(short: int, full: int) -> int:
    """Return `full` when COPE_LSP_PROVE is set, as `make prove` does."""
    return full if os.environ.get("COPE_LSP_PROVE") else short


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Start a hosted model on loopback, which counts what it is sent."""
    made = Provider()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(autouse=True)
def runtime_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let no test meet the engine of another one, or of who runs the tests.

    The folder is not below `tmp_path`: the path of a socket must be short.
    """
    with TemporaryDirectory(prefix="cope-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


_for_all_tests = TemporaryDirectory(prefix="cope-")


def pytest_configure() -> None:
    """Let programs under test be interrupted, also when the tests run in the background of a shell.

    There SIGINT is ignored, and whatever is started inherits that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["XDG_RUNTIME_DIR"] = _for_all_tests.name  # of what starts before the first test


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    _for_all_tests.cleanup()
