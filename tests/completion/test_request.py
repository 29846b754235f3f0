"""How much is asked of a model, by what stands around the cursor."""

from dataclasses import replace

import pytest

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
from cope_lsp.values import CompletionRequest, Document, Limits


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
    assert place(marked) == Place(before, after)


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
BLOCK = replace(WAITING, output_tokens_max=BLOCK_TOKENS, lines_max=BLOCK_LINES)
ASKED_LINE = Limits(LINE_TOKENS, EXPLICIT_DEADLINE_S, stop=("\n",))
ASKED_BLOCK = Limits(BLOCK_TOKENS, EXPLICIT_DEADLINE_S, lines_max=BLOCK_LINES)
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
    ],
)
def test_a_line_or_a_block_is_asked_for(marked: str, limits: Limits, *, explicit: bool) -> None:
    before, after = marked.split("‸")
    document = Document("file:///a.py", "python", before + after)
    request = CompletionRequest(document, len(before), explicit)
    assert limits_for(request, place(marked)) == limits
