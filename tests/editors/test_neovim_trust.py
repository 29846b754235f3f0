"""The tests of a project run in a real Neovim only when its user has said so, and for that project alone."""

import json
from pathlib import Path

import pytest

from tests.editors.conftest import StartEditor
from tests.editors.neovim import Editor
from tests.editors.test_neovim_solve import (
    SECOND_SERVER,
    STATUS,
    STUB,
    WRITTEN,
    shown_diff,
    wait_for_message,
)

pytestmark = pytest.mark.timeout(150, func_only=True)

TEST = "from shop import double_price\n\n\ndef test_double_price():\n    assert double_price(21) == 42\n"


def kept(editor: Editor) -> dict[str, bool]:
    """What is written down about projects, by their names."""
    path = Path(editor.lua("return vim.fn.stdpath('state')"), "cope", "trust.json")
    answers: dict[str, bool] = json.loads(path.read_text()) if path.exists() else {}
    return {Path(project).name: answer for project, answer in answers.items()}


def edit_in(editor: Editor, project: str) -> None:
    """Edit a file in a project of its own."""
    (editor.folder / project).mkdir()
    editor.edit(f"{project}/shop.py", STUB)


def test_a_failing_test_is_fixed_after_the_user_has_trusted_the_project(start: StartEditor) -> None:
    editor = start()
    (editor.folder / "shop.py").write_text(STUB)
    editor.edit("test_shop.py", TEST, row=4)
    editor.type(":Cope fix<CR>")
    editor.asked("May it run them?", str(editor.folder))
    editor.type("2<CR>")
    diff = shown_diff(editor)
    assert "+    return price * 2" in diff
    assert "-    ..." in diff, "what is there now is shown, too"
    editor.type("a")
    wait_for_message(editor, "applied")
    assert editor.lua("return vim.api.nvim_buf_get_name(0)").endswith("/shop.py")
    assert "\n".join(editor.lines()) + "\n" == WRITTEN
    editor.type(":Cope undo<CR>")
    wait_for_message(editor, "taken back")
    editor.type(":Cope solve<CR>")
    assert "+    return price * 2" in shown_diff(editor), "and is not asked again"


def test_in_a_project_without_trust_nothing_of_it_is_run(start: StartEditor) -> None:
    editor = start()
    ran = editor.folder / "ran"
    (editor.folder / "conftest.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    (editor.folder / "test_shop.py").write_text(TEST)
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    editor.asked("May it run them?")
    editor.type("3<CR>")
    diff = shown_diff(editor)
    assert diff[0] == "# solved in stage 1: the drafts agree; no test was run"
    assert not ran.exists()
    status = editor.lua(STATUS)
    assert status["trusted"] is False
    editor.type("q")
    editor.command("edit test_shop.py")
    editor.type("G:Cope fix<CR>")
    wait_for_message(editor, "workspace that you trust")
    assert not ran.exists()


def test_trust_is_kept_and_told_to_the_next_server(start: StartEditor) -> None:
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


@pytest.mark.parametrize("trusted", [True, False])
def test_the_option_decides_on_trust_without_a_question(start: StartEditor, *, trusted: bool) -> None:
    editor = start()
    project = editor.folder.name if trusted else "another"
    editor.lua(
        "local project = ... require('cope').setup({ trusted = function(root) "
        "return vim.fs.basename(root) == project end })",
        project,
    )
    (editor.folder / "test_shop.py").write_text(TEST)
    editor.edit("shop.py", STUB, row=4)
    assert editor.lua(STATUS)["trusted"] is trusted
    editor.type(":Cope solve<CR>")
    shown_diff(editor)
    assert kept(editor) == {}


def test_nothing_but_a_yes_is_a_yes(start: StartEditor) -> None:
    editor = start()
    editor.edit("shop.py", STUB)
    for words in ("", "on", "Yes", "yess", "yes no", "not yet"):
        editor.command("messages clear")
        editor.type(f":Cope trust {words}<CR>")
        wait_for_message(editor, ":Cope trust takes one word: yes or no")
        assert kept(editor) == {}
    assert editor.lua(STATUS)["trusted"] is False
    editor.type(":Cope trust yes <CR>")
    wait_for_message(editor, "may run")
    assert kept(editor) == {editor.folder.name: True}


def test_trust_is_decided_for_the_project_of_the_current_file(start: StartEditor) -> None:
    editor = start()
    edit_in(editor, "theirs")
    editor.type(":new notes.txt<CR>:Cope trust yes<CR>")
    wait_for_message(editor, "there is no server for this kind of file")
    assert kept(editor) == {}
    edit_in(editor, "mine")
    editor.type(":Cope trust yes<CR>")
    wait_for_message(editor, "/mine may run")
    assert kept(editor) == {"mine": True}
    assert editor.lua(TRUSTED) == {"mine": True, "theirs": False}


@pytest.mark.parametrize(("word", "trusted"), [("yes", True), ("no", False)])
def test_an_answer_that_cannot_be_kept_holds_until_the_end(
    start: StartEditor, word: str, *, trusted: bool
) -> None:
    editor = start()
    in_its_place = Path(editor.lua("return vim.fn.stdpath('state')"), "cope")
    in_its_place.parent.mkdir(parents=True, exist_ok=True)
    in_its_place.touch()
    (editor.folder / "test_shop.py").write_text(TEST)
    editor.edit("shop.py", STUB, row=4)
    editor.type(f":Cope trust {word}<CR>")
    wait_for_message(editor, "the answer holds until Neovim ends; it cannot be kept")
    assert editor.lua(STATUS)["trusted"] is trusted
    editor.type(":Cope solve<CR>")
    assert "+    return price * 2" in shown_diff(editor), "and is not asked again"


@pytest.mark.parametrize(("keys", "chosen"), [("2<CR>", "b"), ("<CR>", None), ("<C-c>", None)])
def test_what_fails_after_an_answer_is_not_done_again(editor: Editor, keys: str, chosen: str | None) -> None:
    editor.lua(ASK)
    editor.asked("Which?")
    editor.type(keys)
    editor.asked("it fails")
    editor.type("<CR>")
    assert editor.lua("return answers") == [{"chosen": chosen} if chosen else []]


ASK = """
answers = {}
vim.schedule(function()
  require('cope.choice').ask({ 'a', 'b' }, { prompt = 'Which?', kind = 'test' }, function(item)
    table.insert(answers, { chosen = item })
    error('it fails')
  end)
end)
"""
TRUSTED = """
local trusted = {}
for _, client in ipairs(vim.lsp.get_clients({ name = 'cope' })) do
  local params = { command = 'cope.server.status', arguments = { vim.empty_dict() } }
  local status = client:request_sync('workspace/executeCommand', params, 5000).result
  trusted[vim.fs.basename(client.root_dir)] = status.trusted
end
return trusted
"""
