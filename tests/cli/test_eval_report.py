"""`cope-lsp eval report`, as it is typed."""

import json
from pathlib import Path

import pytest

from cope_lsp.cli.main import main
from tests.evaluation.synthetic import trials, write

MADE = trials(40)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "run.jsonl"
    write(path, MADE)
    return path


def report(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Return what is printed; the command must succeed."""
    with pytest.raises(SystemExit) as ended:
        main(["eval", "report", *map(str, arguments)])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_tables_are_printed_and_pictures_drawn(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "pictures"
    out = report(capsys, record, "--plot", folder)
    assert "Accuracy and cost" in out
    assert "cope-checks:samples=4" in out
    assert {path.name for path in folder.iterdir()} == {
        "accuracy-cost.svg",
        *(f"reliability-{estimator}.svg" for estimator in ("agreement", "router", "score", "tests")),
    }


@pytest.mark.parametrize("kind", ["terminal", "markdown", "json"])
def test_a_record_whose_rows_came_in_another_order_gives_the_same_report(
    record: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other, folders = tmp_path / "again.jsonl", (tmp_path / "one", tmp_path / "two")
    write(other, MADE[::-1])
    first, second = (
        report(capsys, path, "--format", kind, "--plot", folder)
        for path, folder in zip((record, other), folders, strict=True)
    )
    assert first == second
    drawn = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
    assert drawn[0] == drawn[1]


def test_two_runs_are_compared(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tmp_path / "before.jsonl"
    write(before, trials(40, seed=1))
    document = json.loads(report(capsys, record, "--format", "json", "--against", before))
    changes = document["comparison"]["changes"]
    assert len(changes) == len(document["rows"])
    assert all(len(change["gained"]) == change["difference"]["won"] for change in changes)
    out = report(capsys, record, "--format", "markdown", "--against", before)
    assert out.startswith("### Against the other run")


def test_another_baseline_can_be_chosen(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = report(capsys, record, "--format", "json", "--baseline", "cope-checks:samples=4")
    assert json.loads(out)["baseline"] == "cope-checks:samples=4"


def test_several_records_are_one_report(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    halves = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for path, half in zip(halves, (MADE[::2], MADE[1::2]), strict=True):
        write(path, half)
    assert report(capsys, *halves, "--format", "json") == report(capsys, record, "--format", "json")


def test_what_cannot_be_shown_is_said(record: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    blocked = tmp_path / "file"
    blocked.touch()
    for arguments, said in (
        ([tmp_path / "none.jsonl"], "cannot be read"),
        ([empty], "no trial is complete"),
        ([record, "--baseline", "oracle"], "none of what was tried: small-alone"),
        ([record, "--plot", blocked], "cannot be written"),
    ):
        with pytest.raises(SystemExit, match=said):
            main(["eval", "report", *map(str, arguments)])
