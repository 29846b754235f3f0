"""Next edits as others ask for them: from a process that may crash or hang without harm to the server.

It is started when it is first needed, and again when it has died.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cope_lsp.checks.syntax.tree import Untold
from cope_lsp.module_process import ModuleProcess
from cope_lsp.next_edit.history import Change
from cope_lsp.next_edit.rules import CHARACTERS_MAX, LANGUAGES, Proposal

ANSWER_TIMEOUT_S = 0.3
START_TIMEOUT_S = 5.0
"""Of an answer for which the process must be started first."""
KILL_TIMEOUT_S = 5.0
"""The process ends itself much earlier; this is for one that cannot, as when it has been stopped."""

_LATE = Untold("it took too long")
_DIED = Untold("it took too long, or went wrong")


class NextEdits:
    """Finds one next edit at a time; for one event loop, which never waits for it."""

    def __init__(self) -> None:
        self._process = ModuleProcess("cope_lsp.next_edit.worker")
        self._is_ready = False
        self._was_asked = False
        self._thread = ThreadPoolExecutor(1, "next-edit")

    @property
    def pid(self) -> int | None:
        """The process id of the one that finds them; None when none is running."""
        return self._process.pid

    async def next_edit(
        self, language: str, text: str, changes: Sequence[Change], offset: int
    ) -> Proposal | Untold:
        """Return the edit that follows from the last ones, or why there is none: see `rules.next_edit`.

        It answers within `ANSWER_TIMEOUT_S`; where the process must be started, within `START_TIMEOUT_S`.
        """
        if language not in LANGUAGES:
            return Untold(f"there are no rules for {language}")
        if not changes:
            return Untold("nothing was edited yet")
        if len(text) > CHARACTERS_MAX:
            return Untold(f"the file is larger than {CHARACTERS_MAX} characters")
        self._was_asked = True
        known = [[each.start, each.removed, each.inserted] for each in changes]
        question = {"language": language, "text": text, "changes": known, "offset": offset}
        is_alive = self._is_ready and self._process.is_alive
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S if is_alive else START_TIMEOUT_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question)
        except TimeoutError:
            return _LATE

    async def close(self) -> None:
        """End the process, if there is one. It must not be asked again."""
        if not self._was_asked:
            return
        self._process.kill()  # also ends what a question waits for
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._process.bury()

    # -- in the thread ------------------------------------------------------------------------

    def _ask(self, question: dict[str, Any]) -> Proposal | Untold:
        answer = self._exchange(question)
        if answer is None:
            self._process.bury()
            self._is_ready = False
            return _DIED
        if "untold" in answer:
            return Untold(answer["untold"])
        return Proposal(*answer["proposal"])

    def _exchange(self, question: dict[str, Any]) -> dict[str, Any] | None:
        self._is_ready = self._is_ready and self._process.is_alive
        try:
            self._process.start()
        except OSError:
            return None
        with self._process.watched(KILL_TIMEOUT_S):
            if not self._is_ready:
                self._is_ready = self._process.hear() is not None
            return self._process.ask(question)
