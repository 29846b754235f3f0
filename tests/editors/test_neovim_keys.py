"""The key that accepts ghost text, in a real Neovim: where there is none it does what it did before."""

import pytest

from tests.editors.neovim import Editor, Ghost, Place

pytestmark = pytest.mark.timeout(90, func_only=True)


def test_accept_key_is_an_ordinary_tab_where_there_is_no_ghost_text(editor: Editor) -> None:
    editor.open(Place("", "a", ""), suffix=".txt")
    editor.type("<Tab>b")
    editor.wait("a tab", lambda: editor.lines() == ["a\tb"])


@pytest.mark.parametrize(
    "mapping",
    [
        "vim.keymap.set('i', '<C-l>', '<Left><Right>mine')",
        "vim.keymap.set('i', '<C-l>', function() vim.api.nvim_put({ 'mine' }, 'c', false, true) end)",
        "vim.keymap.set('i', '<C-l>', function() return '<Left><Right>mine' end, { expr = true })",
        "vim.cmd([[inoremap <expr> <C-l> 'mi' .. \"\\<Left>\\<Right>ne\"]])",
        "vim.cmd('imap <C-l> <Plug>mine') vim.keymap.set('i', '<Plug>mine', 'mine')",
    ],
    ids=["keys", "function", "expression", "expression of Vim script", "keys that are mapped again"],
)
def test_accept_key_runs_the_mapping_that_it_hides(editor: Editor, mapping: str) -> None:
    editor.lua(mapping)
    editor.lua("require('cope').setup({ accept_key = '<C-l>' })")
    editor.open(Place("", "a", ""), suffix=".txt")
    editor.type("<C-l><Tab>b")
    editor.wait("the mapping and a tab", lambda: editor.lines() == ["amine\tb"])


def test_accept_key_is_as_it_was_when_another_one_is_chosen(editor: Editor) -> None:
    editor.lua("vim.keymap.set('i', '<C-l>', 'mine')")
    editor.lua("require('cope').setup({ accept_key = '<C-l>' })")
    editor.lua("require('cope').setup({ accept_key = false })")
    assert editor.lua("return vim.fn.maparg('<C-l>', 'i')") == "mine"
    assert "snippet" in editor.lua("return vim.fn.maparg('<Tab>', 'i', false, true).desc")


def test_accept_key_belongs_to_the_menu_while_an_entry_is_selected(editor: Editor) -> None:
    editor.open(Place("alpha alpine\n", "al"), suffix=".txt")
    editor.type("<C-n>")
    editor.wait("the menu", lambda: editor.lua("return vim.fn.pumvisible()") == 1)
    editor.type("<Tab>!")
    editor.wait("the entry", lambda: editor.lines() == ["alpha alpine", "alpha!"])


def test_accept_key_is_ordinary_where_something_else_was_typed(scripted: Editor) -> None:
    scripted.open(Place("", "a", ""))
    scripted.wait_for_requests(1)
    scripted.lua("require('scripted').answer(1, 'bcd')")
    assert scripted.ghost() == Ghost(0, 1, "bcd")
    scripted.type("x<Tab>y")
    scripted.wait("a tab", lambda: scripted.lines() == ["ax  y"])


def test_accept_key_is_ordinary_where_text_was_deleted(scripted: Editor) -> None:
    scripted.open(Place("", "a", ""))
    scripted.wait_for_requests(1)
    scripted.lua("require('scripted').answer(1, 'bcd')")
    assert scripted.ghost() == Ghost(0, 1, "bcd")
    scripted.type("<BS><Tab>y")
    scripted.wait("a tab", lambda: scripted.lines() == ["    y"])
    assert scripted.lua("return vim.v.errmsg") == ""


@pytest.mark.parametrize("key", ["'<Tab>'", "false"], ids=["mapped", "not mapped"])
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("", "    a   b"),  # Neovim's own for Python: four blanks
        ("softtabstop=0 shiftwidth=0 tabstop=3", "   a  b"),
        ("softtabstop=-1 shiftwidth=2", "  a b"),
        ("noexpandtab softtabstop=0", "\ta\tb"),
        ("noexpandtab softtabstop=4 tabstop=8", "    a\tb"),
    ],
)
def test_accept_key_indents_as_without_us(scripted: Editor, options: str, line: str, key: str) -> None:
    scripted.lua(f"require('cope').setup({{ accept_key = {key} }})")
    scripted.open(Place("def f():\n", "", "\n\n"))
    scripted.command(f"setlocal {options}")
    scripted.type("<Tab>a<Tab>b")
    scripted.wait("the line", lambda: scripted.lines()[1].endswith("b"))
    assert scripted.lines()[1] == line
    scripted.type("<Esc>j0.")
    scripted.wait("the same again", lambda: scripted.lines()[2] == line)
