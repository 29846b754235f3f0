"""`cope-lsp stats`: what became of suggestions."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cope_lsp.feedback.counts import Waiting, add, group_of
from cope_lsp.feedback.store import Store
from tests.cli.conftest import Shell, is_clean


def store_of(shell: Shell) -> Store:
    return Store(Path(shell.environment["XDG_DATA_HOME"]) / "cope-lsp" / "feedback")


@pytest.fixture
def used(shell: Shell) -> Shell:
    """Return a shell of somebody who has used an editor."""
    counted = Waiting()
    python, lua = group_of("python", "nano", "model"), group_of("lua", "qwen", "cache")
    for group, value, number in (
        (python, "shown", 40),
        (python, "accepted", 10),
        (python, "rejected", 7),
        (lua, "shown", 20),
        (lua, "partly", 5),
    ):
        add(counted, group, "outcome", value, number)
    add(counted, python, "kept", "looked", 10)
    add(counted, python, "kept", "permille", 8_000)
    add(counted, python, "latency", "14", 40)
    add(counted, group_of("python", "nano"), "silence", "inside-word", 12)
    assert store_of(shell).add(counted) == ("written", "")
    return shell


def test_before_anything_was_counted_a_sentence_says_what_will_be(shell: Shell) -> None:
    done = shell.run("stats")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing was counted yet" in done.stdout
    assert "goes nowhere else" in done.stdout
    assert not store_of(shell).path.exists(), "to look makes no file"
    off = shell.run("stats", COPE_LSP_STATS_ENABLED="false")
    assert "stats.enabled is false" in off.stdout


def test_the_tables_say_what_was_counted(used: Shell) -> None:
    done = used.run("stats")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["python", "40", "10", "0", "0", "7", "25%", "80%"] in rows
    assert ["lua", "20", "0", "5", "0", "0", "25%", "-"] in rows
    assert ["qwen", "20", "0", "5", "0", "0", "25%", "-"] in rows
    assert ["all", "60", "10", "5", "0", "7", "25%", "80%"] in rows
    assert ["inside-word", "12"] in rows
    (model,) = (row for row in rows if row[:2] == ["the", "model"])
    assert model[2] == "40"
    assert 90 <= int(model[3]) <= 128


def test_one_json_document_has_all_of_it(used: Shell) -> None:
    answer = used.json("stats", "--days", "3")
    assert answer["total"]["shown"] == 60
    assert [day["shown"] for day in answer["days"]] == [0, 0, 60]
    assert {row["name"]: row["rate"] for row in answer["languages"]} == {"python": 0.25, "lua": 0.25}
    assert answer["silences"] == [["inside-word", 12]]
    assert [delay["name"] for delay in answer["delays"]] == ["model"]
    assert used.json("stats", XDG_DATA_HOME=str(used.folder))["total"]["shown"] == 0


def test_the_days_are_drawn(used: Shell) -> None:
    done = used.run("stats", "--plot", "days.svg")
    assert (done.returncode, done.stderr) == (0, "")
    assert "days.svg" in done.stdout
    picture = ET.parse(used.folder / "days.svg").getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert "60 shown, 15 accepted" in ET.tostring(picture, "unicode")
    lost = used.run("stats", "--plot", "no/such/folder.svg")
    assert (lost.returncode, lost.stdout) == (1, "")
    assert lost.stderr == "cope-lsp: no/such/folder.svg cannot be written: No such file or directory\n"


def test_a_reset_forgets_everything(used: Shell) -> None:
    assert used.run("stats", "--reset").returncode == 0
    assert used.json("stats")["total"]["shown"] == 0
    assert used.json("stats", "--reset") == {"reset": True}


def test_a_damaged_file_is_a_sentence_and_a_reset_mends_it(used: Shell) -> None:
    store_of(used).path.write_bytes(b"no database" * 1000)
    done = used.run("stats")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cope-lsp stats --reset" in done.stderr
    assert is_clean(done.stderr)
    assert used.run("stats", "--reset").returncode == 0
    assert used.json("stats")["total"]["shown"] == 0


@pytest.mark.parametrize("days", ["0", "-1", "401", "x"])
def test_a_number_of_days_that_makes_no_sense_is_refused(shell: Shell, days: str) -> None:
    done = shell.run("stats", f"--days={days}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--days" in done.stderr
