"""A module of ours in a process of its own, which answers one question at a time.

What it runs may crash, hang or take too much memory without harm to who asks.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import IO, Any

from cope_lsp.frames import receive, send


class ModuleProcess:
    """Starts the process, asks it and ends it. For one thread, but for `pid`, `is_alive` and `kill`."""

    def __init__(self, module: str) -> None:
        """Start nothing yet.

        Args:
            module: its name, such as "cope_lsp.checks.syntax.worker".
        """
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None when none was started, or it is buried."""
        process = self._process
        return process.pid if process else None

    @property
    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        process = self._process
        return process is not None and process.poll() is None

    def start(self, *arguments: str, errors: IO[bytes] | int = subprocess.DEVNULL) -> None:
        """Start it, unless it is alive; what is left of one that died is buried.

        Args:
            arguments: of its command line.
            errors: where its standard error goes.

        Raises:
            OSError: it cannot be started.
        """
        if self.is_alive:
            return
        self.bury()
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-P", "-m", self._module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """Return what it answers; None: it is gone."""
        process = self._process
        if process is None or process.stdin is None:
            return None
        try:
            send(process.stdin, question)
        except OSError:
            return None
        return self.hear()

    def hear(self) -> dict[str, Any] | None:
        """Wait for what it says; None: it is gone."""
        process = self._process
        try:
            return receive(process.stdout) if process and process.stdout else None
        except OSError:
            return None

    @contextmanager
    def watched(self, seconds: float) -> Iterator[None]:
        """Kill it when what is done here takes longer, which also ends what waits for it."""
        watch = Timer(seconds, self.kill)
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def kill(self) -> None:
        """Let it end at once. It is still to be buried."""
        process = self._process
        if process:
            process.kill()

    def bury(self) -> None:
        """Kill it, and wait until it and its pipes are gone."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()
