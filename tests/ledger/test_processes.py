"""Many processes at once, some of them killed: no limit is passed and nothing acknowledged is lost."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ledger.conftest import Run

Scale = Callable[[int, int], int]


@pytest.mark.timeout(900)
def test_no_limit_is_passed_whoever_spends_how(run: Run, tmp_path: Path, scale: Scale) -> None:
    told = json.loads(run("race", tmp_path, 0, scale(6, 200), timeout_s=800))
    assert told["breaches"] == []
    assert told["admitted"] > told["processes"] > scale(12, 400)


@pytest.mark.timeout(900)
def test_a_killed_writer_loses_nothing(
    run: Run, tmp_path: Path, scale: Scale, record_property: Callable[[str, object], None]
) -> None:
    told = json.loads(run("kill", tmp_path, scale(30, 1000), timeout_s=800))
    record_property("acknowledged", told["acknowledged"])
    assert told["lost"] == []
    assert told["acknowledged"] > scale(30, 1000)


@pytest.mark.timeout(900)
def test_a_disk_that_fails_at_any_call_loses_nothing_that_was_acknowledged(
    disk: str, run: Run, tmp_path: Path, scale: Scale
) -> None:
    told = json.loads(
        run("fail", tmp_path, scale(7, 1), LD_PRELOAD=disk, DISK_FOLDER=str(tmp_path), timeout_s=800)
    )
    assert told["wrong"] == []
    assert told["refused"] > 0
    assert told["acknowledged"] > 0


@pytest.mark.timeout(900)
def test_a_process_may_die_before_each_of_its_calls(
    disk: str, run: Run, tmp_path: Path, scale: Scale
) -> None:
    folder = tmp_path / "ledgers"
    told = json.loads(
        run("kill_at", folder, scale(9, 1), LD_PRELOAD=disk, DISK_FOLDER=str(tmp_path), timeout_s=800)
    )
    assert told["wrong"] == []
    assert told["exit"] == 0
    assert told["deaths"] > scale(5, 50)
