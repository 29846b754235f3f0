import random
from pathlib import Path

import pytest

from cope_lsp.cascade.prompts import Answer, Parts, plain, read
from training.exercises import KIND_NAMES, Exercise, Piece, in_module, load, of_task, pieces, save
from training.family.task import FamilyTask
from training.recipe import Diet

DIET = Diet(task_share=1.0)
PEAK = Exercise(
    Parts("", "def peak(readings):", "How high it went.", "the largest of the readings", "Take max."),
    "    return max(readings, default=0)\n",
)
LOW = Exercise(
    Parts("", "def low(temperatures):", "How cold.", "the smallest of the temperatures", "Take min."),
    "    return min(temperatures, default=0)\n",
)
MODULE = (
    '''
class Box:
    def weight(self):
        """Return the weight of the box. In kilograms."""
        total = self.own
        return total + sum(each.weight() for each in self.inside)

    def undocumented(self):
        return 1

    def empty(self):
        """Do nothing."""


def long(value):
    """Return it."""
    return [
'''
    + "".join(f"        value + {n},\n" for n in range(100))
    + "    ]\n"
)


def drawn(count: int = 400) -> list[list[Piece]]:
    rng = random.Random(1)
    return [pieces(rng, PEAK, [LOW], DIET) for _ in range(count)]


def text_of(found: list[Piece]) -> str:
    return "".join(text for text, _ in found)


def test_every_kind_of_exercise_is_drawn() -> None:
    texts = {text_of(found).replace("smallest", "largest") for found in drawn()}
    assert len(texts) == len(KIND_NAMES)


def test_the_mark_of_a_plan_is_never_learnt_and_what_is_written_counts_more_than_what_is_given() -> None:
    for found in drawn():
        assert found[0][1] == DIET.head_weight < DIET.answer_weight
        assert {weight for text, weight in found if text.endswith(":")} <= {0.0}
        assert found[-1][1] == DIET.answer_weight


def test_an_exercise_is_a_prompt_and_an_answer_that_can_be_read() -> None:
    prompt = plain(PEAK.parts, "goal-and-code")
    written = [text_of(found) for found in drawn() if text_of(found).startswith(prompt)]
    answers = {
        read(PEAK.parts, "goal-and-code", text.removeprefix(prompt)) for text in written if "max(" in text
    }
    assert Answer(goal="the largest of the readings", draft=PEAK.body) in answers


def test_a_wrong_goal_is_about_the_same_argument_is_never_learnt_and_a_guideline_follows_it() -> None:
    wrong = [found for found in drawn() if "smallest" in text_of(found)]
    assert wrong
    for found in wrong:
        assert (" the smallest of the readings\n", 0.0) in found
        assert found[-2:] == [(" Take max.\n", DIET.answer_weight), (PEAK.body, DIET.answer_weight)]


def test_a_family_task_is_an_exercise() -> None:
    task = FamilyTask(
        id="train:1:1",
        name="peak",
        signature=PEAK.parts.signature,
        preamble="",
        docstring=PEAK.parts.docstring,
        goal=PEAK.parts.goal,
        guideline=PEAK.parts.guideline,
        body=PEAK.body,
        visible_tests=(),
        hidden_tests=(),
        operations=("largest",),
        wording="explicit",
    )
    assert of_task(task) == PEAK


def test_documented_functions_are_exercises_without_a_guideline() -> None:
    (found,) = in_module(MODULE)
    assert found.parts == Parts(
        "",
        "def weight(self):",
        "Return the weight of the box. In kilograms.",
        "Return the weight of the box",
    )
    assert found.body.startswith("    total = self.own\n    return total")


@pytest.mark.parametrize("seed", range(20))
def test_a_function_without_guideline_always_ends_in_code(seed: int) -> None:
    (found,) = in_module(MODULE)
    drawn_pieces = pieces(random.Random(seed), found, [LOW], DIET)
    assert drawn_pieces[-1][0] == found.body
    assert "# Guideline:" not in text_of(drawn_pieces)


def test_saved_exercises_are_the_same_when_loaded(tmp_path: Path) -> None:
    save([PEAK, LOW], tmp_path / "exercises.jsonl")
    assert load(tmp_path / "exercises.jsonl") == [PEAK, LOW]
