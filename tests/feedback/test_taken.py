"""What the text at the place of an offer says about it."""

import pytest

from cope_lsp.feedback.taken import Outcome, judged, matched

OFFERED = "add(first, second)"


@pytest.mark.parametrize(
    ("there", "length"),
    [
        ("", 0),
        ("a", 1),
        ("add(f", 5),
        (OFFERED, 18),
        (f"{OFFERED} + 1", 18),
        ("add()", 4),  # the editor closed the bracket
        ("add(first)", 9),
        ("x", None),
        (")", None),
        ("add(second", None),
        ("add)", None),  # nothing was open: the user typed it
    ],
)
def test_how_much_of_an_offer_stands_there(there: str, length: int | None) -> None:
    assert matched([OFFERED], there) == (None if length is None else (OFFERED, length))


def test_a_quote_that_was_closed_by_the_editor_is_not_the_users() -> None:
    assert matched(["'a', 'b'"], "''") == ("'a', 'b'", 1)
    assert matched(["['a']"], "['']") == ("['a']", 2)
    assert matched(["['a']"], "'") is None


def test_of_several_choices_the_one_that_fits_best_counts() -> None:
    assert matched(["one", "once", "two"], "onc") == ("once", 3)
    assert matched(["one", "two"], "three") is None


@pytest.mark.parametrize(
    ("before", "now", "may_insert", "outcome"),
    [
        (0, 18, True, "accepted"),
        (3, 18, True, "accepted"),
        (17, 18, True, "typed"),
        (0, 18, False, "typed"),
        (0, 4, True, "partly"),
        (0, 4, False, None),
        (0, 1, True, None),
        (9, 11, True, None),  # a comma's space comes with it in some editors
        (4, 0, True, None),
        (18, 18, True, None),
    ],
)
def test_what_is_put_in_at_once_is_accepted_and_what_comes_key_by_key_is_typed(
    before: int, now: int, *, may_insert: bool, outcome: Outcome | None
) -> None:
    assert judged(OFFERED, before, now, may_insert=may_insert) == outcome


def test_a_line_end_with_the_indentation_of_the_editor_is_one_key() -> None:
    assert judged("x\n        y", 1, 10, may_insert=True) is None
