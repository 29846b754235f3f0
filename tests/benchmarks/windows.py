"""What several windows of an editor hold in memory, beside as many times what one holds."""

from contextlib import AsyncExitStack
from pathlib import Path

from tests.benchmarks.editor import editor, home, processes, settings
from tests.benchmarks.measure import Measurement

WINDOWS = 3
TEXT = "def area(width, height):\n    return "


async def measure(name: str, model: Path, *, threads: int, repetitions: int) -> list[Measurement]:  # noqa: ARG001  # memory varies little
    """Measure servers and engines that have all completed something."""
    one, several = await _memory(1, model, threads), await _memory(WINDOWS, model, threads)
    return [
        Measurement(
            f"{name}: memory of {WINDOWS} windows ({kind})",
            "MB",
            several[kind],
            f"{WINDOWS} times that of one",
            WINDOWS * one[kind],
        )
        for kind in one
    ]


async def _memory(windows: int, model: Path, threads: int) -> dict[str, float]:
    """Return the megabytes of all processes: PSS has their shares of what they share, USS has not."""
    async with AsyncExitStack() as stack:
        environment = await stack.enter_async_context(home())
        for _ in range(windows):
            session = await stack.enter_async_context(editor(environment | settings(model, threads)))
            session.open(TEXT)
            await session.ghost_text(len(TEXT))
        found = [process.memory_full_info() for process in processes(environment)]
        pss, uss = sum(memory.pss for memory in found), sum(memory.uss for memory in found)
        return {"PSS": pss / 1e6, "USS": uss / 1e6}
