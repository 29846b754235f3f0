"""Tables: the same numbers in the terminal, in Markdown and in JSON, byte for byte."""

import json
import random
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from cope_lsp.evaluation.compare import comparison
from cope_lsp.evaluation.findings import findings
from cope_lsp.evaluation.tables import (
    Table,
    as_json,
    as_markdown,
    comparison_tables,
    for_terminal,
    tables,
)
from tests.evaluation.synthetic import trials

MADE = trials(60)
FOUND = findings(MADE)


def printed(table: Table) -> str:
    console = Console(file=StringIO(), width=160)
    console.print(for_terminal(table))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_every_table_has_a_cell_for_each_of_its_heads() -> None:
    made = [*tables(FOUND), *comparison_tables(comparison(MADE[::2], MADE))]
    assert len(made) >= 8
    for table in made:
        assert {len(row) for row in table.rows} <= {len(table.heads)}, table.title


def test_the_formats_tell_the_same() -> None:
    document = json.loads(as_json(FOUND))
    for table in tables(FOUND):
        text, markdown = printed(table), as_markdown([table])
        for cell in (cell for row in table.rows for cell in row):
            assert cell in text
            assert cell in markdown
    first = document["rows"][0]
    assert f"{100 * first['accuracy']['value']:.1f}" in tables(FOUND)[0].rows[0][2]
    assert first["label"] in tables(FOUND)[0].rows[0][0]


def test_a_report_of_the_same_trials_is_the_same_byte_for_byte() -> None:
    mixed = random.Random(2).sample(MADE, len(MADE))
    again = findings(mixed)
    assert as_json(again) == as_json(FOUND)
    assert as_markdown(tables(again)) == as_markdown(tables(FOUND))
    assert [printed(table) for table in tables(again)] == [printed(table) for table in tables(FOUND)]


def test_json_has_no_more_digits_than_are_known() -> None:
    numbers = [
        number.replace(".", "").lstrip("0")
        for number in as_json(FOUND).replace(",", " ").split()
        if number.replace(".", "").isdigit() and "." in number
    ]
    assert numbers
    assert max(map(len, numbers)) <= 6


def test_a_name_with_a_bar_or_a_bracket_breaks_no_table() -> None:
    table = Table("[x] | y", ("a|b", "[red]"), (("c|d", "[0.1, 0.2]"),), "[note]")
    markdown = as_markdown([table]).splitlines()
    assert markdown[2:5] == ["| a\\|b | [red] |", "| --- | ---: |", "| c\\|d | [0.1, 0.2] |"]
    assert all(part in printed(table) for part in ("[red]", "[0.1, 0.2]", "[note]", "c|d"))


@pytest.mark.parametrize(
    ("nusd", "said"),
    [(0, "0.00"), (14, "0.0000140"), (1_234, "0.00123"), (1_234_567, "1.235"), (98_765_432, "98.77")],
)
def test_an_amount_shows_the_digits_that_count(nusd: int, said: str) -> None:
    made = [replace(trial, nusd=nusd) for trial in MADE if trial.method == "large-alone"]
    assert tables(findings(made))[0].rows[0][3] == f"{said} [{said}, {said}]"


def test_what_was_gained_and_lost_is_named_up_to_a_number() -> None:
    one = [trial for trial in trials(200) if trial.method == "large-alone"]
    better = [replace(trial, right=True) for trial in one]
    worse = [replace(trial, right=False) for trial in one]
    made = comparison_tables(comparison(worse, better))
    assert made[1].rows[0][1] == "gained"
    assert "more" in made[1].rows[0][2]
    found = json.loads(as_json(findings(better), comparison(worse, better)))
    assert len(found["comparison"]["changes"][0]["gained"]) == len(one)


def test_what_is_empty_is_left_out() -> None:
    alone = [trial for trial in MADE if trial.method == "small-alone" and trial.wording == "direct"]
    titles = [table.title for table in tables(findings(alone))]
    assert not any("wording" in title or "Calibration" in title or "Against" in title for title in titles)
