"""`cope.server.plan`: a guideline of the hosted model for one definition, after the user has agreed.

It takes one object, {uri, range or position, instruction?, show?}, and answers
{planId, goal: {text, author}, guideline: {text, author}, price: {...}}. With show it sends nothing and
answers what would be sent: {endpoint, model, bytes, boundNusd, redacted, system, text}.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import to_fs_path

from cope_lsp.cascade.planner import Brief, guideline_question
from cope_lsp.config import is_offline
from cope_lsp.context.passage import definition_around, passage
from cope_lsp.egress import offline
from cope_lsp.egress.consent import Answer as ConsentAnswer
from cope_lsp.errors import CopeError, HostedFailedError, HostedRefusedError
from cope_lsp.ledger.entries import usd
from cope_lsp.models.question import Answer, Question, Quote
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.server import CopeServer

COMMAND = "cope.server.plan"
CONSENT_WAIT_S = 300.0
"""How long the question to the user may stay open; after that nothing is sent."""

_ALLOW, _NOT_NOW, _NEVER = "Allow for this project", "Not now", "Never for this project"
_REQUEST_FAILED = -32803  # LSP 3.17, `ErrorCodes.RequestFailed`: not a defect, and worth showing


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def plan(ls: CopeServer, *arguments: Any) -> dict[str, Any]:
        """Return a plan and its receipt."""
        wish = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        document = ls.document(str(wish.get("uri", "")))
        if document is None:
            raise _invalid("uri names no document that is open")
        instruction = str(wish.get("instruction") or "")
        place = (document.source, _line(wish), instruction, _project(ls, document), _path(document))
        try:
            question = await asyncio.to_thread(_question, *place)
            quote = await ls.assistant.quote(question)
            if wish.get("show") is True:
                return _shown(question, quote)
            await _agree(ls, question, quote)
            answer = await ls.assistant.ask(question)
        except CopeError as error:
            raise _failure(error) from error
        return _as_json(answer, instruction)


def _question(text: str, line: int, instruction: str, workspace: Path, file: Path) -> Question:
    shown = passage(text, definition_around(text, line))
    if not shown.strip():
        raise _invalid("there is no definition at this place")
    return guideline_question(Brief(shown, instruction), workspace, file)


def _line(wish: Mapping[str, Any]) -> int:
    area = wish.get("range")
    place = wish.get("position") or (area.get("start") if isinstance(area, dict) else None)
    line = place.get("line") if isinstance(place, dict) else None
    if not isinstance(line, int) or isinstance(line, bool) or line < 0:
        raise _invalid("position or range says the line of a definition")
    return line


def _path(document: LspDocument) -> Path:
    path = to_fs_path(document.uri)
    if not document.uri.startswith("file:") or path is None:
        raise _invalid("only text of files is sent, since ignore files must be able to forbid it")
    return Path(path)


def _project(ls: CopeServer, document: LspDocument) -> Path:
    """Return the innermost workspace folder around a document; without one, the document's own folder."""
    file = _path(document)
    roots = [to_fs_path(uri) for uri in ls.workspace.folders]
    around = [Path(root) for root in roots if root and file.is_relative_to(root)]
    return max(around, key=lambda root: len(root.parts), default=file.parent)


async def _agree(ls: CopeServer, question: Question, quote: Quote) -> None:
    """Ask the user once per project and server. Whatever else comes back than a yes, the gate refuses."""
    consent = ls.assistant.consent
    if await asyncio.to_thread(is_offline, question.workspace) or offline.is_on():
        return
    if await asyncio.to_thread(consent.answer, question.workspace, quote.endpoint) is not None:
        return
    # Plans that are asked for while the question is open wait for the same answer.
    matter = question.workspace, quote.endpoint
    if matter not in ls.consents:
        ls.consents[matter] = asyncio.ensure_future(_ask_user(ls, question, quote))
        ls.consents[matter].add_done_callback(lambda _: ls.consents.pop(matter))
    await asyncio.shield(ls.consents[matter])


async def _ask_user(ls: CopeServer, question: Question, quote: Quote) -> None:
    terms = (
        f"cope-lsp would send {quote.bytes} bytes of {question.workspace.name} to {quote.endpoint} "
        f"({quote.model}) for a plan, for at most {usd(quote.bound_nusd)}. May it, now and later?"
    )
    actions = [types.MessageActionItem(title) for title in (_ALLOW, _NOT_NOW, _NEVER)]
    asked = types.ShowMessageRequestParams(types.MessageType.Info, terms, actions)
    try:
        chosen = await asyncio.wait_for(ls.window_show_message_request_async(asked), CONSENT_WAIT_S)
    except (TimeoutError, JsonRpcException):  # nobody answered, or the editor cannot ask
        return
    answers: dict[str, ConsentAnswer] = {_ALLOW: "allowed", _NEVER: "denied"}
    if chosen is not None and chosen.title in answers:
        record = ls.assistant.consent.record
        await asyncio.to_thread(record, question.workspace, quote.endpoint, answers[chosen.title])


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


def _failure(error: CopeError) -> JsonRpcException:
    reason = f" [{error.reason}]" if isinstance(error, HostedRefusedError | HostedFailedError) else ""
    return JsonRpcException(f"{error}{reason}", _REQUEST_FAILED)


def _invalid(message: str) -> JsonRpcException:
    return JsonRpcException(message, types.ErrorCodes.InvalidParams)
