"""Syntax errors as others ask for them: from a process that may crash or hang without harm to the server.

It is started when it is first needed, and again when it has died.
"""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Timer

from cope_lsp.checks.syntax.errors import BYTES_MAX, TOO_LARGE
from cope_lsp.checks.syntax.frames import receive, send
from cope_lsp.checks.syntax.languages import LANGUAGES
from cope_lsp.checks.syntax.tree import Fault, Untold

ANSWER_TIMEOUT_S = 5.0
"""The process ends itself much earlier; this is for one that cannot, as when it has been stopped."""

_DIED = Untold("it was not read: that took too long, or went wrong")


class SyntaxReader:
    """Reads one file at a time; for one event loop, which never waits for it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._was_asked = False
        self._thread = ThreadPoolExecutor(1, "syntax")

    @property
    def pid(self) -> int | None:
        """The process id of the one that reads; None when none is running."""
        return self._process.pid if self._process else None

    async def new_errors(self, language: str, before: str, after: str) -> tuple[Fault, ...] | Untold:
        """Return the syntax errors that an edit brings into a file: see `errors.Original`.

        Asking for another edit of the same text is cheaper than the first. Who stops waiting leaves the
        answer to nobody; what still waits for its turn is not asked.

        Args:
            language: the LSP language id of the file.
            before: its whole text before the edit.
            after: and after it.
        """
        if language not in LANGUAGES:
            return Untold(f"there is no grammar for {language}")
        if max(len(before), len(after)) > BYTES_MAX:
            return TOO_LARGE
        self._was_asked = True
        question = {"language": language, "before": before, "after": after}
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question)

    async def close(self) -> None:
        """End the process, if there is one. The reader must not be asked again."""
        if not self._was_asked:
            return
        if self._process:
            self._process.kill()  # also ends what a question waits for
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._bury()

    # -- in the thread ------------------------------------------------------------------------

    def _ask(self, question: dict[str, str]) -> tuple[Fault, ...] | Untold:
        process = self._running()
        assert process.stdin
        assert process.stdout
        watch = Timer(ANSWER_TIMEOUT_S, process.kill)
        watch.start()
        try:
            send(process.stdin, question)
            answer = receive(process.stdout)
        except OSError:
            answer = None
        finally:
            watch.cancel()
        if answer is None:
            self._bury()
            return _DIED
        if "untold" in answer:
            return Untold(answer["untold"])
        return tuple(Fault(line, what) for line, what in answer["faults"])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process and self._process.poll() is not None:
            self._bury()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cope_lsp.checks.syntax.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def _bury(self) -> None:
        """Kill the process and wait until it and its pipes are gone."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()
