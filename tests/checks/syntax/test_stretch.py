"""Which piece of a document is read around the cursor: golden cases in stretches.toml, and what holds for all."""

import ast
import importlib
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.checks.syntax.stretch import CHARACTERS_MAX, LINES_MAX, stretch

CASES: list[dict[str, str]] = tomllib.loads(Path(__file__).with_name("stretches.toml").read_text("utf-8"))[
    "case"
]
MODULES = ("ast", "configparser", "csv", "difflib", "heapq", "shlex", "string", "textwrap")
LARGE = 1_200
"""Lines: more than are looked at."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_case(case: dict[str, str]) -> None:
    shown = case["text"]
    head, _, rest = shown.partition("▶")
    piece, _, tail = rest.partition("◀")
    offset = len(head) + piece.index("◆")
    piece = piece.replace("◆", "")
    text = head + piece + tail
    start, end = stretch(text, offset)
    assert text[start:end] == piece


@given(
    st.lists(st.sampled_from(["def f():", "x", " ", "\n", "\r\n", "\t", "#", '"""', "(", ")", "@", "😀"])),
    st.data(),
)
def test_a_piece_is_around_the_cursor_and_whole_lines(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    offset = data.draw(st.integers(0, len(text)))
    start, end = stretch(text, offset)
    assert 0 <= start <= offset <= end <= len(text)
    assert start == 0 or text[start - 1] == "\n"
    assert end == len(text) or text[end - 1] == "\n"


@pytest.mark.parametrize("module", MODULES)
def test_in_the_standard_library_a_piece_holds_whole_statements(module: str) -> None:
    """Each statement at the top is in the piece around any of its lines, unless that is larger than the bounds."""
    text = Path(importlib.import_module(module).__file__ or "").read_text("utf-8")
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in ast.parse(text).body:
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        for row in range(first, last):
            start, end = stretch(text, starts[row])
            if last - first < LINES_MAX // 2:
                assert start <= starts[first], text[starts[row] : starts[row + 1]]
                assert end >= starts[last], text[starts[row] : starts[row + 1]]


def test_of_a_large_class_the_method_is_read() -> None:
    method = "    def f{}(self):\n        x = 1\n\n        return x\n\n"
    text = "class A:\n" + "".join(method.format(number) for number in range(LARGE // 5))
    at = text.index("x = 1", text.index("def f100"))
    start, end = stretch(text, at)
    assert text[start:end] == method.format(100)


def test_the_last_method_of_a_large_class_leaves_it_its_bracket() -> None:
    method = "  f{}(a) {{\n    return 1;\n  }}\n\n"
    text = "class A {\n" + "".join(method.format(number) for number in range(LARGE // 4)) + "}\n"
    start, end = stretch(text, text.rindex("return"))
    assert text[start:end] == method.format(LARGE // 4 - 1)


def test_of_a_large_table_it_is_a_row_between_two() -> None:
    rows = [f"    'k{number}': [\n        {number},\n    ],\n" for number in range(LARGE // 3)]
    text = "D = {\n" + "".join(rows) + "}\n"
    start, end = stretch(text, text.index("200,"))
    assert text[start:end] == "".join(rows[199:202])


def test_of_a_large_function_it_is_the_lines_around() -> None:
    text = "def f():\n" + "    x = 1\n" * LARGE
    start, end = stretch(text, text.index("x", 6_000))
    assert text[start:end] == "    x = 1\n"
    text = "x = [\n" + "1,\n" * LARGE + "]\n"
    start, end = stretch(text, 2_000)
    assert end - start <= CHARACTERS_MAX
    assert text.count("\n", start, end) <= LINES_MAX + 1
    assert start < 2_000 < end


def test_a_line_without_an_end_is_cut_at_the_bounds() -> None:
    text = "x" * 1_000_000
    start, end = stretch(text, 500_000)
    assert (start, end) == (500_000 - CHARACTERS_MAX // 2, 500_000 + CHARACTERS_MAX // 2)
