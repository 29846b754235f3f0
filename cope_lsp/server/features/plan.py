"""`cope.server.plan`: a guideline of the hosted model for one definition, after the user has agreed.

It takes one object, {uri, range or position, instruction?, show?}, and answers
{planId, goal: {text, author}, guideline: {text, author}, price: {...}}. With show it sends nothing and
answers what would be sent: {endpoint, model, bytes, boundNusd, redacted, system, text}.
"""

import asyncio
from pathlib import Path
from typing import Any

from cope_lsp.cascade.plan import Plan
from cope_lsp.cascade.planner import Brief, guideline_question
from cope_lsp.context.passage import definition_around, passage
from cope_lsp.errors import CopeError
from cope_lsp.ledger.entries import usd
from cope_lsp.models.question import Answer, Question, Quote
from cope_lsp.server import consent
from cope_lsp.server.server import CopeServer, Planned
from cope_lsp.server.wish import document_of, failed, file_of, invalid, line_of, project_of, text_of, wish_of

COMMAND = "cope.server.plan"


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def plan(ls: CopeServer, *arguments: Any) -> dict[str, Any]:
        """Return a plan and its receipt."""
        wish = wish_of(arguments)
        document = document_of(ls, wish)
        instruction, file = text_of(wish, "instruction"), file_of(document)
        place = (document.source, line_of(wish), instruction, project_of(ls, file), file)
        try:
            question = await asyncio.to_thread(_question, *place)
            quote = await ls.assistant.quote(question)
            if wish.get("show") is True:
                return _shown(question, quote)
            await consent.to_send(ls, question, quote)
            answer = await ls.assistant.ask(question)
        except CopeError as error:
            raise failed(error) from error
        ls.plans.add(answer.reservation, Planned(instruction, Plan("guideline", answer.text, answer.model)))
        return _as_json(answer, instruction)


def _question(text: str, line: int, instruction: str, workspace: Path, file: Path) -> Question:
    shown = passage(text, definition_around(text, line))
    if not shown.strip():
        raise invalid("there is no definition at this place")
    return guideline_question(Brief(shown, instruction), workspace, file)


def _shown(question: Question, quote: Quote) -> dict[str, Any]:
    return {
        "endpoint": quote.endpoint,
        "model": quote.model,
        "bytes": quote.bytes,
        "boundNusd": quote.bound_nusd,
        "redacted": list(quote.redacted),
        "system": question.system,
        "text": question.text.text,
    }


def _as_json(answer: Answer, instruction: str) -> dict[str, Any]:
    return {
        "planId": answer.reservation,
        "goal": {"text": instruction, "author": "user"},
        "guideline": {"text": answer.text, "author": answer.model},
        "price": {
            "nusd": answer.cost_nusd,
            "boundNusd": answer.bound_nusd,
            "text": usd(answer.cost_nusd),
            "inputTokens": answer.input_tokens,
            "outputTokens": answer.output_tokens,
            "warning": answer.warning,
        },
    }
