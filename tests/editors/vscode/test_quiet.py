"""Nobody is told what they did not ask for: a session in which nothing goes wrong has no notification."""

import pytest
from playwright.sync_api import expect

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import OpenWindow
from tests.editors.vscode.samples import EASY

pytestmark = pytest.mark.timeout(120, func_only=True)

TEXT = "import os\n\n\ndef add(a, b):\n    "


def test_a_session_without_a_mishap_has_no_notification(start_window: OpenWindow, vscode: CodeServer) -> None:
    vscode.configure(security__workspace__trust__enabled=False)
    window = start_window(COPE_LSP_CASCADE_ESCALATE="never")
    file = window.new(TEXT)
    window.go_to_end_of(TEXT)
    window.type("return ")
    assert window.ghost_within(10)
    window.press("Tab")
    assert window.saved(file) != TEXT
    file = window.new(EASY)
    window.lens("Implement with cope").click()
    window.wait_for_draft("return price * 2")
    window.button("Apply").click()
    window.wait_for_tab(file.name)
    assert window.saved(file) != EASY
    window.run("Cope: Restart Language Server")
    expect(window.status.locator(".codicon-check")).to_be_visible()
    # What was shown and went away by itself is still in this list.
    window.run("Notifications: Show Notifications")
    expect(window.page.locator(".notifications-center")).to_contain_text("No new notifications")
    expect(window.page.locator(".notifications-center .notification-list-item")).to_have_count(0)


def test_the_first_step_of_the_walkthrough_is_ticked_where_a_server_is_there(
    start_window: OpenWindow, vscode: CodeServer
) -> None:
    vscode.configure(security__workspace__trust__enabled=False)
    window = start_window()
    window.run("Cope: Open Walkthrough")
    ticks = window.page.locator(".getting-started-step").get_by_role("checkbox")
    expect(ticks.first).to_have_attribute("aria-checked", "true")
    expect(ticks.last).to_have_attribute("aria-checked", "false")
