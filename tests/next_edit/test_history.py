"""Edits as they are remembered: what is typed in one go is one, and what was before each can be told."""

import random
from itertools import pairwise

import pytest

from cope_lsp.next_edit.history import CHANGES_MAX, CHARACTERS_MAX, SETTLED_S, Change, History
from cope_lsp.next_edit.hunks import Hunk, Renamed, earlier, renamed


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock: Clock) -> History:
    return History(clock)


TYPED: dict[str, tuple[list[tuple[int, str, str]], list[Change]]] = {
    "letters in a row": ([(3, "", "a"), (4, "", "b")], [Change(3, "", "ab")]),
    "a word that is replaced": ([(3, "old", ""), (3, "", "n"), (4, "", "ew")], [Change(3, "old", "new")]),
    "keys and backspaces": ([(3, "", "ab"), (4, "b", ""), (4, "", "c")], [Change(3, "", "ac")]),
    "backspaces beyond what was typed": ([(3, "", "a"), (2, "xa", "")], [Change(2, "x", "")]),
    "what is deleted behind the cursor": ([(3, "", "a"), (4, "yz", "")], [Change(3, "yz", "a")]),
    "nothing in the end": ([(3, "", "a"), (3, "a", "")], []),
    "another place": ([(3, "", "a"), (9, "", "b")], [Change(3, "", "a"), Change(9, "", "b")]),
    "back to the beginning of it": ([(3, "", "ab"), (3, "", "c")], [Change(3, "", "ab"), Change(3, "", "c")]),
}


@pytest.mark.parametrize("name", TYPED)
def test_what_is_typed_in_one_go_is_one_edit(history: History, name: str) -> None:
    typed, edits = TYPED[name]
    for change in typed:
        history.add(*change)
    assert list(history.changes) == edits


def test_a_pause_ends_an_edit(history: History, clock: Clock) -> None:
    history.add(0, "", "a")
    clock.now += SETTLED_S
    history.add(1, "", "b")
    assert len(history.changes) == 2


def test_the_oldest_edit_makes_room(history: History) -> None:
    for n in range(CHANGES_MAX + 1):
        history.add(10 * n, "", "a")
    assert len(history.changes) == CHANGES_MAX
    assert history.changes[0].start == 10


def test_after_a_large_edit_nothing_is_remembered(history: History) -> None:
    history.add(0, "", "a")
    history.add(50, "", "b" * (CHARACTERS_MAX + 1))
    assert history.changes == ()


@pytest.mark.parametrize("seed", range(200))
def test_the_differences_lead_back_to_each_earlier_text(seed: int) -> None:
    chance = random.Random(seed)
    clock = Clock()
    history = History(clock)
    text = "".join(chance.choices("ab \n", k=30))
    texts = {0: text}
    for _ in range(12):
        start = chance.randint(0, len(text))
        removed = text[start : start + chance.choice([0, 0, 1, 3])]
        inserted = "".join(chance.choices("xy ", k=chance.choice([0, 1, 2])))
        clock.now += chance.choice([0.0, SETTLED_S])
        history.add(start, removed, inserted)
        text = text[:start] + inserted + text[start + len(removed) :]
        texts[len(history.changes)] = text
    steps = len(history.changes)
    for back, hunks in enumerate(earlier(history.changes, text), start=1):
        assert taken_back(hunks, text) == texts[steps - back]
        assert all(one.end < other.start for one, other in pairwise(hunks))
        assert all(text[hunk.start : hunk.end] != hunk.old for hunk in hunks)


def taken_back(hunks: tuple[Hunk, ...], text: str) -> str:
    for hunk in reversed(hunks):
        text = text[: hunk.start] + hunk.old + text[hunk.end :]
    return text


@pytest.mark.parametrize(
    ("text", "hunks", "found"),
    [
        ("total = 1", [Hunk(0, 5, "count")], Renamed("count", "total", (0,))),
        ("cost = 1", [Hunk(2, 3, "un")], Renamed("count", "cost", (0,))),
        ("xbz(xbz)", [Hunk(0, 1, "a"), Hunk(2, 3, "c"), Hunk(4, 7, "abc")], Renamed("abc", "xbz", (0, 4))),
        ("a.b", [Hunk(2, 3, "c")], Renamed("c", "b", (2,))),
        ("b + c", [Hunk(0, 1, "a"), Hunk(4, 5, "d")], None),
        ("12", [Hunk(0, 2, "ab")], None),
        ("{a: b}(b)", [Hunk(2, 5, ""), Hunk(7, 8, "a")], Renamed("a", "b", (4, 7))),
        ("a b", [Hunk(1, 3, "")], None),
        ("", [], None),
    ],
)
def test_one_word_that_became_another_everywhere(text: str, hunks: list[Hunk], found: Renamed | None) -> None:
    assert renamed(hunks, text) == found
