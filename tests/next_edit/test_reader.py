"""The process that finds next edits: what it answers, and that nobody waits for it in vain."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import psutil
import pytest

from cope_lsp.checks.syntax.tree import Untold
from cope_lsp.next_edit.history import Change
from cope_lsp.next_edit.reader import ANSWER_TIMEOUT_S, NextEdits
from cope_lsp.next_edit.rules import Proposal

TEXT = "def f(thing):\n    return item\n"
CHANGES = [Change(6, "item", "thing")]
FOUND = Proposal(25, 29, "thing")

PATIENCE_S = 20.0


@pytest.fixture
async def next_edits() -> AsyncIterator[NextEdits]:
    made = NextEdits()
    yield made
    await made.close()


async def asked(next_edits: NextEdits) -> Proposal | Untold:
    return await next_edits.next_edit("python", TEXT, CHANGES, 11)


async def asked_until_told(next_edits: NextEdits) -> Proposal | Untold:
    """Ask until there is time for an answer: the machine may be busy."""
    async with asyncio.timeout(PATIENCE_S):
        while isinstance(found := await asked(next_edits), Untold):
            await asyncio.sleep(0.1)
    return found


async def test_it_is_started_by_the_first_question(next_edits: NextEdits) -> None:
    assert next_edits.pid is None
    assert await asked_until_told(next_edits) == FOUND
    pid = next_edits.pid
    assert await asked_until_told(next_edits) == FOUND
    assert next_edits.pid == pid


@pytest.mark.parametrize(
    ("language", "changes", "reason"),
    [("html", CHANGES, "there are no rules for html"), ("python", [], "nothing was edited yet")],
)
async def test_it_is_not_started_for_a_question_without_an_answer(
    next_edits: NextEdits, language: str, changes: list[Change], reason: str
) -> None:
    assert await next_edits.next_edit(language, TEXT, changes, 0) == Untold(reason)
    assert next_edits.pid is None


async def test_one_that_was_killed_is_replaced(next_edits: NextEdits) -> None:
    await asked_until_told(next_edits)
    pid = next_edits.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    assert await asked_until_told(next_edits) == FOUND
    assert next_edits.pid != pid


async def test_one_that_cannot_be_started_proposes_nothing(
    next_edits: NextEdits, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/no/python")
        assert await asked(next_edits) == Untold("it took too long, or went wrong")
    assert await asked_until_told(next_edits) == FOUND


async def test_nobody_waits_for_one_that_hangs(next_edits: NextEdits) -> None:
    await asked_until_told(next_edits)
    pid = next_edits.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(ANSWER_TIMEOUT_S * 10):
        assert await asked(next_edits) == Untold("it took too long")
    assert await asked_until_told(next_edits) == FOUND
    assert next_edits.pid != pid, "it was ended, and another one answered"


async def test_a_text_that_takes_too_long_does_not_end_the_next_question(
    next_edits: NextEdits,
) -> None:
    await asked_until_told(next_edits)
    found = await next_edits.next_edit("python", "(" * 300_000 + TEXT, CHANGES, 0)
    assert isinstance(found, Untold)
    assert await asked_until_told(next_edits) == FOUND


async def test_closing_ends_the_process() -> None:
    next_edits = NextEdits()
    await asked_until_told(next_edits)
    assert next_edits.pid
    process = psutil.Process(next_edits.pid)
    await next_edits.close()
    assert not process.is_running()


async def test_one_that_was_never_asked_is_closed_without_a_word() -> None:
    next_edits = NextEdits()
    await next_edits.close()
    assert next_edits.pid is None
