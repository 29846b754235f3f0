import gzip
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.errors import TaskFileError
from cope_lsp.evaluation.tasks import read, write
from tests.evaluation.conftest import PEAK

MBPP = {
    "task_id": 2,
    "prompt": "Write a function to add.",
    "code": "import math\n\ndef helper(x):\n  return x\n\ndef add(a, b=1, *rest) :\n  return helper(a) + b",
    "test_imports": ["import math"],
    "test_list": ["assert set([add(1, 2)]) == set([3])", "assert add(1) == 2"],
}
INFILLING = {
    "task_id": "SingleLineInfilling/HumanEval/0/L0",
    "entry_point": "add",
    "prompt": "def add(a, b):\n",
    "suffix": "    return total\n",
    "canonical_solution": "    total = a + b\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
}
HUMANEVAL = {
    "task_id": "HumanEval/0",
    "entry_point": "add",
    "prompt": (
        "from typing import List\n\n\ndef one() -> int:\n    return 1\n\n\n"
        "def add(numbers: List[int],\n        more: int = 0) -> int:\n"
        '    """ Add them.\n\n    >>> add([1, 2])\n    3\n    """\n'
    ),
    "canonical_solution": "    return sum(numbers) + more\n",
    "test": "def check(candidate):\n    assert candidate([1, 2]) == 3\n",
}
FAMILY = {
    "id": "held-out:17",
    "signature": "def first(days):",
    "preamble": "from datetime import date\n\n\n",
    "docstring": "Return the first day.",
    "goal": "the first day",
    "guideline": "Take min.",
    "visible_tests": ["assert first([date(2024, 1, 1)]) == date(2024, 1, 1)"],
    "hidden_tests": ["assert first([]) is None"],
    "wording": "explicit",
    "operations": ["earliest"],
}


def test_mbpp_is_read_with_the_signature_of_its_reference(tmp_path: Path) -> None:
    path = tmp_path / "mbpp.json"
    path.write_text(json.dumps([MBPP]))
    (task,) = read(path)
    assert (task.id, task.kind, task.name) == ("mbpp:2", "function", "add")
    assert task.signature == "def add(a, b=1, *rest):"
    assert task.docstring == "Write a function to add."
    assert task.setup == "import math"
    assert task.hidden_tests == tuple(MBPP["test_list"])  # type: ignore[arg-type]
    assert (task.visible_tests, task.context) == ((), "")
    assert task.program("    return a + b\n") == "def add(a, b=1, *rest):\n    return a + b\n"


def test_humaneval_is_read_with_what_stands_above_its_function(tmp_path: Path) -> None:
    path = tmp_path / "humaneval.jsonl"
    path.write_text(json.dumps(HUMANEVAL) + "\n")
    (task,) = read(path)
    assert (task.id, task.kind, task.name) == ("HumanEval/0", "function", "add")
    assert task.context == "from typing import List\n\n\ndef one() -> int:\n    return 1\n\n\n"
    assert task.signature == "def add(numbers: List[int], more: int=0) -> int:"
    assert task.docstring == "Add them.\n\n>>> add([1, 2])\n3"
    assert task.hidden_tests[0].endswith("check(add)\n")
    assert task.program(task.reference).endswith(" -> int:\n    return sum(numbers) + more\n")


def test_infilling_is_read_with_its_gap(tmp_path: Path) -> None:
    path = tmp_path / "infilling.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(INFILLING).encode()))
    (task,) = read(path)
    assert (task.kind, task.name) == ("infilling", "add")
    assert task.program(task.reference) == "def add(a, b):\n    total = a + b\n    return total\n"
    assert task.hidden_tests[0].endswith("check(add)\n")


def test_a_task_of_the_family_is_read_with_what_its_tests_import(tmp_path: Path) -> None:
    path = tmp_path / "family.jsonl"
    path.write_text(json.dumps(FAMILY) + "\n\n")
    (task,) = read(path)
    assert (task.id, task.name, task.wording) == ("held-out:17", "first", "explicit")
    assert task.context == FAMILY["preamble"]
    assert task.setup == "from datetime import date"
    assert task.program("    return min(days)\n").startswith(
        "from datetime import date\n\n\ndef first(days):\n    "
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    write(path, [PEAK])
    assert read(path) == [PEAK]


def test_a_task_that_changes_has_another_digest() -> None:
    others = (replace(PEAK, docstring="x"), replace(PEAK, goal="x"), replace(PEAK, hidden_tests=("x",)))
    assert PEAK.digest == replace(PEAK).digest
    assert len({task.digest for task in (PEAK, *others)}) == 4


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[1]", id="no records"),
        pytest.param(json.dumps({"id": "x"}), id="no signature"),
        pytest.param(json.dumps(FAMILY | {"hidden_tests": []}), id="no hidden tests"),
        pytest.param(
            json.dumps([MBPP | {"test_list": ["assert other(1)"]}]), id="a function that is not there"
        ),
        pytest.param(json.dumps([MBPP | {"code": "def add(:"}]), id="a reference that is no Python"),
        pytest.param(f"{json.dumps(FAMILY)}\n{json.dumps(FAMILY)}", id="one id twice"),
    ],
)
def test_a_file_that_holds_no_tasks_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(text)
    with pytest.raises(TaskFileError, match=r"tasks\.jsonl"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="missing"):
        read(tmp_path / "missing.jsonl")


def test_every_field_of_a_task_survives_json() -> None:
    row: dict[str, Any] = json.loads(json.dumps(asdict(PEAK)))
    assert row["hidden_tests"] == list(PEAK.hidden_tests)
