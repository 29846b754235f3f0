"""The command that makes the tables of docs/evaluation.md, with few tasks and everything else as it is."""

import re
from pathlib import Path

import pytest

from tests.benchmarks import reproduction

PAGE = f"# Words before\n\n{reproduction.BEGIN}\nold numbers\n{reproduction.END}\n\nWords after.\n"
TITLES = (
    "Who plans, and who writes",
    "The paper's methods",
    "Accuracy and cost, with 95 % intervals",
    "Against large-alone, task by task",
    "COPE with checks against each rival, task by task",
    "By wording",
)


@pytest.mark.timeout(600)
def test_one_command_writes_the_tables_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    asked = [str(tmp_path / "kept"), "--tasks", "6", "--page", str(page)]
    reproduction.main(asked)
    text = page.read_text()
    assert text.startswith("# Words before\n\n")
    assert text.endswith("\n\nWords after.\n")
    assert "old numbers" not in text
    for title in TITLES:
        assert f"### {title}\n" in text
    for executor in ("small", "large"):
        for planner in ("nobody", "small", "large", "author"):
            assert re.search(rf"^\\| {executor} \\| {planner} \\| ", text, re.MULTILINE)
    reproduction.main(asked)
    assert page.read_text() == text


def test_the_page_of_the_project_has_the_marks() -> None:
    page = reproduction.PAGE.read_text("utf-8")
    assert page.count(reproduction.BEGIN) == page.count(reproduction.END) == 1
    again = reproduction.written(page, "tables")
    assert f"{reproduction.BEGIN}\n\ntables\n\n{reproduction.END}" in again
    assert again.endswith(page.partition(reproduction.END)[2])


def test_a_page_without_marks_is_not_written_over() -> None:
    with pytest.raises(AssertionError, match="no <!-- reproduction: begin -->"):
        reproduction.written("# Somebody's own page\n", "tables")
