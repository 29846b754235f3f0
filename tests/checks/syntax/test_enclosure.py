"""What a piece of a document is read in: golden cases in enclosures.toml, and what holds for all."""

import importlib
import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.checks.syntax.enclosure import Piece, piece
from cope_lsp.checks.syntax.errors import Original
from cope_lsp.checks.syntax.insertion import Fit, are_told, fits
from cope_lsp.checks.syntax.stretch import CHARACTERS_MAX
from tests.checks.syntax.snippets import SNIPPETS
from tests.checks.syntax.test_insertion import holes, spoiled
from tests.checks.syntax.test_proof import compiles

CASES: list[dict[str, str]] = tomllib.loads(Path(__file__).with_name("enclosures.toml").read_text("utf-8"))[
    "case"
]
ROWS = 250
LONG_MODULES = ("argparse", "encodings.cp1252", "encodings.cp437", "html.entities", "stringprep", "typing")
"""With classes, functions and tables that are larger than what is read."""
PARTS = [
    *("class A:", "def f():", "x = {", "foo(", "[", "}", "},", ")", "1,", "# c", '"""', "x = 1", "if (a) {"),
    *("else:", "} else {", "end", "case 1:", "\n", "\n    ", "\n        ", "\n\t", "\n" * 3, "😀", "\r\n"),
]


def grown(text: str) -> tuple[str, int]:
    """Return a file with all its rows, and the offset of the cursor."""
    whole = re.sub(
        "≡([^≡]*)≡", lambda rows: "".join(rows[1].replace("%d", str(row)) for row in range(ROWS)), text
    )
    return whole.replace("◆", ""), whole.index("◆")


def shown_at(language: str, text: str, offset: int, candidate: str) -> tuple[Fit, Piece]:
    """Return what is shown as ghost text: by the whole file, where a piece of it does not tell."""
    around = piece(language, text, offset)
    found = fits(Original(language, around.text), around.offset, [candidate])
    whole = Original(language, text)
    if not (around.is_certain and are_told(found)) and whole.is_sound:
        found = fits(whole, offset, [candidate])
    return found[0], around


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_case(case: dict[str, str]) -> None:
    language, candidate = case["language"], case["candidate"]
    text, offset = grown(case["text"])
    around = piece(language, text, offset)
    assert around.is_certain
    assert Original(language, around.text).is_sound
    assert around.text.count("\n") < 100
    (came,) = fits(Original(language, around.text), around.offset, [candidate])
    assert candidate[: came.length] == case["shown"]
    after = text[:offset] + case["shown"] + text[offset:]
    assert Original(language, after).is_sound


def test_no_two_golden_cases_have_one_name() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


@given(st.sampled_from(sorted(SNIPPETS)), st.lists(st.sampled_from(PARTS), max_size=40), st.data())
def test_around_the_cursor_stands_what_does_in_the_document(
    language: str, parts: list[str], data: st.DataObject
) -> None:
    text = "".join(parts) * data.draw(st.sampled_from([1, 60]))
    offset = data.draw(st.integers(0, len(text)))
    around = piece(language, text, offset)
    assert 0 <= around.start <= offset <= around.end <= len(text)
    head, tail = around.text[: around.offset], around.text[around.offset :]
    assert head.endswith(text[around.start : offset])
    assert tail.startswith(text[offset : around.end])
    assert around.is_certain or around.text == text[around.start : around.end]
    assert around.is_certain or len(text) > len(around.text)


def test_a_small_file_is_read_whole() -> None:
    assert piece("python", "x = [\n    1,\n", 8) == Piece(0, 13, "x = [\n    1,\n", 8, is_certain=True)


def test_of_what_is_around_only_the_lines_that_open_it_are_read() -> None:
    text, offset = grown(
        "class A:\n≡    def f%d(self):\n        return %d\n≡\n    async def g(\n        self,\n    ):\n"
        "        for x in self:\n≡            y%d = x\n≡            ◆\n≡            z%d = x\n≡"
    )
    around = piece("python", text, offset)
    assert around.text == (
        "class A:\n    async def g(\n        self,\n    ):\n        for x in self:\n"
        f"            y{ROWS - 1} = x\n            \n            pass\n"
    )


def test_of_a_line_without_an_end_nothing_is_certain() -> None:
    text = "x" * 3 * CHARACTERS_MAX
    assert piece("python", text, len(text) // 2).is_certain is False


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "def f():\n" + "≡# %d\n≡" * 10 + "    x = 1\n    ◆y\n"),
        ("java", "switch (x) {\n≡  case %d:\n    a();\n≡    ◆\n≡    b(%d);\n≡}\n"),
        ("python", "".join(" " * depth + "if x:\n" for depth in range(ROWS)) + " " * ROWS + "◆y\n"),
    ],
)
def test_the_search_for_what_is_around_ends_somewhere(language: str, text: str) -> None:
    whole, offset = grown(text)
    assert piece(language, whole, offset).is_certain is False


def test_what_is_not_closed_where_it_should_be_is_not_certain() -> None:
    text, offset = grown("const D = {\n≡  k%d: %d,\n≡  ◆\n≡  l%d: %d,\n≡")
    assert piece("javascript", text, offset).is_certain is False


def test_what_a_wrong_piece_hides_the_whole_document_tells() -> None:
    """A table in column 0, of which the middle looks like statements."""
    text, offset = grown("T = {\n≡%d: 'a%d',\n≡◆\n≡%d: 'b%d',\n≡}\n")
    for candidate, shown in (("value = compute(1)", ""), ("1: 'c',", "1: 'c',")):
        came, around = shown_at("python", text, offset, candidate)
        assert not around.is_certain
        assert candidate[: came.length] == shown


@pytest.mark.parametrize("module", LONG_MODULES)
def test_what_compiled_compiles_whatever_is_inserted_into_long_files(
    module: str, scale: Callable[[int, int], int]
) -> None:
    text = Path(importlib.import_module(module).__file__ or "").read_text("utf-8")
    randomly = random.Random(module)
    shown = 0
    for start, end in holes(text, randomly, scale(30, 1_000)):
        before = text[:start] + text[end:]
        candidate = spoiled(text[start:end], randomly)
        came, around = shown_at("python", before, start, candidate)
        shown += came.length > 0
        if compiles(before):
            assert compiles(before[:start] + candidate[: came.length] + before[start:]), (around, candidate)
    assert shown
