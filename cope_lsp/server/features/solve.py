"""`cope.server.solve`: write or mend the function at a place; drafts are checked, and nothing is changed.

It takes one object, {uri, position or range, test?, instruction?, planId?, goal?, guideline?, withPlan?,
workDoneToken?, id?, apply?}. With `test: true` the place is that of a test, and the function that it tests
is mended. With `withPlan: true` the hosted model is asked for a guideline before anything is drafted; one
that was paid for already is taken again. A goal or a guideline is a text, or {text, author} as a plan has it;
what is not the plan's own text is the user's. `id` is a name for `cope.server.cancel`. With
`apply: "confirm"` the user is asked whether to apply what was found, for editors where nobody reads the
answer.

It answers {editId, status, proof, reason, detail, stage, confidence, verdicts, plans, receipt, summary,
version, edit}; `editId` and `edit` are null when there is nothing to apply. An edit of what is "not-solved"
is the best draft, which no check speaks for. With `apply` it answers `applied` and `applyReason`, too. It
answers null when it was stopped: by a newer one for the same document, by `cope.server.cancel`, or where its
progress is shown.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lsprotocol import types

from cope_lsp.cascade.code import CodeTask
from cope_lsp.cascade.outcome import Outcome
from cope_lsp.cascade.plan import USER, Plan, PlanKind, Plans
from cope_lsp.context.target import CHARACTERS_MAX, target_at
from cope_lsp.errors import CopeError
from cope_lsp.server.applying import apply_if_wanted
from cope_lsp.server.asking import tell
from cope_lsp.server.convert import encoding_of
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.edits import workspace_edit
from cope_lsp.server.features import status
from cope_lsp.server.latest import Superseded
from cope_lsp.server.outline import refusal
from cope_lsp.server.planning import Prepared, paid_once
from cope_lsp.server.progress import Progress
from cope_lsp.server.server import CopeServer
from cope_lsp.server.solving import Solved, solve
from cope_lsp.server.under_test import function_under_test
from cope_lsp.server.wish import (
    Wish,
    document_of,
    failed,
    file_of,
    invalid,
    line_of,
    project_of,
    text_of,
    wish_of,
)
from cope_lsp.text import TextBuffer

COMMAND = "cope.server.solve"
CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class _Job:
    """A wish that makes sense."""

    document: LspDocument
    line: int
    is_test: bool
    """Whether a test is at the line, and the function is elsewhere."""
    instruction: str
    plans: Plans
    token: types.ProgressToken | None
    name: str
    confirm: bool
    with_plan: bool


def register(server: CopeServer) -> None:
    """Add the command to `server`."""

    @server.command(COMMAND)
    async def run(ls: CopeServer, *arguments: Any) -> dict[str, Any] | None:
        """Return what was found; null when it was stopped."""
        job = _job(ls, wish_of(arguments))
        uri = job.document.uri
        ls.solve_names[job.name] = uri
        try:
            answer = await ls.solves.run(uri, _found(ls, job))
        except CopeError as error:
            raise failed(error) from error
        finally:
            ls.solve_names.pop(job.name, None)
            status.refresh(ls)
        return None if isinstance(answer, Superseded) else answer


def command(title: str, uri: str, line: int, **more: str | bool) -> types.Command:
    """Return the command of a code action or lens; its editor need know nothing of us.

    Args:
        title: of the action.
        uri: of the document.
        line: 0-based.
        more: what else is wished for.
    """
    wish: Wish = {"uri": uri, "position": {"line": line, "character": 0}, "apply": CONFIRM}
    return types.Command(title, command=COMMAND, arguments=[{**wish, **more}])


def _job(ls: CopeServer, wish: Wish) -> _Job:
    document, line = document_of(ls, wish), line_of(wish)
    token = wish.get("workDoneToken")
    token = token if isinstance(token, str | int) and not isinstance(token, bool) else None
    if wish.get("apply") not in {None, CONFIRM}:
        raise invalid(f"apply can be {CONFIRM} only")
    planned = ls.plans.get(str(wish["planId"])) if wish.get("planId") is not None else None
    if wish.get("planId") is not None and planned is None:
        raise invalid("planId names no plan that is known (any more)")
    guideline = _plan(wish, "guideline", planned.guideline if planned else None)
    return _Job(
        document=document,
        line=line,
        is_test=wish.get("test") is True,
        instruction=text_of(wish, "instruction") or (planned.instruction if planned else ""),
        plans=Plans(_plan(wish, "goal", None), guideline),
        token=token,
        name=str(wish.get("id") or token or document.uri),
        confirm=wish.get("apply") == CONFIRM,
        with_plan=wish.get("withPlan") is True and guideline is None,
    )


def _plan(wish: Wish, kind: PlanKind, known: Plan | None) -> Plan | None:
    """Return a plan of a wish; what differs from the one that is known was written by the user."""
    text = text_of(wish, kind)
    theirs = " ".join(known.text.split()) if known else ""
    if known is not None and text in {"", theirs}:
        return Plan(kind, theirs, known.author)
    return Plan(kind, text, USER) if text else None


async def _found(ls: CopeServer, job: _Job) -> dict[str, Any] | None:
    """Return the answer, where the function may be in another document: one solve runs there as well."""
    status.refresh(ls)
    if not job.is_test:
        return await _answer(ls, job)
    document, line = await function_under_test(ls, job.document, job.line)
    answer = await ls.solves.run(document.uri, _answer(ls, replace(job, document=document, line=line)))
    return None if isinstance(answer, Superseded) else answer


async def _answer(ls: CopeServer, job: _Job) -> dict[str, Any]:
    version, text = job.document.version, job.document.source
    task = await _task(ls, job, text)
    me = asyncio.current_task()
    assert me is not None
    async with Progress(ls, f"cope: {task.target.symbol}", job.token, me.cancel) as progress:

        async def prepare() -> Prepared:
            if not job.with_plan:
                return Prepared(job.plans)
            progress.tell("asking for a plan")
            return await paid_once(ls, task, job.plans)

        solved = await solve(ls, job.document.uri, task, prepare, progress)
    if solved.edit is not None:
        ls.edits.add(solved.edit.id, solved.edit)
    answer = _as_json(ls, version, task, solved)
    return answer | (await _confirm(ls, task, solved) if job.confirm else {})


async def _task(ls: CopeServer, job: _Job, text: str) -> CodeTask:
    """Return the task at a place.

    Raises:
        CopeError: there is none that may be written.
    """
    document = job.document
    if document.language_id != "python":
        msg = f"functions are written in Python only so far, not in {document.language_id or 'plain text'}"
        raise CopeError(msg)
    if len(text) > CHARACTERS_MAX:
        msg = f"the document has {len(text)} characters of at most {CHARACTERS_MAX}"
        raise CopeError(msg)
    if reason := await refusal(ls, document):
        msg = f"this file is not changed: {reason}"
        raise CopeError(msg)
    file = file_of(document)
    target = await asyncio.to_thread(target_at, text, job.line)
    return CodeTask(target, text, file, project_of(ls, file), job.instruction)


async def _confirm(ls: CopeServer, task: CodeTask, solved: Solved) -> dict[str, Any]:
    """Bring what was found before the user, who gets no other answer."""
    if solved.edit is None or not solved.is_solved:
        tell(ls, f"cope: {task.target.symbol}: {solved.summary}")
        return {"applied": False, "applyReason": solved.summary}
    reason = await apply_if_wanted(ls, solved.edit)
    return {"applied": not reason, "applyReason": reason}


def _as_json(ls: CopeServer, version: int | None, task: CodeTask, solved: Solved) -> dict[str, Any]:
    outcome, edit = solved.outcome, solved.edit
    shown = None
    if edit is not None:
        buffer = TextBuffer(task.text, encoding_of(ls.workspace.position_encoding))
        client = ls.client
        shown = workspace_edit(
            edit, buffer, version, versioned=client.versions_edits, annotated=client.confirms_edits
        )
    return {
        "editId": edit.id if edit else None,
        "status": "solved" if solved.is_solved else "not-solved",
        "proof": outcome.proof if edit else "none",
        "reason": outcome.reason,
        "detail": outcome.detail,
        "stage": outcome.stage,
        "confidence": outcome.confidence,
        "verdicts": [
            {
                "check": v.check,
                "judgement": v.judgement,
                "evidence": v.evidence,
                "ms": round(v.milliseconds, 3),
            }
            for v in outcome.verdicts
        ],
        "plans": {
            plan.kind: {"text": plan.text, "author": plan.author}
            for plan in (outcome.plans.goal, outcome.plans.guideline)
            if plan is not None
        },
        "receipt": _receipt(outcome),
        "summary": solved.summary,
        "version": version,
        "edit": shown,
    }


def _receipt(outcome: Outcome) -> Mapping[str, Any]:
    receipt = outcome.receipt
    return {
        "calls": [
            {
                "reservation": call.reservation,
                "model": call.model,
                "endpoint": call.endpoint,
                "purpose": call.purpose,
                "inputTokens": call.input_tokens,
                "outputTokens": call.output_tokens,
                "nusd": call.cost_nusd,
                "bytesSent": call.bytes_sent,
                "failure": call.failure,
            }
            for call in receipt.calls
        ],
        "localDrafts": receipt.local_drafts,
        "localOutputTokens": receipt.local_output_tokens,
        "localSeconds": round(receipt.local_seconds, 3),
        "nusd": receipt.cost_nusd,
    }
