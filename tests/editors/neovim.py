"""A real Neovim that a test types into and looks at, as a user would."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgpack
import psutil

from tests.editors.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIGURATION = Path(__file__).with_name("init.lua")
ATTACH_S_MAX = 20
ANSWER_S_MAX = 10


@dataclasses.dataclass(frozen=True)
class Place:
    """A document with a marked place: the user has just typed `typed` between `before` and `after`."""

    before: str
    typed: str
    after: str = "\n"


@dataclasses.dataclass(frozen=True)
class Ghost:
    """Ghost text as the editor holds it for display; the column is in bytes."""

    row: int
    column: int
    text: str


class Editor:
    """One Neovim with a screen."""

    # Neovim's message about a dead server must fit in the width, or it would wait for a key.
    WIDTH, HEIGHT = 200, 30

    def __init__(self, process: subprocess.Popen[bytes], rpc: Rpc, folder: Path) -> None:
        self._process = process
        self._rpc = rpc
        self._folder = folder
        self._files = 0
        rpc.call("nvim_ui_attach", self.WIDTH, self.HEIGHT, {"ext_linegrid": True})

    @property
    def folder(self) -> Path:
        return self._folder

    def type(self, keys: str) -> None:
        """Press keys; returns at once, as a keyboard does."""
        self._rpc.call("nvim_input", keys)

    def lua(self, code: str, *arguments: object) -> Any:
        return self._rpc.call("nvim_exec_lua", code, arguments)

    def command(self, command: str) -> str:
        output: str = self._rpc.call("nvim_exec2", command, {"output": True})["output"]
        return output

    def wait(self, what: str, condition: Callable[[], object], timeout_s: float = 5) -> None:
        try:
            wait_until(what, condition, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from None

    def describe(self) -> str:
        state = [f"mode: {self.mode()}", f"ghost text: {self.ghost()}"]
        seen = ["buffer:", *self.lines(), "screen:", *(row for row in self.screen() if row)]
        said = ["messages:", self.command("messages"), "log:", self.log()]
        return "\n".join([*state, *seen, *said])

    def log(self) -> str:
        """The errors that Neovim noted, which include what the server wrote to standard error."""
        path = Path(self.lua("return vim.lsp.log.get_filename()"))
        return path.read_text("utf-8") if path.exists() else ""

    def painted(self) -> str:
        """What was painted last, which is also there while a question is open."""
        self._rpc.call("nvim_get_mode")  # What it sent before the answer is read on the way.
        return str(self._rpc.screen)

    def asked(self, *parts: str, timeout_s: float = 60) -> str:
        """Wait for a question with these parts. Until it is answered the editor takes nothing but keys."""
        try:
            wait_until(f"a question with {parts}", lambda: all(p in self.painted() for p in parts), timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.painted()}") from None
        return self.painted()

    def messages(self) -> str:
        return self.command("messages")

    def windows(self) -> int:
        count: int = self.lua("return #vim.api.nvim_tabpage_list_wins(0)")
        return count

    def mode(self) -> str:
        mode: str = self._rpc.call("nvim_get_mode")["mode"]
        return mode

    def lines(self) -> list[str]:
        lines: list[str] = self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, true)")
        return lines

    def cursor_row(self) -> int:
        row: int = self._rpc.call("nvim_win_get_cursor", 0)[0]
        return row - 1

    def wait_for_answer(self) -> None:
        """Wait until the server has answered for the text as it is now."""
        answered = "return vim.b.answered_at == vim.b.changedtick"
        self.wait("the server's answer", lambda: self.lua(answered), ANSWER_S_MAX)

    def screen(self) -> list[str]:
        """The rows as displayed, without trailing blanks."""
        rows: list[str] = self.lua(SCREEN, self.WIDTH, self.HEIGHT)
        return [row.rstrip() for row in rows]

    def ghost(self) -> Ghost | None:
        found = self.lua(GHOST)
        return Ghost(*found) if found else None

    def with_ghost(self, ghost: Ghost) -> list[str]:
        """The buffer as it must be when the ghost text has become part of it."""
        lines = self.lines()
        line = lines[ghost.row].encode()
        start, end = line[: ghost.column].decode(), line[ghost.column :].decode()
        return [*lines[: ghost.row], *(start + ghost.text + end).split("\n"), *lines[ghost.row + 1 :]]

    def open(self, place: Place, suffix: str = ".py") -> None:
        """Open the place in a file of its own and type there."""
        self._files += 1
        path = self._folder / f"file{self._files}{suffix}"
        path.write_text(place.before + place.after, "utf-8")
        self.command(f"edit! {path}")
        if suffix != ".txt":
            ready = "return vim.lsp.inline_completion.is_enabled({ bufnr = 0 })"
            self.wait("the server is attached", lambda: self.lua(ready), ATTACH_S_MAX)
        before = place.before.split("\n")
        self.type("i")
        self.wait("insert mode", lambda: self.mode() == "i")
        self._rpc.call("nvim_win_set_cursor", 0, [len(before), len(before[-1].encode())])
        self.type(literal(place.typed))
        typed = before[-1] + place.typed
        self.wait("the typing", lambda: self.lines()[len(before) - 1].startswith(typed))

    def edit(self, name: str, text: str, row: int = 0) -> Path:
        """Write a file of the project, open it with the cursor in a row, and wait for the server."""
        path = self._folder / name
        path.write_text(text, "utf-8")
        self.command(f"edit! {path}")
        self.command(f"{row + 1}")
        served = "return #vim.lsp.get_clients({ name = 'cope', bufnr = 0, _uninitialized = false }) > 0"
        self.wait("the server is attached", lambda: self.lua(served), ATTACH_S_MAX)
        return path

    def ghost_at(self, places: list[Place], suitable: Callable[[Ghost], bool] = lambda _: True) -> Ghost:
        """The first suitable ghost text that the model offers at one of the places."""
        seen = []
        for place in places:
            self.open(place)
            self.wait_for_answer()
            ghost = self.ghost()
            if ghost and suitable(ghost):
                return ghost
            seen.append(ghost)
            self.type("<Esc>")
        raise AssertionError(f"no suitable ghost text at {places}: {seen}\n{self.describe()}")

    def server(self) -> psutil.Process:
        children = psutil.Process(self._process.pid).children()
        (server,) = (child for child in children if "cope-lsp" in " ".join(child.cmdline()))
        return server

    def checkhealth(self) -> str:
        self.command("checkhealth cope")
        self.wait("the report", lambda: any("doctor" in line for line in self.lines()), 20)
        return "\n".join(self.lines())

    def wait_for_requests(self, count: int) -> None:
        requests = "return #require('scripted').requests"
        self.wait(f"{count} requests", lambda: self.lua(requests) == count)


@contextlib.contextmanager
def running_editor(
    program: str, folder: Path, environment: dict[str, str], *, with_own_configuration: bool = False
) -> Iterator[Editor]:
    """Start an editor in a folder, and see that it ends.

    Args:
        program: the Neovim.
        folder: where it runs.
        environment: all of it.
        with_own_configuration: whether it reads what is in its HOME, not the tests' own.
    """
    address = folder / "nvim.sock"
    configuration: list[str | Path] = [] if with_own_configuration else ["-u", CONFIGURATION]
    command: list[str | Path] = [program, "--headless", *configuration, "--listen", address]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL)
    try:
        with contextlib.closing(Rpc(address)) as rpc:
            yield Editor(process, rpc, folder)
            rpc.call("nvim_input", "<C-c>")  # A question that is still open would keep it from ending.
            with contextlib.suppress(ConnectionResetError):  # It ends instead of answering.
                rpc.call("nvim_command", "qall!")
        process.wait(timeout=5)
    finally:
        process.kill()
        process.wait()


class Rpc:
    """Neovim's msgpack-RPC, one call at a time, each within a time limit."""

    CALL_S_MAX = 10

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(self.CALL_S_MAX)
        wait_until("Neovim listens", lambda: self._socket.connect_ex(str(path)) == 0, self.CALL_S_MAX)
        self._unpacker = msgpack.Unpacker()
        self.screen = Screen()
        self._ids = itertools.count()

    def call(self, method: str, *arguments: object) -> Any:
        request = next(self._ids)
        self._socket.sendall(msgpack.packb([0, request, method, arguments]))
        while True:
            for kind, *rest in self._unpacker:
                if kind == 2 and rest[0] == "redraw":
                    self.screen.take(rest[1])
                if kind == 1 and rest[0] == request:
                    assert rest[1] is None, f"{method}{arguments}: {rest[1]}"
                    return rest[2]
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                raise AssertionError(f"no answer to {method}{arguments}\n{self.screen}") from None
            if not data:
                raise ConnectionResetError(f"Neovim ended during {method}")
            self._unpacker.feed(data)

    def close(self) -> None:
        self._socket.close()


def wait_until(what: str, condition: Callable[[], object], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not seen in {timeout_s} s: {what}"
        time.sleep(0.01)


def literal(text: str) -> str:
    """The keys that type this text."""
    return text.replace("<", "<LT>")


GHOST = """
local namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')
local mark = vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })[1]
if not mark then
  return nil
end
local text = { mark[4].virt_text[1][1] }
for _, line in ipairs(mark[4].virt_lines or {}) do
  table.insert(text, line[1][1])
end
return { mark[2], mark[3], table.concat(text, '\\n') }
"""

SCREEN = """
local width, height = ...
vim.cmd.redraw()
local rows = {}
for row = 1, height do
  local cells = {}
  for column = 1, width do
    cells[column] = vim.fn.screenstring(row, column)
  end
  rows[row] = table.concat(cells)
end
return rows
"""
