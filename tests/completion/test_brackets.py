"""Brackets and quotes that close something opened before a text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.completion.brackets import closers_of_outside
from tests.conftest import scaled


def check(before: str, marked: str) -> None:
    """Compare what closes something of outside with the characters that have a ‸ in front of them."""
    first, *others = marked.split("‸")
    expected, text = set(), first
    for other in others:
        expected.add(len(text))
        text += other
    assert closers_of_outside(before, text) == expected


@pytest.mark.parametrize(
    ("before", "marked"),
    [
        ("", ""),
        ("foo(", "a‸)"),
        ("foo(", "bar(a)‸)"),
        ("foo((", "a‸)‸)"),
        ("", "a‸)"),  # opened on an earlier line
        ("", "bar(a)"),
        ("x[", "(1)‸]"),
        ("{[(", "‸)‸]‸}"),
        ("foo()", "(a)"),
        # quotes
        ('open("', 'a‸"'),
        ('open("', 'a‸"‸)'),
        ("open('", "a‸'‸)"),
        ("", '"a"'),
        ("x = ", '"a" + "b"'),
        ('x = "a" + "', 'b‸"'),
        ('"', "it's (a)‸\""),  # a bracket or another quote in a string is a character
        ('"', 'a\\"b‸"'),
        ('"\\"', 'a‸"'),
        ('"""', 'a "b" c‸"""'),
        ("'''", "a‸'''"),
        ("", '"""a"""'),
        ("`", "a ${b}‸`"),
        # quotes that are none
        ("fn f(x: &'a str, ", "y: u32‸)"),
        ("fn f<'a>(x: &'a str, ", "y: u32‸)"),
        ("# it's (", "here‸)"),
    ],
)
def test_what_closes_something_of_outside_is_found(before: str, marked: str) -> None:
    check(before, marked)


lines = st.text("ab ()[]{}\"'`\\", max_size=20)


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(lines, lines)
def test_only_brackets_and_quotes_close(before: str, text: str) -> None:
    found = closers_of_outside(before, text)
    assert found <= set(range(len(text)))
    assert all(text[at] in ")]}\"'`" for at in found)


@settings(max_examples=scaled(300, 20_000), deadline=None)
@given(st.text("a(", max_size=9), st.text("a()", max_size=20))
def test_of_one_kind_as_many_close_as_are_too_many(before: str, text: str) -> None:
    depth = 0
    expected = set()
    for at, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth < 0:
            expected.add(at)
            depth = 0
    assert closers_of_outside(before, text) == expected
