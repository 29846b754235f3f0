"""What all tests share."""

import os
import signal
from collections.abc import Callable, Iterator

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


def pytest_configure() -> None:
    """Let programs under test be interrupted, also when the tests run in the background of a shell.

    There SIGINT is ignored, and whatever is started inherits that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
