"""What a stranger's project may do in VS Code: be looked at. It is neither run nor obeyed."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import OpenWindow, windows
from tests.editors.vscode.samples import EASY, EASY_DONE, EASY_TEST, canary
from tests.editors.vscode.window import Window, open_window
from tests.models.provider import Provider

pytestmark = pytest.mark.timeout(180, func_only=True)

DRAFTED = "return price * 2"
TEXT = "import os\n\n\ndef add(a, b):\n    "
EVERY_DRAFT_FAILS = EASY_TEST.replace("8", "9")
"""Tests that show whether they were run: no draft of the model's would be left."""
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
    (project / "test_shop.py").write_text(canary(song) + EVERY_DRAFT_FAILS)
    settings = {
        "cope.server.command": [str(project / "cope-lsp"), "--stdio"],
        "cope.hosted.endpoint": provider.url,
        "cope.cascade.escalate": "auto",
        "cope.tests.python": str(project / ".venv" / "bin" / "python"),
        "cope.tests.command": str(project / "cope-lsp"),
        "cope.model.path": str(project / "model.gguf"),
    }
    write_settings(project, settings)


def write_settings(project: Path, settings: Mapping[str, object]) -> None:
    """Give a project settings of its own, as a repository brings them along."""
    (project / ".vscode").mkdir(parents=True)
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
    expect(window.page.locator(".tab.active")).to_contain_text("drafts agree")
    window.button("Discard").click()
    window.run("Cope: Show Last Receipt")
    window.wait("that no test was run", lambda: "no test was run" in window.describe())
    window.open(project / "test_shop.py")
    window.press("Control+End")
    window.run("Cope: Fix Failing Test at Cursor")
    window.says("trust")
    assert not song.exists(), song.read_text()

    (project / "test_shop.py").write_text(canary(song) + EASY_TEST)
    window.run("Workspaces: Manage Workspace Trust")
    window.page.get_by_role("button", name="Trust", exact=True).click()
    expect(window.page.get_by_role("button", name="Restricted Mode")).to_have_count(0)
    solve(window)
    expect(window.page.locator(".tab.active")).to_contain_text("tests pass")
    window.press("Control+Enter")
    window.wait_for_tab("shop.py")
    assert window.saved(project / "shop.py") == EASY_DONE
    assert not song.exists(), song.read_text()
    assert provider.connections == 0


def test_a_program_that_a_workspace_names_starts_after_a_yes_and_for_that_workspace_only(
    vscode: CodeServer, browser: Browser, tmp_path: Path
) -> None:
    vscode.configure(security__workspace__trust__enabled=False)
    song = tmp_path / "song"
    program = program_that_sings(tmp_path / "bin" / "cope-lsp", song)
    for name in ("one", "other"):
        write_settings(tmp_path / name / "shop", {"cope.server.command": [str(program), "--stdio"]})

    def ask(window: Window, answer: str) -> None:
        window.run("Cope: Use the Workspace's Server")
        expect(window.modal).to_contain_text(str(program))
        expect(window.modal).to_contain_text(str(window.project))
        window.decide(answer)

    with windows(vscode, browser, tmp_path / "one") as start:
        one = start()
        ask(one, "Cancel")
        assert not song.exists(), "it waits for a yes"
        ask(one, "Start It")
        one.wait("the program of the workspace", song.exists)
        expect(one.status.locator(".codicon-check")).to_be_visible()

        song.unlink()
        other = go_to(one, tmp_path / "other" / "shop", vscode)
        ask(other, "Cancel")
        assert not song.exists(), "another workspace is another question"
        go_to(other, one.project, vscode)
        assert song.exists(), "a yes is asked for once"


def go_to(window: Window, project: Path, vscode: CodeServer) -> Window:
    """Open another project in the same browser, which keeps what the editor remembers."""
    file = project / "first.py"
    file.touch()
    return open_window(window.page, vscode.page_of(project, file), project)


def test_python_that_runs_the_server_takes_no_module_of_the_project(
    start_window: OpenWindow, vscode: CodeServer, tmp_path: Path
) -> None:
    song, project = tmp_path / "song", tmp_path / "shop"
    (project / "cope_lsp.py").write_text(canary(song))
    command = [sys.executable, "-m", "cope_lsp", "--stdio"]
    vscode.configure(cope__server__command=command, security__workspace__trust__enabled=False)
    window = start_window()
    window.run("Cope: Show Budget")
    assert window.choices("Budget")
    window.choose("Today")
    window.answer("0.10")
    expect(window.quick_input.locator(".monaco-list-row").first).to_contain_text("of 0.10 USD")
    assert not song.exists()


@pytest.mark.parametrize(("of_user", "of_workspace"), [(True, False), (False, True)])
def test_who_switched_ghost_text_off_is_heard(
    vscode: CodeServer, browser: Browser, tmp_path: Path, *, of_user: bool, of_workspace: bool
) -> None:
    vscode.configure(cope__completion__enabled=of_user, security__workspace__trust__enabled=False)
    write_settings(tmp_path / "shop", {"cope.completion.enabled": of_workspace})
    with windows(vscode, browser, tmp_path) as start:
        window = start()
        assert not offered(window)
        window.run("Cope: Switch Ghost Text On or Off")
        switched = "on" if of_workspace else "off"
        expect(window.page.get_by_text(f"cope: ghost text is {switched}").first).to_be_visible()
        if of_workspace:
            window.wait("ghost text", lambda: offered(window))
        else:
            assert not offered(window)


def offered(window: Window) -> str:
    """Return the ghost text in a document where the model always has something to say."""
    window.new(TEXT)
    window.go_to_end_of(TEXT)
    window.type("return ")
    return window.ghost_within(3)


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
