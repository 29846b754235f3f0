"""`cope-lsp eval`: on a repository of one's own, and on published tasks."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from cope_lsp.evaluation import tasks
from tests.checks.suite.repository import build_python, write
from tests.cli.conftest import Shell, are_gone, descendants, is_clean
from tests.evaluation.test_holes import GAP, SHOP, TESTS


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_python(tmp_path_factory.mktemp("python"))


@pytest.fixture
def shop(shell: Shell, python: Path) -> Path:
    folder = write(shell.folder / "shop", shop=SHOP, tests__test_shop=TESTS)
    (folder / ".venv").symlink_to(python.parents[1])
    return folder


def test_holes_of_a_repository_are_told_of_in_a_table(shell: Shell, shop: Path) -> None:
    done = shell.run("eval", "holes", shop, "--limit", "2", "--kind", "line", "--kind", "argument")
    assert done.returncode == 0, done.stderr
    assert "with 95 % intervals" in done.stdout
    assert " raw " in done.stdout
    assert " automatic " in done.stdout
    assert is_clean(done.stderr)


def test_one_json_document_has_a_row_for_each_way_and_a_file_keeps_the_answers(
    shell: Shell, shop: Path
) -> None:
    wanted = ("eval", "holes", shop, "--limit", "2", "--trigger", "both", "--out", "out.jsonl")
    first = shell.json(*wanted)
    everything = [row for row in first["rows"] if row["kind"] in {"all", first["rows"][0]["kind"]}]
    assert {row["way"] for row in everything} == {"raw", "automatic", "explicit"}
    assert all(row["passed"]["count"] for row in first["rows"])
    kept = (shell.folder / "out.jsonl").read_bytes()
    assert shell.json(*wanted) == first
    assert (shell.folder / "out.jsonl").read_bytes() == kept


def test_published_tasks_are_filled_and_scored(shell: Shell) -> None:
    tasks.write(shell.folder / "tasks.jsonl", [GAP])
    answer = shell.json("eval", "infilling", "tasks.jsonl", "--trigger", "both")
    ways = [row["way"] for row in answer["rows"]]
    assert ways == ["raw", "raw-newline", "automatic", "explicit"]
    assert [row["adds_error"] for row in answer["rows"][2:]] == [0, 0]
    assert sum(change["holes"] for change in answer["changes"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("holes", "nowhere"), "nowhere is not a folder"),
        (("holes", "."), "the tests cannot be run"),
        (("infilling", "nowhere.jsonl"), "nowhere.jsonl cannot be read"),
        (("holes", "shop", "--model", "none.gguf"), "none.gguf cannot be read"),
        (("holes", "shop", "--out", "shop"), "shop cannot be read: Is a directory"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_sentence(
    shell: Shell, shop: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert shop.is_dir()
    done = shell.run("eval", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("cope-lsp: ")
    assert said in done.stderr
    assert is_clean(done.stderr)


@pytest.mark.parametrize(
    "arguments", [(), ("holes",), ("holes", ".", "--limit", "0"), ("infilling", "x", "--kind", "line")]
)
def test_what_is_not_understood_is_refused(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert shell.run("eval", *arguments).returncode == 2


def test_a_run_that_is_stopped_goes_on_where_it_was(shell: Shell, shop: Path) -> None:
    out = shell.folder / "out.jsonl"
    wanted = ("eval", "holes", str(shop), "--limit", "3", "--out", "out.jsonl")
    with shell.started(*wanted) as process:
        while not (out.exists() and out.read_bytes().count(b'"way": "automatic"')):
            assert process.poll() is None
            time.sleep(0.02)
        children = descendants(process)
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; the same command goes on from there" in said
    assert "raw" in printed
    assert is_clean(said)
    assert are_gone(children, 20)
    kept = out.read_bytes()
    answer = shell.json(*wanted)
    assert out.read_bytes().startswith(kept)
    assert answer["rows"]
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == len({(line["hole"], line["way"]) for line in lines})
