"""What follows from an edit: the cases of `cases.toml`, and texts that are meant to be trouble."""

import re
import tomllib
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.checks.syntax.tree import Edit, Untold
from cope_lsp.next_edit.history import CHANGES_MAX, History
from cope_lsp.next_edit.rules import CHARACTERS_MAX, LANGUAGES, Proposal, next_edit

CURSOR = "‸"
PATIENCE_S = 30.0
"""The machine may be busy."""
CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("cases.toml").read_text("utf-8"))["case"]


class Session:
    """A document, its edits, and its cursor."""

    def __init__(self, language: str, *texts: str) -> None:
        *earlier, last = texts
        self.language, self.text, self.cursor = language, earlier[0], last.index(CURSOR)
        self._history = History(clock=count(step=10).__next__)
        for before, after in pairwise([*earlier, last.replace(CURSOR, "")]):
            self._take(Edit.between(before, after), after)

    def ask(self) -> Proposal | Untold:
        return next_edit(self.language, self.text, self._history.changes, self.cursor, PATIENCE_S)

    def accept(self, found: Proposal) -> None:
        after = self.text[: found.start] + found.text + self.text[found.end :]
        self._take(Edit(found.start, found.end, found.start + len(found.text)), after)
        self.cursor = found.start

    def accept_all(self) -> str:
        """Make every edit that is proposed, one after the other; return the text."""
        for _ in range(CHANGES_MAX + 10):
            found = self.ask()
            if isinstance(found, Untold):
                return self.text
            self.accept(found)
        raise AssertionError(f"it has no end: {self.text}")

    def _take(self, edit: Edit, after: str) -> None:
        removed, inserted = self.text[edit.start : edit.old_end], after[edit.start : edit.new_end]
        self._history.add(edit.start, removed, inserted)
        self.text = after


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_follows_from_an_edit(case: dict[str, Any]) -> None:
    session = Session(case.get("language", "python"), *case["texts"])
    asked_about = session.text
    assert session.accept_all() == case.get("becomes", asked_about)
    assert session.text != asked_about or "becomes" not in case, "such a case shows nothing"


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_that_is_said_to_have_rules_has_a_case_that_shows_it(language: str) -> None:
    shown = {case.get("language", "python") for case in CASES if "becomes" in case}
    alike = {"javascriptreact": "javascript"}
    assert alike.get(language, language) in shown


def test_the_place_behind_the_cursor_comes_first_and_then_the_first_of_the_file() -> None:
    text = (
        f"def f():\n    return a\n\n\ndef g():\n    return a\n\n\nb{CURSOR} = 1\n\n\ndef h():\n    return a\n"
    )
    session = Session("python", text.replace(f"b{CURSOR}", "a"), text)
    places = []
    while isinstance(found := session.ask(), Proposal):
        places.append(found.start)
        session.accept(found)
    first, second, third = (place.start() for place in re.finditer("return b", session.text))
    assert places == [third + 7, first + 7, second + 7]


def test_an_edit_is_not_proposed_again_at_a_place_that_the_user_left_and_changed() -> None:
    before = "def f(a):\n    g(a)\n    return a\n"
    session = Session(
        "python", before, before.replace("(a):", "(b):"), f"def f(b):\n    g(0{CURSOR})\n    return a\n"
    )
    assert session.ask() == Untold("nothing follows from the last edits")


def long_file(functions: int) -> str:
    head = "def first(item):\n    return item\n\n\n"
    return head + "".join(
        f"def f{n}(a, b):\n    c = a + b\n    return {'first(item=c)' if n % 8 == 0 else 'c'}\n\n\n"
        for n in range(functions)
    )


def test_a_file_of_twenty_thousand_lines_is_followed_to_its_end() -> None:
    before = long_file(4_000)
    session = Session("python", before, before.replace("item):", f"thing{CURSOR}):", 1))
    assert session.text.count("\n") > 20_000 - 10
    found = session.ask()
    assert found == Proposal(session.text.index("item\n"), session.text.index("item\n") + 4, "thing")


def test_a_name_at_too_many_places_is_left_alone() -> None:
    before = "x = 1\n" + "print(x)\n" * 3_000
    session = Session("python", before, f"y{CURSOR}" + before[1:])
    assert isinstance(session.ask(), Untold)


@pytest.mark.parametrize(
    "text",
    [
        "def f(a):\n    return " + "(" * 2_000 + "a" + ")" * 2_000 + "\n",
        "def f(a):\n    return " + "[" * 5_000 + "a\n",
        "def f(a):\n" + "".join(" " * n + "if a:\n" for n in range(4, 600)),
        "def f(a):\n    return " + "lambda: " * 1_000 + "a\n",
        "def f(a):\n    return f'" + '{f"' * 50 + "{a}\n",
        "def f(a):\n    \ud800 a\0\n",
    ],
)
def test_hostile_texts_have_an_answer(text: str) -> None:
    session = Session("python", text, text.replace("(a):", f"(b{CURSOR}):", 1))
    found = session.ask()
    assert isinstance(found, Untold) or session.text[found.start : found.end] == "a"


def test_a_file_that_is_too_large_is_not_read() -> None:
    before = "a = 1\n" + "#" * CHARACTERS_MAX
    assert isinstance(Session("python", before, f"b{CURSOR}" + before[1:]).ask(), Untold)


def test_a_rename_of_a_hundred_places_walks_through_all_of_them() -> None:
    before = "def f(a):\n" + "    print(a)\n" * 100
    session = Session("python", before, before.replace("(a):", f"(b{CURSOR}):"))
    assert session.accept_all() == "def f(b):\n" + "    print(b)\n" * 100
