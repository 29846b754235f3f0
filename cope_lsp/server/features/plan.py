"""`cope.server.plan`: a guideline of the hosted model for one definition, after the user has agreed.

It takes one object, {uri, range or position, instruction?, show?}, and answers
{planId, goal: {text, author}, guideline: {text, author}, price: {...}}. With show it sends nothing and
answers what would be sent: {endpoint, model, bytes, boundNusd, redacted, system, text}.
"""

from typing import Any

from cope_lsp.errors import CopeError
from cope_lsp.ledger.entries import usd
from cope_lsp.models.question import Answer, Question, Quote
from cope_lsp.server.planning import ask_for_plan, question_about
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import document_of, failed, line_of, text_of, wish_of

COMMAND = "cope.server.plan"


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def plan(ls: CopeServer, *arguments: Any) -> dict[str, Any]:
        """Return a plan and its receipt."""
        wish = wish_of(arguments)
        document, instruction = document_of(ls, wish), text_of(wish, "instruction")
        try:
            question = await question_about(ls, document, line_of(wish), instruction)
            if wish.get("show") is True:
                return _shown(question, await ls.assistant.quote(question))
            asked = await ask_for_plan(ls, question, instruction)
        except CopeError as error:
            raise failed(error) from error
        return _as_json(asked.answer, instruction)


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
