"""What a run of methods costs: `python -m tests.benchmarks.evaluation TASKS` takes tasks of your own.

`cope-lsp eval run` is started as a user starts it, on a new record: the embedded model drafts eight times and
the demo's stand-in plays the large one. The peer is what the models took in that run, by its record: how long
a run would be that did nothing but wait for them.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cope_lsp.evaluation.record import Record
from tests.benchmarks.measure import Measurement
from tests.benchmarks.replay import environment
from training.family.generator import tasks as family

METHODS = ("offline", "cope-checks", "cope-consensus")
TASKS_PER_REPETITION = 10
SEED = 5
PRICES = ("--price-in", "2", "--price-out", "10")
"""Of a stand-in; without them the run wants a configured model."""


def measure(repetitions: int) -> list[Measurement]:
    """Run each method on tasks of the family that no model was trained on."""
    with tempfile.TemporaryDirectory(prefix="cope") as folder:
        path = Path(folder) / "tasks.jsonl"
        drawn = family("held-out", TASKS_PER_REPETITION * repetitions, SEED)
        path.write_text("".join(json.dumps(asdict(task)) + "\n" for task in drawn))
        jobs = len(os.sched_getaffinity(0))
        return [row for method in METHODS for row in run(path, method, jobs)]


def run(tasks: Path, method: str, jobs: int, more: Sequence[str] = ()) -> list[Measurement]:
    """Run one method on a file of tasks, and return what it took.

    Raises:
        subprocess.CalledProcessError: the run failed; it has said why.
    """
    with tempfile.TemporaryDirectory(prefix="cope") as folder:
        out = Path(folder) / "out.jsonl"
        command = [
            sys.executable, "-m", "cope_lsp", "eval", "run", str(tasks.absolute()), "--out", str(out),
            "--method", method, "--jobs", str(jobs), *PRICES, *more,
        ]  # fmt: skip
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=folder, env=environment(Path(folder)), capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - began
        if done.returncode:
            sys.stderr.write(done.stderr)
            done.check_returncode()
        return rows(f"evaluation: {method}, {jobs} jobs", Record.open(out), seconds, jobs, done.stderr)


def rows(what: str, record: Record, seconds: float, jobs: int, said: str) -> list[Measurement]:
    """Return the rows of one run.

    Args:
        what: they are of.
        record: that it left.
        seconds: that it took, from the start of its process to the end.
        jobs: how many processes made the trials.
        said: by it on standard error.
    """
    made = len(record.trials)
    alone = sum(call.seconds for call in record.calls.values()) / jobs
    shares = re.findall(r"(models|checks|ours) (\d+) %", said)
    return [
        Measurement(f"{what}: {made} tasks", "s", seconds, "its models alone", alone),
        Measurement(f"{what}: tasks in a minute", "tasks", 60 * made / seconds),
        *(Measurement(f"{what}: {part}", "%", float(share)) for part, share in shares),
    ]


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.evaluation", description=__doc__)
    parser.add_argument("tasks", type=Path, metavar="TASKS", help="as for cope-lsp eval run")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N tasks only")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    arguments = parser.parse_args()
    more = ("--visible", "3", *(("--limit", str(arguments.limit)) if arguments.limit else ()))
    for method in METHODS:
        for row in run(arguments.tasks, method, arguments.jobs, more):
            ratio = f", {row.ratio:.2f} times {row.peer}" if row.ratio else ""
            sys.stdout.write(f"{row.what}: {row.value:.4g} {row.unit}{ratio}\n")


if __name__ == "__main__":
    main()
