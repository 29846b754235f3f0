"""The next edit in VS Code: the cursor goes there, Enter makes it, Escape leaves it."""

import contextlib

import pytest
from playwright.sync_api import Locator, expect

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.window import Window

# The time to fetch VS Code the first time is not the test's.
pytestmark = pytest.mark.timeout(90, func_only=True)

ANSWER_MS_MAX = 8_000
"""The start of the process included: after it, asking again would make the edit."""
STRUCK_OUT = """() => [...document.querySelectorAll('.view-line span')]
    .some(part => getComputedStyle(part).textDecorationLine.includes('line-through'))"""
TEXT = "def f(item):\n    print(item)\n    return item\n"


def cursor_of(window: Window) -> Locator:
    return window.page.locator('[id="status.editor.selection"]')


def go_to_next_edit(window: Window, place: str) -> None:
    """Ask until the cursor is at a place; the first answer may come too late on a busy machine."""
    for _ in range(3):
        window.run("Cope: Next Edit")
        with contextlib.suppress(AssertionError):
            expect(cursor_of(window)).to_have_text(place, timeout=ANSWER_MS_MAX)
            window.wait("what would go", lambda: window.page.evaluate(STRUCK_OUT))
            return window.wait_for_keys()
    raise AssertionError(f"the cursor is not at {place}")


def rename_parameter(window: Window) -> None:
    window.go(1, 7)
    window.press("Control+Shift+ArrowRight")
    window.type("thing")
    # Ghost text may stand there, too; it goes when the cursor does.
    expect(cursor_of(window)).to_have_text("Ln 1, Col 12")


def test_a_rename_walks_through_the_file_with_enter(shared_window: Window) -> None:
    file = shared_window.new(TEXT)
    rename_parameter(shared_window)
    go_to_next_edit(shared_window, "Ln 2, Col 11")
    assert "print(item)" in shared_window.shown(), "nothing is changed before the user says so"
    shared_window.press("Enter")
    expect(cursor_of(shared_window)).to_have_text("Ln 3, Col 12")
    shared_window.press("Enter")
    shared_window.wait("the last edit", lambda: "return thing" in shared_window.shown())
    assert shared_window.saved(file) == TEXT.replace("item", "thing")


def test_escape_leaves_the_text_as_it_is_and_enter_is_a_key_again(shared_window: Window) -> None:
    file = shared_window.new(TEXT)
    rename_parameter(shared_window)
    go_to_next_edit(shared_window, "Ln 2, Col 11")
    shared_window.press("Escape")
    shared_window.wait("nothing struck out", lambda: not shared_window.page.evaluate(STRUCK_OUT))
    shared_window.press("Enter")
    assert shared_window.saved(file).startswith("def f(thing):\n    print(\n")


def test_who_has_gone_elsewhere_before_the_answer_is_left_there(
    shared_window: Window, vscode: CodeServer
) -> None:
    file = shared_window.new(TEXT)
    rename_parameter(shared_window)
    (server,) = vscode.language_servers()
    server.suspend()
    try:
        shared_window.run("Cope: Next Edit")
        shared_window.wait_for_keys()
        shared_window.go(3, 1)
    finally:
        server.resume()
    # The next question goes behind the first one: had its answer been taken, this would make that edit.
    go_to_next_edit(shared_window, "Ln 3, Col 12")
    shared_window.press("Escape")
    assert shared_window.saved(file) == TEXT.replace("item", "thing", 1)
