"""A process with a bench: reads its settings and then units as JSON lines, and writes each row as it comes.

When its input ends, it stops: what was sent to a large model is waited for and told, nothing else.
"""

import asyncio
import json
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from cattrs.preconf.json import make_converter

from cope_lsp.errors import CopeError, SandboxUnavailableError
from cope_lsp.evaluation.lines import Lines
from cope_lsp.evaluation.record import Row
from cope_lsp.evaluation.trials.bench import Bench, BenchSettings
from cope_lsp.evaluation.trials.purse import BudgetReachedError
from cope_lsp.evaluation.trials.spent import Spent
from cope_lsp.evaluation.trials.trial import Unit, opened, work
from cope_lsp.stdio import claim_stdio

PAID = "paid.jsonl"
"""In the home of a process: the calls of the large model that it made."""

converter = make_converter()

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Serve whoever started this process."""
    source, sink = claim_stdio()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for our parent, who closes our input then
    asyncio.run(_serve(source, sink))


async def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in source:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(over.set)
        loop.call_soon_threadsafe(lines.put_nowait, b"")

    def say(what: dict[str, Any]) -> None:
        sink.write(json.dumps(what).encode() + b"\n")
        sink.flush()

    threading.Thread(target=read, daemon=True).start()
    first = await lines.get()
    if not first:
        return
    settings = converter.structure(json.loads(first), BenchSettings)
    paid = Lines(Path(settings.home) / PAID, Row)

    def tell(row: Row) -> None:
        if row.call and row.call.role == "large":
            paid.add(row)  # who started us may be gone, and it must not be paid for again
        say({"row": asdict(row)})

    try:
        bench = await opened(settings, tell)
    except SandboxUnavailableError as error:
        say({"error": str(error)})
        return
    try:
        say({"ready": True})
        await _units(bench, lines, over, say)
    except BrokenPipeError:
        pass  # whoever started us is gone
    finally:
        await bench.close()


async def _units(bench: Bench, lines: "asyncio.Queue[bytes]", over: asyncio.Event, say: Say) -> None:
    """Run units until one fails, or the input ends; what is at work or still waiting then is left."""
    ending = asyncio.create_task(over.wait())
    is_well = True
    while is_well:
        unit = asyncio.create_task(_next(bench, lines))
        await asyncio.wait({unit, ending}, return_when=asyncio.FIRST_COMPLETED)
        if over.is_set():
            unit.cancel()
            await asyncio.gather(unit, return_exceptions=True)
            return
        say(unit.result())
        is_well = "missing" in unit.result()


async def _next(bench: Bench, lines: "asyncio.Queue[bytes]") -> dict[str, Any]:
    return await ended(bench, converter.structure(json.loads(await lines.get()), Unit))


async def ended(bench: Bench, unit: Unit) -> dict[str, Any]:
    """Run a unit; return how it ended."""
    try:
        missing = await work(bench, unit)
        return {"missing": missing, "spent": asdict(bench.tape.spent)}
    except BudgetReachedError as error:
        return {"budget": str(error)}
    except CopeError as error:
        return {"error": str(error)}


def spent_of(said: dict[str, Any]) -> Spent:
    """Return where the time of a bench went so far, as it says at the end of a unit."""
    return converter.structure(said["spent"], Spent)


def row_of(said: dict[str, Any]) -> Row | None:
    """Return the row in what a worker said; None: it said something else."""
    return converter.structure(said["row"], Row) if "row" in said else None


if __name__ == "__main__":
    main()
