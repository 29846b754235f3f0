"""How much of an accepted text is still there."""

import pytest

from cope_lsp.feedback.share import CHARACTERS_MAX, kept_share

ACCEPTED = "total = add(first, second)\nreturn total"
"""23 characters that are no white space in the first row, 11 in the second."""


@pytest.mark.parametrize(
    ("now", "share"),
    [
        (ACCEPTED, 1.0),
        (f"# above\n    {ACCEPTED}\n\n# below", 1.0),
        (ACCEPTED.replace("\n", "\n\n        "), 1.0),  # white space is nobody's work
        ("", 0.0),
        ("pass", 0.0),
        ("total = add(first, second)", 23 / 34),
        (ACCEPTED.replace("first", "primary"), 29 / 34),
        ("return total\ntotal = add(first, second)", 23 / 34),
    ],
    ids=[
        "untouched",
        "surrounded",
        "indented",
        "gone",
        "replaced",
        "a row gone",
        "a word changed",
        "swapped",
    ],
)
def test_the_share_is_what_is_there_in_the_same_order(now: str, share: float) -> None:
    assert kept_share(ACCEPTED, now) == share


def test_letters_of_other_words_are_no_remains() -> None:
    assert kept_share("return value", "raise ValueError(value)") == 5 / 11


def test_nothing_accepted_is_wholly_kept() -> None:
    assert kept_share("  \n", "anything") == 1.0


def test_long_texts_are_compared_by_their_beginnings() -> None:
    long = "word " * CHARACTERS_MAX
    assert kept_share(long, long) == 1.0
    assert kept_share(long, "other " * CHARACTERS_MAX) == 0.0
