"""The start of a program in a cage around a repository of 10,000 files, beside the same start without one."""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from cope_lsp.checks.suite import interpreter
from cope_lsp.checks.suite.tree import Order, Tree
from tests.benchmarks.measure import Measurement
from tests.checks.suite.repository import ENVIRONMENT, write_many_files

STARTS = 100
PAUSE_S = 0.2
"""As long as the quickest of tests takes; the next cage is made meanwhile."""


def measure() -> list[Measurement]:
    """Measure both by turns, so that a busy machine slows both."""
    with tempfile.TemporaryDirectory() as folder:
        plain, caged = asyncio.run(_starts(Path(folder).resolve()))
    return [
        Measurement(
            f"start of a program in a cage of 10,000 files, {share} of 100",
            "ms",
            1e3 * quantiles(caged, n=100)[share - 1],
            "the same start without a cage",
            1e3 * quantiles(plain, n=100)[share - 1],
        )
        for share in (50, 95)
    ]


async def _starts(folder: Path) -> tuple[list[float], list[float]]:
    write_many_files(folder)
    tree, found = Tree(folder), interpreter.find(folder, sys.executable)
    assert isinstance(found, interpreter.Interpreter)
    command = (str(found.path), "-c", "pass")
    await tree.run(Order(command, ENVIRONMENT, shown=found.folders))
    plain, caged = [], []
    for _ in range(STARTS):
        await asyncio.sleep(PAUSE_S)
        started = time.perf_counter()
        subprocess.run(command, check=True, cwd=folder, env=ENVIRONMENT)
        plain.append(time.perf_counter() - started)
        started = time.perf_counter()
        outcome = await tree.run(Order(command, ENVIRONMENT, {"0/0.py": "X = 1\n"}, found.folders))
        caged.append(time.perf_counter() - started)
        assert (outcome.status, outcome.is_copy) == (0, False)
    await tree.close()
    return plain, caged
