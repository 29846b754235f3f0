import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from training import synthetic, tokenizer
from training.recipe import END_OF_TEXT, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, Diet, Recipe
from training.samples import (
    Row,
    Sampler,
    block,
    dig,
    draw_cursor,
    draw_window,
    fim_prompt,
    fit_around,
    rest_of_line,
    some_lines,
    span,
)

Kind = Callable[[random.Random, str], tuple[int, int]]

TEXTS = [synthetic.module(f"test:{n}") for n in range(60)]
RECIPE = Recipe(step_tokens=1_024)
TOKENIZER = tokenizer.load()
IDS = tokenizer.special_ids(TOKENIZER)
SAMPLER = Sampler(TEXTS[:30], TEXTS[30:], TOKENIZER, RECIPE)
ROWS = [row for step in range(30) for row in SAMPLER.step(step, RECIPE.early)]

FUNCTION = "def f(x):\n    if x:\n        return 1\n\n    return 2\n\n\nprint(f(1))\n"


def documents(row: Row) -> list[list[int]]:
    """Split a row behind each end-of-text token; the padding gives empty documents."""
    ends = [-1, *(i for i, token in enumerate(row.tokens) if token == IDS[END_OF_TEXT])]
    return [row.tokens[a + 1 : b] for a, b in pairwise(ends) if b - a > 1]


def fim_documents() -> list[list[int]]:
    return [ids for row in ROWS for ids in documents(row) if IDS[FIM_MIDDLE] in ids]


@pytest.mark.parametrize("text", TEXTS)
def test_prefix_middle_and_suffix_make_the_text_again_unless_the_suffix_was_left_out(text: str) -> None:
    rng = random.Random(text)
    for _ in range(20):
        hole = dig(rng, text)
        joined = hole.prefix + hole.middle + hole.suffix
        assert joined == text or (not hole.suffix and text.startswith(joined))


@pytest.mark.parametrize("kind", [rest_of_line, some_lines, block, span])
def test_every_kind_of_hole_lies_inside_any_text(
    kind: Callable[[random.Random, str], tuple[int, int]],
) -> None:
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


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        pytest.param(20, ([1, 9, 2, 3, 9, 4], [5, 6, 7, 8, 5, 6]), id="everything fits"),
        pytest.param(9, ([1, 9, 2, 3, 9, 4], [5, 6, 7]), id="the suffix gives way"),
        pytest.param(7, ([2, 3, 9, 4], [5, 6]), id="then the prefix, to a line's start"),
        pytest.param(3, ([4], [5]), id="the last line of the prefix stays longest"),
        pytest.param(0, ([], []), id="there is no room"),
    ],
)
def test_prefix_and_suffix_are_cut_to_the_room(room: int, expected: tuple[list[int], list[int]]) -> None:
    newline = frozenset({9})
    prefix, suffix = fit_around([1, 9, 2, 3, 9, 4], [5, 6, 7, 8, 5, 6], room, newline)
    assert (prefix, suffix) == expected
    assert len(prefix) + len(suffix) <= max(room, 0)


def test_the_same_step_gives_the_same_rows_and_another_step_others() -> None:
    assert SAMPLER.step(3, RECIPE.early) == SAMPLER.step(3, RECIPE.early)
    assert SAMPLER.step(3, RECIPE.early) != SAMPLER.step(4, RECIPE.early)


def test_all_rows_of_a_step_have_one_length_and_fill_the_step() -> None:
    for step in range(20):
        rows = SAMPLER.step(step, RECIPE.early)
        lengths = {len(row.tokens) for row in rows}
        assert len(lengths) == 1
        assert lengths <= set(RECIPE.row_tokens)
        assert sum(len(row.tokens) for row in rows) == RECIPE.step_tokens


def test_a_row_has_a_weight_for_every_token_and_none_for_padding() -> None:
    for row in ROWS:
        assert len(row.tokens) == len(row.weights)
        padding = [token for token, weight in zip(row.tokens, row.weights, strict=True) if not weight]
        assert set(padding) <= {IDS[END_OF_TEXT]}


def test_the_middle_and_its_end_weigh_more() -> None:
    (row,) = [row for row in ROWS if row.tokens.count(IDS[FIM_MIDDLE]) == 1][:1]
    middle = row.tokens.index(IDS[FIM_MIDDLE])
    end = row.tokens.index(IDS[END_OF_TEXT], middle)
    assert set(row.weights[middle + 1 : end + 1]) == {RECIPE.early.middle_weight}
    assert row.weights[middle] == 1.0


def test_a_document_with_a_hole_is_prefix_suffix_and_middle_in_this_order() -> None:
    for ids in fim_documents():
        marks = [token for token in ids if token in IDS.values()]
        assert marks == [IDS[FIM_PREFIX], IDS[FIM_SUFFIX], IDS[FIM_MIDDLE]]


def test_about_as_many_documents_have_a_hole_as_the_recipe_says() -> None:
    total = sum(len(documents(row)) for row in ROWS)
    assert len(fim_documents()) / total == pytest.approx(RECIPE.early.fim_share, abs=0.15)


def test_most_rows_are_nearly_full() -> None:
    used = sum(weight > 0 for row in ROWS for weight in row.weights)
    assert used / sum(len(row.weights) for row in ROWS) > 0.9


def test_a_prompt_ends_where_the_model_has_to_go_on() -> None:
    prompt = fim_prompt([10, 11], [12], IDS)
    assert prompt == [IDS[FIM_PREFIX], 10, 11, IDS[FIM_SUFFIX], 12, IDS[FIM_MIDDLE]]


def test_the_late_diet_has_more_and_shorter_documents_with_holes() -> None:
    def holes(diet: Diet) -> int:
        rows = [row for step in range(30) for row in SAMPLER.step(step, diet)]
        return sum(row.tokens.count(IDS[FIM_MIDDLE]) for row in rows)

    assert holes(RECIPE.late) > 1.2 * holes(RECIPE.early)


def test_the_diet_changes_once_during_a_training() -> None:
    diets = [RECIPE.diet(share / 100) for share in range(101)]
    assert diets == [RECIPE.early] * 56 + [RECIPE.late] * 45
