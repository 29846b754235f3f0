"""Editors that know nothing of cope: its actions and lenses ask before they change a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import StartServer, servers_in
from tests.server.editor import APPLIES, CONFIRMS, HARD, STUB, WRITTEN, Editor, start_editor
from tests.server.wire_client import Json

LITERALS: Json = {
    "textDocument": {
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}}},
        "codeLens": {"dynamicRegistration": False},
    }
}
FILE = (
    STUB
    + '''

class Shop:
    @property
    def total(self):
        """Add up the prices."""
        raise NotImplementedError

    def undescribed(self): ...
'''
)
IMPLEMENT, REWRITE, FIX = "Implement with cope", "Rewrite with cope", "Fix this with cope"


@pytest.fixture
def editor(start_server: StartServer, tmp_path: Path) -> Editor:
    return start_editor(start_server, tmp_path / "project", LITERALS | APPLIES)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Yield an editor for all tests that look only."""
    folder = tmp_path_factory.mktemp("shared")
    with servers_in(folder) as start:
        yield start_editor(start, folder / "project", LITERALS | APPLIES)


def lines(first: int, last: int | None = None) -> Json:
    end = first if last is None else last
    return {"start": {"line": first, "character": 0}, "end": {"line": end, "character": 0}}


def actions(editor: Editor, uri: str, where: Json, **context: Any) -> list[Json]:
    params = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": [], **context}}
    found: list[Json] = editor.client.ask("textDocument/codeAction", params)
    return found


@pytest.mark.parametrize(
    ("where", "only", "expected"),
    [
        (lines(0), None, []),
        (lines(3), None, [(IMPLEMENT, "quickfix")]),
        (lines(3, 5), None, [(IMPLEMENT, "quickfix")]),
        (lines(5), ["quickfix"], [(IMPLEMENT, "quickfix")]),
        (lines(5), ["refactor"], [(IMPLEMENT, "refactor.rewrite")]),
        (lines(5), ["refactor.rewrite"], [(IMPLEMENT, "refactor.rewrite")]),
        (lines(5), [""], [(IMPLEMENT, "quickfix")]),
        (lines(5), ["refactor.extract"], []),
        (lines(5), ["refactor.rewrite.all"], []),
        (lines(5), ["source"], []),
        (lines(9), None, [(REWRITE, "refactor.rewrite")]),
        (lines(9), ["quickfix"], []),
        (lines(8, 12), None, []),
        (lines(13), None, [(IMPLEMENT, "quickfix")]),
        (lines(18), None, [(REWRITE, "refactor.rewrite")]),
        (lines(500), None, []),
    ],
)
def test_an_action_is_for_the_function_around_the_range(
    shared: Editor, where: Json, only: list[str] | None, expected: list[tuple[str, str]]
) -> None:
    found = actions(shared, shared.open(FILE), where, **({"only": only} if only else {}))
    assert [(action["title"], action["kind"]) for action in found] == expected


def test_a_diagnostic_in_a_function_can_be_fixed(shared: Editor) -> None:
    uri = shared.open(FILE)
    inside = {"range": lines(9), "message": "wrong\u202e\n  type" + "!" * 1_000}
    outside = {"range": lines(0), "message": "unused import"}
    (fix, rewrite) = actions(shared, uri, lines(9), diagnostics=[inside, outside])
    assert (fix["title"], fix["kind"], rewrite["title"]) == (FIX, "quickfix", REWRITE)
    assert fix["diagnostics"] == [inside]
    (wish,) = fix["command"]["arguments"]
    assert wish["instruction"].startswith("Fix this: wrong type!!!")
    assert len(wish["instruction"]) < 320
    assert wish["position"] == {"line": 8, "character": 0}


def test_a_lens_stands_above_each_function_that_waits_to_be_written(shared: Editor) -> None:
    uri = shared.open(FILE)
    lenses = shared.client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert [lens["range"]["start"]["line"] for lens in lenses] == [3, 14]
    assert {lens["command"]["title"] for lens in lenses} == {IMPLEMENT}
    shared.type(uri, "# one more line\n")
    lenses = shared.client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
    assert [lens["range"]["start"]["line"] for lens in lenses] == [4, 15]


@pytest.mark.parametrize(
    "opened",
    [
        {"language": "rust"},
        {"name": "tests/shop.py"},
        {"name": ".venv/shop.py"},
        {"name": "../shop.py"},
        {"text": FILE + "# " + "x" * 2_000_000},
    ],
)
def test_where_nothing_may_be_written_nothing_is_offered(shared: Editor, opened: Json) -> None:
    uri = shared.open(**{"text": FILE, **opened})
    assert shared.client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}}) == []
    assert actions(shared, uri, lines(3)) == []


def test_a_document_that_is_not_open_has_no_actions(shared: Editor) -> None:
    assert actions(shared, "file:///not/open.py", lines(3)) == []


def test_an_old_editor_gets_commands_and_no_lenses(start_server: StartServer, tmp_path: Path) -> None:
    editor = start_editor(start_server, tmp_path / "project")
    (command,) = actions(editor, editor.open(), lines(3))
    assert (command["title"], command["command"]) == (IMPLEMENT, "cope.server.solve")
    error = editor.client.error("textDocument/codeLens", {"textDocument": {"uri": editor.open()}})
    assert error["code"] == -32601


def run_action(editor: Editor, uri: str, line: int) -> int:
    """Run what the first action does, as an editor without any code of ours; return the id of the request."""
    (action, *_) = actions(editor, uri, lines(line))
    command = action["command"]
    params = {"command": command["command"], "arguments": command["arguments"]}
    return editor.client.request("workspace/executeCommand", params)


def test_an_editor_that_confirms_edits_gets_one_to_confirm(start_server: StartServer, tmp_path: Path) -> None:
    editor = start_editor(start_server, tmp_path / "project", LITERALS | CONFIRMS, name="Neovim")
    uri = editor.open()
    running = run_action(editor, uri, 3)
    edit = editor.let_apply()["edit"]
    (annotation,) = edit["changeAnnotations"].values()
    assert annotation["needsConfirmation"]
    assert "agree" in annotation["description"]
    answer = editor.client.result(running)
    assert (answer["applied"], answer["applyReason"]) == (True, "")
    assert editor.texts[uri] == WRITTEN
    assert not editor.heard("window/showMessageRequest")


def test_any_other_editor_is_asked_before_it_changes_the_file(editor: Editor) -> None:
    uri = editor.open()
    running = run_action(editor, uri, 3)
    assert editor.choose("Show").startswith("cope: double_price: solved in stage 1: ")
    editor.choose("Apply")
    editor.let_apply()
    assert editor.client.result(running)["applied"]
    assert editor.texts[uri] == WRITTEN
    (shown,) = editor.heard("window/showMessage")
    assert shown["message"] == "-    ...\n+    return price * 2"


@pytest.mark.parametrize("titles", [["Discard"], [None], ["Show", "Discard"]])
def test_what_nobody_wanted_is_not_applied(editor: Editor, titles: list[str | None]) -> None:
    running = run_action(editor, editor.open(), 3)
    for title in titles:
        editor.choose(title)
    answer = editor.client.result(running)
    assert (answer["applied"], answer["applyReason"]) == (False, "you did not want it")
    assert not editor.heard("workspace/applyEdit")


def test_what_was_typed_while_the_question_was_open_is_not_overwritten(editor: Editor) -> None:
    uri = editor.open()
    running = run_action(editor, uri, 3)
    asked = editor.asked("window/showMessageRequest")
    editor.type(uri, "# mine\n")
    editor.client.status()  # the server knows of the change now
    editor.answer(asked, {"title": "Apply"})
    assert editor.client.result(running)["applyReason"] == "the document has changed since"
    assert not editor.heard("workspace/applyEdit")


def test_what_was_not_solved_is_said(editor: Editor) -> None:
    running = run_action(editor, editor.open(HARD), 0)
    assert not editor.client.result(running, timeout_s=60)["applied"]
    (said,) = editor.heard("window/showMessage")
    assert said["message"].startswith("cope: schedule: not solved: ")
