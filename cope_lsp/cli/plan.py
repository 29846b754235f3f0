"""`cope-lsp plan`: how to write one function, in a sentence or two of the hosted model."""

import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from cope_lsp.assistant import Assistant
from cope_lsp.cascade.planner import Brief, guideline_question
from cope_lsp.cli import agree
from cope_lsp.cli.files import project_of, read_text
from cope_lsp.config import Loaded
from cope_lsp.context.passage import line_of_symbol, passage
from cope_lsp.errors import CopeError, HostedRefusedError
from cope_lsp.ledger.entries import usd
from cope_lsp.models.question import Answer, Question


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `plan` takes."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--symbol", required=True, metavar="NAME", help="the function to plan")
    parser.add_argument("--instruction", default="", metavar="TEXT", help="what you want of it")
    parser.add_argument(
        "--workspace", type=Path, metavar="DIR", help="the project; default: this directory, or the file's"
    )
    parser.add_argument("--show", action="store_true", help="show what would be sent, and send nothing")
    parser.add_argument("--yes", action="store_true", help="allow it for this project without asking")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print the plan and its receipt, or with --show what would be sent."""
    question = _question(arguments)
    return asyncio.run(_plan(arguments, loaded, question))


def _question(arguments: argparse.Namespace) -> Question:
    path: Path = arguments.file
    text = read_text(path)
    line = line_of_symbol(text, arguments.symbol)
    if line is None:
        msg = f"{path} defines no {arguments.symbol}"
        raise CopeError(msg)
    workspace = (arguments.workspace or project_of(path)).resolve()
    return guideline_question(Brief(passage(text, line), arguments.instruction), workspace, path.resolve())


async def _plan(arguments: argparse.Namespace, loaded: Loaded, question: Question) -> int:
    assistant = Assistant.from_config(loaded.config)
    try:
        if arguments.show:
            return await _show(assistant, question, as_json=arguments.json)
        quote = await assistant.quote(question)
        agree.consent(assistant, question, quote, yes=arguments.yes, look="To look at it: --show")
        console = Console(stderr=True, quiet=arguments.json)
        with console.status(f"asking {escape(quote.model)}, at most {usd(quote.bound_nusd)}"):
            answer = await assistant.ask(question)
        _print(answer, as_json=arguments.json)
        return 0
    finally:
        await assistant.close()


async def _show(assistant: Assistant, question: Question, *, as_json: bool) -> int:
    """Print what would be sent; also where it would be refused, with the reason."""
    try:
        quote = await assistant.quote(question)
        terms, values = agree.terms(quote), asdict(quote) | {"refusal": None}
    except HostedRefusedError as error:
        terms, values = f"It would be refused: {error}.", {"refusal": error.reason}
    if as_json:
        print(json.dumps(values | {"system": question.system, "text": question.text.text}))
        return 0
    nothing = f"[bold]Nothing was sent.[/] {escape(terms)}"
    Console().print(f"{nothing}\n\n[dim]instructions[/]", highlight=False)
    print(f"{question.system}\n")
    Console().print("[dim]text[/]")
    print(question.text.text)
    return 0


def _print(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(answer)))
        return
    print(answer.text)
    console = Console(stderr=True)
    tokens = f"{answer.input_tokens} tokens in, {answer.output_tokens} out"
    console.print(
        f"[dim]{escape(answer.model)}: {tokens}, {usd(answer.cost_nusd)}, {answer.seconds:.1f} s[/]",
        highlight=False,
    )
    if answer.warning:
        console.print(f"[yellow]{escape(answer.warning)}[/]")
