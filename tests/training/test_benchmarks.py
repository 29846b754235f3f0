import gzip
import json
from pathlib import Path

import pytest

from training.benchmarks import RUN_WORDS, Benchmarks, load

SOLUTION = (
    "def similar(first, second):\n    return tuple(set(first) & set(second) | set() | frozenset(first))\n"
)
MBPP = [
    {
        "task_id": 2,
        "prompt": "Find what is shared.",
        "code": SOLUTION,
        "test_list": ["assert similar([], []) == ()"],
    }
]
INFILLING = {
    "prompt": "def close(numbers, threshold):\n    for index, one in enumerate(numbers):\n",
    "canonical_solution": "        for other in numbers[index + 1:]:\n",
    "suffix": "            if abs(one - other) < threshold:\n                return True\n",
}


@pytest.fixture
def benchmarks(tmp_path: Path) -> Benchmarks:
    (tmp_path / "mbpp.json").write_text(json.dumps(MBPP))
    with gzip.open(tmp_path / "infilling.jsonl.gz", "wt") as file:
        file.write(json.dumps(INFILLING) + "\n")
    (tmp_path / "README.md").write_text(
        "What lies here is for evaluation, and nothing of this page is looked for at all."
    )
    return load(tmp_path)


def test_a_solution_is_found_in_whatever_it_stands(benchmarks: Benchmarks) -> None:
    assert benchmarks.overlap(f"import os\n\n\n{SOLUTION}\n\nprint(1)\n")


def test_case_and_punctuation_hide_nothing(benchmarks: Benchmarks) -> None:
    assert benchmarks.overlap(SOLUTION.upper().replace("(", " ( ").replace("\n", "\n\n"))


def test_a_task_that_was_cut_for_infilling_is_found_whole(benchmarks: Benchmarks) -> None:
    whole = INFILLING["prompt"] + INFILLING["canonical_solution"] + INFILLING["suffix"]
    middle = " ".join(whole.split()[6:24])
    assert benchmarks.overlap(middle)


def test_fewer_words_in_a_row_are_everybodys(benchmarks: Benchmarks) -> None:
    words = "def similar first second return tuple set first set second set frozenset first".split()  # noqa: SIM905
    assert len(words) == RUN_WORDS
    assert benchmarks.overlap(" ".join(words))
    assert not benchmarks.overlap(" ".join(words[:-1]))


def test_other_code_shares_nothing(benchmarks: Benchmarks) -> None:
    assert not benchmarks.overlap("def add(a, b):\n    return a + b\n" * 20)


def test_without_benchmarks_nothing_is_looked_for() -> None:
    assert len(load(None)) == 0
    assert not load(None).overlap(SOLUTION)
