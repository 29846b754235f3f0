"""Functions written, planned and mended in a real Neovim with keys alone; server and models are real, too."""

import re
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
HARD = '''def schedule(jobs, machines, costs):
    """Assign the jobs to the machines by the Hungarian algorithm and return the cheapest assignment."""
    ...
'''
STATUS_LINE = "vim.o.statusline = '%{v:lua.require\"cope\".statusline()}'"
GUIDELINE = "Go through the jobs in order."


@pytest.fixture
def provider(provider: Provider, tmp_path: Path) -> Provider:
    provider.text = GUIDELINE
    prices = tmp_path / ".config" / "cope-lsp" / "prices.toml"
    prices.parent.mkdir(parents=True)
    write_prices(prices, provider.url)
    return provider


@pytest.fixture
def hosted(start: StartEditor, provider: Provider) -> Editor:
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


def test_a_function_is_written_seen_as_a_diff_applied_and_taken_back(start: StartEditor) -> None:
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


def test_a_discarded_edit_changes_nothing(start: StartEditor) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    shown_diff(editor)
    editor.type("q")
    editor.wait("one window", lambda: editor.windows() == 1)
    assert "\n".join(editor.lines()) + "\n" == STUB
    editor.type(":Cope preview<CR>")
    wait_for_message(editor, "nothing to look at")


@pytest.mark.parametrize(("key", "text"), [("a", WRITTEN), ("q", STUB)])
def test_a_preview_that_is_the_only_window_makes_room_for_the_file(
    start: StartEditor, key: str, text: str
) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    shown_diff(editor)
    editor.type("<C-w>o" + key)
    wait_for_buffer(editor, "shop.py")
    editor.wait("the text", lambda: "\n".join(editor.lines()) + "\n" == text)
    assert editor.windows() == 1
    assert editor.lua("return vim.v.errmsg") == ""


def test_a_preview_shows_what_is_in_a_file_that_is_not_loaded(start: StartEditor) -> None:
    editor = start()
    editor.edit("other.py", "")
    shop = editor.folder / "shop.py"
    shop.write_text(STUB)
    place = {"line": 5, "character": 4}
    change = {"range": {"start": place, "end": place | {"character": 7}}, "newText": "return price * 2"}
    answer = {"edit": {"changes": {shop.as_uri(): [change]}}, "status": "solved", "summary": "written"}
    editor.lua("require('cope.preview').offer(vim.lsp.get_clients()[1], ..., true)", answer)
    diff = shown_diff(editor)
    assert [line for line in diff if line[0] in "+-"] == [
        "--- shop.py",
        "+++ shop.py",
        "-    ...",
        "+    return price * 2",
    ]
    assert '     """Find twice the price."""' in diff


def test_an_applied_edit_is_taken_back_by_name(start: StartEditor) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve keep it short<CR>")
    shown_diff(editor)
    editor.type("<CR><CR>")
    wait_for_message(editor, "applied")
    editor.type(":Cope undo<CR>")
    wait_for_message(editor, "taken back")
    assert "not applied" not in editor.messages(), "what is pressed twice is done once"
    assert "\n".join(editor.lines()) + "\n" == STUB


def test_an_edit_of_a_text_that_has_changed_is_not_applied(start: StartEditor) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    shown_diff(editor)
    editor.lua("vim.api.nvim_buf_set_lines(vim.fn.bufnr('shop.py'), 0, 1, false, { 'import sys' })")
    editor.type("a")
    wait_for_message(editor, "not applied: the document has changed")
    assert "+    return price * 2" in shown_diff(editor), "it can still be read"
    editor.type("q")
    editor.wait("one window", lambda: editor.windows() == 1)
    assert editor.lines()[0] == "import sys"
    assert "    ..." in editor.lines()


def test_nothing_comes_up_in_front_of_somebody_who_types(start: StartEditor) -> None:
    editor = start()
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>:edit notes.txt<CR>ihello")
    wait_for_message(editor, "it is written; :Cope preview shows it")
    editor.type(" world<Esc>")
    editor.wait("the text", lambda: editor.lines() == ["hello world"])
    assert editor.windows() == 1
    editor.type(":Cope preview<CR>")
    assert "+    return price * 2" in shown_diff(editor)


def test_a_code_action_shows_its_edit_before_it_is_applied(start: StartEditor) -> None:
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


def test_a_running_solve_says_where_it_is_and_stops_on_demand(start: StartEditor) -> None:
    editor = start(COPE_LSP_CASCADE_EXTRA_ROUNDS="20")
    editor.lua(STATUS_LINE)
    editor.edit("hard.py", HARD)
    editor.type(":Cope solve<CR>")
    editor.wait("the stage", lambda: "schedule, stage 1" in editor.painted(), SOLVE_S_MAX)
    editor.type(":Cope cancel<CR>")
    wait_for_message(editor, "stopped")
    assert "\n".join(editor.lines()) + "\n" == HARD


def test_a_server_that_is_killed_while_it_solves_comes_back(start: StartEditor) -> None:
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


def test_a_diagnostic_is_mended(start: StartEditor) -> None:
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


def test_a_plan_names_the_keys_that_drop_it(start: StartEditor) -> None:
    editor = start(COPE_LSP_OFFLINE="true")
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope plan<CR>")
    wait_for_buffer(editor, "cope://plan/double_price")
    editor.type("iMultiply the price by 2.<Esc>")
    keys = re.search(r"(\S+) drops it", "\n".join(editor.screen()))
    assert keys
    editor.type(f"{keys[1]}<CR>")
    editor.wait("one window", lambda: editor.windows() == 1)
    assert editor.lua("return vim.v.errmsg") == ""
    assert "\n".join(editor.lines()) + "\n" == STUB


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


def test_offline_a_plan_is_written_by_hand(start: StartEditor, provider: Provider) -> None:
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


STATUS = """
local params = { command = 'cope.server.status', arguments = { vim.empty_dict() } }
return vim.lsp.get_clients({ name = 'cope' })[1]:request_sync('workspace/executeCommand', params, 5000).result
"""
SECOND_SERVER = "local c = vim.lsp.get_clients({ name = 'cope' })[1] return c and c.id > 1 and c.initialized"
