"""What a run of pytest reported, and what that says of a draft. Pure: texts and values in, values out."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any

from cope_lsp.checks.base import Judgement

EVIDENCE_CHARS_MAX = 1_500
EVIDENCE_LINES_MAX = 12


@dataclass(frozen=True, slots=True)
class TestResult:
    """What became of one test."""

    __test__ = False  # the name is no invitation to pytest

    outcome: str
    """`passed`, `failed`, `skipped`, `xfailed` (as expected) or `xpassed`."""
    message: str = ""
    """What the failing line said, in a few lines."""
    text: str = ""
    """All that pytest says of it, the traceback included."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest, as its plugin tells it."""

    collected: tuple[str, ...] = ()
    results: dict[str, TestResult] = field(default_factory=dict)
    """By the id of the test."""
    uncollected: dict[str, TestResult] = field(default_factory=dict)
    """Test files, or parts of them, that could not be loaded."""
    status: int | None = None
    """What pytest meant its exit status to be; None if it did not come to its end."""
    marks: frozenset[str] = frozenset()
    """Functions that were replaced, and how many take part in each of pytest's hooks."""
    fault: str = ""
    """Why the report cannot be believed; "" if it can."""


def read_report(text: str, key: bytes) -> Run:
    """Read the report of a run, whoever wrote it; a line that the plugin did not write is a fault."""
    run = Run()
    for number, line in enumerate(text.splitlines()):
        message = _message(line, key)
        if message is None or message.get("number") != number:
            return Run(fault="something else than pytest wrote to its report")
        run = _added(run, message)
    return run


def _message(line: str, key: bytes) -> dict[str, Any] | None:
    text, _, signature = line.rpartition(" ")
    expected = hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        return None
    message: dict[str, Any] = json.loads(text)
    return message


def _added(run: Run, message: dict[str, Any]) -> Run:
    """Return a run with one more message."""
    values = {name: getattr(run, name) for name in Run.__slots__}
    match message["kind"]:
        case "collected":
            values["collected"] = (*run.collected, *message["tests"])
        case "end":
            hooks = {f"{name}: {count}" for name, count in message["hooks"].items()}
            values |= {"status": message["status"], "marks": frozenset({*message["changed"], *hooks})}
        case kind:
            result = TestResult(message.get("outcome", "failed"), message["message"], message["text"])
            name = "uncollected" if kind == "uncollected" else "results"
            values[name] = {**values[name], message["id"]: result}
    return Run(**values)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the tests did on the unchanged repository, and so what a draft has to do."""

    required: frozenset[str] = frozenset()
    """Tests that have to pass."""
    excused: dict[str, TestResult] = field(default_factory=dict)
    """Tests that did not pass before, for a reason that is not the symbol; they may stay as they were."""
    marks: frozenset[str] = frozenset()
    """What the tests themselves change of pytest."""


def expect(run: Run, symbol: str, *, all_required: frozenset[str] = frozenset()) -> Expectation:
    """Return what is expected of a draft of `symbol`, from a run on the unchanged repository.

    Required is what passed, and what failed with a report that names the symbol. What failed without naming
    it (a dependency is missing), was skipped or was expected to fail is excused.

    Args:
        run: complete and believed.
        symbol: its qualified name; the report has to hold the last part of it as a word.
        all_required: ids that are required, whatever became of them.
    """
    excused = {
        test: result
        for test, result in run.results.items()
        if result.outcome != "passed" and test not in all_required and not _is_about(result, symbol)
    }
    return Expectation(frozenset(run.collected) - excused.keys(), excused, run.marks)


def _is_about(result: TestResult, symbol: str) -> bool:
    return result.outcome == "failed" and mentions(f"{result.message}\n{result.text}", symbol)


def mentions(text: str, symbol: str) -> bool:
    """Whether a text holds the last part of a qualified name as a word."""
    return re.search(rf"\b{re.escape(symbol.rpartition('.')[2])}\b", text) is not None


def judge_run(run: Run, expected: Expectation, exit_status: int | None) -> tuple[Judgement, str]:
    """Return the judgement on a draft and the evidence for it."""
    if fault := run.fault or first_failure(run, expected) or _fault_of(run, expected, exit_status):
        return "failed", fault
    count = len(expected.required)
    excused = f"; {len(expected.excused)} did not pass before either" if expected.excused else ""
    return "passed", f"{count} test{'s' if count != 1 else ''} passed{excused}"


def first_failure(run: Run, expected: Expectation) -> str:
    """Return the first test that did not do what is expected, and what it said; "" if there is none."""
    found = (run.uncollected | run.results).items()
    return next((shown(test, result) for test, result in found if not _is_well(test, result, expected)), "")


def _is_well(test: str, result: TestResult, expected: Expectation) -> bool:
    before = expected.excused.get(test)
    if result.outcome == "passed" or before is None:
        return result.outcome == "passed"
    return result.outcome == "xpassed" or (result.outcome, result.message) == (before.outcome, before.message)


def _fault_of(run: Run, expected: Expectation, exit_status: int | None) -> str:
    """Return what is wrong with a run in which no test failed."""
    known = expected.required | expected.excused.keys()
    missing, more = sorted(known - run.results.keys()), sorted({*run.collected, *run.results} - known)
    may_fail = any(
        run.results[test].outcome == "failed" for test in expected.excused.keys() & run.results.keys()
    )
    if missing and run.status is None:
        return f"{missing[0]}: the run ended before this test was over (status {exit_status})"
    if missing:
        return f"{missing[0]}: this test was not run"
    if more or len(run.collected) != len(known):
        return f"{(more or sorted(known))[0]}: there is no such test without the draft, or not as often"
    if run.status is None or run.status != exit_status or run.status != int(may_fail):
        return f"every test passed, but the run ended with status {exit_status}"
    if changed := sorted(run.marks - expected.marks):
        return f"the run replaced a part of Python or pytest: {changed[0]}"
    return ""


def shown(test: str, result: TestResult) -> str:
    """Return a test and what it said, for a person or a model: a few lines."""
    message = result.message.strip() or f"it was {result.outcome}, and is expected to pass"
    if result.outcome in {"skipped", "xfailed", "xpassed"}:
        message = f"{result.outcome}: {message}"
    return bounded(f"{test}: {message}")


def bounded(text: str) -> str:
    """Return the beginning of a text, cut at lines if possible."""
    lines = [line.rstrip() for line in text.splitlines()]
    text = "\n".join(line for line in lines[:EVIDENCE_LINES_MAX] if line)
    return text if len(text) <= EVIDENCE_CHARS_MAX else text[: EVIDENCE_CHARS_MAX - 1] + "…"
