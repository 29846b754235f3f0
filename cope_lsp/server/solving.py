"""One solve in an editor: its events become progress, and its outcome an edit that nobody applied yet."""

import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

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
from cope_lsp.context.target import NoTargetError, Target, target_at
from cope_lsp.server import consent
from cope_lsp.server.edits import Edit, edit_of
from cope_lsp.server.planning import Prepared
from cope_lsp.server.progress import Progress
from cope_lsp.server.server import CopeServer
from cope_lsp.text import split_lines, without_hidden


@dataclass(frozen=True, slots=True)
class Solved:
    """What came of a solve."""

    outcome: Outcome
    edit: Edit | None
    """Of the draft; when the task was not solved, of the best one. None: there is none that may be shown."""
    summary: str
    """How it ended, for a person."""

    def after(self, call: HostedCall) -> "Solved":
        """Return the same with a call on its receipt that was made before it."""
        receipt = replace(self.outcome.receipt, calls=(call, *self.outcome.receipt.calls))
        return replace(self, outcome=replace(self.outcome, receipt=receipt))

    @property
    def is_solved(self) -> bool:
        """Whether there is an edit that the checks speak for."""
        return self.edit is not None and self.edit.is_verified


async def solve(
    ls: CopeServer, uri: str, task: CodeTask, prepare: Callable[[], Awaitable[Prepared]], progress: Progress
) -> Solved:
    """Solve a task of a document. Cancelling this stops everything at once.

    Args:
        ls: the server.
        uri: of the document.
        task: the function.
        prepare: returns the plans to begin with. It is called when model and checks are ready: what it costs
            is not paid for nothing.
        progress: is told where the solve is.

    Raises:
        CopeError: there is no local model, drafts cannot be checked safely, or `prepare` failed.
    """

    async def agree(asked: EscalationAsked) -> bool:
        return await consent.to_escalate(ls, asked)

    course, outcome = Course(), None
    async with ls.assistant.checks(task, with_tests=ls.client.trusted) as checks:
        progress.tell("loading the model")
        await ls.assistant.warm(uri)
        prepared = await prepare()
        async with aclosing(ls.assistant.solve(task, checks, agree, prepared.plans)) as events:
            async for event in events:
                if isinstance(event, Outcome):
                    outcome = event
                else:
                    progress.tell(course.after(event))
    assert outcome is not None
    solved = _solved(uri, task, outcome)
    return solved.after(prepared.call) if prepared.call else solved


@dataclass(slots=True)
class Course:
    """Says in a few words where a solve is."""

    stage: int = 1
    drafts: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """The drafts of the stage that failed, by the check."""

    def after(self, event: Event) -> str:
        """Return where the solve is after an event."""
        match event:
            case StageStarted(number, stage, repeated):
                if not repeated:
                    self.failed.clear()
                self.stage, self.drafts = number, stage.samples * (repeated + 1)
            case DraftChecked(number, _, assessed):
                bad = next((each.check for each in assessed.verdicts if each.judgement == "failed"), None)
                self.failed.update([bad] if bad else [])
                return f"{self._stage}, draft {number} of {self.drafts}{self._failures}"
            case EscalationAsked(number, quote=quote):
                return f"stage {number}: asking {quote.model}"
            case PlanWritten(plan):
                return f"{self._stage}: {plan.kind} of {plan.author}"
        return self._stage

    @property
    def _stage(self) -> str:
        return f"stage {self.stage}"

    @property
    def _failures(self) -> str:
        return f" ({self.failed.total()} failed: {', '.join(self.failed)})" if self.failed else ""


def _solved(uri: str, task: CodeTask, outcome: Outcome) -> Solved:
    if outcome.draft is None:
        return Solved(outcome, None, explain(outcome))
    after = task.target.with_body(outcome.draft.text)
    if reason := strayed(task.target, outcome.draft.text, after):
        return Solved(outcome, None, f"not solved: the draft {reason}")
    is_solved = outcome.status == "solved"
    edit = edit_of(
        str(uuid.uuid4()),
        uri,
        task.target.symbol,
        task.text,
        after,
        is_verified=is_solved,
        summary=explain(outcome),
    )
    return Solved(outcome, edit, edit.summary)


def strayed(target: Target, draft: str, after: str) -> str:
    """Return what a draft does beside filling the body of its function, "" when nothing.

    Args:
        target: the function.
        draft: its new body.
        after: the file with it.
    """
    if without_hidden(draft) != draft:
        return "holds characters that an editor does not show"
    try:
        found = target_at(after, target.line)
    except NoTargetError:
        return "does not leave a function"
    beyond = found.tail.removesuffix(target.tail) if found.tail.endswith(target.tail) else found.tail
    is_blank = all(line.strip() == "" or line.lstrip().startswith("#") for line in split_lines(beyond))
    if (found.symbol, found.line) != (target.symbol, target.line) or not is_blank:
        return "goes on after the function"
    return ""
