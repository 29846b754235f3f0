"""What holds for any edit: of generated ones, and of the standard library's functions cut at any byte."""

import ast
import importlib
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.checks.syntax.errors import Original, new_errors
from cope_lsp.checks.syntax.languages import parser
from cope_lsp.checks.syntax.tree import Edit, Untold, common_head
from tests.checks.syntax.snippets import SNIPPETS
from tests.conftest import scaled

MARKS = "()[]{}<>;:,.=+-*/\\'\"`#$%&|!?@ \n\t😀é\0\ud800"
WORDS = [
    "\r\n",
    "\r",
    '"""',
    "/*",
    "*/",
    "//",
    "--[[",
    "]]",
    "<<EOF",
    "EOF",
    "${",
    "#{",
    "?>",
    "<?php",
    "</p>",
    "<p>",
]
PIECES = st.sampled_from([*MARKS, *WORDS, "if", "end", "do", "x", "1", "class"])
DRAFTS = st.lists(PIECES, max_size=12).map("".join)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a language, and a file before and after an edit anywhere."""
    language = draw(st.sampled_from(sorted(SNIPPETS)))
    snippet = SNIPPETS[language]
    before = snippet.filled(draw(st.sampled_from([snippet.stub, snippet.right, snippet.wrong])))
    start = draw(st.integers(0, len(before)))
    end = draw(st.integers(start, min(len(before), start + 40)))
    return language, before, before[:start] + draw(DRAFTS) + before[end:]


def has_error(language: str, text: str) -> bool:
    made = parser(language)
    assert made is not None
    return made.parse(text.encode("utf-8", "replace")).root_node.has_error


@settings(max_examples=scaled(300, 5_000), deadline=None)
@given(edits())
def test_what_is_read_piece_by_piece_is_as_wrong_as_what_is_read_at_once(edit: tuple[str, str, str]) -> None:
    language, before, after = edit
    found = new_errors(language, before, after)
    if language == "python" or has_error(language, before) or "\ud800" in after:
        return
    assert isinstance(found, tuple)
    if has_error(language, after):
        assert found
    else:
        assert all("takes in" in fault.what for fault in found)


@settings(max_examples=scaled(300, 5_000), deadline=None)
@given(edits())
def test_an_error_is_in_a_line_of_the_file_and_one_sentence(edit: tuple[str, str, str]) -> None:
    language, before, after = edit
    found = new_errors(language, before, after)
    if isinstance(found, Untold):
        assert found.reason
        return
    lines = after.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    for fault in found:
        assert 1 <= fault.line <= lines
        assert fault.what.isprintable()


@settings(max_examples=scaled(100, 1_000), deadline=None)
@given(edits())
def test_to_leave_a_file_as_it_was_is_sound_and_so_is_a_line_behind_it(edit: tuple[str, str, str]) -> None:
    language, _, before = edit
    assert new_errors(language, before, before) == ()


@given(st.text(), st.text(), st.text(), st.text())
def test_an_edit_is_what_two_texts_do_not_share(head: str, old: str, new: str, tail: str) -> None:
    before, after = head + old + tail, head + new + tail
    edit = Edit.between(before, after)
    assert before[: edit.start] + after[edit.start : edit.new_end] + before[edit.old_end :] == after
    assert edit.start >= len(head) or before == after
    assert edit.start == common_head(before, after)


# -- Python: what CPython rejects is caught, what it accepts is not ---------------------------------

MODULES = (
    "configparser",
    "csv",
    "dataclasses",
    "difflib",
    "functools",
    "heapq",
    "json.decoder",
    "shlex",
    "string",
)
OLD_ERRORS = {"no error": "", "an error": "old = = 1\n", "an open bracket": "old = (1,\n"}


def holes(module: str) -> Iterator[tuple[str, str, str]]:
    """Yield what stands above, in and below the body of each function of a module."""
    text = Path(importlib.import_module(module).__file__ or "").read_text("utf-8")
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.body[0].lineno > node.lineno:
            start, end = node.body[0].lineno - 1, node.end_lineno
            yield "".join(lines[:start]), "".join(lines[start:end]), "".join(lines[end:])


def compiles(text: str, flags: int = 0) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<test>", "exec", flags)
        except (SyntaxError, ValueError):
            return False
    return True


@pytest.mark.parametrize("old", OLD_ERRORS)
@pytest.mark.parametrize("module", MODULES)
def test_a_function_cut_anywhere_is_judged_as_cpython_judges_it(
    module: str, old: str, scale: Callable[[int, int], int]
) -> None:
    """Also where the file does not compile for another reason; then by the grammar alone, for want of the rest.

    What only the rest could tell is whether a `nonlocal` finds its variable.
    """
    flags = ast.PyCF_ONLY_AST if OLD_ERRORS[old] else 0
    randomly = random.Random(module)
    found = list(holes(module))
    for head, body, tail in randomly.sample(found, min(len(found), scale(5, 1000))):
        stub = body[: len(body) - len(body.lstrip())] + "raise NotImplementedError\n"
        original = Original("python", OLD_ERRORS[old] + head + stub + tail)
        whole = body.encode()
        sizes = [len(whole), 0, *(randomly.randrange(len(whole)) for _ in range(scale(4, 10)))]
        for draft in (whole[:size].decode("utf-8", "ignore") for size in sizes):
            judged = original.new_errors(OLD_ERRORS[old] + head + draft + tail)
            assert isinstance(judged, tuple)
            assert (judged == ()) == compiles(head + draft + tail, flags), (draft, judged)
