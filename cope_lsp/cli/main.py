"""The command line: which command was asked for, and with which settings."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cope_lsp.egress import offline
from cope_lsp.errors import CopeError
from cope_lsp.loading import load
from cope_lsp.version import __version__

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Command:
    """A command; the module of its name has `add_arguments(parser)` and `run(arguments, loaded)`."""

    name: str
    help: str
    runs_model: bool = False


COMMANDS = (
    Command("serve", "speak LSP on standard input and output (what editors start)", runs_model=True),
    Command("demo", "show the main job on a sample project, without a network", runs_model=True),
    Command("complete", "complete one place in a file", runs_model=True),
    Command("solve", "write or mend one function: drafts, checks, a diff", runs_model=True),
    Command("eval", "measure how good suggestions are, on your code or on published tasks"),
    Command("plan", "ask the hosted model how to write one function"),
    Command("models", "list, fetch, choose and check local models"),
    Command("auth", "keep the API key of a hosted model, or remove it"),
    Command("budget", "what hosted models may cost and did cost"),
    Command("consent", "which project's text may go to which server"),
    Command("sent", "what left this machine"),
    Command("stats", "what became of suggestions, how long they took, and why none appeared"),
    Command("config", "which settings hold and where each came from"),
    Command("doctor", "tell what is set up, what is not, and what to do about it", runs_model=True),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that `argv` names; without one, serve."""
    try:
        try:
            sys.exit(_run(_arguments(sys.argv[1:] if argv is None else argv)))
        finally:
            _flush()  # a reader that is gone is noticed here, or by Python after the last handler
    except CopeError as error:
        sys.exit(f"cope-lsp: {error}")
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        _drop_output()  # its reader is gone
        sys.exit(EXIT_FAILED)


def _flush() -> None:
    if sys.stdout is None:  # closed by whoever started us
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk
        _drop_output()
        msg = f"the output cannot be written: {error.strerror}"
        raise CopeError(msg) from error


def _drop_output() -> None:
    """Send what is left nowhere: flushing it at exit would only fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    argv = _with_default_command(list(argv))
    parser = _parser(argv[0])
    arguments, unknown = parser.parse_known_args(argv)
    if unknown and arguments.command != "serve":
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


def _run(arguments: argparse.Namespace) -> int:
    # The server learns its project from the editor, not from where it was started.
    project = None if arguments.command == "serve" else _working_directory()
    loaded = load(project=project, overrides=_overrides(arguments))
    if loaded.problems and arguments.command != "serve":
        for problem in loaded.problems:
            print(f"cope-lsp: {problem}", file=sys.stderr)
        if arguments.command not in {"doctor", "config"}:  # they show what is wrong
            return EXIT_USAGE
    offline.switch(on=loaded.config.offline)
    code: int = _module(arguments.command).run(arguments, loaded)
    return code


def _working_directory() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was deleted
        return None


def _module(command: str) -> Any:
    return importlib.import_module(f"cope_lsp.cli.{command}")


def _with_default_command(argv: list[str]) -> list[str]:
    """Editors start `cope-lsp` or `cope-lsp --stdio`: both mean `serve`. A word must be a command."""
    if argv and (argv[0] in {"-h", "--help", "--version"} or not argv[0].startswith("-")):
        return argv
    return ["serve", *argv]


def _parser(chosen: str) -> argparse.ArgumentParser:
    """Return the parser, complete for the `chosen` command: the modules of the others are not imported."""
    parser = argparse.ArgumentParser(
        prog="cope-lsp",
        description="An offline coding assistant as a language server.",
        epilog="Without a command, and with --stdio alone, it serves.",
    )
    parser.add_argument("--version", action="version", version=f"cope-lsp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.help)
        if command.runs_model:
            sub.add_argument("--model", metavar="FILE", help="use this GGUF file")
        if command.name == chosen:
            _module(chosen).add_arguments(sub)
    return parser


def _overrides(arguments: argparse.Namespace) -> dict[str, object]:
    given = {"model.path": getattr(arguments, "model", None)}
    if arguments.command == "serve":
        given |= {"log.file": arguments.log, "log.level": arguments.log_level}
    return {key: value for key, value in given.items() if value is not None}
