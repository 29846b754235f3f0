"""A real sandbox, closed when the test ends."""

from collections.abc import AsyncIterator

import psutil
import pytest

from cope_lsp.checks.cage.sandbox import Program, Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    made = Sandbox(cages_max=1)
    yield made
    await made.close()


def program(source: str, *tests: str, timeout_s: float = 10.0, setup: str = "") -> Program:
    return Program(source, tests or ("assert f(1) == 2",), "f", setup, timeout_s)


def running(word: str) -> bool:
    """Whether a process of this machine has `word` as one of its arguments."""
    return any(word in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
