"""What a stranger's project may do in VS Code: be looked at. It is neither run nor obeyed."""

import json
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import OpenWindow
from tests.editors.vscode.samples import EASY, EASY_DONE, EASY_TEST, canary
from tests.editors.vscode.window import Window
from tests.models.provider import Provider

pytestmark = pytest.mark.timeout(180, func_only=True)

DRAFTED = "return price * 2"
LOCAL = {"COPE_LSP_CASCADE_ESCALATE": "never", "COPE_LSP_TESTS_PYTHON": sys.executable}


def program_that_sings(path: Path, song: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'#!/bin/sh\necho "$0" >> {song}\nexec {Path(sys.executable).with_name("cope-lsp")} "$@"\n'
    )
    path.chmod(0o755)
    return path


def write_trap(project: Path, song: Path, provider: Provider) -> None:
    """Fill a project with all that a stranger may hope for to be run or obeyed."""
    project.mkdir(exist_ok=True)
    program_that_sings(project / ".venv" / "bin" / "python", song)
    program_that_sings(project / "cope-lsp", song)
    for module in ("conftest.py", "sitecustomize.py", "cope_lsp.py"):
        (project / module).write_text(canary(song))
    (project / "shop.py").write_text(EASY)
    (project / "test_shop.py").write_text(canary(song) + EASY_TEST)
    settings = {
        "cope.server.command": [str(project / "cope-lsp"), "--stdio"],
        "cope.hosted.endpoint": provider.url,
        "cope.cascade.escalate": "auto",
        "cope.tests.python": str(project / ".venv" / "bin" / "python"),
        "cope.tests.command": str(project / "cope-lsp"),
        "cope.model.path": str(project / "model.gguf"),
    }
    (project / ".vscode").mkdir()
    (project / ".vscode" / "settings.json").write_text(json.dumps(settings))


def solve(window: Window) -> None:
    window.open(window.project / "shop.py")
    window.lens("Implement with cope").click()
    window.wait_for_draft(DRAFTED)


def test_in_an_untrusted_folder_nothing_of_it_runs_and_trust_given_later_counts(
    start_window: OpenWindow, vscode: CodeServer, provider: Provider, tmp_path: Path
) -> None:
    song, project = tmp_path / "song", tmp_path / "shop"
    write_trap(project, song, provider)
    vscode.configure(security__workspace__trust__startupPrompt="never")
    window = start_window(**LOCAL)
    expect(window.page.get_by_role("button", name="Restricted Mode")).to_be_visible()

    solve(window)
    window.button("Discard").click()
    window.run("Cope: Show Last Receipt")
    window.wait("that no test was run", lambda: "no test was run" in window.describe())
    window.open(project / "test_shop.py")
    window.press("Control+End")
    window.run("Cope: Fix Failing Test at Cursor")
    window.says("trust")
    assert not song.exists(), song.read_text()

    window.run("Workspaces: Manage Workspace Trust")
    window.page.get_by_role("button", name="Trust", exact=True).click()
    expect(window.page.get_by_role("button", name="Restricted Mode")).to_have_count(0)
    solve(window)
    expect(window.page.locator(".tab.active")).to_contain_text("tests pass")
    window.press("Control+Enter")
    window.wait_for_tab("shop.py")
    assert window.saved(project / "shop.py") == EASY_DONE
    assert not song.exists(), song.read_text()
    assert provider.posts == 0


def test_the_program_of_the_trap_would_sing_if_the_user_named_it(
    start_window: OpenWindow, vscode: CodeServer, tmp_path: Path
) -> None:
    song = tmp_path / "song"
    program = program_that_sings(tmp_path / "bin" / "cope-lsp", song)
    vscode.configure(
        cope__server__command=[str(program), "--stdio"], security__workspace__trust__enabled=False
    )
    start_window()
    assert str(program) in song.read_text()
