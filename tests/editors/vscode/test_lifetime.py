"""The server may die, and the editor lives on; nothing of it stays behind when a window is closed."""

import psutil
import pytest

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import OpenWindow
from tests.editors.vscode.window import close_window

pytestmark = pytest.mark.timeout(120, func_only=True)

TEXT = "import os\n\n\ndef add(a, b):\n    "


def test_a_server_that_is_killed_comes_back_and_typing_goes_on(
    start_window: OpenWindow, vscode: CodeServer
) -> None:
    vscode.configure(security__workspace__trust__enabled=False)
    window = start_window()
    file = window.new(TEXT)
    window.go_to_end_of(TEXT)
    window.type("return ")
    assert window.ghost_within(10)
    (server,) = vscode.language_servers()
    family = [server, *server.children(recursive=True)]
    server.kill()
    window.press("Escape")
    window.type("a")
    assert window.saved(file) == f"{TEXT}return a"
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == [], "the server's own processes outlive it"
    window.wait("another server", lambda: vscode.language_servers() not in ([], [server]))

    def offers() -> str:
        window.new(TEXT)
        window.go_to_end_of(TEXT)
        window.type("return ")
        return window.ghost_within(2)

    window.wait("ghost text of the new server", offers)


def test_closing_the_window_ends_all_that_was_started(start_window: OpenWindow, vscode: CodeServer) -> None:
    vscode.configure(security__workspace__trust__enabled=False)
    window = start_window()
    window.new(TEXT)
    window.go_to_end_of(TEXT)
    window.type("return ")
    assert window.ghost_within(10)
    started = [each for server in vscode.language_servers() for each in (server, *server.children())]
    assert len(started) > 1, "a server and its engine"
    close_window(window.page)
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
