"""The family of code: a task is one function of a file, a draft its body, an answer its syntax tree."""

import asyncio
import hashlib
import textwrap
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cope_lsp.cascade import dialogue, executor, planner
from cope_lsp.cascade.confidence import Estimator, Judged
from cope_lsp.cascade.decide import Stage
from cope_lsp.cascade.family import Assessed, Draft
from cope_lsp.cascade.plan import Plan, PlanKind, Plans
from cope_lsp.cascade.prompts import Ask, Parts, one_line
from cope_lsp.cascade.python_answer import python_answer
from cope_lsp.cascade.python_names import undefined_names
from cope_lsp.checks.base import Check, Verdict
from cope_lsp.context.passage import passage
from cope_lsp.context.target import SHOWN_INDENT, Target, is_stub
from cope_lsp.errors import SandboxUnavailableError
from cope_lsp.models.base import TextModel
from cope_lsp.models.question import Question

TESTS: Final = "tests"
"""The name of the check whose verdict counts as evidence of its own."""

_ASKS: dict[PlanKind, Ask] = {"goal": "goal-and-code", "guideline": "guideline-and-code"}

_NOTHING = Verdict("draft", "failed", "it does nothing", 0.0)


@dataclass(frozen=True, slots=True)
class CodeTask:
    """A function to write or to mend."""

    target: Target
    text: str
    """Of the whole file."""
    file: Path
    workspace: Path
    instruction: str = ""

    @property
    def key(self) -> str:
        """What stays the same while the same thing is wanted of the same function."""
        wanted = (self.workspace, self.file, self.target.symbol, self.target.signature, self.target.docstring)
        return hashlib.sha256(repr((*map(str, wanted), self.instruction)).encode()).hexdigest()


class CodeFamily:
    """Implements `Family` for one task."""

    order: Sequence[Estimator] = (TESTS, "consensus")

    def __init__(self, task: CodeTask, model: TextModel, checks: Sequence[Check]) -> None:
        """Bind the family to a task.

        Args:
            task: the function.
            model: the small model.
            checks: of whole files, in this order; a draft that fails one is not given to the next.
        """
        self.task = task
        self.key = task.key
        self._model = model
        self._checks = checks
        self._known: dict[str, tuple[Verdict, ...]] = {}

    async def draw(self, stage: Stage, plans: Plans, samples: int, seed: int) -> AsyncGenerator[Draft, None]:
        """See `Family`."""
        info = await self._model.info()
        ask: Ask = _ASKS[stage.plan] if stage.planner == "small" and plans == Plans() else "code"
        # A model that goes on with a text is at its best with a plain function, also where it is a method.
        parts = self._parts(plans) if info.chat else _as_function(self._parts(plans))
        moved = "" if info.chat else SHOWN_INDENT * (self.task.target.depth - 1)
        async with aclosing(executor.draw(self._model, parts, ask, samples, seed)) as answers:
            async for answer, tokens in answers:
                said = answer.goal or answer.guideline
                plan = Plan(stage.plan, said, info.name) if said else None
                yield Draft(textwrap.indent(answer.draft, moved), plan, tokens)

    async def assess(self, draft: Draft) -> Assessed:
        """See `Family`."""
        target = self.task.target
        alone = f"{target.classes}{target.signature}\n{draft.text}"
        answer = python_answer(alone, target.symbol)
        if answer is not None and is_stub(alone, target.symbol):
            return Assessed(Judged(None), (_NOTHING,))
        if answer is not None and answer in self._known:  # the same program has the same verdicts
            return self._assessed(answer, self._known[answer])
        verdicts = await self._verdicts(target.with_body(draft.text))
        if answer is not None:
            self._known[answer] = verdicts
        return self._assessed(answer, verdicts)

    async def _verdicts(self, file: str) -> tuple[Verdict, ...]:
        verdicts: list[Verdict] = []
        for check in self._checks:
            try:
                verdicts.append(await check.judge(file))
            except SandboxUnavailableError as error:  # it was not run, and what is known else still counts
                verdicts.append(Verdict(check.name, "unknown", str(error), 0.0))
            if verdicts[-1].judgement == "failed":
                return tuple(verdicts)
        if not any(each.check == TESTS and each.judgement == "passed" for each in verdicts):
            verdicts += await self._named(file)  # a test that ran knows better
        return tuple(verdicts)

    async def _named(self, file: str) -> list[Verdict]:
        """Return what speaks against a draft that was not run: many may agree on a name that is not there."""
        names = await asyncio.to_thread(undefined_names, file, self.task.target.symbol)
        said = f"nothing defines {', '.join(names)}"
        return [Verdict("names", "failed", said, 0.0)] if names else []

    def _assessed(self, answer: str | None, verdicts: tuple[Verdict, ...]) -> Assessed:
        useful = all(each.judgement != "failed" for each in verdicts if each.check != TESTS)
        judgements = {each.check: each.judgement for each in verdicts}
        return Assessed(Judged(answer if useful else None, judgements.get(TESTS, "unknown")), verdicts)

    def plan_question(self, plans: Plans, complaint: str) -> Question:
        """See `Family`."""
        return planner.guideline_question(self._brief(plans, complaint), self.task.workspace, self.task.file)

    def draft_question(self, plans: Plans, complaint: str) -> Question:
        """See `Family`."""
        return planner.draft_question(self._brief(plans, complaint), self.task.workspace, self.task.file)

    def read_draft(self, plans: Plans, answer: str) -> Draft:
        """See `Family`."""
        return Draft(dialogue.read(self._parts(plans), "code", answer).draft)

    def _parts(self, plans: Plans) -> Parts:
        target = self.task.target
        wanted = one_line(target.docstring.partition("\n\n")[0])
        imports = f"{target.imports}\n\n" if target.imports else ""
        return Parts(
            context=f"{imports}{target.classes}",
            signature=target.signature,
            docstring=" ".join(filter(None, (wanted, one_line(self.task.instruction)))),
            goal=plans.goal.text if plans.goal else "",
            guideline=plans.guideline.text if plans.guideline else "",
        )

    def _brief(self, plans: Plans, complaint: str) -> planner.Brief:
        # As the small model sees it: who does not know what is imported plans and writes around it.
        imports = f"{self.task.target.imports}\n\n" if self.task.target.imports else ""
        return planner.Brief(
            passage=imports + passage(self.task.text, self.task.target.line),
            instruction=self.task.instruction,
            goal=plans.goal.text if plans.goal else "",
            guideline=plans.guideline.text if plans.guideline else "",
            complaint=complaint,
            around=self.task.target.around,
        )


def _as_function(parts: Parts) -> Parts:
    """Return a method as a function outside of its class."""
    if not parts.signature.startswith(" "):
        return parts
    context = parts.context.partition("class ")[0]
    return replace(parts, context=context, signature=textwrap.dedent(parts.signature))
