"""Scores: what the sandbox says of a draft, apart for the tests that a check may see and for the others."""

from dataclasses import dataclass

from cope_lsp.checks.cage.sandbox import Program, Report, Sandbox
from cope_lsp.evaluation.tasks import Task

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Score:
    """How one draft did."""

    visible: bool
    """It passes the tests that a check may run; True where there are none."""
    hidden: bool
    """It is right: it passes the tests that nobody sees. Nothing else counts in a table."""
    evidence: str
    """The first test that it did not pass."""


async def score(task: Task, drafts: tuple[str, ...], sandbox: Sandbox) -> tuple[Score, ...]:
    """Return a score for each draft; equal drafts are run once.

    Raises:
        SandboxUnavailableError: there is no safe place to run them.
    """
    different = list(dict.fromkeys(drafts))
    reports = [
        await _report(task, draft, first, sandbox)
        for draft, first in zip(
            different, await sandbox.run_all([_program(task, draft) for draft in different]), strict=True
        )
    ]
    scores = {draft: _score(task, report) for draft, report in zip(different, reports, strict=True)}
    return tuple(scores[draft] for draft in drafts)


async def _report(task: Task, draft: str, first: Report, sandbox: Sandbox) -> Report:
    """Return what the sandbox says; where it could not tell, as when a cage breaks, it is asked once more."""
    return first if first.judgement != "unknown" else await sandbox.run(_program(task, draft))


def _program(task: Task, draft: str) -> Program:
    tests = (*task.visible_tests, *task.hidden_tests)
    return Program(task.program(draft), tests, task.name, task.setup, TIMEOUT_S)


def _score(task: Task, report: Report) -> Score:
    shown = len(task.visible_tests)
    passed = [result.judgement == "passed" for result in report.results]
    return Score(all(passed[:shown]), bool(passed[shown:]) and all(passed[shown:]), report.evidence[:300])
