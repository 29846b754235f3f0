"""Syntax as others ask for it: from a process that may crash or hang without harm to the server.

It is started when it is first needed, and again when it has died.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cope_lsp.checks.syntax.errors import BYTES_MAX, TOO_LARGE
from cope_lsp.checks.syntax.insertion import Fit
from cope_lsp.checks.syntax.languages import LANGUAGES
from cope_lsp.checks.syntax.scene import Scene
from cope_lsp.checks.syntax.tree import Fault, Untold
from cope_lsp.module_process import ModuleProcess

ANSWER_TIMEOUT_S = 5.0
"""The process ends itself much earlier; this is for one that cannot, as when it has been stopped."""

_DIED = Untold("it was not read: that took too long, or went wrong")


class SyntaxReader:
    """Reads one file at a time; for one event loop, which never waits for it."""

    def __init__(self, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._answer_timeout_s = answer_timeout_s
        self._process = ModuleProcess("cope_lsp.checks.syntax.worker")
        self._was_asked = False
        self._is_closed = False
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "syntax")

    @property
    def pid(self) -> int | None:
        """The process id of the one that reads; None when none is running."""
        return self._process.pid

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
        answer = await self._answer(ask="new_errors", language=language, before=before, after=after)
        if answer is None:
            return _DIED
        if "untold" in answer:
            return Untold(answer["untold"])
        return tuple(Fault(line, what) for line, what in answer["faults"])

    async def scene(self, language: str, text: str, offset: int) -> Scene | None:
        """Return what stands at a place: see `scene.scene`.

        Args:
            language: the LSP language id of the file.
            text: a piece of it, see `enclosure.piece`.
            offset: of the place in there, in code points.

        Returns:
            None: nothing can be told. There is no grammar, or it is too large, or it took too long.
        """
        if language not in LANGUAGES or len(text) > BYTES_MAX:
            return None
        answer = await self._answer(ask="scene", language=language, text=text, offset=offset)
        return Scene(**answer["scene"]) if answer and answer["scene"] else None

    async def fits(
        self, language: str, text: str, offset: int, candidates: Sequence[str], *, if_sound: bool = False
    ) -> tuple[Fit, ...] | None:
        """Return how much of each candidate adds no syntax error: see `insertion.fits`.

        Args:
            language: the LSP language id of the file.
            text: a piece of it, see `enclosure.piece`, or all of it.
            offset: in there, in code points, where a candidate would be inserted.
            candidates: all are judged in one turn.
            if_sound: asks only of a text that has no error as it is.

        Returns:
            one for each candidate; None: nothing can be told, as above, or the text has an error.
        """
        if language not in LANGUAGES or len(text) + sum(map(len, candidates)) > BYTES_MAX:
            return None
        answer = await self._answer(
            ask="fits",
            language=language,
            text=text,
            offset=offset,
            candidates=list(candidates),
            if_sound=if_sound,
        )
        return tuple(Fit(*each) for each in answer["fits"]) if answer and "fits" in answer else None

    async def close(self) -> None:
        """End the process, if there is one. The reader must not be asked again."""
        if not self._was_asked:
            return
        self._is_closed = True
        self._process.kill()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._process.bury()

    async def _answer(self, **question: object) -> dict[str, Any] | None:
        """Ask the process, when it is this question's turn; None: it died of it, or was closed meanwhile."""
        self._was_asked = True
        loop = asyncio.get_running_loop()
        await self._turn.acquire()
        if self._is_closed:
            self._turn.release()
            return None
        # The turn and its deadline last as long as the question does, though nobody may wait for it any more.
        watch = loop.call_later(self._answer_timeout_s, self._process.kill)
        asked = loop.run_in_executor(self._thread, self._ask, question)

        def end_turn(_asked: asyncio.Future[dict[str, Any] | None]) -> None:
            watch.cancel()
            self._turn.release()

        asked.add_done_callback(end_turn)
        return await asyncio.shield(asked)

    # -- in the thread ------------------------------------------------------------------------

    def _ask(self, question: dict[str, object]) -> dict[str, Any] | None:
        try:
            self._process.start()
        except OSError:
            return None
        answer = self._process.ask(question)
        if answer is None:
            self._process.bury()
        return answer
