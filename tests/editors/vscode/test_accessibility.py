"""Who cannot see the screen, or uses no mouse, is told the same."""

import re

import pytest
from playwright.sync_api import expect

from tests.editors.vscode.samples import EASY
from tests.editors.vscode.window import Window

pytestmark = pytest.mark.timeout(120, func_only=True)

ICON = re.compile(r"\$\(|^[a-z]+(-[a-z]+)*(~spin)? cope")
"""What the editor reads out for an icon where nobody gave it a better text."""


def test_the_status_is_read_out_in_words(shared_window: Window) -> None:
    button = shared_window.status.get_by_role("button")
    expect(button).to_have_attribute("aria-label", re.compile(r"^cope: model \S*nano\S* ready"))


def test_the_menu_of_the_status_opens_with_keys_and_its_entries_have_names(shared_window: Window) -> None:
    shared_window.run("Cope: Show Menu")
    for entry in shared_window.choices("cope"):
        assert not ICON.search(entry)
        assert re.search(r"\w{3}", entry)
    shared_window.press("Escape")
    expect(shared_window.quick_input).to_have_count(0)


def test_buttons_of_a_draft_have_names_and_keys(shared_window: Window) -> None:
    shared_window.new(EASY)
    shared_window.lens("Implement with cope").click()
    shared_window.wait_for_draft("return price * 2")
    assert "Ctrl+Enter" in (shared_window.button("Apply").get_attribute("aria-label") or "")
    assert shared_window.button("Discard").is_visible()
    shared_window.press("Control+Backspace")
    shared_window.wait("no draft", lambda: not shared_window.draft())


def test_what_failed_is_announced_in_a_notification_with_a_way_on(shared_window: Window) -> None:
    shared_window.new("x = 1\n")
    shared_window.go(1, 1)
    shared_window.run("Cope: Solve Function at Cursor")
    if shared_window.quick_input.is_visible():
        shared_window.answer("")
    said = shared_window.says(re.compile("function|definition"))
    assert "Error:" in (said.get_attribute("aria-label") or "") or said.is_visible()
