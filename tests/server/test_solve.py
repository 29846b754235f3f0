"""A function is written in an editor: nothing changes before the user wants it, then what was checked."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import StartServer, servers_in
from tests.server.editor import (
    APPLIES,
    CONFIRMS,
    HARD,
    SHOWS_PROGRESS,
    STUB,
    WRITTEN,
    Editor,
    changes_in,
    edited,
    start_editor,
)
from tests.server.wire_client import Json


@pytest.fixture
def editor(start_server: StartServer, tmp_path: Path) -> Editor:
    return start_editor(start_server, tmp_path / "project")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Yield an editor for all tests that apply nothing."""
    folder = tmp_path_factory.mktemp("shared")
    with servers_in(folder) as start:
        yield start_editor(start, folder / "project")


# -- what a solve answers -----------------------------------------------------------------------------


def test_a_stub_is_solved_and_nothing_is_changed(shared: Editor) -> None:
    uri = shared.open()
    answer = shared.solved(uri)
    assert (answer["status"], answer["reason"], answer["version"]) == ("solved", "accepted", 1)
    assert answer["proof"] == "agreement"
    assert [verdict["check"] for verdict in answer["verdicts"]] == ["syntax"]
    assert answer["receipt"]["calls"] == []
    assert answer["receipt"]["nusd"] == 0
    assert answer["receipt"]["localDrafts"] >= 6
    assert "agree" in answer["summary"]
    ((where, change),) = changes_in(answer["edit"])
    assert where == uri
    assert change["range"] == {"start": {"line": 5, "character": 0}, "end": {"line": 5, "character": 7}}
    assert edited(STUB, change["range"], change["text"]) == WRITTEN
    assert not shared.heard("workspace/applyEdit")
    assert Path(uri.removeprefix("file://")).read_text() == STUB


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        (STUB.replace("\n", "\r\n"), 3, WRITTEN.replace("\n", "\r\n")),
        (STUB.replace("    ", "\t"), 3, WRITTEN.replace("    ", "\t")),
        (STUB.replace("import os", "s = '😀漢'"), 4, WRITTEN.replace("import os", "s = '😀漢'")),
        ("é = 'a\fb'\n\f\n" + STUB, 5, "é = 'a\fb'\n\f\n" + WRITTEN),
        ("def double_price(price):\n    'Find twice the price.'\n    ...", 0, None),
    ],
)
def test_the_rest_of_a_file_stays_as_it_is(shared: Editor, before: str, line: int, after: str | None) -> None:
    uri = shared.open(before)
    answer = shared.solved(uri, line)
    ((_, change),) = changes_in(answer["edit"])
    expected = after or before.replace("    ...", "    return price * 2\n")
    assert edited(before, change["range"], change["text"]) == expected


@pytest.mark.parametrize(
    ("name", "declared", "versioned", "confirmed"),
    [
        ("", {"workspace": {"applyEdit": True}}, False, False),
        ("Neovim", APPLIES, True, False),
        ("Neovim", CONFIRMS, True, True),
        ("Neovim", {"workspace": {"workspaceEdit": {"changeAnnotationSupport": {}}}}, True, True),
        ("code-server", CONFIRMS, True, False),  # its preview applies nothing unless boxes are ticked
    ],
)
def test_an_edit_has_the_shape_that_the_client_knows(
    start_server: StartServer, tmp_path: Path, name: str, declared: Json, *, versioned: bool, confirmed: bool
) -> None:
    editor = start_editor(start_server, tmp_path / "project", declared, name=name)
    edit = editor.solved(editor.open())["edit"]
    assert ("documentChanges" in edit) == versioned == ("changes" not in edit)
    assert ("changeAnnotations" in edit) == confirmed
    if versioned:
        (change,) = edit["documentChanges"]
        assert change["textDocument"]["version"] == 1
        assert ("annotationId" in change["edits"][0]) == confirmed
    for annotation in edit.get("changeAnnotations", {}).values():
        assert annotation["needsConfirmation"]
        assert annotation["label"] == "cope: double_price"


def test_what_is_not_solved_is_shown_as_such(shared: Editor) -> None:
    uri = shared.open(HARD)
    answer = shared.solved(uri, 0)
    assert answer["status"] == "not-solved"
    assert answer["summary"].startswith("not solved: ")
    if answer["editId"] is not None:
        refused = shared.client.result(shared.start("apply", editId=answer["editId"]))
        assert not refused["applied"]
        assert "force" in refused["reason"]
    assert not shared.heard("workspace/applyEdit")


# -- wishes that are refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish",
    [
        {"uri": "file:///not/open.py"},
        {"uri": None},
        {"position": None},
        {"position": {"line": -1}},
        {"position": {"line": True}},
        {"position": None, "range": []},
        {"planId": "unknown"},
        {"apply": "at once"},
        {"guideline": "x" * 5_000},
        {"instruction": {"text": "x" * 5_000}},
    ],
)
def test_a_wish_that_makes_no_sense_is_an_error(shared: Editor, wish: Json) -> None:
    params = {"uri": shared.open(), "position": {"line": 3, "character": 0}} | wish
    answer = shared.client.response(shared.start("solve", **params))
    assert answer["error"]["code"] == -32602


@pytest.mark.parametrize(
    ("opened", "line", "said"),
    [
        ({}, 0, "no function is around line 1"),
        ({"language": "rust"}, 3, "Python only"),
        ({"text": STUB + "# " + "x" * 200_000}, 3, "characters"),
        ({"name": "tests/helpers.py"}, 3, "tests"),
        ({"name": "test_shop.py"}, 3, "tests"),
        ({"name": "conftest.py"}, 3, "tests"),
        ({"name": ".git/hooks/post.py"}, 3, "hidden"),
        ({"name": "setup.py"}, 3, "tools"),
        ({"name": "../elsewhere.py"}, 3, "outside"),
        ({"uri": "untitled:Untitled-1"}, 3, "it is no file"),
    ],
)
def test_what_cannot_be_written_here_is_refused_with_the_reason(
    shared: Editor, opened: Json, line: int, said: str
) -> None:
    uri = shared.open(**opened)
    error = shared.client.response(shared.solve(opened.get("uri", uri), line))["error"]
    assert error["code"] == -32803
    assert said in error["message"]


@pytest.mark.parametrize("command", ["apply", "undo"])
@pytest.mark.parametrize("wish", [{}, {"editId": "unknown"}, {"editId": None}])
def test_an_edit_that_is_not_known_is_an_error(shared: Editor, command: str, wish: Json) -> None:
    assert shared.client.response(shared.start(command, **wish))["error"]["code"] == -32602


def test_there_may_be_nothing_to_cancel(shared: Editor) -> None:
    assert shared.client.command("cope.server.cancel", {"id": "x"}) == {"cancelled": False}
    assert shared.client.command("cope.server.cancel") == {"cancelled": False}


# -- applying and taking back ---------------------------------------------------------------------------


def test_an_edit_is_applied_and_taken_back(editor: Editor) -> None:
    uri = editor.open()
    wish = {"editId": editor.solved(uri)["editId"]}
    applying = editor.start("apply", **wish)
    params = editor.let_apply()
    assert params["label"] == "cope: double_price"
    assert "changeAnnotations" not in params["edit"]
    assert editor.client.result(applying) == {"applied": True, "reason": ""}
    assert editor.texts[uri] == WRITTEN
    again = editor.client.result(editor.start("apply", **wish))
    assert again == {"applied": False, "reason": "the document has changed since"}
    undoing = editor.start("undo", **wish)
    editor.let_apply()
    assert editor.client.result(undoing) == {"applied": True, "reason": ""}
    assert editor.texts[uri] == STUB


def test_an_edit_of_an_older_text_is_not_even_sent(editor: Editor) -> None:
    uri = editor.open()
    wish = {"editId": editor.solved(uri)["editId"]}
    editor.type(uri, "# a comment\n")
    answer = editor.client.result(editor.start("apply", **wish))
    assert answer == {"applied": False, "reason": "the document has changed since"}
    assert not editor.heard("workspace/applyEdit")


def test_an_edit_is_not_taken_back_over_what_was_typed_since(editor: Editor) -> None:
    uri = editor.open()
    wish = {"editId": editor.solved(uri)["editId"]}
    applying = editor.start("apply", **wish)
    editor.let_apply()
    editor.client.result(applying)
    editor.type(uri, "# a comment\n")
    answer = editor.client.result(editor.start("undo", **wish))
    assert answer == {"applied": False, "reason": "the document has changed since"}
    assert len(editor.heard("workspace/applyEdit")) == 1


@pytest.mark.parametrize(
    "said", [{"applied": True}, {"applied": False}, {"applied": False, "failureReason": "busy"}]
)
def test_an_editor_that_changed_nothing_is_not_believed(editor: Editor, said: Json) -> None:
    uri = editor.open()
    applying = editor.start("apply", editId=editor.solved(uri)["editId"])
    editor.answer(editor.asked("workspace/applyEdit"), said)
    reason = said.get("failureReason", "the edit was not accepted")
    assert editor.client.result(applying) == {"applied": False, "reason": reason}


def test_an_editor_that_changed_something_else_is_noticed(editor: Editor) -> None:
    uri = editor.open()
    applying = editor.start("apply", editId=editor.solved(uri)["editId"])
    asked = editor.asked("workspace/applyEdit")
    editor.type(uri, "    pass\n", line=5)
    editor.answer(asked, {"applied": True})
    answer = editor.client.result(applying)
    assert not answer["applied"]
    assert "not what it should be" in answer["reason"]


def test_an_editor_may_answer_before_it_tells_of_the_change(editor: Editor) -> None:
    uri = editor.open()
    applying = editor.start("apply", editId=editor.solved(uri)["editId"])
    asked = editor.asked("workspace/applyEdit")
    editor.answer(asked, {"applied": False, "failureReason": "not yet"})
    for where, change in changes_in(asked["params"]["edit"]):
        editor.client.change(where, change)
    assert editor.client.result(applying) == {"applied": True, "reason": ""}


@pytest.mark.parametrize("says", [{"error": {"code": -32601, "message": "what?"}}, {"result": None}])
def test_an_editor_that_cannot_apply_gets_an_answer(editor: Editor, says: Json) -> None:
    applying = editor.start("apply", editId=editor.solved(editor.open())["editId"])
    editor.client.send({"id": editor.asked("workspace/applyEdit")["id"]} | says)
    assert not editor.client.result(applying)["applied"]


def test_an_editor_without_edits_is_not_asked(start_server: StartServer, tmp_path: Path) -> None:
    editor = start_editor(start_server, tmp_path / "project", {})
    answer = editor.client.result(editor.start("apply", editId=editor.solved(editor.open())["editId"]))
    assert answer == {"applied": False, "reason": "the editor takes no edits from a server"}


def test_a_file_that_became_a_link_to_the_outside_is_not_edited(editor: Editor, tmp_path: Path) -> None:
    uri = editor.open()
    wish = {"editId": editor.solved(uri)["editId"]}
    file = Path(uri.removeprefix("file://"))
    file.rename(tmp_path / "outside.py")
    file.symlink_to(tmp_path / "outside.py")
    answer = editor.client.result(editor.start("apply", **wish))
    assert answer == {"applied": False, "reason": "it is outside of the workspace"}
    assert not editor.heard("workspace/applyEdit")


def test_a_document_that_was_closed_is_not_edited(editor: Editor) -> None:
    uri = editor.open()
    wish = {"editId": editor.solved(uri)["editId"]}
    editor.client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert "not open" in editor.client.result(editor.start("apply", **wish))["reason"]


# -- progress --------------------------------------------------------------------------------------------


def test_progress_tells_stage_and_draft(start_server: StartServer, tmp_path: Path) -> None:
    editor = start_editor(start_server, tmp_path / "project", SHOWS_PROGRESS)
    solving = editor.solve(editor.open(HARD), 0)
    create = editor.asked("window/workDoneProgress/create")
    editor.answer(create, None)
    editor.client.result(solving, timeout_s=60)
    told = [each for each in editor.heard("$/progress") if each["token"] == create["params"]["token"]]
    assert told[0]["value"]["title"] == "cope: schedule"
    assert told[0]["value"]["cancellable"]
    assert told[-1]["value"] == {"kind": "end"}
    shown = editor.progress()
    assert any(each.startswith("stage 1, draft 1 of 8") for each in shown)


def test_an_editor_that_knows_no_progress_gets_none(shared: Editor) -> None:
    shared.solved(shared.open())
    assert not shared.heard("window/workDoneProgress/create")
    assert not shared.progress()


@pytest.mark.parametrize("says", [{"error": {"code": -32601, "message": "what?"}}, None])
def test_a_solve_does_not_wait_for_the_editor_to_show_its_progress(
    start_server: StartServer, tmp_path: Path, says: Json | None
) -> None:
    editor = start_editor(start_server, tmp_path / "project", SHOWS_PROGRESS)
    solving = editor.solve(editor.open())
    create = editor.asked("window/workDoneProgress/create")
    if says:
        editor.client.send({"id": create["id"]} | says)
    assert editor.client.result(solving, timeout_s=60)["status"] == "solved"
    assert not editor.progress()


# -- plans -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guideline", ["Multiply the price\nby two.", {"text": "Multiply the price by two."}])
def test_a_plan_of_the_user_goes_to_the_executor(shared: Editor, guideline: Any) -> None:
    answer = shared.solved(shared.open(), guideline=guideline)
    assert answer["plans"]["guideline"] == {"text": "Multiply the price by two.", "author": "user"}
    assert answer["stage"] == 2
    assert answer["receipt"]["calls"] == []


def test_a_goal_of_the_user_stands_over_the_first_drafts(shared: Editor) -> None:
    answer = shared.solved(shared.open(), goal="twice the price")
    assert answer["plans"]["goal"] == {"text": "twice the price", "author": "user"}
    assert answer["stage"] == 1


# -- trust -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
def test_the_tests_of_a_project_run_only_while_the_user_trusts_it(
    start_server: StartServer, tmp_path: Path, *, trusted: bool
) -> None:
    editor = start_editor(
        start_server, tmp_path / "project", trusted=trusted, COPE_LSP_TESTS_PYTHON=sys.executable
    )
    uri = editor.open()
    (editor.project / "tests").mkdir()
    test = "from shop import double_price\n\n\ndef test_it():\n    assert double_price(2) == 4\n"
    (editor.project / "tests" / "test_shop.py").write_text(test)
    assert proofs(editor, uri) == expected(trusted=trusted)
    editor.client.notify("cope/didChangeTrust", {"trusted": not trusted})
    assert proofs(editor, uri) == expected(trusted=not trusted)


def proofs(editor: Editor, uri: str) -> tuple[str, list[str]]:
    answer = editor.solved(uri)
    return answer["proof"], [verdict["check"] for verdict in answer["verdicts"]]


def expected(*, trusted: bool) -> tuple[str, list[str]]:
    return ("tests", ["syntax", "tests"]) if trusted else ("agreement", ["syntax"])
