"""How a real Neovim runs our program: not in the user's project, and with the whole command line."""

import sys

import pytest

import cope_lsp.version
from tests.editors.conftest import StartEditor
from tests.editors.neovim import Editor
from tests.editors.test_neovim_solve import STUB, wait_for_buffer, wait_for_message

pytestmark = pytest.mark.timeout(120, func_only=True)

AS_MODULE = "vim.lsp.config('cope', { cmd = { ..., '-m', 'cope_lsp', '--log-level', 'info', '--stdio' } })"


def test_nothing_of_a_project_runs_when_the_program_starts(editor: Editor) -> None:
    ran = editor.folder / "ran"
    (editor.folder / "cope_lsp").mkdir()
    for name in ("__init__", "__main__"):
        (editor.folder / "cope_lsp" / f"{name}.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    editor.lua(AS_MODULE, sys.executable)
    editor.edit("shop.py", STUB)
    editor.type(":Cope sent<CR>")
    wait_for_message(editor, "nothing ever left this machine")
    report = editor.checkhealth()
    assert f"OK cope-lsp {cope_lsp.version.__version__}" in report
    assert not ran.exists()


def test_consent_is_for_the_project_of_the_current_file(editor: Editor) -> None:
    for project in ("first", "second"):
        (editor.folder / project).mkdir()
        editor.edit(f"{project}/shop.py", STUB)
    editor.type(":edit first/shop.py<CR>:Cope consent allow<CR>")
    wait_for_message(editor, f"{editor.folder / 'first'} -> https://", ": allowed")
    editor.type(":Cope consent deny --endpoint https://example.com<CR>")
    wait_for_message(editor, f"{editor.folder / 'first'} -> https://example.com", ": denied")
    editor.type(":new notes.txt<CR>:Cope consent allow<CR>")
    wait_for_message(editor, "there is no server for this kind of file")
    editor.command("messages clear")
    editor.type(":Cope consent list<CR>")
    wait_for_message(editor, "allowed", "denied", "example.com")
    assert f"{editor.folder / 'first'} " in editor.messages(), "a table is as wide as the editor"
    assert "second" not in editor.messages()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("sent", "nothing ever left this machine"),
        ("sent 1234", "there is no request 1234"),
        ("budget history", "no hosted model was ever asked"),
        ("consent", "nothing may be sent"),
        ("consent list", "nothing may be sent"),
        ("budget set day twenty", "budget set: error: argument --day"),
    ],
)
def test_what_the_program_says_in_a_line_is_a_message(editor: Editor, command: str, said: str) -> None:
    editor.type(f":Cope {command}<CR>")
    wait_for_message(editor, "cope: ", said)
    assert said in editor.painted(), "it can be read without another key"
    assert editor.windows() == 1


def test_what_the_program_says_in_many_lines_is_a_window_that_closes(editor: Editor) -> None:
    editor.edit("shop.py", STUB)
    editor.type(":Cope budget show<CR>")
    wait_for_buffer(editor, "cope://budget")
    assert editor.lines()[0] == "Hosted calls are open"
    editor.type(":Cope budget set model-only small day 1<CR>")
    editor.wait("the limits", lambda: "  small: 1.00 USD a day, no limit a month" in editor.lines())
    editor.type("<C-w>oq")
    wait_for_buffer(editor, "shop.py")
    assert editor.lua("return vim.v.errmsg") == ""


def test_a_server_that_a_function_starts_has_no_program_to_run(scripted: Editor) -> None:
    scripted.type(":Cope sent<CR>")
    wait_for_message(scripted, "its program is not known")


def test_a_program_that_is_not_there_is_named(start_editor: StartEditor) -> None:
    editor = start_editor(PATH="/usr/bin:/bin")
    editor.type(":Cope sent<CR>")
    wait_for_message(editor, "cope-lsp does not start")
