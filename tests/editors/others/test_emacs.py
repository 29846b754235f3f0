"""Emacs with the lines of docs/editors.md, for Eglot and for lsp-mode: text accepted, a function written."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.others.conftest import STUB, WRITTEN, lines_for
from tests.editors.others.terminal import Terminal, running

pytestmark = pytest.mark.timeout(120, func_only=True)  # editors are fetched the first time

# This Emacs has no compiler, and its packages lie where they were unpacked.
PRELUDE = """
(setq native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil inhibit-startup-screen t
      auto-save-default nil create-lockfiles nil server-socket-dir "{folder}")
(dolist (each (directory-files "{packages}" t "^[a-z]")) (push each load-path))
(with-eval-after-load 'lsp-mode ; installing the package would have made autoloads of these
  (dolist (each '(lsp-lens lsp-completion lsp-diagnostics lsp-modeline lsp-headerline)) (require each))
  (setq lsp-disabled-clients '(ruff))) ; it may lie beside the tests' cope-lsp
(require 'server)
(server-start)
"""
EGLOT, LSP_MODE = 0, 1
EGLOT_S = 10
"""How long Eglot waits for a command, unless the settings say otherwise."""
LSP_IS_READY = """(and (bound-and-true-p lsp--buffer-workspaces)
  (eq 'initialized (lsp--workspace-status (car lsp--buffer-workspaces))))"""
COMPLETED = STUB.removesuffix("return\n") + "return a + b\n"


@dataclass(frozen=True, slots=True)
class Emacs:
    """An Emacs in a terminal; `emacsclient` tells what is in it."""

    terminal: Terminal
    client: tuple[str, ...]

    def eval(self, lisp: str) -> str:
        """Return what Emacs prints of a value; nil while it is starting."""
        form = f'(when (get-buffer "shop.py") (with-current-buffer "shop.py" {lisp}))'
        asked = subprocess.run([*self.client, form], check=False, capture_output=True, text=True, timeout=60)
        return asked.stdout.strip()

    def text(self) -> str:
        """Return the buffer. A Lisp string differs from one of Python by its ends of lines only."""
        said = self.eval("(substring-no-properties (buffer-string))")
        return said[1:-1].replace("\\n", "\n").replace('\\"', '"')

    def text_after_space(self) -> str:
        text = STUB.removesuffix("\n") + " \n"
        self.wait("the blank", lambda: self.text() == text)
        return text

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        self.terminal.wait_until(lambda _screen: condition(), what)

    def command(self, name: str) -> None:
        self.terminal.press("M-x")
        self.terminal.type(name)
        self.terminal.press("Enter")

    def go_to_the_stub(self) -> None:
        self.eval('(set-window-point (get-buffer-window) (progn (goto-char 1) (search-forward "...")))')

    def go_behind_return(self) -> None:
        self.eval("(set-window-point (get-buffer-window) (1- (point-max)))")


Start = Callable[[int], Emacs]


@pytest.fixture
def start(programs: Path, folder: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start Emacs with one of the blocks of lines, and wait until it has our server."""
    with ExitStack() as started:

        def start_emacs(block: int) -> Emacs:
            packages = programs.parent / "usr/share/emacs/site-lisp/elpa-src"
            lines = lines_for("Emacs", "elisp")[block]
            settings = folder / "settings.el"
            settings.write_text(PRELUDE.format(folder=folder, packages=packages) + lines)
            command = (str(programs / "emacs"), "-Q", "-nw", "-l", str(settings), "project/shop.py")
            terminal = started.enter_context(running(programs / "tmux", folder, environment, *command))
            client = (str(programs / "emacsclient"), "-s", str(folder / "server"), "--eval")
            return Emacs(terminal, client)

        yield start_emacs


def start_eglot(start: Start) -> Emacs:
    emacs = start(EGLOT)
    emacs.terminal.wait_for("Connected! Server")
    return emacs


def start_lsp_mode(start: Start) -> Emacs:
    emacs = start(LSP_MODE)
    emacs.wait("the server", lambda: emacs.eval(LSP_IS_READY) == "t")
    return emacs


def test_eglot_accepts_a_completion(start: Start) -> None:
    emacs = start_eglot(start)
    emacs.go_behind_return()
    emacs.terminal.press("Space")
    unfinished = emacs.text_after_space()

    def is_completed() -> bool:
        # While the model is being loaded there is nothing to offer; a user presses the keys again then.
        emacs.eval("(message nil)")
        emacs.terminal.press("C-M-i")
        emacs.terminal.wait_until(lambda screen: "No match" in screen or "return a" in screen, "an answer")
        return emacs.text() != unfinished

    emacs.wait("the completion", is_completed)
    assert emacs.text() == COMPLETED


def test_a_code_action_of_eglot_writes_a_function(start: Start) -> None:
    emacs = start_eglot(start)
    emacs.go_to_the_stub()
    emacs.command("eglot-code-actions")
    emacs.terminal.wait_for("Pick an action .*Implement with cope")
    emacs.terminal.press("Enter")
    screen = emacs.terminal.wait_for("Choose an option: Apply")
    assert "cope: double_price: solved" in screen
    assert emacs.text() == STUB, "nothing is changed before the user has agreed"
    time.sleep(EGLOT_S + 1)  # who reads the question may take longer than Eglot would have waited
    emacs.terminal.press("Enter")
    emacs.wait("the function", lambda: emacs.text() == WRITTEN)
    assert "Timed out" not in emacs.terminal.screen()


def test_ghost_text_of_lsp_mode_is_seen_and_accepted(start: Start) -> None:
    emacs = start_lsp_mode(start)
    emacs.go_behind_return()
    emacs.terminal.press("Space")
    emacs.terminal.wait_for(r"return a \+ b")
    assert emacs.text() == STUB.removesuffix("\n") + " \n", "ghost text is no text"
    emacs.terminal.press("Tab")
    emacs.wait("the text", lambda: emacs.text() == COMPLETED)


def test_a_code_action_of_lsp_mode_writes_a_function(start: Start) -> None:
    emacs = start_lsp_mode(start)
    emacs.go_to_the_stub()
    emacs.command("lsp-execute-code-action")
    emacs.terminal.wait_for("Select code action:")
    emacs.terminal.type("Implement with cope")
    emacs.terminal.press("Enter")
    emacs.terminal.wait_for(r"cope: double_price: solved(.|\n)*Apply it\?")
    assert emacs.text() == STUB, "nothing is changed before the user has agreed"
    emacs.terminal.type("Apply")
    emacs.terminal.press("Enter")
    emacs.wait("the function", lambda: emacs.text() == WRITTEN)
