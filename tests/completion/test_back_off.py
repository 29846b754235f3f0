"""Ghost text that rests while the machine has better things to do."""

from dataclasses import replace
from pathlib import Path

import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.completion import back_off
from cope_lsp.completion.back_off import BackOff
from cope_lsp.config import Config
from cope_lsp.values import CompletionRequest, Document, Silence, Suggestion

PLUGGED = {"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Discharging"}}
UNPLUGGED = {"AC": {"type": "Mains", "online": "0"}, "BAT0": {"type": "Battery", "status": "Discharging"}}
FULL = {"BAT0": {"type": "Battery", "status": "Full"}}
MOUSE = {"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}


def machine(folder: Path, supplies: dict[str, dict[str, str]], load: float = 0.1) -> BackOff:
    for name, facts in supplies.items():
        (folder / name).mkdir()
        for fact, value in facts.items():
            (folder / name / fact).write_text(f"{value}\n")
    return BackOff(folder, lambda: load)


@pytest.mark.parametrize(
    ("supplies", "rests"), [(PLUGGED, False), (UNPLUGGED, True), (FULL, False), (MOUSE, False), ({}, False)]
)
def test_the_battery_is_noticed(tmp_path: Path, supplies: dict[str, dict[str, str]], *, rests: bool) -> None:
    found = machine(tmp_path, supplies)
    assert bool(found.reason("battery")) is rests
    assert bool(found.reason("both")) is rests
    assert found.reason("load") == found.reason("never") == ""


def test_a_busy_machine_is_noticed(tmp_path: Path) -> None:
    assert "busy" in machine(tmp_path, {}, load=2.0).reason("load")
    assert BackOff(tmp_path / "nothing").reason("battery") == ""


async def test_what_is_asked_for_comes_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import os\nimport sys\n\n\ndef main():\n"
    asked = [CompletionRequest(Document(f"file:///{n}.py", "python", text), len(text), n > 0) for n in (0, 1)]
    assistant = Assistant.from_config(replace(Config(), completion_back_off="load"))
    monkeypatch.setattr(assistant, "_back_off", machine(tmp_path, {}, load=9.0))
    answers = [await assistant.complete(request) for request in asked]
    await assistant.close()
    silence, suggestion = answers
    assert isinstance(silence, Silence)
    assert (silence.reason, "busy" in silence.detail) == ("resting", True)
    assert isinstance(suggestion, Suggestion)


def test_what_this_machine_says_can_be_read() -> None:
    said = BackOff().reason("both")
    assert said == "" or "battery" in said or "busy" in said
    assert 0 <= back_off._load_per_core() < 1000
