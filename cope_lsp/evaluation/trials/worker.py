"""A process with a bench: reads its settings and then units as JSON lines, and writes each row as it comes.

When its input ends, it stops: what was sent to a large model is waited for and told, nothing else.
"""

import asyncio
import json
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, BinaryIO

from cattrs.preconf.json import make_converter

from cope_lsp.errors import CopeError
from cope_lsp.evaluation.record import Row
from cope_lsp.evaluation.trials.bench import Bench, BenchSettings
from cope_lsp.evaluation.trials.purse import BudgetReachedError
from cope_lsp.evaluation.trials.trial import Unit, set_up, work
from cope_lsp.stdio import claim_stdio

converter = make_converter()

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Serve whoever started this process."""
    source, sink = claim_stdio()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for our parent, who closes our input then
    asyncio.run(_serve(source, sink))


async def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in source:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, b"")

    def say(what: dict[str, Any]) -> None:
        sink.write(json.dumps(what).encode() + b"\n")
        sink.flush()

    threading.Thread(target=read, daemon=True).start()
    settings = converter.structure(json.loads(await lines.get()), BenchSettings)
    bench = set_up(settings, lambda row: say({"row": asdict(row)}))
    try:
        await _units(bench, lines, say)
    except BrokenPipeError:
        pass  # whoever started us is gone
    finally:
        await bench.close()


async def _units(bench: Bench, lines: "asyncio.Queue[bytes]", say: Say) -> None:
    waiting = asyncio.create_task(lines.get())
    while line := await waiting:
        waiting = asyncio.create_task(lines.get())
        unit = asyncio.create_task(ended(bench, converter.structure(json.loads(line), Unit)))
        await asyncio.wait({unit, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not unit.done():  # the input ended, since nothing else is sent while a unit is at work
            unit.cancel()
            await asyncio.gather(unit, return_exceptions=True)
            return
        say(unit.result())


async def ended(bench: Bench, unit: Unit) -> dict[str, Any]:
    """Run a unit; return how it ended."""
    try:
        await bench.sandbox.probe()
        return {"missing": await work(bench, unit)}
    except BudgetReachedError as error:
        return {"budget": str(error)}
    except CopeError as error:
        return {"error": str(error)}


def row_of(said: dict[str, Any]) -> Row | None:
    """Return the row in what a worker said; None: it said something else."""
    return converter.structure(said["row"], Row) if "row" in said else None


if __name__ == "__main__":
    main()
