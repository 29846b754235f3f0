"""Functions are written in VS Code: what was drafted is seen first, then it is applied, or it is not."""

import functools
import sys

import pytest
from playwright.sync_api import expect

from tests.editors.vscode.conftest import Restart
from tests.editors.vscode.samples import (
    EASY,
    EASY_DONE,
    EASY_TEST,
    HARD,
    NEEDED_PLAN,
    NEEDS_PLAN,
    NEEDS_PLAN_TEST,
    WRONG,
)
from tests.editors.vscode.window import Window

pytestmark = pytest.mark.timeout(120, func_only=True)

LOCAL = {
    "COPE_LSP_CASCADE_ESCALATE": "never",
    "COPE_LSP_CASCADE_EXTRA_ROUNDS": "0",
    "COPE_LSP_TESTS_PYTHON": sys.executable,
}
DRAFTED = "return price * 2"


@pytest.fixture
def window(shared_window: Window, restart: Restart) -> Window:
    restart(**LOCAL)
    return shared_window


def test_draft_is_shown_beside_the_file_and_applied_with_a_button(window: Window) -> None:
    file = window.new(EASY)
    window.lens("Implement with cope").click()
    window.wait_for_draft(DRAFTED)
    assert file.read_text() == EASY, "nothing is changed before the user wants it"
    window.button("Apply").click()
    window.wait_for_tab(file.name)
    assert window.saved(file) == EASY_DONE
    window.press("Control+z")
    assert window.saved(file) == EASY, "one undo takes all of it back"


def test_draft_that_is_discarded_changes_nothing(window: Window) -> None:
    file = window.new(EASY)
    window.lens("Implement with cope").click()
    window.wait_for_draft(DRAFTED)
    window.button("Discard").click()
    window.wait_for_tab(file.name)
    assert window.saved(file) == EASY
    assert window.draft() == ""


def test_all_of_it_can_be_done_with_the_keyboard(window: Window) -> None:
    file = window.new(EASY)
    window.go(1, 5)
    window.run("Cope: Solve Function at Cursor")
    window.answer("")
    window.wait_for_draft(DRAFTED)
    window.press("Control+Enter")
    window.wait_for_tab(file.name)
    assert window.saved(file) == EASY_DONE
    window.run("Cope: Undo Last Edit")
    window.wait("the file as it was", lambda: window.saved(file) == EASY)


def test_failing_test_is_fixed_in_the_function_that_it_tests(window: Window) -> None:
    code = window.project / "shop.py"
    code.write_text(WRONG)
    window.new(EASY_TEST, "test_shop.py")
    window.go(5, 5)
    window.run("Cope: Fix Failing Test at Cursor")
    window.wait_for_draft(DRAFTED)
    window.button("Apply").click()
    window.wait_for_tab(code.name)
    assert window.saved(code) == EASY_DONE
    window.run("Cope: Show Last Receipt")
    window.wait("why it was believed", lambda: "tests pass" in window.describe())


def test_plan_is_written_by_the_user_where_no_hosted_model_can_be_asked(
    shared_window: Window, restart: Restart
) -> None:
    window = shared_window
    restart(**LOCAL, COPE_LSP_OFFLINE="true")
    (window.project / "test_speed.py").write_text(NEEDS_PLAN_TEST)
    file = window.new(NEEDS_PLAN, "speed.py")
    window.go(1, 5)
    window.run("Cope: Plan Function at Cursor")
    window.answer("")
    window.wait_for_plan("speed_summary")
    window.says("offline")
    assert "## Guideline" in window.shown()
    window.type(NEEDED_PLAN)  # in place of the hint, which is selected
    window.press("Control+Enter")
    window.wait_for_draft("abs(speed)")
    window.press("Control+Enter")
    window.wait_for_tab(file.name)
    assert "abs(speed)" in window.saved(file)


def test_plan_is_kept_until_its_draft_is_applied_and_no_longer(
    shared_window: Window, restart: Restart
) -> None:
    window = shared_window
    restart(**LOCAL, COPE_LSP_OFFLINE="true")
    file = window.new(NEEDS_PLAN, "kept.py")
    window.go(1, 5)
    window.run("Cope: Plan Function at Cursor")
    window.answer("")
    window.wait_for_plan("speed_summary")
    window.type(NEEDED_PLAN)
    window.press("Control+Backslash")
    expect(window.tabs("Plan for speed_summary.md")).to_have_count(2)
    window.press("Control+w")
    expect(window.tabs("Plan for speed_summary.md")).to_have_count(1)
    run_plan(window)
    window.button("Discard").click()
    window.wait_for_plan("speed_summary")
    assert NEEDED_PLAN in window.shown(), "it can be changed and run once more"
    run_plan(window)
    window.button("Apply").click()
    window.wait_for_tab(file.name)
    expect(window.tabs("Plan for speed_summary.md")).to_have_count(0)
    assert "abs(speed)" in window.saved(file)
    window.run("View: Reopen Closed Editor")
    window.wait_for_plan("speed_summary")
    window.button("Run").click()
    window.says("not kept any more")
    window.run("Cope: Discard Plan")


def run_plan(window: Window) -> None:
    window.button("Run").click()
    window.wait_for_draft("abs(speed)")


def test_what_no_check_speaks_for_is_applied_only_after_a_second_yes(window: Window) -> None:
    file = window.new(HARD)
    window.lens("Implement with cope").click()
    window.wait("a draft", window.draft, 60)
    window.button("Apply").click()
    expect(window.modal).to_contain_text("check")
    window.decide("Cancel")
    window.button("Discard").click()
    window.wait_for_tab(file.name)
    assert window.saved(file) == HARD


def test_receipt_is_that_of_the_last_draft(window: Window) -> None:
    for name in ("double_price", "double_cost"):
        file = window.new(EASY.replace("double_price", name))
        window.lens("Implement with cope").click()
        window.wait_for_draft(f"def {name}")
        window.button("Discard").click()
        window.wait_for_tab(file.name)
        window.run("Cope: Show Last Receipt")
        wanted = f"# Solve {name}"
        window.wait(f"the page {wanted}", functools.partial(is_shown, window, wanted))


def is_shown(window: Window, text: str) -> bool:
    return text in window.shown()
