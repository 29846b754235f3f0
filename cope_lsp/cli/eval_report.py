"""`cope-lsp eval report`: what the trials of `eval run` say, as tables, as JSON, as pictures."""

import argparse
from pathlib import Path

from rich.console import Console

from cope_lsp.config import Config
from cope_lsp.errors import CopeError, TaskFileError
from cope_lsp.evaluation.compare import Comparison, comparison
from cope_lsp.evaluation.findings import BASELINE, Findings, findings, read_trials
from cope_lsp.evaluation.pictures import pictures
from cope_lsp.evaluation.tables import as_json, as_markdown, comparison_tables, for_terminal, tables

HELP = "what a run found: accuracy, cost, calibration"
DESCRIPTION = (
    "Show what `eval run` found: accuracy with 95 % intervals, cost, latency, who answered, calibration, and "
    "how each method does against a baseline, task by task. Equal records give equal reports, byte for byte. "
    "A record is not touched, so a run that goes on can be looked at."
)

_WIDTH = 140


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `eval report` takes."""
    parser.set_defaults(act=run)
    parser.add_argument("paths", type=Path, nargs="+", metavar="FILE", help="what `eval run` wrote")
    parser.add_argument(
        "--format", choices=("terminal", "markdown", "json"), default="terminal", help="how it is printed"
    )
    parser.add_argument(
        "--baseline",
        metavar="METHOD",
        help=f"what the others are compared with: a method, or a whole label of a table ({BASELINE})",
    )
    parser.add_argument("--plot", type=Path, metavar="FOLDER", help="draw pictures into this folder, too")
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="an earlier run: show what each method gained and lost"
    )


def run(arguments: argparse.Namespace, config: Config) -> int:  # noqa: ARG001 - as all commands
    """Print what was found, and draw it.

    Raises:
        CopeError: a file cannot be read or written, or holds no trial.
    """
    found, compared = _found(arguments)
    if arguments.plot:
        _draw(found, arguments.plot)
    if arguments.format == "json":
        print(as_json(found, compared), end="")
        return 0
    made = [*(comparison_tables(compared) if compared else ()), *tables(found)]
    if arguments.format == "markdown":
        print(as_markdown(made), end="")
        return 0
    console = Console()
    if not console.is_terminal:  # a file has no width of its own
        console = Console(width=_WIDTH)
    for table in made:
        console.print(for_terminal(table))
    return 0


def _found(arguments: argparse.Namespace) -> tuple[Findings, Comparison | None]:
    trials = read_trials(arguments.paths)
    if not trials:
        msg = f"no trial is complete in {', '.join(map(str, arguments.paths))}"
        raise TaskFileError(msg)
    found = findings(trials, arguments.baseline or BASELINE)
    if arguments.baseline and not found.baseline:
        tried = ", ".join(row.label for row in found.rows)
        msg = f"--baseline {arguments.baseline} is none of what was tried: {tried}"
        raise CopeError(msg)
    compared = comparison(read_trials([arguments.against]), trials) if arguments.against else None
    return found, compared


def _draw(found: Findings, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures(found).items():
            (folder / name).write_text(picture, "utf-8")
    except OSError as error:
        msg = f"{error.filename or folder} cannot be written: {error.strerror}"
        raise CopeError(msg) from error
