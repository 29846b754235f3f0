import random
from dataclasses import replace
from itertools import pairwise

import pytest

from cope_lsp.cascade.prompts import Parts
from training import synthetic, tokenizer
from training.corpus import SourceFile
from training.exercises import Exercise
from training.recipe import END_OF_TEXT, FILE_SEPARATOR, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, NANO, Diet
from training.samples import Materials, Row, Sampler, fim_prompt, fit_around

TEXTS = [synthetic.module(f"test:{n}") for n in range(60)]
FILES = [SourceFile(f"package {n // 10}", f"{n}.py", text) for n, text in enumerate(TEXTS[:30])]
PEAK = Exercise(
    Parts("", "def peak(readings):", "How high it went.", "the largest of the readings", "Take max."),
    "    return max(readings, default=0)\n",
)
LOW = Exercise(
    Parts("", "def low(temperatures):", "How cold it got.", "the smallest of the temperatures", "Take min."),
    "    return min(temperatures, default=0)\n",
)
TOKENIZER = tokenizer.load()
IDS = tokenizer.special_ids(TOKENIZER)
RECIPE = replace(NANO, step_tokens=1_024)
MATERIALS = Materials(FILES, TEXTS[30:], [PEAK, LOW], [])


def sampler(**diet: float) -> Sampler:
    return Sampler(MATERIALS, TOKENIZER, replace(RECIPE, diet=Diet(**{"task_share": 0.5, **diet})))


SAMPLER = sampler(neighbours_share=0.0)
ROWS = [row for step in range(40) for row in SAMPLER.step(step)]


def documents(rows: list[Row]) -> list[list[int]]:
    """Split rows behind each end-of-text token; the padding gives empty documents."""
    found = []
    for row in rows:
        ends = [-1, *(i for i, token in enumerate(row.tokens) if token == IDS[END_OF_TEXT])]
        found += [row.tokens[a + 1 : b] for a, b in pairwise(ends) if b - a > 1]
    return found


def fim_documents() -> list[list[int]]:
    return [ids for ids in documents(ROWS) if IDS[FIM_MIDDLE] in ids]


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
    assert SAMPLER.step(3) == SAMPLER.step(3)
    assert SAMPLER.step(3) != SAMPLER.step(4)


def test_all_rows_of_a_step_have_one_length_and_fill_the_step() -> None:
    for step in range(20):
        rows = SAMPLER.step(step)
        lengths = {len(row.tokens) for row in rows}
        assert len(lengths) == 1
        assert lengths <= set(RECIPE.row_tokens)
        assert sum(len(row.tokens) for row in rows) == RECIPE.step_tokens


def test_a_row_has_a_weight_for_every_token_and_its_padding_has_none() -> None:
    for row in ROWS:
        assert len(row.tokens) == len(row.weights)
        behind = len(row.tokens) - len("".join("x" if weight else " " for weight in row.weights).rstrip())
        assert not behind or set(row.tokens[-behind:]) == {IDS[END_OF_TEXT]}


def test_the_middle_and_its_end_weigh_more() -> None:
    row = next(row for row in ROWS if row.tokens.count(IDS[FIM_MIDDLE]) == 1)
    middle = row.tokens.index(IDS[FIM_MIDDLE])
    end = row.tokens.index(IDS[END_OF_TEXT], middle)
    assert set(row.weights[middle + 1 : end + 1]) == {RECIPE.diet.middle_weight}
    assert row.weights[middle] == 1.0


def test_a_document_with_a_hole_is_suffix_prefix_and_middle_in_this_order() -> None:
    assert fim_documents()
    for ids in fim_documents():
        marks = [token for token in ids if token in IDS.values()]
        assert marks == [IDS[FIM_SUFFIX], IDS[FIM_PREFIX], IDS[FIM_MIDDLE]]


def test_a_suffix_is_never_longer_than_the_finished_model_is_shown() -> None:
    for ids in fim_documents():
        assert ids.index(IDS[FIM_PREFIX]) - ids.index(IDS[FIM_SUFFIX]) - 1 <= RECIPE.suffix_tokens_max


def test_most_of_the_rows_is_not_padding() -> None:
    padding = sum(row.weights[::-1].index(next(filter(None, row.weights[::-1]))) for row in ROWS)
    assert padding / sum(len(row.weights) for row in ROWS) < 0.1


def test_a_prompt_ends_where_the_model_has_to_go_on() -> None:
    prompt = fim_prompt([10, 11], [12], IDS)
    assert prompt == [IDS[FIM_SUFFIX], 12, IDS[FIM_PREFIX], 10, 11, IDS[FIM_MIDDLE]]


def test_files_of_one_package_follow_each_other_with_a_separator() -> None:
    source = sampler(task_share=0.0, synthetic_share=0.0, neighbours_share=1.0)
    rows = [row for step in range(10) for row in source.step(step)]
    assert any(row.tokens.count(IDS[FILE_SEPARATOR]) for row in rows)


def test_an_exercise_is_tokenised_as_its_prompts_and_answers_are() -> None:
    rng = random.Random(1)
    code = TOKENIZER.encode(PEAK.body).ids
    for _ in range(40):
        tokens = SAMPLER.exercise(rng, PEAK).tokens
        assert tokens[-1] == IDS[END_OF_TEXT]
        assert tokens == [*TOKENIZER.encode(TOKENIZER.decode(tokens[:-1])).ids, IDS[END_OF_TEXT]]
        assert tokens[-len(code) - 1 : -1] == code or TOKENIZER.decode(tokens).count("# Guideline:")


def test_a_text_ends_after_the_code_and_never_after_a_plan() -> None:
    rng = random.Random(1)
    rows = [SAMPLER.exercise(rng, PEAK) for _ in range(100)]
    ends = {(TOKENIZER.decode(row.tokens).endswith(PEAK.body), row.weights[-1] > 0) for row in rows}
    assert ends == {(True, True), (False, False)}


def test_an_exercise_that_does_not_fit_is_never_cut() -> None:
    only = sampler(task_share=1.0)
    whole = {
        tuple(SAMPLER.exercise(random.Random(n), each).tokens[:-1])
        for n in range(300)
        for each in (PEAK, LOW)
    }
    rows = [row for step in range(3) for row in only.step(step)]
    assert sum(tuple(ids) in whole for ids in documents(rows)) > 0.8 * len(documents(rows))
