"""`python -m tests.benchmarks`: speed and memory, beside llama.cpp's own programs in the same run."""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from gguf import GGMLQuantizationType
from rich.console import Console
from rich.table import Table

from cope_lsp.models.catalog import embedded_path
from tests.benchmarks import (
    cages,
    context,
    evaluation,
    large_file,
    load,
    money,
    plot,
    redaction,
    replay,
    samples,
    speculation,
    startup,
    throughput,
    typing,
    warm,
    windows,
)
from tests.benchmarks.measure import Measurement
from tests.random_model import LAPTOP, write_random_model

BUSY_LOAD = 0.5

OF_THE_PROGRAM: dict[str, Callable[[int], list[Measurement]]] = {
    "money": lambda _repetitions: money.measure(),
    "redaction": redaction.measure,
    "cages": lambda _repetitions: cages.measure(),
    "startup": startup.measure,
    "warm": warm.measure,
    "context": context.measure,
    "large-file": large_file.measure,
    "replay": replay.measure,
    "evaluation": evaluation.measure,
}
OF_A_MODEL = {
    "throughput": throughput.measure,
    "samples": samples.measure,
    "typing": typing.measure,
    "load": load.measure,
    "speculation": speculation.measure,
    "windows": windows.measure,
}
REPETITIONS_MAX = {"typing": 2, "load": 1, "speculation": 1}
"""With the larger model: more would take an hour."""


def main() -> None:
    """Measure everything and print it, worst news included."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to FILE")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    parser.add_argument(
        "--only", type=_names, default=(*OF_THE_PROGRAM, *OF_A_MODEL), metavar="NAME,...", help=_NAMES_HELP
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="also draw the ratios")
    arguments = parser.parse_args()
    _warn_when_busy()
    measurements = _measure(arguments.only, arguments.repetitions)
    _print(measurements)
    if arguments.json:
        rows = [asdict(m) | {"ratio": m.ratio} for m in measurements]
        arguments.json.write_text(json.dumps({"machine": _machine(), "rows": rows}, indent=1))
    if arguments.plot:
        arguments.plot.write_text(plot.svg(measurements), "utf-8")


_NAMES_HELP = "of " + ", ".join((*OF_THE_PROGRAM, *OF_A_MODEL))


def _names(text: str) -> tuple[str, ...]:
    """Return the benchmarks that an argument names."""
    names = tuple(text.split(","))
    if unknown := set(names) - OF_THE_PROGRAM.keys() - OF_A_MODEL.keys():
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not {_NAMES_HELP}")
    return names


def _measure(only: Sequence[str], repetitions: int) -> list[Measurement]:
    rows = []
    for name, measure in OF_THE_PROGRAM.items():
        if name in only:
            _say(f"measuring {name}")
            rows += measure(repetitions)
    if OF_A_MODEL.keys() & set(only):
        with tempfile.TemporaryDirectory() as folder:
            _say("writing a model of 0.4 billion random weights")
            laptop = write_random_model(Path(folder) / "laptop.gguf", LAPTOP, kind=GGMLQuantizationType.Q4_0)
            rows += _measure_models(laptop, only, repetitions)
    return rows


def _measure_models(laptop: Path, only: Sequence[str], repetitions: int) -> list[Measurement]:
    rows = []
    cores = len(os.sched_getaffinity(0))
    for model, path, threads in (("embedded", embedded_path(), 1), ("0.4B Q4_0", laptop, cores)):
        for name, measure in OF_A_MODEL.items():
            if name in only:
                _say(f"measuring {name} of {model} with {threads} threads")
                most = REPETITIONS_MAX.get(name, repetitions) if path is laptop else repetitions
                times = min(repetitions, most)
                rows += asyncio.run(measure(model, path, threads=threads, repetitions=times))
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
