"""The process that holds a cage, from outside: what it said, and how it ends."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine
from typing import Any

FAREWELL_S = 1.0


async def last_words(process: asyncio.subprocess.Process) -> str:
    """Return what a process that is ending printed last."""
    assert process.stderr is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_S):
            text = (await process.stderr.read(2_000)).decode("utf-8", "replace").strip()
            await process.wait()
            return text.rpartition("\n")[2]
    return "it did not say why"


async def hang_up(process: asyncio.subprocess.Process) -> None:
    """Close its input, upon which the first process of the cage ends and the kernel kills all others.

    The process that is waited for here outlives them all.
    """
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(FAREWELL_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def undisturbed(closing: Coroutine[Any, Any, None]) -> None:
    """Finish closing, whatever else is cancelled meanwhile."""
    task = asyncio.ensure_future(closing)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
