"""Which names of a draft nothing defines."""

from pathlib import Path

import pytest

from cope_lsp.cascade.code import CodeFamily, CodeTask
from cope_lsp.cascade.family import Draft
from cope_lsp.cascade.python_names import undefined_names
from cope_lsp.checks.assertions import Assertions
from cope_lsp.checks.base import Check
from cope_lsp.checks.cage.sandbox import Sandbox
from cope_lsp.config import Config
from cope_lsp.context.target import target_named
from cope_lsp.models.local import LocalModel

FILE = """import os.path as p
from json import dumps, loads as parse

LIMIT = 3
if LIMIT:
    maybe = 1


class Shop:
    rate = 2

    def f(self, xs, *more, key=None, **rest):
        return self


def other():
    global made
    made = display(1)


def f(xs, k=LIMIT):
    {}
"""


def names(*lines: str, symbol: str = "f", head: str = "") -> list[str]:
    text = head + FILE.format("\n    ".join(lines))
    return undefined_names(text, symbol)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["return xs[k]"], []),
        (["return math.floor(xs)"], ["math"]),
        (["return reduce(xs, Counter(k))"], ["Counter", "reduce"]),
        (["import math", "return math.floor(xs)"], []),
        (["return p.join(dumps(xs), parse(k))"], []),
        (["return os.sep"], ["os"]),
        (["return LIMIT + maybe + made"], []),
        (["return display(xs)"], []),  # what the file uses elsewhere comes from somewhere
        (["return f(other(), Shop)"], []),
        (["return rate"], ["rate"]),
        (["return [x for x in xs if x > y]"], ["y"]),
        (["return sorted(xs, key=lambda x: -x + z)"], ["z"]),
        (["for x in xs: pass", "return x"], []),
        (["with k as q, open(xs) as w:", "    return q, w"], []),
        (["def inner(a):", "    nonlocal xs", "    xs = a + k", "    return inner", "return inner"], []),
        (["class A:", "    b = 1", "    def c(self): return b", "return A"], ["b"]),
        (["global fresh", "fresh = 1", "return fresh"], []),
        (["if (n := len(xs)) > 1: return n"], []),
        (["match xs:", "    case [a, *b] | {'c': a, **b}: return a, b"], []),
        (["try: return 1", "except ValueError as error: return error"], []),
        (["del xs", "return __file__, __name__, _('text')"], []),
        (["a: Strange = 1", "def g(b: Odd) -> Rare: return b", "return g(a)"], []),
        (["return globals()['xs'] or hidden"], []),
        (["try: return unicode(xs)", "except NameError: return xs"], []),
        (["return ("], []),
    ],
)
def test_a_name_is_undefined_when_nothing_in_its_file_says_what_it_is(
    lines: list[str], expected: list[str]
) -> None:
    assert names(*lines) == expected


def test_who_imports_everything_may_have_anything() -> None:
    assert names("return math.floor(xs)", head="from numbers import *\n") == []


def test_a_method_sees_no_name_of_its_class() -> None:
    text = FILE.format("pass").replace("return self\n", "return rate, __class__, xs, more, key, rest\n")
    assert undefined_names(text, "Shop.f") == ["rate"]
    assert undefined_names(text, "Shop.g") == undefined_names(text, "Store.f") == []


def test_what_cannot_be_read_has_no_names() -> None:
    assert undefined_names("\0", "f") == undefined_names("def f():\n    x = " + "(" * 5_000, "f") == []


@pytest.mark.parametrize(
    ("body", "tests", "sound"),
    [
        ("return math.floor(xs)", (), False),
        ("return xs // 1", (), True),
        ("return xs or math.pi", ("assert f(2) == 2",), True),
    ],
)
async def test_a_draft_that_was_not_run_must_use_names_that_are_there(
    body: str, tests: tuple[str, ...], *, sound: bool
) -> None:
    """A test that passes knows better than we do."""
    text = 'def f(xs):\n    """Round."""\n'
    task = CodeTask(target_named(text, "f"), text, Path("/p/a.py"), Path("/p"))
    sandbox = Sandbox()
    checks: list[Check] = [Assertions(sandbox, tests, "f")] if tests else []
    try:
        family = CodeFamily(task, LocalModel.from_config(Config()), checks)
        assessed = await family.assess(Draft(f"    {body}\n"))
    finally:
        await sandbox.close()
    assert (assessed.judged.answer is not None) is sound
    assert assessed.complaint == ("" if sound else "nothing defines math")
