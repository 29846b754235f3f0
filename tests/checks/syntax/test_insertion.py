"""What is shown of a candidate: golden cases in fits.toml, and what CPython says of the standard library."""

import importlib
import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.checks.syntax.errors import COMPILED_CHARACTERS_MAX, Original
from cope_lsp.checks.syntax.insertion import CUTS_MAX, Fit, are_told, fits
from cope_lsp.checks.syntax.python import Rejected
from cope_lsp.checks.syntax.python_gap import brings
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.checks.syntax.stretch import stretch
from tests.checks.syntax.snippets import SNIPPETS
from tests.checks.syntax.test_proof import DRAFTS, MODULES, compiles, edits, has_error
from tests.conftest import scaled

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("fits.toml").read_text("utf-8"))["case"]


def fit(language: str, text: str, offset: int, candidate: str) -> Fit:
    (found,) = fits(Original(language, text), offset, [candidate])
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_case(case: dict[str, Any]) -> None:
    text, candidate = case["text"], case["candidate"]
    came = fit(case.get("language", "python"), text.replace("◆", ""), text.index("◆"), candidate)
    assert candidate[: came.length] == case["shown"]
    assert came.is_whole == (case["shown"] == candidate)
    if "compiles" in case:
        assert came.compiles == case["compiles"]


def shapes(text: str, *candidates: str) -> list[str]:
    before, after = text.split("◆")
    return [each.shape for each in fits(Original("python", before + after), len(before), candidates)]


def test_what_means_the_same_has_one_shape() -> None:
    line = "def f(a, b):\n    return ◆\n"
    one, same, other = shapes(line, "a + b", "(a+b)  # the sum", "a - b")
    assert one == same != other
    block = "def f(a):\n    ◆\n"
    one, same, other = shapes(
        block, "for x in a:\n        print('x')", 'for x in a: print("x")', "for x in a:"
    )
    assert one == same != other
    assert all((one, other))


def test_what_means_nothing_has_no_shape() -> None:
    assert shapes("x = [◆\n", "1, 2") == [""]


def test_no_two_golden_cases_have_one_name() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("language", SNIPPETS)
class TestEveryLanguage:
    def test_what_is_right_is_whole_and_what_is_not_is_cut(self, language: str) -> None:
        snippet = SNIPPETS[language]
        text, offset = snippet.filled(""), snippet.file.index("◆")
        right, wrong = fits(Original(language, text), offset, [snippet.right, snippet.wrong])
        assert right == Fit(len(snippet.right), is_whole=True, compiles=True)
        assert not wrong.is_whole or not wrong.compiles

    def test_an_old_error_elsewhere_cuts_nothing(self, language: str) -> None:
        snippet = SNIPPETS[language].broken_elsewhere()
        came = fit(language, snippet.filled(""), snippet.file.index("◆"), snippet.right)
        assert came == Fit(len(snippet.right), is_whole=True, compiles=False)


@settings(max_examples=scaled(300, 5_000), deadline=None)
@given(edits(), DRAFTS, st.data())
def test_what_had_no_error_has_none_after(
    edit: tuple[str, str, str], candidate: str, data: st.DataObject
) -> None:
    language, text, _ = edit
    offset = data.draw(st.integers(0, len(text)))
    came = fit(language, text, offset, candidate)
    assert 0 <= came.length <= len(candidate)
    assert came.is_whole == (came.length == len(candidate))
    assert came.is_whole or candidate[came.length :].startswith(("\r", "\n")) or came.length == 0
    after = text[:offset] + candidate[: came.length] + text[offset:]
    if language == "python":
        assert came.compiles == compiles(after)
        assert came.compiles or not compiles(text)
    elif came.length:
        assert came.compiles == (not has_error(language, after))
        assert came.compiles or has_error(language, text)


def test_a_long_candidate_is_not_cut_for_ever() -> None:
    candidate = "x = 1\n" * 5 + ")\n" * (CUTS_MAX + 2)
    assert fit("python", "\ny = 1\n", 0, candidate).length == 0
    assert fit("python", "\ny = 1\n", 0, candidate[:-6]).length == len("x = 1\n" * 5) - 1


def test_of_a_text_that_is_too_long_for_cpython_the_grammar_speaks() -> None:
    text = "# " + "x" * COMPILED_CHARACTERS_MAX + "\ny = 1\n"
    assert fit("python", text, 0, "y = 2\n") == Fit(6, is_whole=True, compiles=None)
    assert fit("python", text, 0, "y = )\n").length == 0


def test_what_nests_too_deeply_is_not_shown() -> None:
    assert fit("python", "x = 1\ny = \n", len("x = 1\n"), "-" * 100_000 + "1\n").length == 0


OLD = Rejected(1, "invalid syntax", 10, 11)


@pytest.mark.parametrize(
    ("old", "new", "is_new"),
    [
        (OLD, Rejected(1, "invalid syntax", 10, 11), None),
        (OLD, Rejected(1, "another", 10, 11), None),
        (OLD, Rejected(2, "invalid syntax", 22, 23), True),
        (OLD, Rejected(2, "invalid syntax", 15, 22), True),
        (OLD, Rejected(2, "another", 30, 31), None),
        (Rejected(3, "'(' in line 3", 40, 41), Rejected(4, "'(' in line 4", 50, 51), None),
        (Rejected(3, "invalid syntax", 40, 41), Rejected(4, "invalid syntax", 45, 46), True),
    ],
)
def test_the_place_of_an_error_tells_whether_it_is_new(
    old: Rejected, new: Rejected, *, is_new: bool | None
) -> None:
    assert brings(old, new, "x" * 100, 20, 30) is is_new


# -- the standard library, a few lines of which are the candidate -------------------------------------------


def source(module: str) -> str:
    return Path(importlib.import_module(module).__file__ or "").read_text("utf-8")


def holes(text: str, randomly: random.Random, count: int) -> list[tuple[int, int]]:
    """Return where some lines of a text begin, and where they end, before their line end."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found: list[tuple[int, int]] = []
    while len(found) < count:
        row = randomly.randrange(len(lines))
        last = min(row + randomly.randrange(1, 4), len(lines))
        start, end = starts[row] + randomly.randrange(len(lines[row])), starts[last] - 1
        if text[start:end].strip():
            found.append((start, end))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_what_was_there_is_whole_and_compiles(module: str, scale: Callable[[int, int], int]) -> None:
    """Of the whole file always; of a stretch where its lines tell what it is, which half a docstring may prevent."""
    text = source(module)
    told, count = 0, scale(40, 2_000)
    for start, end in holes(text, random.Random(module), count):
        whole = Fit(end - start, is_whole=True, compiles=True)
        before = text[:start] + text[end:]
        assert fit("python", before, start, text[start:end]) == whole
        low, high = stretch(before, start)
        if compiles(
            "if 1:\n" * (before[low] in " \t") + before[low:start] + text[start:end] + before[start:high]
        ):
            assert fit("python", before[low:high], start - low, text[start:end]) == whole
            told += 1
    assert told > 0.8 * count


@pytest.mark.parametrize("module", MODULES)
def test_what_compiled_compiles_whatever_is_inserted(module: str, scale: Callable[[int, int], int]) -> None:
    """Judged on a stretch, and by CPython on the whole file."""
    text = source(module)
    randomly = random.Random(module)
    shown = 0
    for start, end in holes(text, randomly, scale(60, 4_000)):
        before = text[:start] + text[end:]
        low, high = stretch(before, start)
        candidate = spoiled(text[start:end], randomly)
        came = fit("python", before[low:high], start - low, candidate)
        after = before[:start] + candidate[: came.length] + before[start:]
        shown += came.length > 0
        if compiles(before):
            assert compiles(after), (before[low:high], candidate)
    assert shown


def spoiled(text: str, randomly: random.Random) -> str:
    """Return a text with one token too few or too many, or with other words or another indentation."""
    tokens = re.findall(r"\w+|\s+|.", text)
    at = randomly.randrange(len(tokens))
    other = randomly.choice(
        [
            "",
            tokens[at] * 2,
            "(",
            ")",
            "]",
            ":",
            "\n",
            "    ",
            "'",
            '"""',
            "#",
            "\\",
            "global x",
            "yield",
            "break",
            "return",
            "else:",
            "await x",
            "x := 1",
            "def f():",
            "class A:",
            "{}",
            "\n\n",
            "from __future__ import a",
        ]
    )
    return "".join([*tokens[:at], other, *tokens[at + 1 :]])


async def test_the_process_answers_for_all_candidates_at_once() -> None:
    reader = SyntaxReader()
    candidates = ["return a", "return (a", "é = '😀'\n    return )", "'\ud83d'"]
    assert await reader.fits("python", "def f(a):\n    \n", 14, candidates) == (
        Fit(8, is_whole=True, compiles=True),
        Fit(0, is_whole=False, compiles=False),
        Fit(7, is_whole=False, compiles=True),
        Fit(0, is_whole=False, compiles=False),
    )
    assert await reader.fits("python", "x = 1\n", 0, []) == ()
    assert await reader.fits("cobol", "x", 0, ["y"]) is None
    assert await reader.fits("python", "x", 0, ["y" * 1_000_001]) is None
    await reader.close()


async def test_what_is_asked_only_of_sound_texts() -> None:
    reader = SyntaxReader()
    for language, sound, broken in (("python", "x = [\n]\n", "x = [\n"), ("json", "[\n 1]\n", "[\n 1\n")):
        assert await reader.fits(language, sound, len(broken), ["é"], if_sound=True) is not None
        assert await reader.fits(language, broken, len(broken), ["é"], if_sound=True) is None
        assert await reader.fits(language, broken, len(broken), ["é"]) is not None
    await reader.close()


def test_what_has_an_error_before_and_after_tells_nothing_of_a_document() -> None:
    assert are_told(fits(Original("python", "x = [\n]\n"), 6, ["1,", "= 2"]))
    assert are_told(fits(Original("python", "x = [\n"), 6, ["1]"]))
    assert not are_told(fits(Original("python", "x = [\n"), 6, ["1]", "1,"]))


async def test_a_process_that_dies_of_a_question_tells_nothing_and_is_replaced() -> None:
    reader = SyntaxReader()
    endless = "a.b<" * 6_000
    assert await reader.fits("csharp", "", 0, [endless]) is None
    assert await reader.scene("csharp", endless, 0) is None
    assert await reader.fits("csharp", "", 0, ["class A {}"]) == (Fit(10, is_whole=True, compiles=True),)
    await reader.close()
