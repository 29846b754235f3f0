"""Plans that were paid for are found again, and nothing else is."""

from pathlib import Path

import pytest

from cope_lsp.cascade.memory import PlanMemory
from cope_lsp.cascade.plan import Plan
from cope_lsp.egress.private import FILE_BYTES_MAX


def plan(text: str) -> Plan:
    return Plan("guideline", text, "claude-x")


def test_a_plan_is_found_again_by_its_key_in_another_process(tmp_path: Path) -> None:
    PlanMemory(tmp_path / "plans.json").keep("a", plan("Sort first."))
    memory = PlanMemory(tmp_path / "plans.json")
    assert memory.recall("a") == plan("Sort first.")
    assert memory.recall("b") is None
    memory.keep("a", plan("Sort last."))
    assert memory.recall("a") == plan("Sort last.")
    assert (tmp_path / "plans.json").stat().st_mode & 0o777 == 0o600
    assert '"a"' not in (tmp_path / "plans.json").read_text(), "keys say what is worked on"


def test_the_oldest_plans_make_room(tmp_path: Path) -> None:
    memory = PlanMemory(tmp_path / "plans.json")
    for number in range(60):
        memory.keep(str(number), plan(f"{number} " + "é" * 200))
    assert memory.recall("0") is None
    assert memory.recall("59") is not None
    assert (tmp_path / "plans.json").stat().st_size <= FILE_BYTES_MAX


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": 1}', b'{"a": {"text": 1}}', b"\xff"])
def test_a_broken_file_is_an_empty_memory(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plans.json"
    path.touch(0o600)
    path.write_bytes(content)
    memory = PlanMemory(path)
    assert memory.recall("a") is None
    memory.keep("a", plan("Sort first."))
    assert memory.recall("a") == plan("Sort first.")


def test_what_cannot_be_written_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = PlanMemory(tmp_path / "file" / "plans.json")
    memory.keep("a", plan("Sort first."))
    assert memory.recall("a") is None
