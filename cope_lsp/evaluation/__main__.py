"""`python -m cope_lsp.evaluation run|report`: how well models and methods do on files of tasks."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cope_lsp.checks.cage.sandbox import Sandbox
from cope_lsp.errors import CopeError
from cope_lsp.evaluation import report, tasks
from cope_lsp.evaluation.journal import Attempt, Journal, read_all
from cope_lsp.evaluation.methods import METHODS, Draw
from cope_lsp.evaluation.session import Contender, Experiment, Session
from cope_lsp.models.catalog import embedded_path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the two commands."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.run(asked)
    except CopeError as error:
        print(f"cope-lsp evaluation: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was answered is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cope_lsp.evaluation", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="let a model write drafts, run them, write down what came of it")
    run.add_argument("tasks", type=Path, metavar="TASKS", help="MBPP, HumanEval-Infilling or JSON lines")
    run.add_argument("--answers", type=Path, required=True, metavar="FILE", help="where answers are kept")
    run.add_argument("--executor", type=Path, default=embedded_path(), metavar="GGUF")
    run.add_argument("--planner", type=Path, metavar="GGUF", help="who writes the plans of planner-* methods")
    run.add_argument("--methods", default="no-plan", help=f"comma between: {', '.join(METHODS)}")
    run.add_argument("--samples", type=int, action="append", metavar="N", help="1 is greedy; repeatable")
    run.add_argument("--temperature", type=float, default=0.8)
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--limit", type=int, metavar="N", help="the first N tasks only")
    run.set_defaults(run=_run)
    show = commands.add_parser("report", help="make tables of answers")
    show.add_argument("answers", type=Path, nargs="+", metavar="FILE")
    show.add_argument("--format", choices=("terminal", "markdown", "json"), default="terminal")
    show.add_argument("--by-wording", action="store_true", help="apart for each way in which tasks are said")
    show.add_argument("--title", default="pass rates, with 95 % intervals")
    show.set_defaults(run=_report)
    return parser


def _run(asked: argparse.Namespace) -> int:
    methods = asked.methods.split(",")
    if unknown := set(methods) - set(METHODS):
        msg = f"there is no method {', '.join(sorted(unknown))}; known are {', '.join(METHODS)}"
        raise CopeError(msg)
    planner = _contender(asked.planner) if asked.planner else None
    if planner is None and any(METHODS[name].needs_planner for name in methods):
        raise CopeError("a planner-* method needs a second model: --planner GGUF")
    draws = [Draw(count, asked.temperature, asked.seed) for count in asked.samples or [1]]
    found = tasks.read(asked.tasks)[: asked.limit]
    experiment = Experiment(found, methods, draws, _contender(asked.executor), planner)
    asyncio.run(_go(experiment, Journal(asked.answers)))
    return 0


def _contender(path: Path) -> Contender:
    try:
        return Contender.load(path.stem, path)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CopeError(msg) from error


async def _go(experiment: Experiment, journal: Journal) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    sandbox = Sandbox()
    missing = experiment.missing(journal)
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task(experiment.executor.name, total=sum(map(len, missing.values())))

            def done(attempt: Attempt) -> None:
                progress.update(
                    bar, advance=1, description=f"{experiment.executor.name} {attempt.setting.method}"
                )

            await Session(experiment, journal, sandbox, done).run()
    finally:
        await sandbox.close()
        for contender in filter(None, (experiment.executor, experiment.planner)):
            await contender.model.close()


def _report(asked: argparse.Namespace) -> int:
    attempts = read_all(asked.answers)
    found = report.rows_by_wording(attempts) if asked.by_wording else report.rows(attempts)
    if asked.format == "json":
        print(json.dumps(report.as_json(found)))
    elif asked.format == "markdown":
        print(report.as_markdown(found, asked.title, report.note_for(attempts)))
    else:
        console = Console()
        console.print(report.as_table(found, asked.title))
        console.print(report.note_for(attempts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
