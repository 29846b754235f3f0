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


def test_what_failed_is_read_out_as_an_error_with_a_way_on(shared_window: Window) -> None:
    shared_window.new("x = 1\n")
    shared_window.go(1, 1)
    shared_window.run("Cope: Solve Function at Cursor")
    shared_window.answer("")
    said = shared_window.says("no function is around line 1")
    announced = shared_window.page.locator(".monaco-aria-container .monaco-alert")
    expect(announced.filter(has_text="Error: cope: no function is around line 1")).to_have_count(1)
    said.get_by_role("button", name="Show Log").focus()
    shared_window.press("Enter")
    shared_window.wait("the log", lambda: "Error: " in shared_window.log())


def test_who_clicks_on_the_language_is_told_of_the_model_and_of_the_money(shared_window: Window) -> None:
    shared_window.new("x = 1\n")
    shared_window.page.locator('[id="status.languageStatus"]').click()
    told = shared_window.page.locator(".hover-language-status")
    expect(told.filter(has_text=re.compile(r"model \S*nano\S* ready"))).to_be_visible()
    expect(told.filter(has_text="hosted models").get_by_role("button", name="Budget")).to_be_visible()
