"""`python -m tests.benchmarks`: speed and memory, beside llama.cpp's own programs in the same run."""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from gguf import GGMLQuantizationType
from rich.console import Console
from rich.table import Table

from cope_lsp.models.catalog import embedded_path
from tests.benchmarks import cages, money, redaction, samples, startup, throughput
from tests.benchmarks.measure import Measurement
from tests.random_model import LAPTOP, write_random_model

BUSY_LOAD = 0.5


def main() -> None:
    """Measure everything and print it, worst news included."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to FILE")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    arguments = parser.parse_args()
    _warn_when_busy()
    measurements = _measure(arguments.repetitions)
    _print(measurements)
    if arguments.json:
        rows = [asdict(m) | {"ratio": m.ratio} for m in measurements]
        arguments.json.write_text(json.dumps({"machine": _machine(), "rows": rows}, indent=1))


def _measure(repetitions: int) -> list[Measurement]:
    rows = money.measure() + redaction.measure(repetitions) + cages.measure() + startup.measure(repetitions)
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        _say("writing a model of 0.4 billion random weights")
        laptop = write_random_model(Path(folder) / "laptop.gguf", LAPTOP, kind=GGMLQuantizationType.Q4_0)
        for name, path, threads in (("embedded", embedded_path(), 1), ("0.4B Q4_0", laptop, cores)):
            for part in (throughput, samples):
                _say(f"measuring {part.__name__.rpartition('.')[2]} of {name} with {threads} threads")
                rows += asyncio.run(part.measure(name, path, threads=threads, repetitions=repetitions))
    return rows


def _print(measurements: list[Measurement]) -> None:
    table = Table("what", "cope-lsp", "peer", "", "ratio", title=_machine())
    for row in measurements:
        peer = f"{row.peer_value:.4g} {row.unit}" if row.peer_value else ""
        ratio = f"{row.ratio:.2f}" if row.ratio else ""
        table.add_row(row.what, f"{row.value:.4g} {row.unit}", peer, row.peer, ratio)
    Console(width=140).print(table)


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"


def _warn_when_busy() -> None:
    if os.getloadavg()[0] > BUSY_LOAD:
        _say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): these numbers will not mean much")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
