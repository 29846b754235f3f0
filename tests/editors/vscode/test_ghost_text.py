"""Ghost text in VS Code: seen, accepted, typed ahead of. Which text the model offers does not matter here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.neovim import Place
from tests.editors.vscode.window import Window

# The time to fetch VS Code the first time is not the test's.
pytestmark = pytest.mark.timeout(90, func_only=True)

# Several, because any model may have nothing to say somewhere.
AT_LINE_END = [
    Place("import os\n\n\ndef add(a, b):\n    ", "return "),
    Place("class Point:\n    def __init__(self, x, y):\n        self.x = x\n        ", "self."),
    Place("def largest(numbers):\n    largest = numbers[0]\n    for number in ", "nu"),
    Place("import json\n\n\ndef load(path):\n    with open(path) as file:\n        ", "return json."),
]
MID_LINE = [
    Place("def add(a, b):\n    return (", "a", ")  # tail\n"),
    Place("import os\n\nprint(os.", "p", ")  # tail\n"),
    Place("def first(items):\n    for i in range(", "l", "):  # tail\n        pass\n"),
    Place("def total(items):\n    return sum(", "item", ")  # tail\n"),
    Place("class Stack:\n    def push(self, item):\n        self.items.append(", "i", ")  # tail\n"),
    Place("class Stack:\n    def __len__(self):\n        return len(", "self", ")  # tail\n"),
]


@dataclass(frozen=True, slots=True)
class Offer:
    """Ghost text that is shown, and where."""

    file: Path
    place: Place
    text: str

    def taken(self, *, with_more: str = "") -> str:
        """The document as it must be when the ghost text has become part of it."""
        return f"{self.place.before}{self.place.typed}{self.text}{with_more}{self.place.after}"


def offer_at(window: Window, places: list[Place], suitable: Callable[[str], bool] = lambda _: True) -> Offer:
    """Type at one place after the other until suitable ghost text is shown."""
    seen = []
    for place in places:
        file = window.new(place.before + place.after)
        window.go_to_end_of(place.before)
        window.type(place.typed)
        ghost = window.ghost_within(5)
        if ghost and suitable(ghost):
            return Offer(file, place, ghost)
        seen.append((place.typed, ghost))
    raise AssertionError(f"no suitable ghost text: {seen}")


def test_accepted_text_is_exactly_the_ghost_text_that_was_seen(shared_window: Window) -> None:
    offer = offer_at(shared_window, AT_LINE_END)
    shared_window.press("Tab")
    assert shared_window.saved(offer.file) == offer.taken()


def test_text_typed_ahead_of_accepting_is_not_doubled(shared_window: Window) -> None:
    offer = offer_at(shared_window, AT_LINE_END, lambda ghost: len(ghost.split("\n")[0]) >= 3)
    shared_window.type(offer.text[:2])
    shared_window.press("Tab")
    assert shared_window.saved(offer.file) == offer.taken()


def test_one_word_can_be_accepted_and_the_rest_stays_on_offer(shared_window: Window) -> None:
    offer = offer_at(shared_window, AT_LINE_END, lambda ghost: " " in ghost.strip())
    shared_window.press("Control+ArrowRight")
    shared_window.wait("less ghost text", lambda: 0 < len(shared_window.ghost()) < len(offer.text))
    rest = shared_window.ghost()
    assert offer.text.endswith(rest)
    shared_window.press("Tab")
    assert shared_window.saved(offer.file) == offer.taken()


def test_text_right_of_the_cursor_stays_visible_and_in_place(shared_window: Window) -> None:
    offer = offer_at(shared_window, MID_LINE, lambda ghost: "\n" not in ghost)
    assert offer.taken().rstrip("\n") in shared_window.shown()
    shared_window.press("Tab")
    assert shared_window.saved(offer.file) == offer.taken()


def test_escape_takes_the_ghost_text_away_and_nothing_else(shared_window: Window) -> None:
    offer = offer_at(shared_window, AT_LINE_END)
    shared_window.press("Escape")
    shared_window.wait("no ghost text", lambda: not shared_window.ghost())
    assert shared_window.saved(offer.file) == offer.place.before + offer.place.typed + offer.place.after


def test_one_undo_takes_an_accepted_text_back(shared_window: Window) -> None:
    offer = offer_at(shared_window, AT_LINE_END)
    shared_window.press("Tab")
    assert shared_window.saved(offer.file) == offer.taken()
    shared_window.press("Control+z")
    assert shared_window.saved(offer.file) == offer.place.before + offer.place.typed + offer.place.after


def test_suggestion_can_be_asked_for_with_a_key(shared_window: Window) -> None:
    offer_at(shared_window, AT_LINE_END)
    shared_window.press("Escape")
    shared_window.wait("no ghost text", lambda: not shared_window.ghost())
    shared_window.press("Alt+Backslash")
    assert shared_window.ghost_within(5)
