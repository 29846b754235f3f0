"""A new user, with nothing but Neovim, Python and what the plugin's README says."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.conftest import PLUGIN, StartEditor, clean_environment
from tests.editors.neovim import Editor, Place, running_editor
from tests.editors.test_neovim import AT_LINE_END

pytestmark = pytest.mark.timeout(120, func_only=True)

README = (PLUGIN / "README.md").read_text("utf-8")
GHOST_S_MAX = 8


def install_by_path(home: Path) -> None:
    (line,) = re.findall(r"^vim\.opt\.runtimepath.*$", README, re.MULTILINE)
    configuration = home / ".config" / "nvim" / "init.lua"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(line.replace("/path/to/cope-lsp/editors/nvim", str(PLUGIN)))


def install_as_package(home: Path) -> None:
    (target,) = re.findall(r"ln -s /path/to/cope-lsp/editors/nvim ~/(\S+)`", README)
    package = home / target
    package.parent.mkdir(parents=True)
    package.symlink_to(PLUGIN)


def shows_ghost_text(editor: Editor, place: Place) -> bool:
    editor.open(place)
    try:
        editor.wait("ghost text", editor.ghost, GHOST_S_MAX)
    except AssertionError:
        editor.type("<Esc>")
        return False
    return True


@pytest.mark.parametrize("install", [install_by_path, install_as_package])
def test_one_line_of_the_readme_is_enough_for_ghost_text(
    nvim_program: str, tmp_path: Path, install: Callable[[Path], None]
) -> None:
    install(tmp_path)
    folder = tmp_path / "project"
    folder.mkdir()
    environment = clean_environment(tmp_path)
    with running_editor(nvim_program, folder, environment, with_own_configuration=True) as editor:
        assert any(shows_ghost_text(editor, place) for place in AT_LINE_END)
        editor.type("<Esc>:help cope-plan<CR>")
        editor.wait("the help", lambda: "cope.txt" in editor.lua("return vim.api.nvim_buf_get_name(0)"))


def test_who_has_not_installed_the_server_is_told_once(start_editor: StartEditor) -> None:
    editor = start_editor(PATH="/usr/bin:/bin")
    editor.type(":edit one.txt<CR>:edit one.py<CR>")
    editor.wait("the hint", lambda: ":checkhealth cope" in editor.messages())
    editor.type(":edit two.py<CR>")
    editor.wait("another file", lambda: "two.py" in editor.lua("return vim.api.nvim_buf_get_name(0)"))
    assert editor.messages().count("is not executable") == 1


def test_the_tags_of_the_help_are_those_of_its_pages(editor: Editor, tmp_path: Path) -> None:
    pages = tmp_path / "doc"
    shutil.copytree(PLUGIN / "doc", pages, ignore=shutil.ignore_patterns("tags"))
    editor.command(f"helptags {pages}")
    assert (PLUGIN / "doc" / "tags").read_text() == (pages / "tags").read_text(), (
        "run `python -m tests.editors.nvim_settings`"
    )
