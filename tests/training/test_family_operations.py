"""The operations of the family: what they take and give, how they are worded, and how files are read."""

import ast
import builtins
import copy
import keyword
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from training.family.execution import function_of, is_sound
from training.family.inputs import EDGES, POOL, PROBES, draw, literal, pool
from training.family.operation import KINDS, Kind, OperationError, Step, load

OPERATIONS = load()
BY_NAME = {operation.name: operation for operation in OPERATIONS}
STEPS = [step for operation in OPERATIONS for step in operation.steps()]

Scale = Callable[[int, int], int]
Value = Any


def samples(kind: Kind, count: int) -> list[Value]:
    """Values of a type, and such as an earlier step may give, which are longer and farther from zero."""
    rng = random.Random(f"samples of {kind}")
    values: list[Value] = [*EDGES[kind], *(draw(kind, rng) for _ in range(count))]
    if kind == "number":
        values += [rng.randint(-20_000, 20_000) for _ in range(count // 20)]
    if kind == "numbers":
        values += [[rng.randint(-9_999, 9_999) for _ in range(rng.randrange(40))] for _ in range(count // 10)]
        values += [[rng.randint(-2, 2) for _ in range(rng.randrange(9))] for _ in range(count // 2)]
    return values


def is_of(value: Value, kind: Kind) -> bool:
    """Whether a value is of a type of the family, strictly: a truth is no number."""
    checks: dict[Kind, Callable[[Value], bool]] = {
        "number": lambda v: type(v) is int,
        "text": lambda v: type(v) is str,
        "truth": lambda v: type(v) is bool,
        "day": lambda v: type(v) is date,
        "numbers": lambda v: type(v) is list and all(type(item) is int for item in v),
        "texts": lambda v: type(v) is list and all(type(item) is str for item in v),
        "days": lambda v: type(v) is list and all(type(item) is date for item in v),
        "table": lambda v: type(v) is dict and all(type(k) is str and type(n) is int for k, n in v.items()),
        "records": lambda v: type(v) is list and all(set(r) == {"name", "team", "amount", "day"} for r in v),
    }
    return checks[kind](value)


def label(step: Step) -> str:
    return step.operation.name if step.parameter is None else f"{step.operation.name} {step.parameter}"


# --- operations ----------------------------------------------------------------------------------


def test_every_operation_takes_any_value_of_its_type_and_leaves_it_as_it_was(scale: Scale) -> None:
    for kind in KINDS:
        for value in samples(kind, scale(120, 2_000)):
            for step in STEPS:
                if step.operation.takes == kind:
                    given = copy.deepcopy(value)
                    given_back = function_of(step)(given)
                    assert is_of(given_back, step.operation.gives), (label(step), value, given_back)
                    assert given == value, (label(step), value)


def test_no_two_operations_compute_the_same(scale: Scale) -> None:
    twins: dict[tuple[object, ...], list[str]] = {}
    values = {kind: samples(kind, scale(120, 1_000)) for kind in KINDS}
    for step in STEPS:
        function = function_of(step)
        outputs = tuple(repr(function(value)) for value in values[step.operation.takes])
        twins.setdefault((step.operation.takes, step.operation.gives, outputs), []).append(label(step))
    assert not [labels for labels in twins.values() if len(labels) > 1]


def test_every_operation_makes_a_task_alone_with_each_of_its_parameters() -> None:
    assert not [label(step) for step in STEPS if step.operation.takes != "truth" and not is_sound((step,))]


def test_names_are_unique_and_no_built_in() -> None:
    assert len(BY_NAME) == len(OPERATIONS)
    assert not BY_NAME.keys() & {*dir(builtins), *keyword.kwlist}


def test_there_are_enough_operations_on_numbers() -> None:
    assert sum(1 for operation in OPERATIONS if operation.takes in {"number", "numbers"}) >= 110


def test_every_operation_has_six_to_eight_wordings_each_about_its_input() -> None:
    for operation in OPERATIONS:
        assert 6 <= len(operation.said) <= 8, operation.name
        for words in (operation.goal, *operation.said):
            assert words.count("{x}") == 1, words
            assert not words.endswith((".", "?", "!")), words
            assert not re.search(r'["\\\n]', words), words


def test_a_parameter_is_named_in_every_wording_and_plan() -> None:
    for operation in OPERATIONS:
        texts = (operation.goal, operation.how, *operation.said)
        assert {"{k}" in text for text in texts} == {bool(operation.parameters)}, operation.name


def test_no_two_wordings_are_the_same() -> None:
    counts = Counter(words.lower() for operation in OPERATIONS for words in operation.said)
    assert not [words for words, count in counts.items() if count > 1]


def test_no_two_goals_and_no_two_ways_with_the_same_types_are_the_same() -> None:
    kinds = [(operation.takes, operation.gives, operation.goal) for operation in OPERATIONS]
    assert len(set(kinds)) == len(kinds)
    ways = Counter((operation.takes, operation.gives, operation.how) for operation in OPERATIONS)
    assert not [way for way, count in ways.items() if count > 1]


# --- the loader ----------------------------------------------------------------------------------

VALID: dict[str, str] = {
    "name": '"double_it"',
    "takes": '"number"',
    "gives": '"number"',
    "code": '"{x} * 2"',
    "goal": '"twice {x}"',
    "how": '"multiply by 2"',
    "said": '["a {x}", "b {x}", "c {x}", "d {x}", "e {x}", "f {x}"]',
}


def written(folder: Path, *operations: dict[str, str], head: str = "") -> Path:
    blocks = ["[[operation]]\n" + "".join(f"{k} = {v}\n" for k, v in entry.items()) for entry in operations]
    (folder / "some.toml").write_text(head + "\n".join(blocks), encoding="utf-8")
    return folder


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    (operation,) = load(written(tmp_path, VALID))
    assert (operation.name, operation.takes, operation.parameters) == ("double_it", "number", ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": '"Double It"'}, "give it a name in snake_case"),
        ({"name": "3"}, "let name be a text"),
        ({"takes": '"float"'}, "let takes be one of number, numbers"),
        ({"gives": "7"}, "let gives be one of"),
        ({"code": '"2"'}, "use {x} in the code"),
        ({"code": '"{x} *"'}, "does not parse"),
        ({"code": '"z = {x}"'}, "let its code be one expression"),
        ({"code": '"open({x})"'}, "not open"),
        ({"code": '"{x} + elsewhere"'}, "not elsewhere"),
        ({"code": '"{x}.__class__"'}, "without private attributes"),
        ({"code": '"import os\\n{y} = {x}"'}, "without import"),
        ({"code": '"while {x}:\\n    {y} = {x}"'}, "and while"),
        ({"goal": '"twice"'}, "let the goal hold {x} exactly once"),
        ({"goal": '"twice {x}."'}, "without full stop"),
        ({"goal": '"{k} times {x}"'}, "add `parameter`, because the goal holds {k}"),
        ({"parameter": "[2, 3]"}, "use {k} in the code or remove `parameter`"),
        ({"parameter": "[2, 2]", "code": '"{x} * {k}"'}, "name each parameter once"),
        ({"parameter": "[2.5]", "code": '"{x} * {k}"'}, "let parameter be a list of whole numbers or texts"),
        ({"said": '["a {x}"]'}, "give 6 to 8 wordings"),
        ({"said": VALID["said"].replace("a {x}", "{x} {x}")}, "'{x} {x}' hold {x} exactly once"),
        ({"said": VALID["said"].replace("b {x}", "a {x}")}, "share the wording 'a {x}'"),
        ({"said": '"a {x}"'}, "let said be a list of texts"),
        ({"extra": "1"}, "remove extra"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_operation_is_said(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    with pytest.raises(OperationError) as caught:
        load(written(tmp_path, VALID | change))
    assert message in str(caught.value)


@pytest.mark.parametrize("key", VALID)
def test_what_is_missing_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(OperationError, match=f"add {key}"):
        load(written(tmp_path, {k: v for k, v in VALID.items() if k != key}))


def test_two_operations_of_one_name_or_wording_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="Two operations are named 'double_it'"):
        load(written(tmp_path, VALID, VALID | {"said": VALID["said"].replace("{x}", "z {x}")}))
    load.cache_clear()
    with pytest.raises(OperationError, match=r"share the wording 'a \{x\}'"):
        load(written(tmp_path, VALID, VALID | {"name": '"other"'}))


def test_a_folder_without_operations_and_a_file_with_other_things_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match=r"put a \.toml file"):
        load(tmp_path)
    with pytest.raises(OperationError, match="nothing but"):
        load(written(tmp_path, VALID, head="title = 'x'\n"))
    (tmp_path / "some.toml").write_text("[[", encoding="utf-8")
    with pytest.raises(OperationError, match=r"some\.toml is not TOML"):
        load(tmp_path)


# --- inputs --------------------- ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "truth"])
def test_inputs_are_many_different_and_of_their_type(kind: Kind) -> None:
    inputs = pool(kind)
    assert len({literal(value) for value in inputs}) == len(inputs) > PROBES + 100
    assert len(inputs) <= POOL
    assert all(is_of(value, kind) for value in inputs)
    assert all(eval(literal(value), {"date": date, "timedelta": timedelta}) == value for value in inputs)


def test_a_text_with_quotes_is_written_so_that_it_reads_back() -> None:
    for text in ("", "it's", 'say "yes"', "both ' and \"", "back\\slash", "line\nend", "é"):
        assert ast.literal_eval(literal(text)) == text
