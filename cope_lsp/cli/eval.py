"""`cope-lsp eval`: how good the suggestions of a model are, on your own code or on published tasks."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cope_lsp.checks.suite.check import SuiteSettings
from cope_lsp.cli import eval_report, eval_run
from cope_lsp.config import Config, Loaded
from cope_lsp.evaluation.holes import infilling, report, repository
from cope_lsp.evaluation.holes.fill import RAW_WAYS, Filler, Way
from cope_lsp.evaluation.holes.hole import KINDS
from cope_lsp.evaluation.holes.scored import Record, Scored, Tell

_INTERRUPTED = 130
_WIDTH = 120
_HOLES = (
    "Cut holes in the Python files of a repository, fill them with the model, and run the repository's tests "
    "on the result. Its tests and its environment are run for that, in a sandbox without a network that can "
    "write nothing: name only a repository that you trust. No file is changed."
)
_INFILLING = "Fill the holes of a published file of tasks, and run their tests in the sandbox."

Fill = Callable[[Filler, Record, Tell], Awaitable[None]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `eval` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    eval_run.add_arguments(
        actions.add_parser("run", help="compare methods on tasks", description=eval_run.DESCRIPTION)
    )
    eval_report.add_arguments(
        actions.add_parser("report", help=eval_report.HELP, description=eval_report.DESCRIPTION)
    )

    holes = actions.add_parser("holes", help="on a repository with tests", description=_HOLES)
    holes.add_argument("path", type=Path, metavar="PATH", help="the folder of the repository")
    holes.add_argument("--kind", action="append", choices=KINDS, help="only such holes; repeatable")
    holes.add_argument("--limit", type=_count, default=100, metavar="N", help="holes that count (100)")
    holes.add_argument("--seed", type=int, default=0, metavar="S", help="which holes are drawn (0)")
    holes.add_argument("--no-related", action="store_true", help="show the model no code of other files")
    _add_common(holes, _run_holes)

    tasks = actions.add_parser("infilling", help="on HumanEval single-line infilling", description=_INFILLING)
    tasks.add_argument("path", type=Path, metavar="FILE", help="HumanEval-SingleLineInfilling.jsonl.gz")
    tasks.add_argument("--limit", type=_count, metavar="N", help="the first N tasks only")
    _add_common(tasks, _run_infilling)


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print how each way of filling did; 130 after Ctrl-C, with what was done by then."""
    code: int = arguments.act(arguments, loaded.config)
    return code


def _add_common(parser: argparse.ArgumentParser, act: Callable[[argparse.Namespace, Config], int]) -> None:
    parser.set_defaults(act=act)
    parser.add_argument("--model", metavar="GGUF", help="use this GGUF file")
    parser.add_argument(
        "--trigger",
        choices=("automatic", "explicit", "both"),
        default="automatic",
        help="what is compared with the raw call: ghost text while typing, asked for by a key, or both",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="keep all answers; a later run goes on there"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _ways(arguments: argparse.Namespace) -> tuple[Way, ...]:
    ways: tuple[Way, ...] = get_args(Way)
    raw = RAW_WAYS if arguments.action == "infilling" else {report.RAW}
    shown = {way for way in ways if way not in RAW_WAYS and arguments.trigger in {way, "both"}}
    return tuple(way for way in ways if way in raw | shown)


def _run_holes(arguments: argparse.Namespace, config: Config) -> int:
    settings = SuiteSettings(python=config.tests_python, timeout_s=float(config.tests_timeout_s))
    kinds = tuple(arguments.kind or KINDS)
    plan = repository.Plan(arguments.path, kinds, arguments.limit, arguments.seed, settings)
    rounds = repository.holes(plan)
    total = min(arguments.limit, sum(map(len, rounds)))
    ways = _ways(arguments)
    testbeds: list[repository.Testbed] = []

    async def fill(filler: Filler, record: Record, tell: Tell) -> None:
        testbeds.append(repository.Testbed(plan, filler, ways, record, tell))
        await testbeds[0].run(rounds)

    def chosen(rows: Sequence[Scored]) -> list[Scored]:
        used = {hole.digest for testbed in testbeds for hole in testbed.used}
        return [row for row in rows if row.hole in used]

    is_related = config.context_related and not arguments.no_related
    filler = Filler(replace(config, context_related=is_related), arguments.path.resolve())
    code = _go(arguments, filler, fill, total, chosen)
    for testbed in testbeds:
        for why, count in testbed.reasons.most_common():
            print(f"{count} holes do not count: {why}", file=sys.stderr)
    return code


def _run_infilling(arguments: argparse.Namespace, config: Config) -> int:
    found = infilling.read(arguments.path, arguments.limit)
    digests = {infilling.hole_of(task).digest for task in found}

    async def fill(filler: Filler, record: Record, tell: Tell) -> None:
        await infilling.run(found, filler, _ways(arguments), record, tell)

    def chosen(rows: Sequence[Scored]) -> list[Scored]:
        return [row for row in rows if row.hole in digests]

    return _go(arguments, Filler(config), fill, len(found), chosen)


def _go(
    arguments: argparse.Namespace,
    filler: Filler,
    fill: Fill,
    total: int,
    chosen: Callable[[Sequence[Scored]], list[Scored]],
) -> int:
    """Fill `total` holes behind a progress bar, and print the tables, also of what was done before Ctrl-C."""
    ways = _ways(arguments)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    record = Record(arguments.out)
    is_stopped = False
    with Progress(*columns, console=Console(stderr=True), disable=arguments.json) as progress:
        bar = progress.add_task("holes", total=total)

        def tell(done: int, refused: int) -> None:
            others = f" ({refused} do not count)" if refused else ""
            progress.update(bar, completed=done, description=f"holes{others}")

        try:
            asyncio.run(_fill(filler, fill, record, tell))
        except KeyboardInterrupt:
            is_stopped = True
    found = report.comparable(chosen(record.rows), filler.digest, [filler.label(way) for way in ways])
    _print(found, arguments)
    if is_stopped:
        kept = "the same command goes on from there" if arguments.out else "with --out FILE it would be kept"
        print(f"stopped; {kept}", file=sys.stderr)
    return _INTERRUPTED if is_stopped else 0


async def _fill(filler: Filler, fill: Fill, record: Record, tell: Tell) -> None:
    try:
        await fill(filler, record, tell)
    finally:
        await filler.close()


def _print(found: Sequence[Scored], arguments: argparse.Namespace) -> None:
    if arguments.json:
        document: dict[str, Any] = report.as_json(found)
        print(json.dumps(document))
        return
    console = Console()
    if not console.is_terminal:  # a file has no width of its own
        console = Console(width=max(console.width, _WIDTH))
    for table in report.as_tables(found, str(arguments.path)):
        console.print(table)
