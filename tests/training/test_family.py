"""The tasks of the family: fair, different, and never shown to training when they are held out."""

import ast
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.evaluation.tasks import read as read_tasks
from training.family import names, prose
from training.family.__main__ import main as family_main
from training.family.execution import run, shortened
from training.family.generator import LENGTH_WEIGHTS, LENGTHS, compositions, tasks
from training.family.operation import Operation, Step, load
from training.family.splits import split_of, unseen_wording
from training.family.task import FamilyTask, Split

OPERATIONS = load()
BY_NAME = {operation.name: operation for operation in OPERATIONS}
SPLITS: tuple[Split, ...] = ("train", "held-out")


ALL_TYPES = Path(__file__).with_name("family_of_all_types.toml")


@cache
def drawn(split: Split, count: int = 400) -> tuple[FamilyTask, ...]:
    return tuple(tasks(split, count, seed=7))


def everything() -> list[FamilyTask]:
    return [task for split in SPLITS for task in drawn(split)]


def namespace_of(task: FamilyTask) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(task.source, namespace)
    return namespace


def fails(tests: tuple[str, ...], namespace: dict[str, Any]) -> bool:
    try:
        for test in tests:
            exec(test, namespace)
    except AssertionError:
        return True
    return False


# --- splits --------------------------------------------------------------------------------------


def test_the_splits_share_no_composition_of_two_or_three_operations() -> None:
    shown = {split: {task.operations for task in drawn(split)} for split in SPLITS}
    assert not {chain for chain in shown["train"] & shown["held-out"] if len(chain) > 1}


def test_a_composition_belongs_to_one_split_and_about_15_percent_of_pairs_are_held_out() -> None:
    pairs = {split: set(compositions(OPERATIONS, 2, split)) for split in SPLITS}
    assert not pairs["train"] & pairs["held-out"]
    share = len(pairs["held-out"]) / sum(map(len, pairs.values()))
    assert 0.13 < share < 0.17


def test_no_held_out_pair_is_shown_inside_a_longer_chain_of_training() -> None:
    for task in drawn("train"):
        for pair in zip(task.operations, task.operations[1:], strict=False):
            assert split_of(pair) == "train"


def test_training_never_shows_the_unseen_wordings() -> None:
    for task in drawn("train"):
        assert task.wording != "unseen"
        for name in task.operations:
            assert unseen_wording(BY_NAME[name]) not in readings(task.docstring, BY_NAME[name])


def test_held_out_tasks_with_an_unseen_wording_show_it() -> None:
    unseen = [task for task in drawn("held-out") if task.wording == "unseen"]
    for task in unseen:
        operations = [BY_NAME[name] for name in task.operations]
        assert any(unseen_wording(op) in readings(task.docstring, op, unique=False) for op in operations)
    assert 0.1 < len(unseen) / len(drawn("held-out")) < 0.5


def readings(docstring: str, operation: Operation, *, unique: bool = True) -> set[int | None]:
    """The places of the wordings that a docstring may have been made with; the only one, if `unique`."""
    places: set[int | None] = set()
    for step in operation.steps():
        for place, words in enumerate(operation.said):
            pattern = re.escape(step.fill(words, x="\0")).replace("\0", ".+").replace("\\\0", ".+")
            if re.search(rf"(^|\W){pattern}(\W|$)", docstring):
                places.add(place)
    return places if not unique or len(places) == 1 else set()


def test_an_unseen_wording_is_never_one_of_the_two_plainest() -> None:
    for operation in OPERATIONS:
        place = unseen_wording(operation)
        assert place is not None
        assert 2 <= place < len(operation.said)


@pytest.mark.parametrize("split", SPLITS)
def test_things_are_worded_as_often_as_people_would(split: Split) -> None:
    operation = BY_NAME["largest"]
    rng = random.Random(1)
    shown = Counter(prose.draw_said(rng, operation, split) for _ in range(7_000))
    hidden = unseen_wording(operation) if split == "train" else None
    ranks = [shown[place] for place in range(len(operation.said)) if place != hidden]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > 5 * ranks[-1] > 0
    assert hidden not in shown


def test_explicit_tasks_use_the_two_plainest_wordings() -> None:
    for task in everything():
        if task.wording == "explicit":
            for name in task.operations:
                assert readings(task.docstring, BY_NAME[name], unique=False) & {0, 1}


# --- tasks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", SPLITS)
def test_tasks_are_a_function_of_split_and_seed(split: Split) -> None:
    assert tuple(tasks(split, 50, seed=7)) == drawn(split)[:50]
    assert tuple(tasks(split, 50, seed=8)) != drawn(split)[:50]
    assert len({task.id for task in drawn(split)}) == len(drawn(split))


def test_tasks_without_tests_are_the_same_tasks() -> None:
    bare = list(tasks("train", 50, seed=7, tests=False))
    for task, other in zip(bare, drawn("train"), strict=False):
        assert (task.visible_tests, task.hidden_tests) == ((), ())
        assert (task.source, task.goal, task.guideline) == (other.source, other.goal, other.guideline)


def test_the_core_is_hundreds_of_the_operations_and_the_whole_is_all_of_them() -> None:
    core = {operation.name for operation in OPERATIONS if operation.is_core}
    assert len(core) >= 200
    assert {name for task in everything() for name in task.operations} <= core
    whole = tasks("train", 300, seed=7, part="whole", tests=False)
    assert not {name for task in whole for name in task.operations} <= core


def test_tasks_are_written_for_the_evaluation(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    assert family_main([str(file), "--tasks", "5", "--seed", "7"]) == 0
    written = read_tasks(file)
    assert [task.reference for task in written] == [task.body for task in drawn("held-out")[:5]]
    assert all(task.visible_tests and len(task.hidden_tests) >= 10 for task in written)
    assert family_main([str(tmp_path / "nowhere" / "tasks.jsonl"), "--tasks", "1"]) == 1


def test_what_is_no_file_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert family_main([str(pipe), "--tasks", "1"]) == 1
    assert "is no file" in capsys.readouterr().err
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_tasks_have_one_two_or_three_operations_as_planned() -> None:
    lengths = Counter(len(task.operations) for task in everything())
    for length, percent in zip(LENGTHS, LENGTH_WEIGHTS, strict=True):
        assert abs(100 * lengths[length] / len(everything()) - percent) < 5


def test_every_task_parses_and_is_written_in_the_plain_format() -> None:
    for task in everything():
        (function,) = [n for n in ast.parse(task.source).body if isinstance(n, ast.FunctionDef)]
        assert ast.get_docstring(function, clean=False) == task.docstring
        assert all(line.startswith("    ") and line.strip() for line in task.body.splitlines())
        assert task.body.endswith("\n")
        for text in (task.docstring, task.goal, task.guideline, task.signature):
            assert text == text.strip()
            assert "\n" not in text
            assert not re.search(r"\{[xyk]\}", text)
        assert not task.goal.endswith(".")
        assert task.guideline.endswith(".")
        assert task.guideline[0] == task.guideline[0].upper()


def test_names_are_ordinary_and_hide_nothing() -> None:
    for task in everything():
        (function,) = [n for n in ast.parse(task.source).body if isinstance(n, ast.FunctionDef)]
        stored = {
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        arguments = {argument.arg for argument in function.args.args}
        assert len(arguments) == 1
        assert not stored & arguments
        assert not (stored - {"_"} | arguments | {task.name}) & names.RESERVED
        assert task.name not in stored | arguments


def test_an_argument_name_tells_one_type() -> None:
    rows = list(names.ARGUMENTS.values())
    assert len({name for row in rows for name in row}) == sum(map(len, rows))


def test_reference_bodies_pass_all_their_tests() -> None:
    for task in everything():
        namespace = namespace_of(task)
        for test in (*task.visible_tests, *task.hidden_tests):
            exec(test, namespace)


def test_tests_are_three_visible_and_ten_or_more_hidden_on_different_inputs() -> None:
    for task in everything():
        tests = (*task.visible_tests, *task.hidden_tests)
        assert (len(task.visible_tests), len(task.hidden_tests) >= 10) == (3, True)
        calls = {re.split(r" (?:==|is) ", test)[0] for test in tests}
        assert len(calls) == len(tests)


def test_no_constant_passes_the_hidden_tests() -> None:
    for task in everything():
        assert len({re.split(r" (?:==|is) ", test)[-1] for test in task.hidden_tests}) > 1


def test_a_solution_that_leaves_out_a_step_fails_the_hidden_tests() -> None:
    tried = 0
    for task in everything():
        for chain in chains_of(task):
            for shorter in shortened(chain):
                tried += 1
                assert fails(
                    task.hidden_tests, {task.name: lambda value, c=shorter: run(c, value), "date": date}
                )
    assert tried > 100


def chains_of(task: FamilyTask) -> Iterator[tuple[Step, ...]]:
    """The chain of a task whose parameters are known, because no operation has several."""
    operations = [BY_NAME[name] for name in task.operations]
    if not any(operation.parameters for operation in operations):
        yield tuple(Step(operation) for operation in operations)


def test_outputs_are_short_enough_to_read() -> None:
    for task in everything():
        for test in (*task.visible_tests, *task.hidden_tests):
            assert len(re.split(r" (?:==|is) ", test)[-1]) <= 400


def test_most_tasks_differ() -> None:
    assert len({task.source for task in everything()}) > 0.95 * len(everything())


def test_held_out_guidelines_have_one_form_and_training_varies_it() -> None:
    pairs = {split: [t.guideline for t in drawn(split) if len(t.operations) == 2] for split in SPLITS}
    assert all(", then " in guideline for guideline in pairs["held-out"])
    assert not all(", then " in guideline for guideline in pairs["train"])


def test_operations_on_texts_tables_records_and_days_make_tasks_too(tmp_path: Path) -> None:
    shutil.copy(ALL_TYPES, tmp_path)
    found = list(tasks("train", 150, seed=3, part="whole", folder=tmp_path))
    assert {name for task in found for name in task.operations} == {op.name for op in load(tmp_path)}
    for task in found:
        namespace = namespace_of(task)
        for test in (*task.visible_tests, *task.hidden_tests):
            exec(test, namespace)
    dated = {"latest", "week_from", "weekdays"}
    assert all(bool(task.preamble) == bool(dated & set(task.operations)) for task in found)
