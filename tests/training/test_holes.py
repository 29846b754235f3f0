import random
from collections.abc import Callable

import pytest

from training import synthetic
from training.holes import block, dig, draw_cursor, draw_window, rest_of_line, some_lines, span

Kind = Callable[[random.Random, str], tuple[int, int]]

TEXTS = [synthetic.module(f"test:{n}") for n in range(60)]
FUNCTION = "def f(x):\n    if x:\n        return 1\n\n    return 2\n\n\nprint(f(1))\n"


@pytest.mark.parametrize("text", TEXTS)
def test_prefix_middle_and_suffix_make_the_text_again_unless_the_suffix_was_left_out(text: str) -> None:
    rng = random.Random(text)
    for _ in range(20):
        hole = dig(rng, text)
        joined = hole.prefix + hole.middle + hole.suffix
        assert joined == text or (not hole.suffix and text.startswith(joined))


@pytest.mark.parametrize("kind", [rest_of_line, some_lines, block, span])
def test_every_kind_of_hole_lies_inside_any_text(kind: Kind) -> None:
    for text in ["", "\n", "x", "\n\n  \n", "if x:", "if x:\n", "if x:\n    y\n", "x = (1)\n", *TEXTS]:
        rng = random.Random(text)
        for _ in range(20):
            start, end = kind(rng, text)
            assert 0 <= start <= end <= len(text)


def test_the_rest_of_a_line_never_contains_its_end() -> None:
    rng = random.Random(1)
    for _ in range(200):
        start, end = rest_of_line(rng, FUNCTION)
        assert "\n" not in FUNCTION[start:end]


def test_a_rest_of_a_line_may_leave_closing_characters_behind_the_cursor() -> None:
    rng = random.Random(1)
    rests = {FUNCTION[slice(*rest_of_line(rng, "print(f(1))\n"))] for _ in range(50)}
    ends = {rest_of_line(rng, "print(f(1))\n")[1] for _ in range(200)}
    assert {len("print(f(1"), len("print(f(1))")} <= ends, rests


def test_a_block_is_the_whole_body_below_a_colon() -> None:
    rng = random.Random(1)
    bodies = {FUNCTION[slice(*block(rng, FUNCTION))].strip() for _ in range(100)}
    assert bodies == {"if x:\n        return 1\n\n    return 2", "return 1"}


def test_a_block_starts_at_the_colon_or_behind_the_indentation() -> None:
    rng = random.Random(1)
    starts = {FUNCTION[slice(*block(rng, FUNCTION))][:5] for _ in range(100)}
    assert starts == {"\n    ", "if x:", "retur"}


def test_a_cursor_never_stands_in_a_blank_line() -> None:
    rng = random.Random(1)
    for _ in range(300):
        place = draw_cursor(rng, FUNCTION)
        start = FUNCTION.rfind("\n", 0, place) + 1
        end = FUNCTION.find("\n", place)
        assert FUNCTION[start:end].strip()


def test_a_window_is_made_of_whole_lines_and_is_not_too_long() -> None:
    text = "".join(f"line {n}\n" for n in range(100))
    lines = text.splitlines(keepends=True)
    for seed in range(100):
        window, is_end = draw_window(random.Random(seed), text, 80)
        taken = window.splitlines(keepends=True)
        first = lines.index(taken[0])
        assert lines[first : first + len(taken)] == taken
        assert len(window) <= 80
        assert is_end == text.endswith(window)


def test_a_window_has_one_line_even_if_that_is_too_long() -> None:
    assert draw_window(random.Random(1), "x" * 100, 10) == ("x" * 100, True)
