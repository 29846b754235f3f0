"""An edit is the smallest change of whole lines, in the client's units, and knows which text it fits."""

import random

import pytest

from cope_lsp.server.edits import Edit, changed_lines, edit_of, workspace_edit
from cope_lsp.text import Encoding, TextBuffer
from tests.server.editor import changes_in, edited
from tests.server.places import units

URI = "file:///project/a.py"


def made(before: str, after: str) -> Edit:
    return edit_of("1", URI, "f", before, after, is_verified=True, summary="the tests pass")


@pytest.mark.parametrize(
    ("before", "after", "gone", "come"),
    [
        ("a\nb\nc\n", "a\nB\nc\n", "b", "B"),
        ("a\nb\nc\n", "a\nb1\nb2\nc\n", "b", "b1\nb2"),
        ("a\nb\nc", "a\nb\nC", "c", "C"),
        ("a\nb\nc", "a\nb\nc\n", "c", "c\n"),
        ("a\n", "a\nb\n", "", "b\n"),
        ("a\nb\n", "a\n", "b\n", ""),
        ("a\nb\na\n", "a\nb\nb\na\n", "", "b\n"),
        ("a\r\nb\r\n", "a\r\nB\r\n", "b", "B"),
        ("a\nb\r\nc\n", "a\nb\nc\n", "b\r", "b"),
        ("a\rb\r", "a\rB\r", "b", "B"),
        ("", "a\n", "", "a\n"),
        ("a\n", "", "a\n", ""),
        ("a\n", "a\n", "", ""),
        ("x = '\f'\ny\n", "x = '\f'\nz\n", "y", "z"),
    ],
)
def test_only_the_lines_that_differ_are_replaced(before: str, after: str, gone: str, come: str) -> None:
    offset, old, new = changed_lines(before, after)
    assert (old, new) == (gone, come)
    assert before[:offset] + new + before[offset + len(old) :] == after


def test_any_text_becomes_any_other_and_back() -> None:
    chance = random.Random(7)
    for _ in range(2_000):
        before, after = (
            "".join(
                chance.choice(("a", "é", "😀", "\n", "\r\n", "\r", "\u2028"))
                for _ in range(chance.randrange(12))
            )
            for _ in range(2)
        )
        edit = made(before, after)
        for each, old, new in ((edit, before, after), (edit.reversed(), after, before)):
            assert old[: each.offset] + each.new + old[each.offset + len(each.old) :] == new
            assert each.fits(old)
            assert each.is_in(new)
            assert old == new or not (each.fits(new) or each.is_in(old))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_range_counts_in_the_units_of_the_client(encoding: Encoding) -> None:
    before = "s = '😀é'\nt = '😀漢'; ...\nu = 1\n"
    edit = made(before, before.replace("...", "x = 2"))
    shown = workspace_edit(edit, TextBuffer(before, encoding), 7, versioned=False, annotated=False)
    assert shown.changes
    ((change,),) = shown.changes.values()
    assert (change.range.start.line, change.range.start.character) == (1, 0)
    assert (change.range.end.line, change.range.end.character) == (1, units("t = '😀漢'; ...", encoding))


def test_an_editor_that_applies_the_range_has_the_expected_text() -> None:
    before = "s = '😀é'\r\nt = '😀漢'; ...\r\nu = '😀'"
    after = "s = '😀é'\r\nt = '😀漢'; x = 2\r\nu = '漢'"
    shown = workspace_edit(
        made(before, after), TextBuffer(before, "utf-16"), 7, versioned=False, annotated=False
    )
    assert shown.changes
    ((change,),) = shown.changes.values()
    start, end = change.range.start, change.range.end
    where = {
        "start": {"line": start.line, "character": start.character},
        "end": {"line": end.line, "character": end.character},
    }
    assert edited(before, where, change.new_text) == after


def test_the_helper_of_these_tests_reads_both_shapes_of_an_edit() -> None:
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
    change = {"range": where, "newText": "b"}
    told = [(URI, {"range": where, "text": "b"})]
    assert changes_in({"changes": {URI: [change]}}) == told
    assert changes_in({"documentChanges": [{"textDocument": {"uri": URI}, "edits": [change]}]}) == told
