"""Which lines of a document are shown for one definition."""

import pytest

from cope_lsp.context.passage import LINES_MAX, definition_around, line_of_symbol, passage

PYTHON = """\
import os

class Shop:
    limit = 3

    def price(self, item):
        if item:
            return 1

        return 2

    def other(self):
        pass

def last():
    return 0
"""


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        (0, 0),
        (2, 2),
        (3, 2),
        (5, 5),
        (6, 5),
        (7, 5),
        (8, 5),
        (9, 5),
        (11, 11),
        (12, 11),
        (13, 11),
        (15, 14),
        (99, 99),
    ],
)
def test_a_line_inside_a_definition_means_the_definition(line: int, begins: int) -> None:
    assert definition_around(PYTHON, line) == begins


@pytest.mark.parametrize(("line", "begins"), [(0, 0), (1, 1), (2, 1), (5, 4)])
def test_where_no_word_begins_a_definition_its_head_does(line: int, begins: int) -> None:
    assert definition_around(JAVA, line) == begins


JAVA = """\
class Shop {
    int price(Item item) {
        return other(item);
    }
    int other(Item item) {
        return 1;
    }
}
"""


@pytest.mark.parametrize(
    ("text", "symbol", "line"),
    [
        (PYTHON, "price", 5),
        (PYTHON, "last", 14),
        (PYTHON, "Shop", 2),
        (PYTHON, "missing", None),
        (PYTHON, "pric", None),
        (JAVA, "other", 4),
        ("async function load(url) {\n}\n", "load", 0),
        ("const load = async (url) => {\n}\n", "load", 0),
        ("func (s *Shop) Price(i Item) int {\n}\n", "Price", 0),
        ("x = price(1)\ndef price(i): ...\n", "price", 1),
        ("", "price", None),
        ("a(b\n", "a(b", None),
    ],
)
def test_the_line_that_defines_a_symbol(text: str, symbol: str, line: int | None) -> None:
    assert line_of_symbol(text, symbol) == line


def test_a_method_is_shown_with_the_class_it_stands_in() -> None:
    assert passage(PYTHON, 5).splitlines() == ["class Shop:", *PYTHON.splitlines()[5:10]]


def test_a_closing_brace_belongs_to_its_function() -> None:
    assert passage(JAVA, 1).splitlines() == JAVA.splitlines()[:4]


def test_the_end_of_the_file_ends_a_definition() -> None:
    assert passage(PYTHON, 14) == "def last():\n    return 0"


def test_nothing_follows_a_closing_brace() -> None:
    text = "f() {\n  a\n}\ng\n"
    assert passage(text, 0) == "f() {\n  a\n}"


@pytest.mark.parametrize("line", [-1, 99])
def test_no_line_no_passage(line: int) -> None:
    assert passage(PYTHON, line) == ""


def test_a_definition_without_end_is_cut() -> None:
    text = "def f():\n" + "    x\n" * 10_000
    assert len(passage(text, 0).splitlines()) == LINES_MAX
