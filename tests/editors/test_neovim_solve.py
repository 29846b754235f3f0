"""Functions written, planned and mended in a real Neovim with keys alone; server and models are real, too."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.conftest import StartEditor
from tests.editors.neovim import Editor
from tests.models.provider import Provider, write_prices

pytestmark = pytest.mark.timeout(150, func_only=True)

SOLVE_S_MAX = 60
STUB = '''import os


def double_price(price):
    """Find twice the price."""
    ...


def other():
    return 1
'''
WRITTEN = STUB.replace("    ...\n", "    return price * 2\n", 1)
TEST = "from shop import double_price\n\n\ndef test_double_price():\n    assert double_price(21) == 42\n"
HARD = '''def schedule(jobs, machines, costs):
    """Assign the jobs to the machines by the Hungarian algorithm and return the cheapest assignment."""
    ...
'''
STATUS_LINE = "vim.o.statusline = '%{v:lua.require\"cope\".statusline()}'"
GUIDELINE = "Go through the jobs in order."

Start = Callable[..., Editor]


@pytest.fixture
def start(start_editor: StartEditor) -> Start:
    """Start editors that ask no hosted model, unless the test says so."""

    def start(**environment: str) -> Editor:
        given = {"COPE_LSP_CASCADE_ESCALATE": "never", "COPE_LSP_TESTS_PYTHON": sys.executable}
        return start_editor(**given | environment)

    return start


@pytest.fixture
def provider(provider: Provider, tmp_path: Path) -> Provider:
    provider.text = GUIDELINE
    prices = tmp_path / ".config" / "cope-lsp" / "prices.toml"
    prices.parent.mkdir(parents=True)
    write_prices(prices, provider.url)
    return provider


@pytest.fixture
def hosted(start: Start, provider: Provider) -> Editor:
    return start(COPE_LSP_HOSTED_ENDPOINT=provider.url)


def wait_for_message(editor: Editor, *parts: str) -> None:
    def said() -> bool:
        return all(part in editor.messages() for part in parts)

    editor.wait(f"a message with {parts}", said, SOLVE_S_MAX)


def wait_for_buffer(editor: Editor, name: str) -> None:
    editor.wait(name, lambda: name in editor.lua("return vim.api.nvim_buf_get_name(0)"), SOLVE_S_MAX)


def shown_diff(editor: Editor) -> list[str]:
    """Wait for the preview and return what it shows."""
    wait_for_buffer(editor, "cope://preview")
    return editor.lines()


# --- solve, preview, apply, undo ---


def test_a_function_is_written_seen_as_a_diff_applied_and_taken_back(start: Start) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    diff = shown_diff(editor)
    assert "+    return price * 2" in diff
    assert "-    ..." in diff
    assert any("apply it" in line for line in diff[:2]), "it says how to go on"
    assert editor.windows() == 2
    editor.type("a")
    wait_for_message(editor, "applied")
    assert "\n".join(editor.lines()) + "\n" == WRITTEN
    assert editor.windows() == 1
    editor.type("u")
    editor.wait("one undo takes it back", lambda: "\n".join(editor.lines()) + "\n" == STUB)


def test_a_discarded_edit_changes_nothing(start: Start) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    shown_diff(editor)
    editor.type("q")
    editor.wait("one window", lambda: editor.windows() == 1)
    assert "\n".join(editor.lines()) + "\n" == STUB
    editor.type(":Cope preview<CR>")
    wait_for_message(editor, "nothing to look at")


def test_an_applied_edit_is_taken_back_by_name(start: Start) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve keep it short<CR>")
    shown_diff(editor)
    editor.type("<CR>")
    wait_for_message(editor, "applied")
    editor.type(":Cope undo<CR>")
    wait_for_message(editor, "taken back")
    assert "\n".join(editor.lines()) + "\n" == STUB


def test_an_edit_of_a_text_that_has_changed_is_not_applied(start: Start) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    shown_diff(editor)
    editor.lua("vim.api.nvim_buf_set_lines(vim.fn.bufnr('shop.py'), 0, 1, false, { 'import sys' })")
    editor.type("a")
    wait_for_message(editor, "not applied: the document has changed")
    assert editor.lines()[0] == "import sys"
    assert "    ..." in editor.lines()


def test_nothing_comes_up_in_front_of_somebody_who_types(start: Start) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>:edit notes.txt<CR>ihello")
    wait_for_message(editor, "it is written; :Cope preview shows it")
    editor.type(" world<Esc>")
    editor.wait("the text", lambda: editor.lines() == ["hello world"])
    assert editor.windows() == 1
    editor.type(":Cope preview<CR>")
    assert "+    return price * 2" in shown_diff(editor)


def test_a_code_action_shows_its_edit_before_it_is_applied(start: Start) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":lua vim.lsp.buf.code_action({ apply = true, context = { only = { 'quickfix' } } })<CR>")
    assert "+    return price * 2" in shown_diff(editor)


def test_progress_is_shown_and_a_solve_is_cancelled(hosted: Editor, provider: Provider) -> None:
    provider.may_answer.clear()
    hosted.lua(STATUS_LINE)
    hosted.edit("hard.py", HARD)
    hosted.lua("vim.ui.select = function(items, _, choose) choose('Allow for this project') end")
    hosted.type(":Cope plan<CR>")
    hosted.wait("the plan is asked for", lambda: provider.posts == 1, SOLVE_S_MAX)
    assert "asking for a plan for schedule" in hosted.painted()
    hosted.type(":Cope cancel<CR>")
    wait_for_message(hosted, "stopped")
    provider.may_answer.set()
    assert hosted.windows() == 1
    hosted.type(":Cope cancel<CR>")
    wait_for_message(hosted, "nothing is running")


def test_a_running_solve_says_where_it_is_and_stops_on_demand(start: Start) -> None:
    editor = start(COPE_LSP_CASCADE_EXTRA_ROUNDS="20")
    editor.lua(STATUS_LINE)
    editor.edit("hard.py", HARD)
    editor.type(":Cope solve<CR>")
    editor.wait("the stage", lambda: "schedule, stage 1" in editor.painted(), SOLVE_S_MAX)
    editor.type(":Cope cancel<CR>")
    wait_for_message(editor, "stopped")
    assert "\n".join(editor.lines()) + "\n" == HARD


def test_a_server_that_is_killed_while_it_solves_comes_back(start: Start) -> None:
    editor = start(COPE_LSP_CASCADE_EXTRA_ROUNDS="20")
    editor.lua(STATUS_LINE)
    editor.edit("hard.py", HARD)
    editor.type(":Cope solve<CR>")
    editor.wait("the stage", lambda: "schedule, stage 1" in editor.painted(), SOLVE_S_MAX)
    editor.server().kill()
    editor.wait("another server", lambda: editor.lua(SECOND_SERVER), 20)
    assert "stage" not in editor.lua("return require('cope').statusline()")
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    assert "+    return price * 2" in shown_diff(editor)


def test_a_diagnostic_is_mended(start: Start) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=5)
    editor.type(":Cope fix<CR>")
    wait_for_message(editor, "a failing test, or on a line with a diagnostic")
    editor.lua(
        "vim.diagnostic.set(vim.api.nvim_create_namespace('linter'), 0, "
        "{ { lnum = 5, col = 4, message = 'the function returns nothing' } })"
    )
    editor.type(":Cope fix<CR>")
    assert "-    ..." in shown_diff(editor)


# --- plans ---


def test_a_plan_is_made_after_a_yes_edited_run_and_applied(hosted: Editor, provider: Provider) -> None:
    hosted.edit("shop.py", STUB, row=4)
    hosted.type(":Cope plan double it<CR>")
    asked = hosted.asked("Allow for this project", provider.url, "bytes", "at most 0.")
    assert "1: Not now" in asked, "the harmless answer comes first"
    assert provider.posts == 0
    hosted.type("2<CR>")
    wait_for_buffer(hosted, "cope://plan/double_price")
    assert hosted.lines() == [
        "# Plan for `double_price`",
        "",
        "## Goal",
        "double it",
        "",
        "## Guideline",
        GUIDELINE,
    ]
    assert provider.posts == 1
    hosted.type("G0CMultiply the price by 2.<Esc>:w<CR>")
    assert "+    return price * 2" in shown_diff(hosted)
    hosted.type("a")
    wait_for_message(hosted, "applied")
    hosted.wait("the plan is done with", lambda: hosted.windows() == 1)
    assert "\n".join(hosted.lines()) + "\n" == WRITTEN
    assert provider.posts == 1, "the plan that was bought is used"


def test_where_consent_is_refused_nothing_leaves_and_the_plan_is_written_by_hand(
    hosted: Editor, provider: Provider
) -> None:
    hosted.edit("shop.py", STUB, row=4)
    hosted.type(":Cope plan double it<CR>")
    hosted.asked("Allow for this project")
    hosted.type("1<CR>")
    wait_for_buffer(hosted, "cope://plan/double_price")
    assert provider.posts == 0
    assert provider.bodies == []
    lines = hosted.lines()
    assert lines[2].startswith("> Not asked for: ")
    assert lines[4:] == ["## Goal", "double it", "", "## Guideline", ""]
    hosted.type("iMultiply the price by 2.<Esc>:w<CR>")
    assert "+    return price * 2" in shown_diff(hosted)
    assert provider.posts == 0


def test_keys_that_are_typed_while_a_question_comes_answer_nothing(
    hosted: Editor, provider: Provider
) -> None:
    hosted.edit("hard.py", HARD)
    hosted.lua("vim.cmd.Cope('plan')")
    hosted.type("ox = 2<CR>")
    wait_for_message(hosted, "a question waits for you in normal mode")
    assert "Allow for this project" not in hosted.painted()
    hosted.type("<Esc>")
    hosted.asked("Allow for this project")
    hosted.type("<CR>")
    wait_for_buffer(hosted, "cope://plan/schedule")
    assert provider.posts == 0


def test_a_question_that_nobody_waits_for_is_not_asked(hosted: Editor, provider: Provider) -> None:
    hosted.edit("hard.py", HARD)
    hosted.lua("vim.cmd.Cope('plan')")
    hosted.type("ox = 2")
    wait_for_message(hosted, "a question waits for you in normal mode")
    hosted.lua("vim.cmd.Cope('cancel')")
    assert hosted.lua(STATUS)["busy"] is False
    hosted.type("<Esc>:Cope status<CR>")
    wait_for_message(hosted, "tests do not run")
    assert "Allow for this project" not in hosted.painted()
    assert provider.posts == 0


def test_over_budget_nothing_is_sent_and_the_plan_says_why(hosted: Editor, provider: Provider) -> None:
    hosted.edit("shop.py", STUB, row=4)
    hosted.type(":Cope budget set day 0<CR>")
    wait_for_message(hosted, "0.00 USD a day")
    hosted.type(":Cope consent allow<CR>")
    wait_for_message(hosted, "allowed")
    hosted.type(":Cope plan double it<CR>")
    wait_for_buffer(hosted, "cope://plan/double_price")
    assert "limit" in hosted.lines()[2]
    assert provider.posts == 0


def test_offline_a_plan_is_written_by_hand(start: Start, provider: Provider) -> None:
    editor = start(COPE_LSP_HOSTED_ENDPOINT=provider.url, COPE_LSP_OFFLINE="true")
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope plan<CR>")
    wait_for_buffer(editor, "cope://plan/double_price")
    assert "offline" in editor.lines()[2]
    assert provider.posts == 0


@pytest.mark.parametrize(
    ("lines", "goal", "guideline"),
    [
        (["# Plan for `f`", "", "## Goal", "one", "two", "", "## Guideline", " three "], "one two", "three"),
        (["## Guideline", "first", "## Goal", "last"], "last", "first"),
        (["> Not asked for: offline", "## Goal", "", "## Guideline", ""], "", ""),
        (["## Notes", "mine", "## goal", "a"], "a", ""),
    ],
)
def test_a_plan_document_is_read_by_its_headings(
    editor: Editor, lines: list[str], goal: str, guideline: str
) -> None:
    assert editor.lua("return require('cope.plan').parse(...)", lines) == {
        "goal": goal,
        "guideline": guideline,
    }


# --- tests and trust ---


def test_a_failing_test_is_fixed_after_the_user_has_trusted_the_project(start: Start) -> None:
    editor = start()
    (editor.folder / "shop.py").write_text(STUB)
    editor.edit("test_shop.py", TEST, row=4)
    editor.type(":Cope fix<CR>")
    editor.asked("May it run them?", str(editor.folder))
    editor.type("2<CR>")
    diff = shown_diff(editor)
    assert "+    return price * 2" in diff
    editor.type("a")
    wait_for_message(editor, "applied")
    assert editor.lua("return vim.api.nvim_buf_get_name(0)").endswith("/shop.py")
    assert "\n".join(editor.lines()) + "\n" == WRITTEN
    editor.type(":Cope undo<CR>")
    wait_for_message(editor, "taken back")
    editor.type(":Cope solve<CR>")
    assert "+    return price * 2" in shown_diff(editor), "and is not asked again"


def test_in_a_project_without_trust_nothing_of_it_is_run(start: Start) -> None:
    editor = start()
    ran = editor.folder / "ran"
    (editor.folder / "conftest.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    (editor.folder / "test_shop.py").write_text(TEST)
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    editor.asked("May it run them?")
    editor.type("3<CR>")
    diff = shown_diff(editor)
    assert "tests" not in diff[0] or "no test" in diff[0]
    assert not ran.exists()
    status = editor.lua(STATUS)
    assert status["trusted"] is False
    editor.type("q")
    editor.command("edit test_shop.py")
    editor.type("G:Cope fix<CR>")
    wait_for_message(editor, "workspace that you trust")
    assert not ran.exists()


def test_trust_is_kept_and_told_to_the_next_server(start: Start) -> None:
    editor = start()
    editor.edit("shop.py", STUB)
    editor.type(":Cope trust yes<CR>")
    wait_for_message(editor, "the tests in", "may run")
    assert editor.lua(STATUS)["trusted"] is True
    editor.type(":Cope restart<CR>")
    editor.wait("another server", lambda: editor.lua(SECOND_SERVER), 20)
    assert editor.lua(STATUS)["trusted"] is True
    editor.type(":Cope trust no<CR>")
    wait_for_message(editor, "never run")
    assert editor.lua(STATUS)["trusted"] is False


def test_the_option_decides_on_trust_without_a_question(start: Start) -> None:
    editor = start()
    editor.lua("require('cope').setup({ trusted = function(root) return vim.endswith(root, '0') end })")
    (editor.folder / "test_shop.py").write_text(TEST)
    editor.edit("shop.py", STUB, row=4)
    assert editor.lua(STATUS)["trusted"] is editor.folder.name.endswith("0")
    editor.type(":Cope solve<CR>")
    shown_diff(editor)


STATUS = """
local params = { command = 'cope.server.status', arguments = { vim.empty_dict() } }
return vim.lsp.get_clients({ name = 'cope' })[1]:request_sync('workspace/executeCommand', params, 5000).result
"""
SECOND_SERVER = "local c = vim.lsp.get_clients({ name = 'cope' })[1] return c and c.id > 1 and c.initialized"
