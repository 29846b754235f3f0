"""Which edits bring new syntax errors: real grammars, and the real process that reads them."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from cope_lsp.checks.syntax.check import Syntax
from cope_lsp.checks.syntax.errors import BYTES_MAX, COMPILED_CHARACTERS_MAX, Original, new_errors
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.checks.syntax.tree import Fault, Untold
from tests.checks.syntax.snippets import SNIPPETS

NEVER_ENDS = ("csharp", "a.b<" * 6_000)
"""On this tree-sitter takes ten seconds in which it cannot be stopped."""


@pytest.fixture
async def reader() -> AsyncIterator[SyntaxReader]:
    made = SyntaxReader()
    yield made
    await made.close()


def faults(language: str, before: str, after: str) -> tuple[Fault, ...]:
    found = new_errors(language, before, after)
    assert isinstance(found, tuple), found
    return found


def check(language: str, before: str, after: str, *expected: str) -> None:
    """`expected` is the first error in the words of a verdict; none: the edit is sound."""
    assert [str(fault) for fault in faults(language, before, after)[:1]] == list(expected)


def first_line(language: str, before: str, after: str) -> int:
    return faults(language, before, after)[0].line


@pytest.mark.parametrize("language", SNIPPETS)
class TestEveryLanguage:
    def test_a_right_draft_passes(self, language: str) -> None:
        snippet = SNIPPETS[language]
        check(language, snippet.filled(snippet.stub), snippet.filled(snippet.right))

    def test_a_wrong_one_fails_in_its_line(self, language: str) -> None:
        snippet = SNIPPETS[language]
        assert (
            first_line(language, snippet.filled(snippet.stub), snippet.filled(snippet.wrong))
            == snippet.wrong_line
        )

    def test_an_old_error_elsewhere_does_not_count(self, language: str) -> None:
        snippet = SNIPPETS[language].broken_elsewhere()
        check(language, snippet.filled(snippet.stub), snippet.filled(snippet.right))

    def test_and_hides_no_new_one(self, language: str) -> None:
        snippet = SNIPPETS[language].broken_elsewhere()
        assert new_errors(language, snippet.filled(snippet.stub), snippet.filled(snippet.wrong))
        # but is one, when an edit brings it
        assert new_errors(language, SNIPPETS[language].filled(snippet.stub), snippet.filled(snippet.stub))

    def test_who_mends_an_error_passes(self, language: str) -> None:
        snippet = SNIPPETS[language]
        check(language, snippet.filled(snippet.wrong), snippet.filled(snippet.right))

    def test_line_ends_of_windows_change_no_line(self, language: str) -> None:
        snippet = SNIPPETS[language]
        before, after, wrong = (
            snippet.filled(text).replace("\n", "\r\n")
            for text in (snippet.stub, snippet.right, snippet.wrong)
        )
        check(language, before, after)
        assert first_line(language, before, wrong) == snippet.wrong_line

    async def test_what_nests_deeply_ends_in_a_verdict(self, language: str, reader: SyntaxReader) -> None:
        snippet = SNIPPETS[language]
        check = Syntax(reader, language, snippet.filled(snippet.stub))
        for opener in ("(", "[", "{", "<a>", "a<", "if x {\n", "`${"):
            verdict = await check.judge(snippet.filled(opener * 3_000))
            assert verdict.judgement in {"failed", "unknown"} or language in {"html", "json", "php"}, opener
            assert verdict.milliseconds < 4_000
        assert (await check.judge(snippet.filled(snippet.right))).judgement == "passed"


SWALLOWED = {
    "python": ("\nx = ◆\ny = 1\nz = 1  # '''\n", "1", "'''"),
    "javascript": ("\nlet a = ◆\nlet b = 1;\n/* c */\nlet d = 1;\n", "1;", "1; /* no end"),
    "c": ("\nint a; ◆\nint b;\n/* c */\nint d;\n", "", "/* no end"),
    "lua": ("\nlocal a = ◆\nlocal b = 1\n--[[ c ]]\n", "1", "1 --[[ no end"),
    "css": ("\n◆\na { color: red }\n/* c */\nb { color: red }\n", "i { color: red }", "/* no end"),
    "html": ("\n<p>◆</p>\n<p>b</p>\n<!-- c -->\n<p>d</p>\n", "a", "a</p><!-- no end"),
    "php": ("<?php\n$a = ◆\n$b = 1;\n?>\n", "1;", "1; ?>"),
    "shellscript": ("\na=◆\nb=1\nEOF\nc=1\n", "1", "1; cat <<EOF"),
}


@pytest.mark.parametrize("language", SWALLOWED)
def test_a_draft_that_takes_in_the_code_below_is_noticed(language: str) -> None:
    file, stub, draft = SWALLOWED[language]
    expected = "line 2: what begins here takes in line 3, which was code of its own"
    check(language, file.replace("◆", stub), file.replace("◆", draft), expected)


def test_a_comment_or_string_that_ends_takes_in_nothing() -> None:
    check("c", "int a;\nint b;\n", "int a; /* one\n two */\nint b;\n")
    check("python", "x = 1\ny = 1\n", "x = '''\n'''\ny = 1\n")
    check("python", "x = '''\none\ntwo\n'''\n", "x = '''\nmore\none\ntwo\n'''\n")
    check("typescript", "let a = ``;\nlet b = 1;\n", "let a = `\n${a}`; // `\nlet b = 1;\n")


class TestPython:
    def test_the_words_are_those_of_python(self) -> None:
        check("python", "a = 1\n", "a = 1\nb = (1,\n", "line 2: '(' was never closed")
        check("python", "a = 1\n", "a = 1\nreturn a\n", "line 2: 'return' outside function")
        check("python", "a = 1\n", "a = 1\0\n", "line 1: source code string cannot contain null bytes")

    def test_warnings_and_a_mark_of_byte_order_are_no_errors(self) -> None:
        check("python", "a = 1\n", 'a = "\\d" is 1\n')
        check("python", "\ufeffa = 1\n", "\ufeffa = 2\n")

    def test_what_this_python_accepts_is_accepted_whatever_the_grammar_says(self) -> None:
        check("python", "x = 1\n", "print >> f, x\nexec = match = type = x\n")

    def test_in_a_file_for_another_python_what_the_edit_is_in_is_read_alone(self) -> None:
        file = (
            "print 'Python 2'\n\n\nclass A:\n    def f(self):\n        ◆\n\n    def g(self):\n        pass\n"
        )
        before = file.replace("◆", "pass")
        check("python", before, file.replace("◆", "if self:\n            return '''\nx'''"))
        check("python", before, file.replace("◆", "return self +"), "line 6: invalid syntax")
        (fault,) = faults("python", before, file.replace("◆", "if self:"))
        assert fault.what == "expected an indented block after 'if' statement on line 6"

    def test_a_passage_that_was_not_accepted_before_need_not_be_after(self) -> None:
        file = "def f():\n    print 'Python 2'\n    ◆\n"
        check("python", file.replace("◆", "x = 1"), file.replace("◆", "x = 2"))
        assert first_line("python", file.replace("◆", "x = 1"), file.replace("◆", "x = (2")) == 3

    def test_an_open_bracket_elsewhere_covers_the_file_and_still_does_not_count(self) -> None:
        file = "x = (1,\n\n\ndef f(a):\n    ◆\n\n\ndef g(b):\n    return b\n"
        check("python", file.replace("◆", "pass"), file.replace("◆", "return [each for each in a]"))
        check(
            "python",
            file.replace("◆", "pass"),
            file.replace("◆", "return [a"),
            "line 5: '[' was never closed",
        )

    def test_of_a_large_file_only_what_changed_is_compiled(self) -> None:
        file = "x = 1\n" * (COMPILED_CHARACTERS_MAX // 6 + 1) + "def f(a):\n    ◆\n"
        assert first_line("python", file.replace("◆", "pass"), file.replace("◆", "return [a")) > 30_000
        check("python", file.replace("◆", "pass"), file.replace("◆", "return [a]"))


def test_characters_of_several_bytes_shift_no_line() -> None:
    check("javascript", "// 😀é\nlet a;\n", "// 😀é\nlet a = '😀';\n")
    assert first_line("javascript", "// 😀é\nlet a;\n", "// 😀é\nlet a = '😀😀' +;\n") == 2
    check("javascript", "let a = '😀';\n", "let a = '😁';\n")  # their bytes differ in the last one


def test_half_a_character_cannot_be_new() -> None:
    check("javascript", "let a;\n", "let a;\nlet b = '\ud83d';\n", "line 2: U+D83D is half a character")
    check("python", "a = 1\n", "a = '\udc00'\n", "line 1: U+DC00 is half a character")
    check("javascript", "let a = '\ud83d';\n", "let a = '\ud83d';\nlet b;\n")


def test_nothing_is_told_of_what_lies_in_an_old_error() -> None:
    before = "int f( {\n  x y z\n}\n"
    assert isinstance(new_errors("java", before, before.replace("y", "y y")), Untold)


def test_a_file_may_be_edited_again_and_again() -> None:
    snippet = SNIPPETS["go"]
    original = Original("go", snippet.filled(snippet.stub))
    for _ in range(20):
        assert original.new_errors(snippet.filled(snippet.right)) == ()
        assert original.new_errors(snippet.filled(snippet.wrong))


# -- the check and its process ------------------------------------------------------------------


async def test_a_check_gives_its_verdict(reader: SyntaxReader) -> None:
    snippet = SNIPPETS["typescript"]
    check = Syntax(reader, "typescript", snippet.filled(snippet.stub))
    passed, failed = (
        await check.judge(snippet.filled(snippet.right)),
        await check.judge(snippet.filled(snippet.wrong)),
    )
    assert (passed.check, passed.judgement, passed.evidence) == ("syntax", "passed", "")
    assert (failed.judgement, failed.evidence) == ("failed", "line 4: '>' is missing")
    assert failed.milliseconds > 0


async def test_without_a_grammar_or_of_a_huge_file_nothing_is_known(reader: SyntaxReader) -> None:
    verdict = await Syntax(reader, "cobol", "").judge("x")
    assert (verdict.judgement, verdict.evidence) == ("unknown", "there is no grammar for cobol")
    for text in ("x" * 50_000_000, "é" * (BYTES_MAX // 2 + 1)):
        verdict = await Syntax(reader, "c", "").judge(text)
        assert (verdict.judgement, verdict.evidence) == ("unknown", "the file is larger than 1000000 bytes")


async def test_any_text_comes_through_to_the_process(reader: SyntaxReader) -> None:
    text = "let a = '\ud83d \0 \r \u2028 😀';\n"
    assert await reader.new_errors("javascript", text, text + "let b;\n") == new_errors(
        "javascript", text, text + "let b;\n"
    )


async def test_what_never_ends_is_ended_and_the_server_goes_on_meanwhile(reader: SyntaxReader) -> None:
    language, endless = NEVER_ENDS
    assert await reader.new_errors(language, "", "class A {}") == ()
    asked = asyncio.create_task(reader.new_errors(language, "", endless))
    longest, last = 0.0, time.monotonic()
    while not asked.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert isinstance(await asked, Untold)
    assert longest < 0.5
    assert await reader.new_errors(language, "", "class A {}") == ()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows kills differently")
async def test_a_reader_that_died_is_replaced(reader: SyntaxReader) -> None:
    assert await reader.new_errors("json", "1", "2") == ()
    first = reader.pid
    assert first
    os.kill(first, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.wait_procs([psutil.Process(first)], timeout=10)
    assert await reader.new_errors("json", "1", "2") == ()
    assert reader.pid != first


async def test_who_stops_waiting_disturbs_nobody(reader: SyntaxReader) -> None:
    asked = [asyncio.create_task(reader.new_errors("json", "1", f"[{number}")) for number in range(20)]
    await asyncio.sleep(0)
    for task in asked[:-1]:
        task.cancel()
    assert await asked[-1]
    assert await reader.new_errors("json", "1", "[1]") == ()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows stops nothing")
async def test_a_process_that_is_stopped_is_replaced_though_nobody_waits_so_long() -> None:
    reader = SyntaxReader(answer_timeout_s=1.0)
    assert await reader.new_errors("json", "1", "2") == ()
    first = reader.pid
    assert first
    os.kill(first, signal.SIGSTOP)
    async with asyncio.timeout(30):
        while reader.pid == first:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.scene("json", "1", 1), 0.1)
        assert await reader.new_errors("json", "1", "2") == ()
    await reader.close()


async def test_a_process_that_cannot_be_started_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = SyntaxReader()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        assert await reader.scene("json", "1", 1) is None
        assert await reader.fits("json", "1", 1, ["2"]) is None
        assert isinstance(await reader.new_errors("json", "1", "2"), Untold)
    assert await reader.new_errors("json", "1", "2") == ()
    await reader.close()


async def test_nothing_is_left_of_a_closed_reader() -> None:
    reader = SyntaxReader()
    await reader.new_errors("json", "1", "2")
    assert reader.pid
    child = psutil.Process(reader.pid)
    await reader.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        assert not child.is_running()
    await SyntaxReader().close()
