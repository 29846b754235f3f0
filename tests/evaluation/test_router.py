"""The prompt router: what it learns, and that no task is foretold by what is known of itself."""

import random
from dataclasses import replace

from cope_lsp.evaluation.tasks import Task
from cope_lsp.evaluation.trials.router import fitted_to, foretold
from tests.evaluation.conftest import PEAK

EASY, HARD = "Return the largest of the numbers.", "Return the second-largest once all copies are gone."


def drawn(count: int) -> list[Task]:
    """Return tasks of two kinds, with names that tell nothing."""
    names = [f"f{number}" for number in range(count)]
    return [
        replace(PEAK, id=name, name=name, signature=f"def {name}(numbers):", docstring=(EASY, HARD)[n % 2])
        for n, name in enumerate(names)
    ]


def test_it_learns_which_words_are_hard() -> None:
    tasks = drawn(60)
    chances = foretold(tasks, {task.digest: task.docstring == EASY for task in tasks})
    assert all((chances[task.digest] > 0.5) == (task.docstring == EASY) for task in tasks)


def test_no_task_is_foretold_by_what_is_known_of_itself() -> None:
    tasks, rng = drawn(40), random.Random(3)
    right = {task.digest: rng.random() < 0.5 for task in tasks}
    before = foretold(tasks, right)
    for task in tasks:
        after = foretold(tasks, right | {task.digest: not right[task.digest]})
        assert after[task.digest] == before[task.digest]


def test_tasks_that_say_the_same_are_foretold_by_others() -> None:
    one = drawn(40)
    twins = [*one, *(replace(task, id=f"{task.id}-twin", hidden_tests=("assert True",)) for task in one)]
    right = {task.digest: task.docstring == EASY for task in twins}
    before = foretold(twins, right)
    flipped = right | {twins[0].digest: False, twins[40].digest: False}
    assert foretold(twins, flipped)[twins[0].digest] == before[twins[0].digest]


def test_what_it_was_fitted_to_is_known() -> None:
    tasks = drawn(4)
    right = {task.digest: True for task in tasks}
    known = fitted_to(tasks, right)
    assert fitted_to(tasks[::-1], right) == known
    assert fitted_to(tasks[:3], right) != known
    assert fitted_to(tasks, right | {tasks[0].digest: False}) != known


def test_without_anything_to_learn_from_it_says_so() -> None:
    (task,) = drawn(1)
    assert foretold([task], {task.digest: True}) == {task.digest: 0.5}
