"""What is shown of other files, by the real index of real folders, while somebody opens, edits and types."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from cope_lsp.context.index.process import RESTARTS_MAX, WorkspaceIndex
from cope_lsp.context.related import CHARACTERS_MAX, NEAR_LINES, WORKSPACES_MAX, Related
from cope_lsp.values import CompletionRequest, Document, Excerpt

WAIT_S = 30.0
LEDGER = '''
class Ledger:
    """What was spent."""

    def reserve(self, cost: int) -> bool:
        """Set money aside."""
        return cost > 0
'''
MAIN = "from bank.ledger import Ledger\n\n\ndef spend(ledger: Ledger) -> None:\n    ‸\n"
TYPED = "ok = ledger.balance + 30 * day"


class Editor:
    """Does with `Related` what an editor does."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.related = Related()

    def write(self, name: str, text: str) -> Path:
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def open(self, name: str, text: str, language: str = "python", workspace: Path | None = None) -> Document:
        document = Document((self.workspace / name).as_uri(), language, text.replace("‸", ""))
        self.related.opened(document, workspace or self.workspace)
        return document

    async def shown(self, name: str, marked: str, *, explicit: bool = False) -> tuple[Excerpt, ...]:
        before, after = marked.split("‸")
        document = Document((self.workspace / name).as_uri(), "python", before + after)
        return await self.related.excerpts(CompletionRequest(document, len(before), explicit))

    def change(self, name: str, marked: str) -> None:
        before, after = marked.split("‸")
        self.related.changed((self.workspace / name).as_uri(), len(before), lambda: before + after)

    @property
    def index(self) -> WorkspaceIndex:
        return self.related._indexes[self.workspace]

    async def indexed(self) -> None:
        async with asyncio.timeout(WAIT_S):
            while not any(each.complete for each in (await self.related.status()).values()):
                await asyncio.sleep(0.02)


@pytest.fixture
async def editor(tmp_path: Path) -> AsyncIterator[Editor]:
    made = Editor(tmp_path)
    yield made
    await made.related.close()


async def test_what_is_imported_and_used_near_the_cursor_is_shown(editor: Editor) -> None:
    file = editor.write("bank/ledger.py", LEDGER)
    editor.write("bank/other.py", "class Other: ...\n")
    editor.open("main.py", MAIN)
    await editor.indexed()
    (only,) = await editor.shown("main.py", MAIN)
    assert only.path == "bank/ledger.py"
    assert only.uri == file.as_uri()
    assert only.text == 'class Ledger:\n    """What was spent."""\n    def reserve(self, cost: int) -> bool:'


async def test_while_somebody_types_the_excerpts_stay_the_same(editor: Editor) -> None:
    editor.write("bank/ledger.py", LEDGER)
    editor.open("other.py", "def helper(ledger):\n    return ledger.reserve(1)\n")
    editor.open("main.py", MAIN)
    await editor.indexed()
    before = await editor.shown("main.py", MAIN)
    assert [each.path for each in before] == ["bank/ledger.py", "other.py"]
    for end in range(1, len(TYPED) + 1):
        typed = MAIN.replace("‸", TYPED[:end] + "‸")
        editor.change("main.py", typed)
        assert await editor.shown("main.py", typed) == before
    assert len(TYPED) >= 30


async def test_what_a_new_line_needs_comes_behind_what_is_shown(editor: Editor) -> None:
    editor.write("bank/ledger.py", LEDGER)
    editor.write("bank/clock.py", "def tomorrow(day: int) -> int: ...\n")
    editor.open("main.py", MAIN)
    await editor.indexed()
    before = await editor.shown("main.py", MAIN)
    same_line = MAIN.replace("‸", "day = tomorrow(1‸")
    assert await editor.shown("main.py", same_line) == before
    after = await editor.shown("main.py", MAIN.replace("‸", "day = tomorrow(1)\n    ‸"))
    assert after[: len(before)] == before
    assert [each.text for each in after[len(before) :]] == ["def tomorrow(day: int) -> int:"]


async def test_who_opens_a_call_is_shown_how_it_is_called(editor: Editor) -> None:
    editor.write("bank/clock.py", "def tomorrow(day: int) -> int: ...\n")
    editor.open("main.py", MAIN)
    await editor.indexed()
    assert await editor.shown("main.py", MAIN) == ()
    (only,) = await editor.shown("main.py", MAIN.replace("‸", "day = tomorrow(‸"))
    assert only.text == "def tomorrow(day: int) -> int:"


async def test_what_was_changed_in_another_file_is_shown_as_it_is_now(editor: Editor) -> None:
    editor.write("bank/ledger.py", LEDGER)
    editor.open("bank/ledger.py", LEDGER)
    editor.open("main.py", MAIN)
    await editor.indexed()
    before = await editor.shown("main.py", MAIN)
    changed = LEDGER.replace("cost: int", "cost: int, day: str")
    editor.change("bank/ledger.py", changed.replace("day", "day‸", 1))
    editor.write("bank/ledger.py", changed)
    editor.related.saved((editor.workspace / "bank/ledger.py").as_uri())
    after = await editor.shown("main.py", MAIN)
    assert "day: str" not in before[0].text
    assert "day: str" in after[0].text


async def test_an_edited_place_of_another_file_is_shown_until_that_is_closed(editor: Editor) -> None:
    editor.open("a.py", "")
    editor.open("main.py", MAIN)
    editor.change("a.py", "def fresh(thing):\n    return thing + 1‸\n")
    (only,) = await editor.shown("main.py", MAIN)
    assert (only.path, only.text) == ("a.py", "def fresh(thing):\n    return thing + 1")
    editor.related.closed((editor.workspace / "a.py").as_uri())
    assert await editor.shown("main.py", MAIN) == ()


async def test_where_the_user_came_from_is_shown_unless_it_would_be_repeated(editor: Editor) -> None:
    here = "def spend(ledger, amount):\n    total = ledger.total\n    return total - amount\n"
    editor.open("a.py", here)
    editor.open("main.py", "")
    await editor.shown("a.py", here.replace("total -", "total ‸-"))
    (only,) = await editor.shown(
        "main.py", "def earn(ledger, amount):\n    x = ledger.total\n    ‸\n" + "y = 5\n" * 9
    )
    assert only.path == "a.py"
    assert await editor.shown("main.py", here + "    ‸\n") == ()


async def test_a_jump_chooses_anew_and_keeps_the_order_of_what_stays(editor: Editor) -> None:
    editor.write("bank/ledger.py", LEDGER)
    editor.write("bank/clock.py", "def tomorrow(day: int) -> int: ...\n")
    far = "\n" * (NEAR_LINES + 1)
    text = MAIN.replace("‸", "ledger.reserve(1)\n") + far + "    tomorrow(1)\n    ledger = Ledger()\n    {}\n"
    editor.open("main.py", text.format(""))
    await editor.indexed()
    above = text.format("").replace("reserve(1)\n", "reserve(1)\n    ‸", 1)
    before = await editor.shown("main.py", above)
    after = await editor.shown("main.py", text.format("‸"))
    assert [each.path for each in before] == ["bank/ledger.py"]
    assert [each.path for each in after] == ["bank/ledger.py", "bank/clock.py"]


async def test_all_together_keep_their_budget(editor: Editor) -> None:
    names = [f"function_number_{n}" for n in range(60)]
    editor.write("tools.py", "".join(f"def {name}({'argument, ' * 20}last): ...\n" for name in names))
    editor.open("main.py", "")
    await editor.indexed()
    shown = await editor.shown("main.py", f"from tools import *\n{' '.join(names)}\n‸")
    assert len(shown) > 3
    assert sum(len(each.text) + len(each.path) for each in shown) <= CHARACTERS_MAX


async def test_a_stopped_index_costs_an_automatic_request_its_time_and_no_more(editor: Editor) -> None:
    editor.write("bank/ledger.py", LEDGER)
    editor.open("a.py", "")
    editor.change("a.py", "def fresh(thing):\n    return thing + 1‸\n")
    editor.open("main.py", MAIN)
    await editor.indexed()
    assert editor.index.pid is not None
    os.kill(editor.index.pid, signal.SIGSTOP)
    started = time.monotonic()
    shown = await editor.shown("main.py", MAIN)
    assert time.monotonic() - started < 5.0  # the index would take twelve
    assert [each.path for each in shown] == ["a.py"]
    os.kill(editor.index.pid, signal.SIGCONT)
    async with asyncio.timeout(WAIT_S):
        while not (editor.index._asked and editor.index._asked.done()):
            await asyncio.sleep(0.02)
    later = await editor.shown("main.py", MAIN.replace("‸", "\n    ‸"))
    assert [each.path for each in later] == ["a.py", "bank/ledger.py"]


async def test_after_a_crash_of_the_index_nothing_fails_and_it_comes_back(editor: Editor) -> None:
    editor.write("bank/ledger.py", LEDGER)
    editor.open("main.py", MAIN)
    await editor.indexed()
    assert editor.index.pid is not None
    os.kill(editor.index.pid, signal.SIGKILL)
    assert await editor.shown("main.py", MAIN) == ()
    await editor.indexed()
    later = await editor.shown("main.py", MAIN.replace("‸", "\n    ‸"))
    assert [each.path for each in later] == ["bank/ledger.py"]


async def test_without_a_workspace_or_switched_off_no_index_is_built(editor: Editor, tmp_path: Path) -> None:
    document = Document((tmp_path / "a.py").as_uri(), "python", MAIN.replace("‸", ""))
    editor.related.opened(document, None)
    editor.related.opened(Document("untitled:Untitled-1", "python", ""), tmp_path)
    assert await editor.shown("a.py", MAIN) == ()
    editor.related.switch(on=False)
    editor.open("b.py", MAIN)
    assert await editor.shown("b.py", MAIN) == ()
    assert await editor.shown("never_opened.py", MAIN) == ()
    assert editor.related._indexes == {}


async def test_files_of_secrets_and_of_other_languages_are_not_shown(editor: Editor) -> None:
    editor.write("bank/ledger.go", "package bank\n\nfunc Ledger(cost int) {}\n")
    editor.open(".env", "Ledger = spend\n")
    editor.open("a.go", "func spend(ledger Ledger) {}\n", language="go")
    editor.open("main.py", MAIN)
    await editor.indexed()
    editor.change(".env", "Ledger = spend‸\n")
    assert await editor.shown("main.py", MAIN) == ()


async def test_only_so_many_workspaces_get_an_index(editor: Editor) -> None:
    folders = in_each_folder_one_is_open(editor, WORKSPACES_MAX + 2)
    assert list(editor.related._indexes) == folders[:WORKSPACES_MAX]


async def test_one_workspace_more_gets_the_place_of_the_one_that_was_left_first(editor: Editor) -> None:
    folders = in_each_folder_one_is_open(editor, WORKSPACES_MAX)
    async with asyncio.timeout(WAIT_S):
        while len(await editor.related.status()) < WORKSPACES_MAX:
            await asyncio.sleep(0.02)
    processes = {folder: process_of(index) for folder, index in editor.related._indexes.items()}
    for number in (1, 0):
        editor.related.closed((folders[number] / "a.py").as_uri())
    assert all(process.is_running() for process in processes.values())
    fresh = editor.workspace / "fresh"
    editor.open("fresh/a.py", "x = 1\n", workspace=fresh)
    assert set(editor.related._indexes) == {folders[0], folders[2], fresh}
    await gone(processes[folders[1]])
    assert processes[folders[0]].is_running()


async def test_switched_off_all_indexes_end_and_switched_on_they_come_back(editor: Editor) -> None:
    editor.write("bank/ledger.py", LEDGER)
    editor.open("main.py", MAIN)
    await editor.indexed()
    process = process_of(editor.index)
    editor.related.switch(on=False)
    await gone(process)
    assert await editor.related.status() == {}
    editor.related.switch(on=True)
    await editor.indexed()
    (only,) = await editor.shown("main.py", MAIN)
    assert only.path == "bank/ledger.py"


async def test_an_index_that_cannot_be_started_costs_its_excerpts_only(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(editor.workspace / "no_python"))
    editor.open("a.py", "")
    editor.change("a.py", "def fresh(thing):\n    return thing + 1‸\n")
    editor.open("main.py", MAIN)
    for line in range(RESTARTS_MAX + 2):
        shown = await editor.shown("main.py", MAIN.replace("‸", "\n" * line + "    ‸"))
        assert [each.path for each in shown] == ["a.py"]


def in_each_folder_one_is_open(editor: Editor, count: int) -> list[Path]:
    folders = [editor.workspace / str(number) for number in range(count)]
    for folder in folders:
        folder.mkdir()
        editor.open(f"{folder.name}/a.py", "x = 1\n", workspace=folder)
    return folders


def process_of(index: WorkspaceIndex) -> psutil.Process:
    assert index.pid is not None
    return psutil.Process(index.pid)


async def gone(process: psutil.Process) -> None:
    async with asyncio.timeout(WAIT_S):
        while process.is_running():
            await asyncio.sleep(0.02)
