"""Helix with the lines of docs/editors.md: a completion accepted, a function written."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.others.conftest import STUB, WRITTEN, lines_for
from tests.editors.others.terminal import Terminal, running

pytestmark = pytest.mark.timeout(120, func_only=True)  # editors are fetched the first time


@pytest.fixture
def helix(programs: Path, folder: Path, environment: dict[str, str]) -> Iterator[Terminal]:
    settings = folder / ".config" / "helix" / "languages.toml"
    settings.parent.mkdir(parents=True)
    (written,) = lines_for("Helix", "toml")
    settings.write_text(written)
    file = str(folder / "project" / "shop.py")
    with running(programs / "tmux", folder, environment, str(programs / "hx"), file) as terminal:
        terminal.wait_for("NOR")
        yield terminal


def test_a_completion_is_offered_and_accepted(helix: Terminal, folder: Path) -> None:
    helix.press("g", "e", "A", "Space")
    press_until(helix, ("C-x",), "a + b snippet")
    helix.press("Tab", "Enter", "Escape")
    helix.wait_for(r"return a \+ b\n")
    save(helix)
    assert read(folder) == STUB.replace("    return\n", "    return a + b\n")


def test_a_function_is_written_by_a_code_action(helix: Terminal, folder: Path) -> None:
    helix.type(":6")
    helix.press("Enter")
    press_until(helix, ("Space", "a"), "Implement with cope")
    helix.press("Enter")
    screen = helix.wait_for("cope: double_price: solved")
    assert "return price" not in screen, "nothing is changed before the user has agreed"
    helix.press("Enter")
    helix.wait_for(r"return price \* 2")
    save(helix)
    assert read(folder) == WRITTEN
    helix.press("u")
    helix.wait_until(lambda screen: "return price" not in screen, "one undo takes it back")


def press_until(helix: Terminal, keys: tuple[str, ...], wanted: str) -> None:
    """Press keys until they show something, as a user does while the server is starting."""

    def is_there(screen: str) -> bool:
        if wanted in screen:
            return True
        helix.press(*keys)
        # An answer that is on its way shows up within this time; what comes later is seen the next time.
        deadline = time.monotonic() + 1
        while wanted not in helix.screen() and time.monotonic() < deadline:
            time.sleep(0.05)
        return wanted in helix.screen()

    helix.wait_until(is_there, wanted)


def save(helix: Terminal) -> None:
    helix.type(":w")
    helix.press("Enter")
    helix.wait_for("written")


def read(folder: Path) -> str:
    return (folder / "project" / "shop.py").read_text()
