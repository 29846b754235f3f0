"""What a report of pytest says of a draft: a table of runs and judgements."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from cope_lsp.checks.suite.report import (
    EVIDENCE_CHARS_MAX,
    EVIDENCE_LINES_MAX,
    Expectation,
    Run,
    TestResult,
    bounded,
    expect,
    judge_run,
    mentions,
    read_report,
)

KEY = b"key"
COLLECTED = {"kind": "collected", "tests": ["a", "b"]}
END = {"kind": "end", "status": 0, "changed": [], "hooks": {"pytest_x": 2}}


def one(name: str, outcome: str = "passed", message: str = "", text: str = "") -> dict[str, Any]:
    return {"kind": "test", "id": name, "outcome": outcome, "message": message, "text": text}


def signed(*messages: dict[str, Any], key: bytes = KEY) -> str:
    lines = (json.dumps({**message, "number": number}) for number, message in enumerate(messages))
    return "".join(f"{line} {hmac.new(key, line.encode(), hashlib.sha256).hexdigest()}\n" for line in lines)


PASSED = signed(COLLECTED, one("a"), one("b"), END)


def test_a_report_is_read() -> None:
    run = read_report(PASSED, KEY)
    assert (run.collected, run.status, run.fault) == (("a", "b"), 0, "")
    assert run.results == {"a": TestResult("passed"), "b": TestResult("passed")}
    assert run.marks == {"pytest_x: 2"}
    assert read_report("", KEY) == Run()


LINES = PASSED.splitlines(keepends=True)
FORGED = {
    "another key": signed(COLLECTED, one("a"), one("b"), END, key=b"other"),
    "no signature": json.dumps({**COLLECTED, "number": 0}) + "\n",
    "an empty line": "\n" + PASSED,
    "more at the end": PASSED + "4 passed",
    "a line less": "".join(LINES[:1] + LINES[2:]),
    "a line twice": "".join([*LINES[:2], LINES[1], *LINES[2:]]),
    "another order": "".join([LINES[0], LINES[2], LINES[1], LINES[3]]),
    "half a line": PASSED[:-10],
    "a changed letter": PASSED.replace('"b"', '"c"'),
    "no text": "\udcff\x00 \udcff",
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED)
def test_a_report_that_was_written_to_is_not_believed(text: str) -> None:
    run = read_report(text, KEY)
    assert run.fault
    judgement, evidence = judge_run(run, Expectation(frozenset({"a", "b"})), 0)
    assert (judgement, evidence) == ("failed", "something else than pytest wrote to its report")


BEFORE = Expectation(
    frozenset({"a", "b"}), {"x": TestResult("failed", "no module"), "s": TestResult("skipped", "no time")}
)
ALL = {"kind": "collected", "tests": ["a", "b", "x", "s"]}
SAME = (one("x", "failed", "no module"), one("s", "skipped", "no time"))
ENDED = {**END, "status": 1}

JUDGED = [
    ((ALL, one("a"), one("b"), *SAME, ENDED), 1, "passed", "2 tests passed; 2 did not pass before either"),
    ((ALL, one("a"), one("b"), one("x"), one("s"), END), 0, "passed", "2 tests passed; 2 did not"),
    ((ALL, one("a"), one("b", "failed", "assert 1"), *SAME, ENDED), 1, "failed", "b: assert 1"),
    ((ALL, one("a"), one("b", "skipped", "why"), *SAME, ENDED), 1, "failed", "b: skipped: why"),
    ((ALL, one("a"), one("b", "xfailed"), *SAME, ENDED), 1, "failed", "b: xfailed: it was xfailed, and is"),
    ((ALL, one("a"), one("b", "xpassed"), *SAME, ENDED), 1, "failed", "b: xpassed: it was xpassed, and is"),
    ((ALL, one("a"), one("b"), one("x", "failed", "other"), SAME[1], ENDED), 1, "failed", "x: other"),
    ((ALL, one("a"), one("b"), one("x", "skipped", "other"), SAME[1], END), 0, "failed", "x: skipped"),
    ((ALL, one("a"), one("b"), SAME[0], one("s", "failed", "now"), ENDED), 1, "failed", "s: now"),
    ((ALL, one("a"), *SAME, ENDED), 1, "failed", "b: this test was not run"),
    ((ALL, one("a"), *SAME), 0, "failed", "b: the run ended before this test was over (status 0)"),
    ((COLLECTED, one("a"), one("b"), *SAME, ENDED), 1, "failed", "a: there is no such test without"),
    ((ALL, one("a"), one("b"), *SAME, one("new"), ENDED), 1, "failed", "new: there is no such test"),
    ((ALL, ALL, one("a"), one("b"), *SAME, ENDED), 1, "failed", "a: there is no such test without the draft, or"),
    ((ALL, one("a"), one("b"), *SAME), 0, "failed", "every test passed, but the run ended with status 0"),
    ((ALL, one("a"), one("b"), *SAME, ENDED), 0, "failed", "every test passed, but the run ended with status 0"),
    ((ALL, one("a"), one("b"), *SAME, END), 0, "failed", "every test passed, but the run ended with status 0"),
    ((ALL, one("a"), one("b"), *SAME, {**ENDED, "status": 2}), 2, "failed", "every test passed, but"),
    ((ALL, one("a"), one("b"), *SAME, {**ENDED, "changed": ["builtins.len"]}), 1, "failed", "the run replaced"),
    ((ALL, one("a"), one("b"), *SAME, {**ENDED, "hooks": {"pytest_x": 3}}), 1, "failed", "the run replaced"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "status", "judgement", "evidence"), JUDGED)
def test_a_run_is_judged(
    messages: tuple[dict[str, Any], ...], status: int, judgement: str, evidence: str
) -> None:
    marks = frozenset({"pytest_x: 2"})
    expected = Expectation(BEFORE.required, BEFORE.excused, marks)
    found = judge_run(read_report(signed(*messages), KEY), expected, status)
    assert found[0] == judgement
    assert found[1].startswith(evidence)


def test_what_could_not_be_loaded_is_said_first() -> None:
    broken = {"kind": "uncollected", "id": "t.py", "message": "SyntaxError: invalid", "text": ""}
    run = read_report(signed(broken, {**COLLECTED, "tests": []}, {**END, "status": 2}), KEY)
    assert judge_run(run, BEFORE, 2) == ("failed", "t.py: SyntaxError: invalid")


@pytest.mark.parametrize(
    ("outcome", "message", "text", "is_required"),
    [
        ("passed", "", "", True),
        ("failed", "assert total(1) == 2", "", True),
        ("failed", "NotImplementedError", "calc.py:3: in total", True),
        ("failed", "No module named 'numpy'", "in test_total", False),
        ("failed", "subtotal", "totals", False),
        ("skipped", "total", "total", False),
        ("xfailed", "", "total", False),
        ("xpassed", "", "", False),
    ],
)
def test_required_is_what_passed_or_failed_for_the_symbol(
    outcome: str, message: str, text: str, *, is_required: bool
) -> None:
    run = Run(("t",), {"t": TestResult(outcome, message, text)}, marks=frozenset({"m"}))
    expected = expect(run, "Cart.total")
    assert ("t" in expected.required) == is_required
    assert ("t" in expected.excused) != is_required
    assert expected.marks == {"m"}
    assert expect(run, "Cart.total", all_required=frozenset({"t"})).required == {"t"}


def test_a_symbol_is_mentioned_as_a_word() -> None:
    assert mentions("x = total(1)", "Cart.total")
    assert not mentions("x = total_of(1)", "Cart.total")


def test_evidence_is_a_few_lines() -> None:
    assert bounded("a\n\n  b  \nc") == "a\n  b\nc"
    assert len(bounded("x\n" * 100).splitlines()) == EVIDENCE_LINES_MAX
    assert len(bounded("x" * 10_000)) == EVIDENCE_CHARS_MAX
