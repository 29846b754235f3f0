"""How much is asked of a model, by what stands around the cursor."""

from dataclasses import replace

import pytest

from cope_lsp.checks.syntax.scene import Kind, Scene
from cope_lsp.completion.request import (
    AUTOMATIC_DEADLINE_S,
    AUTOMATIC_PATIENCE_S,
    BLOCK_LINES,
    BLOCK_TOKENS,
    EXPLICIT_DEADLINE_S,
    LINE_TOKENS,
    Place,
    limits_for,
    place_of,
)
from cope_lsp.values import CompletionRequest, Document, Limits, Scope


def place(marked: str) -> Place:
    """Return the place of ‸."""
    before, after = marked.split("‸")
    return place_of(before + after, len(before))


@pytest.mark.parametrize(
    ("marked", "before", "after"),
    [
        ("‸", "", ""),
        ("a‸b", "a", "b"),
        ("x\na‸b\ny", "a", "b"),
        ("x\r\na‸b\r\ny", "a", "b"),
        ("x\ra‸b\ry", "a", "b"),
        ("x\n‸\ny", "", ""),
        ("x\n‸", "", ""),
        ("‸\nx", "", ""),
        ("a\x0cb\u2028c‸d\x85e", "a\x0cb\u2028c", "d\x85e"),
    ],
)
def test_a_place_is_the_line_around_the_cursor(marked: str, before: str, after: str) -> None:
    found = place(marked)
    assert (found.before, found.after) == (before, after)


@pytest.mark.parametrize(
    ("marked", "below", "is_close"),
    [
        ("a‸b", "", False),
        ("a‸b\n", "", True),
        ("a‸b\n  c  \nd", "  c", True),
        ("a‸b\r\n  c\r\nd", "  c", True),
        ("a‸b\rc\rd", "c", True),
        ("a‸b\n\n \nc", "c", False),
        ("a‸b\n\n", "", False),
    ],
)
def test_a_place_knows_the_next_line_that_is_not_blank(marked: str, below: str, *, is_close: bool) -> None:
    found = place(marked)
    assert (found.below, found.is_close) == (below, is_close)


@pytest.mark.parametrize(
    ("marked", "goes_on"),
    [
        ("def f():\n    ‸\n    return 1", True),
        ("def f():\n    ‸\n\n    return 1", True),
        ("def f():\n    ‸\nx = 1", False),
        ("def f():\n    a = ‸\n    return a", True),
        ("def f():\n    a = ‸\n\n\ndef g():\n    pass", False),
        ("‸\nx = 1", True),
        ("‸\n\nx = 1", False),
        ("‸", False),
        ("\t‸\n        x", True),
        ("\t‸\n    x", False),
    ],
)
def test_whether_the_block_goes_on_below(marked: str, *, goes_on: bool) -> None:
    assert place(marked).goes_on_below is goes_on


@pytest.mark.parametrize(
    ("marked", "inside"),
    [
        ("na‸me", True),
        ("‸name", True),
        ("na‸_me", True),
        ("na‸1", True),
        ("na‸é", True),
        ("name‸", False),
        ("name‸\nnext", False),
        ("name‸)", False),
        ("name‸ other", False),
    ],
)
def test_a_word_that_goes_on_at_the_cursor_is_noticed(marked: str, *, inside: bool) -> None:
    assert place(marked).inside_word is inside


@pytest.mark.parametrize(
    ("marked", "opens"),
    [
        ("def f():‸", True),
        ("def f():  ‸  ", True),
        ("fn main() {‸", True),
        ("def f():‸ # why", False),
        ("if (a‸) {", False),
        ("x = 1‸", False),
        ("‸", False),
        ("def f():\n‸", False),
    ],
)
def test_a_line_that_opens_a_block_is_noticed(marked: str, *, opens: bool) -> None:
    assert place(marked).opens_block is opens


WAITING = Limits(LINE_TOKENS, AUTOMATIC_DEADLINE_S, patience_s=AUTOMATIC_PATIENCE_S)
LINE = replace(WAITING, stop=("\n",))
ANY = Scope(0)
BLOCK = replace(WAITING, output_tokens_max=BLOCK_TOKENS, lines_max=BLOCK_LINES, scope=ANY)
ASKED_LINE = Limits(LINE_TOKENS, EXPLICIT_DEADLINE_S, stop=("\n",))
ASKED_BLOCK = Limits(BLOCK_TOKENS, EXPLICIT_DEADLINE_S, lines_max=BLOCK_LINES, scope=ANY)
EMPTY_LINE = replace(WAITING, lines_max=1)


@pytest.mark.parametrize(
    ("marked", "explicit", "limits"),
    [
        ("x = ‸", False, LINE),
        ("x = ‸", True, ASKED_BLOCK),
        ("print(‸)", False, LINE),
        ("print(‸)", True, ASKED_LINE),
        ("def f(‸):", True, ASKED_LINE),
        ("def f():‸", False, BLOCK),
        ("def f():‸  ", False, BLOCK),
        ("def f():‸", True, ASKED_BLOCK),
        ("if (a) {‸", False, BLOCK),
        ("def f():\n    ‸", False, EMPTY_LINE),
        ("def f():\n    ‸", True, ASKED_BLOCK),
        ("‸", False, EMPTY_LINE),
        ("‸", True, ASKED_BLOCK),
        ("def f():\n    ‸\n    return 1", True, replace(ASKED_LINE, stop=(), lines_max=1)),
        ("def f():\n    a = ‸\n    return a", True, ASKED_LINE),
    ],
)
def test_a_line_or_a_block_is_asked_for(marked: str, limits: Limits, *, explicit: bool) -> None:
    found = limits_for(request_at(marked, explicit=explicit), place(marked))
    if found.scope and found.scope.closes:  # the brace above is Python to nobody
        found = replace(found, scope=replace(found.scope, closes=False))
    assert found == limits


def request_at(marked: str, *, explicit: bool = False, language: str = "python") -> CompletionRequest:
    before, after = marked.split("‸")
    return CompletionRequest(Document("file:///a.py", language, before + after), len(before), explicit)


def scene(kind: Kind = "code", *, opens_block: bool = False, indent: int = 4) -> Scene:
    return Scene(kind, opens_block=opens_block, indent=indent, ends_statement=False)


@pytest.mark.parametrize(
    ("marked", "explicit", "known", "wanted"),
    [
        ("def f():\n    ‸", False, scene(opens_block=True), "block"),
        ("def f():\n    ‸", False, scene(), "line"),
        ("def f():‸\n    return 1", False, scene(), "line"),
        ("def f():‸", False, scene(opens_block=True), "block"),
        ("x = 1  # the answer:‸", False, scene("comment"), "line"),
        ("x = 1  # the answer:‸", True, scene("comment"), "line"),
        ('"""It says:‸', True, scene("string"), "line"),
        ("x = ‸", True, scene(indent=0), "block"),
        ("def f():\n    x = ‸\n    return x", True, scene(), "line"),
        ("def f():\n    for x in y:‸\n    return x", True, scene(opens_block=True, indent=8), "block"),
    ],
)
def test_the_tree_decides_where_it_is_known(
    marked: str, known: Scene, wanted: str, *, explicit: bool
) -> None:
    found = limits_for(request_at(marked, explicit=explicit), place(marked), known)
    assert ("block" if found.output_tokens_max == BLOCK_TOKENS else "line") == wanted
    assert (found.scope is not None) == (wanted == "block")


def test_a_block_ends_where_the_tree_says() -> None:
    marked = "def f():\n    for x in y:‸\n\n    return x"
    found = limits_for(request_at(marked), place(marked), scene(opens_block=True, indent=8))
    assert found.scope == Scope(8, below="    return x")
    braces = limits_for(request_at(marked, language="go"), place(marked), scene(opens_block=True, indent=8))
    assert braces.scope == Scope(8, closes=True, below="    return x")


def test_at_the_left_margin_a_block_ends_at_a_blank_line() -> None:
    found = limits_for(request_at("x = ‸", explicit=True), place("x = ‸"), scene(indent=0))
    assert found.scope == Scope(0, ends_at_blank=True)
