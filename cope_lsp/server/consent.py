"""The user's agreement in an editor: that a project's text may leave, and that a call may cost money."""

import asyncio
from pathlib import Path
from typing import Any

from cope_lsp.cascade.outcome import EscalationAsked
from cope_lsp.egress import offline
from cope_lsp.egress.consent import Answer
from cope_lsp.ledger.entries import usd
from cope_lsp.loading import is_offline
from cope_lsp.models.question import Question, Quote
from cope_lsp.server.asking import ask_about_call
from cope_lsp.server.latest import Shared
from cope_lsp.server.server import CopeServer

_ALLOW, _NOT_NOW, _NEVER = "Allow for this project", "Not now", "Never for this project"
_ASK = "Ask"


async def to_send(ls: CopeServer, question: Question, quote: Quote, most_nusd: int = 0) -> bool:
    """Ask the user once per project and server. Whatever else comes back than a yes, the gate refuses.

    Args:
        ls: the server.
        question: what would be asked.
        quote: its terms.
        most_nusd: what this call and all that may follow it can cost, where one yes is a yes to them.

    Returns:
        whether this very question was put now; one that was open already had a price of its own.

    Raises:
        HostedRefusedError: the answer cannot be kept.
    """
    if await _gate_is_shut(question.workspace):
        return False
    if await _said(ls, question, quote) is not None:
        return False
    # What is asked while the question is open waits for the same answer.
    matter = question.workspace, quote.endpoint
    is_new = matter not in ls.consents
    if is_new:
        ls.consents[matter] = Shared(_ask_user(ls, question, quote, most_nusd))
    shared = ls.consents[matter]
    try:
        await shared.wait()
    finally:
        if not shared.is_wanted:
            ls.consents.pop(matter, None)
    return is_new


async def to_escalate(ls: CopeServer, asked: EscalationAsked) -> bool:
    """Return whether the user agrees to a call: one question at most, which names what it sends and costs.

    True where the gate will refuse anyway: it says why, and what to do.

    Raises:
        HostedRefusedError: as `to_send`.
    """
    question, quote = asked.question, asked.quote
    was_asked = await to_send(ls, question, quote, asked.cost_max_nusd)
    said = await _said(ls, question, quote)
    if said == "denied" or await _gate_is_shut(question.workspace):
        return not was_asked
    if said is None:
        return False
    return was_asked or not asked.must_ask or await _may_cost(ls, asked)


async def _gate_is_shut(workspace: Path) -> bool:
    return await asyncio.to_thread(is_offline, workspace) or offline.is_on()


async def _said(ls: CopeServer, question: Question, quote: Quote) -> Answer | None:
    return await asyncio.to_thread(ls.assistant.consent.answer, question.workspace, quote.endpoint)


async def _ask_user(ls: CopeServer, question: Question, quote: Quote, most_nusd: int) -> None:
    project = question.workspace.name
    about = _about("consent", question, quote, most_nusd) | {
        "title": f"May cope-lsp send text of {project} to {quote.endpoint}, now and later?",
        "detail": f"It would send {quote.bytes} bytes of {project} to {quote.endpoint} ({quote.model}) "
        f"for a {question.purpose}, for {_price(quote, most_nusd)}.",
    }
    chosen = await ask_about_call(ls, about, _ALLOW, _NOT_NOW, _NEVER)
    answers: dict[str | None, Answer] = {_ALLOW: "allowed", _NEVER: "denied"}
    if answer := answers.get(chosen):
        record = ls.assistant.consent.record
        await asyncio.to_thread(record, question.workspace, quote.endpoint, answer)


async def _may_cost(ls: CopeServer, asked: EscalationAsked) -> bool:
    question, quote = asked.question, asked.quote
    about = _about("price", question, quote, asked.cost_max_nusd) | {
        "title": f"Shall cope-lsp ask {quote.model} for a {question.purpose}?",
        "detail": f"It would send {quote.bytes} bytes to {quote.endpoint}, "
        f"for {_price(quote, asked.cost_max_nusd)}.",
    }
    return await ask_about_call(ls, about, _ASK, _NOT_NOW) == _ASK


def _about(kind: str, question: Question, quote: Quote, most_nusd: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "endpoint": quote.endpoint,
        "model": quote.model,
        "purpose": question.purpose,
        "bytes": quote.bytes,
        "boundNusd": quote.bound_nusd,
        "mostNusd": max(quote.bound_nusd, most_nusd),
        "workspace": str(question.workspace),
    }


def _price(quote: Quote, most_nusd: int) -> str:
    now = f"at most {usd(quote.bound_nusd)}"
    return f"{now} now, at most {usd(most_nusd)} in all" if most_nusd > quote.bound_nusd else now
