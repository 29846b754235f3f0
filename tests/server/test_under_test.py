"""A failing test leads to the function that it tests, which is then mended in its own file."""

import sys
from pathlib import Path

import pytest

from cope_lsp.server.under_test import SHOW_WAIT_S
from tests.server.conftest import StartServer
from tests.server.editor import APPLIES, SHOWS_PROGRESS, STUB, WRITTEN, Editor, start_editor
from tests.server.wire_client import Json, paused, wait_until

SHOWS: Json = APPLIES | {"window": {"showDocument": {"support": True}}}
LENSES: Json = {
    "textDocument": {
        "codeLens": {},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": [""]}}},
    }
}
TEST = """from shop import double_price, other


def test_double_price():
    assert double_price(21) == 42


def test_other():
    assert other() == 1


def test_both():
    assert double_price(other()) == 2


def test_nothing():
    assert 1
"""
FIX = "Fix this failing test with cope"
DOUBLE, OTHER, BOTH, NOTHING = 3, 7, 11, 15


@pytest.fixture
def start(start_server: StartServer, tmp_path: Path) -> "Start":
    return Start(start_server, tmp_path / "project")


class Start:
    """Starts an editor with a project whose tests can be run."""

    def __init__(self, start: StartServer, project: Path) -> None:
        self._start, self._project = start, project

    def __call__(self, capabilities: Json, *, trusted: bool = True) -> Editor:
        self._project.mkdir()
        (self._project / "shop.py").write_text(STUB)
        return start_editor(
            self._start, self._project, capabilities, trusted=trusted, COPE_LSP_TESTS_PYTHON=sys.executable
        )


def fix(editor: Editor, line: int, **wish: str) -> int:
    return editor.solve(editor.open(TEST, "test_shop.py"), line, test=True, **wish)


def test_the_function_is_mended_in_its_own_file_and_its_test_passes(start: Start) -> None:
    editor = start(APPLIES)
    shop = editor.open(STUB)
    answer = editor.client.result(fix(editor, DOUBLE), timeout_s=60)
    assert (answer["status"], answer["proof"]) == ("solved", "tests")
    applying = editor.start("apply", editId=answer["editId"])
    editor.let_apply()
    assert editor.client.result(applying) == {"applied": True, "reason": ""}
    assert editor.texts[shop] == WRITTEN


def test_an_editor_is_asked_to_open_the_file(start: Start) -> None:
    editor = start(SHOWS)
    fixing = fix(editor, DOUBLE)
    asked = editor.asked("window/showDocument")
    assert asked["params"]["uri"] == (editor.project / "shop.py").as_uri()
    editor.open(STUB)
    editor.answer(asked, {"success": True})
    assert editor.client.result(fixing, timeout_s=60)["status"] == "solved"


@pytest.mark.parametrize("said", [{"support": False}, None])
def test_an_editor_that_cannot_open_files_is_told_which_one_to_open(start: Start, said: Json | None) -> None:
    editor = start(APPLIES | {"window": {"showDocument": said}})
    answer = editor.client.response(fix(editor, DOUBLE), timeout_s=60)
    assert "open shop.py" in answer["error"]["message"]
    assert not editor.heard("window/showDocument")


def test_an_editor_that_did_not_open_the_file_is_not_waited_for(start: Start) -> None:
    editor = start(SHOWS)
    fixing = fix(editor, DOUBLE)
    asked = editor.asked("window/showDocument")
    editor.answer(asked, {"success": False})
    assert "open shop.py" in editor.client.response(fixing, timeout_s=SHOW_WAIT_S / 2)["error"]["message"]


def test_what_the_editor_holds_of_a_file_counts_more_than_the_disk(start: Start) -> None:
    editor = start(APPLIES | LENSES)
    shop = editor.open(STUB)
    (editor.project / "shop.py").write_text("")
    test = editor.open(TEST, "test_shop.py")
    assert lenses(editor, test) == [DOUBLE, BOTH]
    editor.type(shop, "    return price * 2\n", line=6)
    assert lenses(editor, test) == [], "it is written, wherever that is saved"
    solving = editor.solve(test, OTHER, test=True)
    assert "error" not in editor.client.response(solving, timeout_s=60)


def test_a_hostile_repository_hides_no_other_test(start: Start) -> None:
    editor = start(APPLIES | LENSES)
    (editor.project / "loop.py").symlink_to("loop.py")
    deep = "if a: pass\nel" * 1_500 + "se: pass\n"
    (editor.project / "deep.py").write_text(f"{deep}\n\ndef f(): pass\n")
    hostile = f"from loop import a\nfrom {'.' * 500} import b\nfrom deep import f\n{TEST}{deep}"
    hostile += "\n\ndef test_all():\n    a(), b(), f()\n"
    uri = editor.open(hostile, "test_shop.py")
    assert lenses(editor, uri) == [DOUBLE + 3, BOTH + 3]
    found = editor.client.ask("textDocument/codeAction", action_params(uri, DOUBLE + 3))
    assert [each["title"] for each in found] == [FIX]


def test_functions_of_one_name_are_told_apart_by_where_they_are(start: Start) -> None:
    editor = start(APPLIES)
    for folder in ("one", "two"):
        (editor.project / folder).mkdir()
        (editor.project / folder / "goods.py").write_text("def total():\n    return 1\n")
    text = "import one.goods, two.goods\n\n\ndef test_it():\n    one.goods.total() == two.goods.total()\n"
    fixing = editor.solve(editor.open(text, "test_goods.py"), 3, test=True)
    asked = editor.asked("window/showMessageRequest")
    titles = [action["title"] for action in asked["params"]["actions"]]
    assert titles == ["total (one/goods.py)", "total (two/goods.py)"]
    editor.answer(asked, {"title": titles[1]})
    message = editor.client.response(fixing, timeout_s=60)["error"]["message"]
    assert message.startswith("open two/goods.py")


def action_params(uri: str, line: int) -> Json:
    where = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 0}}
    return {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": []}}


def lenses(editor: Editor, uri: str) -> list[int]:
    """Return the lines above which lenses stand."""
    found = editor.client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}})
    return [each["range"]["start"]["line"] for each in found]


def test_of_several_functions_the_user_chooses(start: Start) -> None:
    editor = start(APPLIES)
    editor.open(WRITTEN)
    (editor.project / "shop.py").write_text(WRITTEN)
    fixing = fix(editor, BOTH)
    asked = editor.asked("window/showMessageRequest")
    titles = [action["title"] for action in asked["params"]["actions"]]
    assert titles == ["double_price (shop.py)", "other (shop.py)"]
    editor.answer(asked, None)
    assert "none was chosen" in editor.client.response(fixing, timeout_s=60)["error"]["message"]


@pytest.mark.parametrize("stop", ["cancel", "trust"])
def test_while_the_user_chooses_the_solve_can_be_stopped(start: Start, stop: str) -> None:
    editor = start(SHOWS)
    (editor.project / "shop.py").write_text(WRITTEN)
    fixing = fix(editor, BOTH, id="job")
    asked = editor.asked("window/showMessageRequest")
    assert editor.client.status()["busy"]
    if stop == "cancel":
        assert editor.client.command("cope.server.cancel", {"id": "job"}) == {"cancelled": True}
    else:
        editor.client.notify("cope/didChangeTrust", {"trusted": False})
    assert editor.client.result(fixing, timeout_s=5) is None
    wait_until(lambda: editor.heard("$/cancelRequest"), "the question is taken back")
    editor.answer(asked, {"title": "other (shop.py)"})
    assert not editor.client.status()["busy"]
    assert not editor.heard("window/showDocument")


def test_a_newer_solve_of_the_function_stops_that_of_its_test(start: Start) -> None:
    editor = start(SHOWS_PROGRESS)
    shop = editor.open(STUB)
    assert editor.solved(shop)["status"] == "solved"  # the model is loaded now
    with paused(editor.client.worker()):
        fixing = fix(editor, DOUBLE, workDoneToken="mine")
        editor.wait_for_drafts()
        newer = editor.solve(shop)
        assert editor.client.result(fixing, timeout_s=5) is None
    assert editor.client.result(newer, timeout_s=60)["status"] == "solved"


def test_of_several_functions_the_one_that_is_not_written_is_meant(start: Start) -> None:
    editor = start(APPLIES)
    editor.open(STUB)
    assert editor.client.result(fix(editor, BOTH), timeout_s=60)["status"] == "solved"
    assert not editor.heard("window/showMessageRequest")


def test_a_test_of_nothing_says_so(start: Start) -> None:
    editor = start(APPLIES)
    answer = editor.client.response(fix(editor, NOTHING), timeout_s=60)
    assert "no function of this project" in answer["error"]["message"]


def test_without_trust_no_test_is_run(start: Start) -> None:
    editor = start(APPLIES, trusted=False)
    editor.open(STUB)
    answer = editor.client.response(fix(editor, DOUBLE), timeout_s=60)
    assert "workspace that you trust" in answer["error"]["message"]


def test_each_test_has_an_action_and_those_of_stubs_a_lens(start: Start) -> None:
    editor = start(APPLIES | LENSES)
    uri = editor.open(TEST, "test_shop.py")
    for line, expected in ((0, []), (DOUBLE, [FIX]), (OTHER, [FIX]), (OTHER + 1, [FIX])):
        found = editor.client.ask("textDocument/codeAction", action_params(uri, line))
        assert [each["title"] for each in found] == expected
    assert lenses(editor, uri) == [DOUBLE, BOTH]
    for lens in editor.client.ask("textDocument/codeLens", {"textDocument": {"uri": uri}}):
        assert lens["command"]["title"] == FIX
        assert lens["command"]["arguments"][0]["test"] is True


def test_without_trust_tests_have_neither(start: Start) -> None:
    editor = start(APPLIES | LENSES, trusted=False)
    uri = editor.open(TEST, "test_shop.py")
    assert editor.client.ask("textDocument/codeAction", action_params(uri, DOUBLE)) == []
    assert lenses(editor, uri) == []
