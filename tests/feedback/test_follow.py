"""Points that stay where they belong while a text is edited."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.feedback.follow import (
    ROW_END,
    Change,
    Point,
    behind,
    moved,
    passage,
    replacement,
    whole,
)
from cope_lsp.text import split_lines
from tests.conftest import scaled

texts = st.text(alphabet="ab\n", max_size=30)
numbers = st.integers(0, 1000)


def point_of(text: str, offset: int) -> Point:
    above = text[:offset].split("\n")
    return len(above) - 1, len(above[-1])


def offset_of(text: str, point: Point) -> int:
    return sum(len(row) + 1 for row in text.split("\n")[: point[0]]) + point[1]


@settings(max_examples=scaled(500, 20_000), deadline=None)
@given(text=texts, new=texts, one=numbers, other=numbers, third=numbers)
def test_a_point_outside_of_an_edit_stays_at_its_character(
    text: str, new: str, one: int, other: int, third: int
) -> None:
    low, high = sorted((one % (len(text) + 1), other % (len(text) + 1)))
    at = third % (len(text) + 1)
    after = text[:low] + new + text[high:]
    change = replacement(point_of(text, low), point_of(text, high), new)
    for is_end in (False, True):
        if low < at < high:
            continue
        is_at_insertion = at == low == high
        expected = at if at <= low and not (is_at_insertion and is_end) else at + len(new) - (high - low)
        got = moved(point_of(text, at), change, is_end=is_end)
        assert offset_of(after, got) == expected


@settings(max_examples=scaled(500, 20_000), deadline=None)
@given(before=texts, after=texts)
def test_the_rows_that_differ_are_the_change_of_a_whole_text(before: str, after: str) -> None:
    change = whole(split_lines(before), split_lines(after))
    rows, new_rows = split_lines(before), split_lines(after)

    def offset(lines: list[str], point: Point) -> int:
        return len("".join(lines[: point[0]])) + point[1]

    start, end, new_end = (
        offset(rows, change.start),
        offset(rows, change.end),
        offset(new_rows, change.new_end),
    )
    assert before[:start] == after[:start]
    assert before[end:] == after[new_end:]
    assert start <= min(end, new_end)


@pytest.mark.parametrize(
    ("point", "is_end", "expected"),
    [
        ((1, 4), False, (1, 4)),  # before it
        ((1, 5), False, (1, 5)),  # where it begins
        ((2, 3), False, (2, 1)),  # inside: not behind the new text
        ((3, 2), False, (2, 1)),  # where it ended
        ((3, 9), False, (2, 8)),  # behind it in its last row
        ((4, 7), True, (3, 7)),  # below it
        ((2, ROW_END), True, (1, ROW_END)),  # the end of a row inside: counted from the end
    ],
)
def test_where_a_point_goes_when_three_rows_become_two(
    point: Point, *, is_end: bool, expected: Point
) -> None:
    assert moved(point, Change((1, 5), (3, 2), (2, 1)), is_end=is_end) == expected


def test_the_end_of_a_row_stays_its_end() -> None:
    change = replacement((1, 3), (1, 3), "x\ny\n")
    assert moved((1, ROW_END), change, is_end=True)[0] == 3
    assert moved((1, ROW_END), change, is_end=True)[1] > 1_000_000


def test_a_passage_has_one_kind_of_line_end() -> None:
    lines = split_lines("ab\r\ncd\ref\n")
    assert passage(lines, (0, 1), (2, 1)) == "b\ncd\ne"
    assert passage(lines, (1, 0), (1, ROW_END)) == "cd"
    assert passage(lines, (5, 0), (6, 0)) == passage(lines, (2, 0), (1, 0)) == ""


def test_a_text_ends_behind_its_last_line_end() -> None:
    assert behind((4, 2), "abc") == (4, 5)
    assert behind((4, 2), "a\r\nbc") == (5, 2)
    assert behind((4, 2), "a\n") == (5, 0)
