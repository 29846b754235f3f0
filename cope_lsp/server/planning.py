"""A plan of the hosted model for one definition of a document, after the user has agreed."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.cascade.code import CodeTask
from cope_lsp.cascade.outcome import HostedCall, made_call
from cope_lsp.cascade.plan import Plan, Plans, memory_key
from cope_lsp.cascade.planner import Brief, guideline_question
from cope_lsp.context.passage import definition_around, passage
from cope_lsp.models.question import Answer, Question
from cope_lsp.server import consent
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.server import CopeServer, Planned
from cope_lsp.server.wish import file_of, invalid, project_of


async def question_about(ls: CopeServer, document: LspDocument, line: int, instruction: str) -> Question:
    """Return what the hosted model is asked about the definition around a line. Sends nothing."""
    file = file_of(document)
    return await asyncio.to_thread(_question, document.source, line, instruction, project_of(ls, file), file)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the hosted model said."""

    answer: Answer
    """Its reservation is the `planId` of the plan."""
    plan: Plan
    call: HostedCall
    """For a receipt."""


async def ask_for_plan(ls: CopeServer, question: Question, instruction: str) -> Asked:
    """Ask the hosted model for a guideline and remember it.

    Raises:
        CopeError: it was not asked, or did not answer; the message says why.
    """
    quote = await ls.assistant.quote(question)
    await consent.to_send(ls, question, quote)
    answer = await ls.assistant.ask(question)
    plan = Plan("guideline", answer.text, answer.model)
    ls.plans.add(answer.reservation, Planned(instruction, plan))
    return Asked(answer, plan, made_call(question, quote, answer))


@dataclass(frozen=True, slots=True)
class Prepared:
    """The plans that a solve begins with."""

    plans: Plans
    call: HostedCall | None = None
    """What was paid for them."""


async def paid_once(ls: CopeServer, task: CodeTask, plans: Plans) -> Prepared:
    """Return plans joined by a guideline for a task, which is asked for unless it was paid for before.

    It is kept before anything is done with it: whatever happens then, the next try has it.

    Raises:
        CopeError: as `ask_for_plan`.
    """
    key = memory_key(task.key)
    known = await asyncio.to_thread(ls.paid_plans.recall, key)
    if known is not None:
        return Prepared(plans.joined_by(known))
    question = await asyncio.to_thread(
        _question, task.text, task.target.line, task.instruction, task.workspace, task.file
    )
    asked = await ask_for_plan(ls, question, task.instruction)
    await asyncio.to_thread(ls.paid_plans.keep, key, asked.plan)
    return Prepared(plans.joined_by(asked.plan), asked.call)


def _question(text: str, line: int, instruction: str, workspace: Path, file: Path) -> Question:
    shown = passage(text, definition_around(text, line))
    if not shown.strip():
        raise invalid("there is no definition at this place")
    return guideline_question(Brief(shown, instruction), workspace, file)
