"""`cope-lsp solve`: write or mend one function; drafts are made here, checked, and shown as a diff."""

import argparse
import asyncio
import difflib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from cope_lsp.assistant import Assistant
from cope_lsp.cascade.code import CodeTask
from cope_lsp.cascade.outcome import (
    DraftChecked,
    EscalationAsked,
    Event,
    HostedCall,
    Outcome,
    PlanWritten,
    StageStarted,
    explain,
)
from cope_lsp.cascade.plan import USER, Plan, Plans
from cope_lsp.checks.suite.interpreter import ENVIRONMENTS
from cope_lsp.cli import agree
from cope_lsp.cli.files import language_of, project_of, read_text
from cope_lsp.config import Config, Loaded
from cope_lsp.context.target import target_named
from cope_lsp.errors import CopeError
from cope_lsp.ledger.entries import usd

SHOWN_CHARACTERS_MAX = 100

_NOBODY = "Nobody can be asked here. To let it: --escalate auto for the price, --yes for what is sent."
_LOOK = "To look at such a text: cope-lsp plan --show"

_DOES = {
    ("small", "small"): "the local model plans and writes",
    ("large", "small"): "the local model writes under a guideline",
    ("large", "large"): "the hosted model writes",
}
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `solve` takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a file of Python")
    parser.add_argument(
        "--symbol", required=True, metavar="NAME", help="the function, Class.method for a method"
    )
    parser.add_argument("--instruction", default="", metavar="TEXT", help="what you want of it")
    parser.add_argument(
        "--guideline", default="", metavar="TEXT", help="your own plan, for the drafts to follow"
    )
    parser.add_argument(
        "--tests",
        nargs="?",
        const="",
        metavar="COMMAND",
        help="run the project's tests on each draft, in a sandbox; without COMMAND: pytest",
    )
    parser.add_argument(
        "--escalate",
        choices=("never", "ask", "auto"),
        help="whether a hosted model may be asked when local drafts fail; default: cascade.escalate",
    )
    parser.add_argument("--apply", action="store_true", help="write the file when it was solved")
    parser.add_argument(
        "--yes", action="store_true", help="allow this project's text to be sent, without asking"
    )
    parser.add_argument(
        "--workspace", type=Path, metavar="DIR", help="the project; default: this directory, or the file's"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print the diff and the receipt; exit 1 when it was not solved."""
    task = _task(arguments)
    return asyncio.run(_solve(arguments, loaded, task))


def _task(arguments: argparse.Namespace) -> CodeTask:
    path: Path = arguments.file
    if language_of(path) != "python":
        msg = f"{path} is not Python, which is all that functions are written in so far"
        raise CopeError(msg)
    text = read_text(path)
    workspace = (arguments.workspace or project_of(path)).resolve()
    return CodeTask(
        target_named(text, arguments.symbol), text, path.resolve(), workspace, arguments.instruction
    )


async def _solve(arguments: argparse.Namespace, loaded: Loaded, task: CodeTask) -> int:
    assistant = Assistant.from_config(_config(arguments, loaded, task.workspace))
    show = _Show(task.target.symbol, quiet=arguments.json)
    plans = Plans(guideline=Plan("guideline", arguments.guideline, USER) if arguments.guideline else None)

    async def agreed(asked: EscalationAsked) -> bool:
        with show.paused():
            if not agree.can_ask() and (asked.must_ask or not arguments.yes):
                show.say(f"  [yellow]{_NOBODY}[/]")
            if not agree.consent(assistant, asked.question, asked.quote, yes=arguments.yes, look=_LOOK):
                return False
            return not asked.must_ask or agree.money(asked.quote, asked.cost_max_nusd)

    outcome: Outcome | None = None
    try:
        async with assistant.checks(task, with_tests=arguments.tests is not None) as checks:
            with show:
                async with aclosing(assistant.solve(task, checks, agreed, plans)) as events:
                    async for event in events:
                        show.event(event)
                        outcome = event if isinstance(event, Outcome) else None
    finally:
        await assistant.close()
    assert outcome is not None
    after = task.target.with_body(outcome.draft.text) if outcome.draft else task.text
    applied = arguments.apply and outcome.status == "solved"
    if applied:
        _write(task, after)
    if arguments.json:
        print(json.dumps(_as_json(task, outcome, after, applied=applied)))
    else:
        _print(task, outcome, after, applied=applied)
    return int(outcome.status != "solved")


def _config(arguments: argparse.Namespace, loaded: Loaded, workspace: Path) -> Config:
    config = loaded.config
    if arguments.escalate is not None:
        config = replace(config, cascade_escalate=arguments.escalate)
    if arguments.tests:
        config = replace(config, tests_command=arguments.tests)
    return replace(config, tests_python=config.tests_python or _python(workspace))


def _python(workspace: Path) -> str:
    """Return the Python of the user's shell, where the project has none of its own."""
    if any((workspace / name).is_dir() for name in ENVIRONMENTS):
        return ""
    active = os.environ.get("VIRTUAL_ENV", "")
    return str(Path(active) / "bin" / "python") if active else "python3"


class _Show:
    """Tells on standard error what happens: a line for each event, and one in motion below them."""

    def __init__(self, symbol: str, *, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._symbol = symbol
        self._samples = 0
        self._status = self._console.status(f"{escape(symbol)}: loading the model")

    def __enter__(self) -> None:
        self._status.start()

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to a question."""
        self._status.stop()
        try:
            yield
        finally:
            self._status.start()

    def event(self, event: Event) -> None:
        """Show one event."""
        match event:
            case StageStarted(number, stage, repeated):
                self._samples = stage.samples * (repeated + 1)
                again = ", once more" if repeated else ""
                self.say(f"[bold]stage {number}[/]  {_DOES[stage.planner, stage.executor]}{again}")
            case PlanWritten(plan, cost, reused):
                price = "paid for before" if reused else usd(cost)
                self.say(f"  {plan.kind}: {escape(plan.text)} [dim]({escape(plan.author)}, {price})[/]")
            case DraftChecked(number):
                self.say(f"  draft {number}  {_verdict(event)}")
                done = f"draft {number} of {self._samples}"
                self._status.update(f"{escape(self._symbol)}: {done}")
            case EscalationAsked():
                self._status.update(f"{escape(self._symbol)}: asking {escape(event.quote.model)}")

    def say(self, markup: str) -> None:
        """Print one line, with Rich's markup."""
        self._console.print(markup, soft_wrap=True)


def _verdict(event: DraftChecked) -> str:
    judged, complaint = event.assessed.judged, event.assessed.complaint
    if judged.tests == "passed":
        return "[green]passes the tests[/]"
    if complaint or judged.answer is None:
        why = escape(_short(complaint or "it does not parse"))
        return f"[red]fails[/]  [dim]{why}[/]"
    return "parses"


def _short(text: str) -> str:
    """Return the first line that names an error, or the beginning."""
    named = re.search(r"\b\w+(?:Error|Exception)\b[^\n]*", text)
    line = " ".join((named[0] if named else text).split())
    return line if len(line) <= SHOWN_CHARACTERS_MAX else f"{line[:SHOWN_CHARACTERS_MAX]}..."


def _write(task: CodeTask, after: str) -> None:
    """Write the file whole or not at all, unless it was changed meanwhile."""
    if read_text(task.file) != task.text:
        msg = f"{task.file} was changed meanwhile, so it was not written; run the command again"
        raise CopeError(msg)
    try:
        mode = task.file.stat().st_mode
        handle, temporary = tempfile.mkstemp(dir=task.file.parent, prefix=f".{task.file.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(after)
            Path(temporary).chmod(mode)
            Path(temporary).replace(task.file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        msg = f"{task.file} cannot be written: {error.strerror}"
        raise CopeError(msg) from error


def _print(task: CodeTask, outcome: Outcome, after: str, *, applied: bool) -> None:
    console = Console(highlight=False)
    if not applied:
        for line in _diff(task, after):
            console.print(Text(line, _COLOURS.get(line[:1], "")), soft_wrap=True)
    said = Console(stderr=True, highlight=False)
    colour = "green" if outcome.status == "solved" else "yellow"
    said.print(f"[{colour}]{escape(explain(outcome))}[/]", soft_wrap=True)
    said.print(f"[dim]{escape(_receipt(outcome))}[/]", soft_wrap=True)
    if applied:
        said.print(f"{escape(str(task.file))} was written.", soft_wrap=True)


def _diff(task: CodeTask, after: str) -> list[str]:
    name = os.path.relpath(task.file, task.workspace)
    before, now = task.text.splitlines(), after.splitlines()
    return list(difflib.unified_diff(before, now, f"a/{name}", f"b/{name}", lineterm=""))


def _receipt(outcome: Outcome) -> str:
    receipt = outcome.receipt
    drafts = f"{receipt.local_drafts} local draft{'s' if receipt.local_drafts != 1 else ''}"
    here = f"{drafts}, {receipt.local_output_tokens} tokens, {receipt.local_seconds:.1f} s"
    if not receipt.calls:
        return f"{here}; nothing left this machine"
    return "; ".join([here, *map(_call, receipt.calls)])


def _call(call: HostedCall) -> str:
    told = f"{call.bytes_sent} bytes to {call.model} at {call.endpoint} for a {call.purpose}"
    if call.failure:
        return f"{told}: {call.failure}, at most {usd(call.cost_nusd)}"
    return f"{told}: {call.input_tokens} tokens in, {call.output_tokens} out, {usd(call.cost_nusd)}"


def _as_json(task: CodeTask, outcome: Outcome, after: str, *, applied: bool) -> dict[str, Any]:
    return asdict(outcome) | {
        "symbol": task.target.symbol,
        "explanation": explain(outcome),
        "diff": "\n".join(_diff(task, after)),
        "applied": applied,
        "receipt": asdict(outcome.receipt) | {"cost_nusd": outcome.receipt.cost_nusd},
    }
