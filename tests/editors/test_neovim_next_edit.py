"""The next edit in a real Neovim: shown at its place, made by a key, and then the one after it."""

import pytest

from tests.editors.neovim import Editor

TEXT = "def f(item):\n    print(item)\n    return item\n"

MARKS = """
local namespace = vim.api.nvim_create_namespace('cope.next_edit')
local found = {}
for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
  if mark[4].virt_text then
    table.insert(found, { mark[2], mark[3], mark[4].virt_text[1][1] })
  end
end
return found
"""


def shown(editor: Editor) -> list[list[object]]:
    """Return (row, column, text) of what is shown as coming."""
    marks: list[list[object]] = editor.lua(MARKS)
    return marks


def ask_until_shown(editor: Editor) -> None:
    """Ask for the next edit; the first answer may come too late on a busy machine."""
    asked = ":Cope next<CR>"
    for _ in range(20):
        editor.type(asked)
        try:
            editor.wait("an edit", lambda: shown(editor), timeout_s=2)
        except AssertionError:
            continue
        return
    raise AssertionError(editor.describe())


@pytest.fixture
def renamed(editor: Editor) -> Editor:
    """Return an editor in which a parameter was just renamed."""
    editor.edit("shop.py", TEXT)
    editor.lua("vim.api.nvim_win_set_cursor(0, { 1, 6 })")
    editor.type("cwthing<Esc>")
    editor.wait("the rename", lambda: editor.lines()[0] == "def f(thing):")
    return editor


def test_a_rename_walks_through_the_file_by_one_key(renamed: Editor) -> None:
    ask_until_shown(renamed)
    assert shown(renamed) == [[1, 14, "thing"]]
    assert renamed.cursor_row() == 1, "the cursor is where the edit is"
    assert renamed.lines()[1] == "    print(item)", "nothing is changed before the user says so"
    renamed.type("<CR>")
    renamed.wait("the edit", lambda: renamed.lines()[1] == "    print(thing)")
    renamed.wait("the place after it", lambda: shown(renamed) == [[2, 15, "thing"]])
    renamed.type(":Cope next<CR>")
    renamed.wait("the last edit", lambda: renamed.lines()[2] == "    return thing")
    renamed.wait("that it is over", lambda: "that was the last place" in renamed.messages())
    assert shown(renamed) == []
    renamed.type("u")
    renamed.wait("one edit less", lambda: renamed.lines()[2] == "    return item")


def test_what_is_not_wanted_goes_away_and_gives_its_keys_back(renamed: Editor) -> None:
    renamed.lua("vim.keymap.set('n', '<CR>', function() vim.g.pressed = 1 end, { buffer = 0 })")
    for key in ("<Esc>", "j", "ix<Esc>u"):
        renamed.lua("vim.api.nvim_win_set_cursor(0, { 1, 6 })")
        ask_until_shown(renamed)
        renamed.type(key)
        renamed.wait(f"that {key} ends it", lambda: not shown(renamed))
        renamed.lua("vim.g.pressed = 0")
        renamed.type("<CR>")
        renamed.wait("the user's own mapping", lambda: renamed.lua("return vim.g.pressed") == 1)
    assert "\n".join(renamed.lines()) + "\n" == TEXT.replace("f(item)", "f(thing)")


def test_where_nothing_follows_it_says_so(editor: Editor) -> None:
    editor.edit("shop.py", TEXT)
    editor.type(":Cope next<CR>")
    editor.wait("the message", lambda: "nothing follows from the last edit" in editor.messages())
