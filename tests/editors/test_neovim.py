"""A real Neovim with our plugin, our server and its model, typed into and looked at as a user would.

Neovim comes from `setup_sid.sh` unless COPE_TEST_NVIM names one. Which text the model offers does not
matter here: the tests compare what is in the buffer with what was on the screen.
"""

import dataclasses
import re

import psutil
import pytest

import cope_lsp.version
from tests.editors import nvim_settings
from tests.editors.conftest import PLUGIN, StartEditor
from tests.editors.neovim import Editor, Ghost, Place, literal

# The time to fetch Neovim the first time is not the test's.
pytestmark = pytest.mark.timeout(90, func_only=True)


# Several, because any model may have nothing to say somewhere.
AT_LINE_END = [
    Place("import os\n\n\ndef add(a, b):\n    ", "return "),
    Place("class Point:\n    def __init__(self, x, y):\n        self.x = x\n        ", "self."),
    Place("import os\nimport sys\n\n\ndef main():\n    for name in ", "os."),
    Place("def read(path):\n    with open(path) as f:\n        ", "return f"),
    Place("def largest(numbers):\n    largest = numbers[0]\n    for number in ", "nu"),
    Place("import json\n\n\ndef load(path):\n    with open(path) as file:\n        ", "return json."),
]
MID_LINE = [
    Place("def add(a, b):\n    return (", "a", ")  # tail\n"),
    Place("import os\n\nprint(os.", "p", ")  # tail\n"),
    Place("def first(items):\n    for i in range(", "l", "):  # tail\n        pass\n"),
    Place("class Point:\n    def __init__(self, x, y):\n        self.x = (", "x", ")  # tail\n"),
    Place("def area(width, height):\n    print(", "w", ")  # tail\n"),
    Place("import sys\n\n\ndef main():\n    print(", "sys.", ")  # tail\n"),
    Place("def total(items):\n    return sum(", "item", ")  # tail\n"),
    Place("def show(name):\n    print(", '"', ")  # tail\n"),
    Place("class Stack:\n    def push(self, item):\n        self.items.append(", "i", ")  # tail\n"),
    Place("class Stack:\n    def __len__(self):\n        return len(", "self", ")  # tail\n"),
]


def test_neovim_is_recent_enough_for_ghost_text(editor: Editor, capsys: pytest.CaptureFixture[str]) -> None:
    version: str = editor.lua("return tostring(vim.version())")
    with capsys.disabled():
        print(f"\nNeovim {version}")  # noqa: T201 - the run shall say what it ran with
    assert editor.lua("return vim.fn.has('nvim-0.12')") == 1


def test_plugin_and_server_have_the_same_version(editor: Editor) -> None:
    assert editor.lua("return require('cope.version')") == cope_lsp.version.__version__


def test_accepted_text_is_exactly_the_ghost_text_that_was_seen(editor: Editor) -> None:
    ghost = editor.ghost_at(AT_LINE_END)
    expected = editor.with_ghost(ghost)
    editor.type("<Tab>")
    editor.wait("the buffer holds the ghost text", lambda: editor.lines() == expected)


def test_who_types_while_the_server_starts_is_answered_too(editor: Editor) -> None:
    editor.command("edit early.py")
    editor.type("idef add(a, b):<CR>return a")
    assert editor.lua("return #vim.lsp.get_clients()") == 0, "the server is not there yet"
    answered = "return vim.b.answered_at == vim.b.changedtick"
    editor.wait("an answer without another key", lambda: editor.lua(answered), 30)


def test_text_typed_ahead_of_accepting_is_not_doubled(editor: Editor) -> None:
    ghost = editor.ghost_at(AT_LINE_END, lambda ghost: len(ghost.text.split("\n")[0]) >= 3)
    expected = editor.with_ghost(ghost)
    editor.type(literal(ghost.text[:2]) + "<Tab>")
    editor.wait("the buffer holds the ghost text once", lambda: editor.lines() == expected)


def test_keys_that_arrive_with_the_accept_key_come_after_the_text(editor: Editor) -> None:
    ghost = editor.ghost_at(AT_LINE_END)
    expected = editor.with_ghost(dataclasses.replace(ghost, text=ghost.text + "xyz"))
    editor.type("<Tab>xyz")
    editor.wait("text, then keys", lambda: editor.lines() == expected)


def test_text_right_of_the_cursor_stays_visible(editor: Editor) -> None:
    ghost = editor.ghost_at(MID_LINE, lambda ghost: "\n" not in ghost.text)
    expected = editor.with_ghost(ghost)
    assert editor.screen()[ghost.row] == expected[ghost.row]
    editor.type("<Tab>")
    editor.wait("the buffer is what the screen showed", lambda: editor.lines() == expected)


def test_editor_lives_on_when_the_server_is_killed(editor: Editor) -> None:
    editor.ghost_at(AT_LINE_END)
    server = editor.server()
    family = [server, *server.children(recursive=True)]
    server.kill()
    row = editor.cursor_row()
    line = editor.lines()[row]

    editor.type("still typing")
    editor.wait("the typed text", lambda: editor.lines()[row] == line + "still typing")
    editor.wait("no ghost text of a dead server", lambda: editor.ghost() is None)
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == [], "the server's own processes outlive it"

    editor.type("<Esc>")
    assert editor.ghost_at(AT_LINE_END).text, "another server came by itself"
    assert editor.server().pid != server.pid


def test_server_is_started_again_by_command(editor: Editor) -> None:
    editor.ghost_at(AT_LINE_END)
    server = editor.server()
    editor.type("<Esc>:Cope restart<CR>")
    editor.wait("the first one ends", lambda: not server.is_running(), 10)
    assert editor.ghost_at(AT_LINE_END).text


def test_unsupported_language_gets_no_ghost_text_and_the_status_says_why(editor: Editor) -> None:
    editor.open(Place("function add(a: number, b: number) {\n  return ", "a", "\n}\n"), suffix=".ts")
    editor.wait_for_answer()
    assert editor.ghost() is None
    status = editor.lua("return require('cope').status()")
    assert status["kind"] == "Inactive"
    assert "typescript" in status["message"]
    assert editor.lua("return vim.v.errmsg") == ""
    assert editor.command("messages") == ""


def test_ghost_text_can_be_switched_off_and_on(editor: Editor) -> None:
    editor.ghost_at(AT_LINE_END)
    editor.lua("require('cope').setup({ ghost_text = false })")
    assert editor.ghost() is None
    editor.type("<Esc>")
    editor.lua("require('cope').setup({ ghost_text = true })")
    editor.ghost_at(AT_LINE_END)


@pytest.mark.parametrize("scheme", ["default", "vim", "habamax"])
def test_ghost_text_differs_from_text_without_true_colour(editor: Editor, scheme: str) -> None:
    editor.command(f"colorscheme {scheme}")
    look = editor.lua("return vim.api.nvim_get_hl(0, { name = 'ComplHint', link = false })")
    assert look.get("ctermfg") or look.get("cterm")


def test_misspelt_option_is_refused(editor: Editor) -> None:
    with pytest.raises(AssertionError, match="there is no option"):
        editor.lua("require('cope').setup({ acept_key = false })")


def test_settings_are_those_of_the_server() -> None:
    settings = nvim_settings.read_schema()
    again = "run `python -m tests.editors.nvim_settings`"
    assert nvim_settings.LUA.read_text("utf-8") == nvim_settings.lua_of(settings), again
    assert nvim_settings.HELP.read_text("utf-8") == nvim_settings.help_of(settings), again


def test_settings_reach_the_server_when_it_starts_and_while_it_runs(editor: Editor) -> None:
    editor.lua("require('cope').setup({ settings = { ['hosted.model'] = 'other', ['offline'] = true } })")
    assert editor.lua("return vim.lsp.config.cope.cmd_env") == {
        "COPE_LSP_HOSTED_MODEL": "other",
        "COPE_LSP_OFFLINE": "true",
    }
    editor.ghost_at(AT_LINE_END)
    editor.lua("require('cope').setup({ settings = { ['completion.enabled'] = false } })")
    for place in AT_LINE_END:
        editor.open(place)
        editor.wait_for_answer()
        assert editor.ghost() is None
        editor.type("<Esc>")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("['no.such'] = 1", "there is no setting"),
        ("['offline'] = 'yes'", "is a boolean"),
        ("['completion.off_in'] = 'yaml'", "is a table"),
    ],
)
def test_setting_that_cannot_be_is_refused(editor: Editor, settings: str, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        editor.lua(f"require('cope').setup({{ settings = {{ {settings} }} }})")


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("Cope p", ["plan", "preview"]),
        ("Cope budget s", ["show", "set"]),
        ("Cope budget set d", ["day"]),
        ("Cope trust ", ["yes", "no"]),
        ("Cope snooze 1", ["15"]),
        ("Cope solve ", []),
    ],
)
def test_command_line_completes_what_there_is(editor: Editor, line: str, choices: list[str]) -> None:
    assert editor.lua("return vim.fn.getcompletion(..., 'cmdline')", line) == choices


def test_unknown_subcommand_says_how_to_find_the_others(editor: Editor) -> None:
    editor.type(":Cope sovle<CR>")
    editor.wait("the message", lambda: "there is no :Cope sovle" in editor.command("messages"))


def test_switch_takes_its_own_words_only(editor: Editor) -> None:
    editor.type(":Cope ghost of<CR>")
    editor.wait("the words", lambda: ":Cope ghost takes one word: on or off" in editor.messages())
    assert editor.lua("return require('cope.options').current.ghost_text") is True


def test_ghost_text_can_be_snoozed_and_comes_all_the_same_when_asked_for(editor: Editor) -> None:
    editor.ghost_at(AT_LINE_END)
    editor.type("<Esc>:Cope snooze 5<CR>")
    editor.wait("the answer", lambda: "ghost text is snoozed until " in editor.messages())
    found = []
    for place in AT_LINE_END:
        editor.open(place)
        editor.wait_for_answer()
        assert editor.ghost() is None
        editor.lua("vim.b.answered_at = nil; require('cope').ask()")
        editor.wait_for_answer()
        found.append(editor.ghost())
        editor.type("<Esc>")
    assert any(found)
    editor.type(":Cope snooze 0<CR>")
    editor.wait("the answer", lambda: "ghost text is back" in editor.messages())
    editor.ghost_at(AT_LINE_END)


def test_snooze_takes_a_number(editor: Editor) -> None:
    editor.type(":Cope snooze long<CR>")
    editor.wait("the words", lambda: ":Cope snooze takes minutes" in editor.messages())


def test_long_message_asks_for_no_key_and_can_be_read_whole(editor: Editor) -> None:
    options = "return { vim.o.more, vim.o.messagesopt }"
    before = editor.lua(options)
    long = " ".join(f"word{number}" for number in range(editor.WIDTH))
    editor.lua("require('cope.say').warn(...)", long)
    assert editor.messages() == f"cope: {long}"
    assert re.search(r"cope: word0 word1 .*\.\.\. \(:messages\)$", editor.painted())
    assert editor.lua(options) == before


def test_long_message_reaches_a_notifier_of_the_user_whole(editor: Editor) -> None:
    notifier = editor.folder / "notifier.lua"
    notifier.write_text("vim.notify = function(text) notified = text end")
    editor.command(f"source {notifier}")
    long = "word " * editor.WIDTH + "end"
    editor.lua("require('cope.say').info(...)", long)
    assert editor.lua("return notified") == f"cope: {long}"


def test_status_fits_in_one_line(editor: Editor) -> None:
    editor.ghost_at(AT_LINE_END)
    editor.type("<Esc>:Cope status<CR>")
    editor.wait("the status", lambda: "model " in editor.command("messages"))
    said = editor.command("messages")
    assert "all is well; model" in said
    assert "tests do not run" in said
    assert "USD of 0.50 USD today" in said


def test_log_opens_in_a_window(editor: Editor) -> None:
    editor.type(":Cope log<CR>")
    editor.wait("a window", lambda: editor.windows() == 2)
    name, log = editor.lua("return { vim.api.nvim_buf_get_name(0), vim.lsp.log.get_filename() }")
    assert name == log


def test_status_line_names_a_server_that_runs(editor: Editor) -> None:
    assert editor.lua("return require('cope').statusline()") == ""
    editor.ghost_at(AT_LINE_END)
    assert editor.lua("return require('cope').statusline()") == "cope"


def test_checkhealth_finds_everything_in_order(editor: Editor) -> None:
    editor.ghost_at(AT_LINE_END)
    editor.type("<Esc>")
    report = editor.checkhealth()
    assert f"cope-lsp {cope_lsp.version.__version__}" in report
    assert "<Tab> accepts ghost text" in report
    assert "ERROR" not in report
    assert "WARNING" not in report


def test_checkhealth_says_what_to_do_without_the_server(start_editor: StartEditor) -> None:
    editor = start_editor(PATH="/usr/bin:/bin")
    assert editor.command("messages") == ""
    report = editor.checkhealth()
    assert "ERROR cope-lsp is not executable" in report
    assert "Install the server" in report
    assert "Failed to run healthcheck" not in report


LUA = [
    *re.findall(r"```lua\n(.*?)```", (PLUGIN / "README.md").read_text("utf-8"), re.DOTALL),
    *re.findall(r">lua\n(.*?)\n<", (PLUGIN / "doc" / "cope.txt").read_text("utf-8"), re.DOTALL),
]


@pytest.mark.parametrize("code", LUA, ids=(f"block {number}" for number, _ in enumerate(LUA)))
def test_lua_of_the_documents_runs(editor: Editor, code: str) -> None:
    editor.lua(code)
    assert editor.lua("return vim.v.errmsg") == ""
    assert editor.command("messages") == ""


# --- races, with a server that answers on command ---


def test_request_says_which_version_and_which_indentation_it_is_for(scripted: Editor) -> None:
    scripted.open(Place("", "a", ""))
    scripted.lua("vim.bo.shiftwidth, vim.bo.expandtab = 3, true")
    scripted.type("b")
    scripted.wait_for_requests(1)
    request = scripted.lua("return require('scripted').requests[1]")
    version = scripted.lua("return vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()]")
    assert request["textDocument"]["version"] == version
    assert request["formattingOptions"] == {"tabSize": 3, "insertSpaces": True}


def test_who_asks_is_told_from_who_types(scripted: Editor) -> None:
    scripted.open(Place("", "a", ""))
    scripted.wait_for_requests(1)
    scripted.lua("require('scripted').answer(1, 'unasked')")
    scripted.lua("require('cope').ask()")
    scripted.wait_for_requests(2)
    scripted.type("b")
    scripted.wait_for_requests(3)
    kinds = (
        "return vim.tbl_map(function(each) return each.context.triggerKind end, require('scripted').requests)"
    )
    assert scripted.lua(kinds) == [2, 1, 2]


def test_outside_of_insert_mode_nothing_is_asked(scripted: Editor) -> None:
    scripted.open(Place("", "a", ""))
    scripted.wait_for_requests(1)
    scripted.type("<Esc>")
    scripted.wait("normal mode", lambda: scripted.mode() == "n")
    scripted.lua("require('cope').ask()")
    scripted.type("ab")
    scripted.wait_for_requests(2)
    assert scripted.lua("return require('scripted').requests[2].context.triggerKind") == 2


def test_superseded_request_is_cancelled_and_its_late_answer_not_shown(scripted: Editor) -> None:
    scripted.open(Place("", "a", ""))
    scripted.wait_for_requests(1)
    scripted.type("b")
    scripted.wait_for_requests(2)
    first = scripted.lua("return require('scripted').requests[1].id")
    assert scripted.lua("return require('scripted').cancelled") == [first]
    scripted.lua("require('scripted').answer(1, 'late')")
    assert scripted.ghost() is None
    scripted.lua("require('scripted').answer(2, 'in time')")
    assert scripted.ghost() == Ghost(0, 2, "in time")


def test_answer_for_a_text_that_has_changed_is_not_shown(scripted: Editor) -> None:
    scripted.open(Place("", "a", ""))
    scripted.wait_for_requests(1)
    scripted.type("b")
    scripted.wait("the key", lambda: scripted.lines() == ["ab"])
    scripted.lua("require('scripted').answer(1, 'late')")
    assert scripted.ghost() is None


def test_columns_are_right_after_wide_characters(scripted: Editor) -> None:
    scripted.open(Place("naïve = '😀'; ", "é", "# tail\n"))
    scripted.wait_for_requests(1)
    scripted.lua("require('scripted').answer(1, ' = naïve')")
    assert scripted.screen()[0] == "naïve = '😀'; é = naïve# tail"
    scripted.type(" = naï<Tab>")
    scripted.wait("all of it, once", lambda: scripted.lines() == ["naïve = '😀'; é = naïve# tail"])


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ("    return ", True),
        ("    return a + ", True),
        ("    ret", True),
        ("    ", True),
        ("  ", False),
        ("    return b", False),
        ("  return ", False),
        ("    return a + b!", False),
    ],
)
def test_suggestion_fits_while_only_its_own_text_is_typed(scripted: Editor, line: str, *, fits: bool) -> None:
    suggestion = {
        "text": "return a + b",
        "start_col": 4,
        "end_col": 11,
        "col": 11,
        "line": "    return ",
    }
    assert scripted.lua("return require('cope.accept').fits(...)", suggestion, line, len(line)) is fits
