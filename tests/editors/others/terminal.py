"""Editors in a real terminal, which tmux holds: keys go in, and what a user would see comes out."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT = 110, 30
WAIT_S = 60.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Terminal:
    """One program in a terminal."""

    tmux: tuple[str, ...]

    def press(self, *keys: str) -> None:
        """Press keys by their names in tmux, such as "C-x", "Enter" or "a"."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text, character by character."""
        self._run("send-keys", "-l", text)

    def screen(self) -> str:
        """Return what is on the screen, lines without the blanks at their ends."""
        shown = self._run("capture-pane", "-p")
        return "\n".join(line.rstrip() for line in shown.split("\n"))

    def wait_for(self, pattern: str) -> str:
        """Wait until something on the screen matches, and return the screen."""
        return self.wait_until(lambda screen: re.search(pattern, screen) is not None, pattern)

    def wait_until(self, condition: Callable[[str], bool], what: str) -> str:
        """Wait until the screen is as wanted, and return it."""
        deadline = time.monotonic() + WAIT_S
        while not condition(screen := self.screen()):
            assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s: {what}\n{screen}"
            time.sleep(POLL_S)
        return screen

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.tmux, *arguments], capture_output=True, text=True, check=False, timeout=WAIT_S
        )
        assert done.returncode == 0, f"the editor has ended: {done.stderr}"
        return done.stdout


@contextmanager
def running(tmux: Path, folder: Path, environment: Mapping[str, str], *program: str) -> Iterator[Terminal]:
    """Run a program in a terminal of its own until the context ends.

    Args:
        tmux: the program tmux.
        folder: where the socket lies; its path must be short.
        environment: all that the program knows of us.
        program: it and its arguments, started in `folder`.
    """
    command = (str(tmux), "-S", str(folder / "tmux"), "-f", "/dev/null")
    size = ("-x", str(WIDTH), "-y", str(HEIGHT))
    variables = {"TERM": "xterm-256color", "LANG": "C.UTF-8", **environment}
    subprocess.run(
        [*command, "new-session", "-d", *size, "-s", "editor", *program],
        cwd=folder,
        env=variables,
        check=True,
        timeout=WAIT_S,
    )
    try:
        yield Terminal(command)
    finally:
        subprocess.run([*command, "kill-server"], check=False, capture_output=True, timeout=WAIT_S)
