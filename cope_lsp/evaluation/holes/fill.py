"""Ways to fill a hole with one and the same model: its raw call, and ghost text as the product makes it."""

import ast
import hashlib
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cope_lsp.assistant import Assistant
from cope_lsp.completion import prompt as ghost
from cope_lsp.config import Config
from cope_lsp.errors import CopeError
from cope_lsp.evaluation.holes.hole import Hole
from cope_lsp.models import catalog
from cope_lsp.models.base import TextModel
from cope_lsp.models.local import model_from
from cope_lsp.values import CompletionRequest, Document, Generation, Limits, Sample, Silence, SilenceReason

Way = Literal["raw", "raw-newline", "automatic", "explicit"]
"""How a hole is filled. `raw`: one greedy call, cut after as many lines as stood in the hole, where blank
lines at its beginning are free. `raw-newline`: the same, cut at the first newline, whatever stands before it.
`automatic`, `explicit`: the first item that is shown, to somebody who typed or who asked by a key."""

RAW_WAYS: frozenset[Way] = frozenset({"raw", "raw-newline"})

LINE_TOKENS = 64
DEADLINE_S = 300.0
"""Of a raw call."""

INDEX_WAIT_S = 120.0
"""How long the index of a workspace may take."""

ANOTHER = "another sample"
"""A step: not the likeliest text is shown, but another that the model drew."""

_WROTE = "model"
"""The heading under which a completion notes what a model wrote."""

_NO_ANSWER: frozenset[SilenceReason] = frozenset(
    {"disabled", "language", "manual", "model-unavailable", "not-sent", "resting", "snoozed"}
)
"""Silence that says nothing of how good suggestions are."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What came for a hole."""

    text: str | None
    """None: nothing was shown."""
    reason: str = ""
    """Why nothing was shown."""
    steps: tuple[str, ...] = ()
    """What filters and the syntax gate did to the likeliest text, and `ANOTHER`."""
    milliseconds: float = 0.0


class Filler:
    """One model, and the product on top of it."""

    def __init__(self, config: Config, workspace: Path | None = None) -> None:
        """Load nothing yet.

        Args:
            config: the user's settings; those of when ghost text comes do not count.
            workspace: the folder whose other files may be shown to the model (`context.related`), if any.

        Raises:
            CopeError: the settings name a server (what is measured here is a file on this machine), or the
                file of the model cannot be read.
        """
        if config.model_endpoint:
            msg = f"a model file on this machine is measured, and model.endpoint is {config.model_endpoint}"
            raise CopeError(msg)
        # What lets ghost text rest, or switches it off, would be measured as if the model had nothing to say.
        self._config = replace(
            config,
            completion_enabled=True,
            completion_back_off="never",
            completion_trigger="auto",
            completion_manual_in=(),
            completion_off_in=(),
        )
        self._workspace = workspace if config.context_related else None
        self._is_indexed = False
        self.digest = _digest(catalog.resolve(config.model_path))
        self.model: TextModel = model_from(self._config)
        self.assistant = Assistant(self._config, self.model)

    def label(self, way: Way) -> str:
        """Return the name of a way in tables and files."""
        return way if self._config.context_related or way in RAW_WAYS else f"{way}, one file"

    async def fill(self, hole: Hole, way: Way) -> Filling:
        """Return what comes for a hole, and after how many milliseconds; the model is loaded before.

        Raises:
            CopeError: the model cannot be asked.
        """
        info = await self.assistant.model_info()
        if way in RAW_WAYS:
            started = time.perf_counter()
            filling = await self._raw(hole, at_newline=way == "raw-newline")
            return replace(filling, milliseconds=1_000 * (time.perf_counter() - started))
        request = hole.request(explicit=way == "explicit")
        if ghost.shows_elsewhere(info):
            await self._open(request.document)
        try:
            return await self._shown(request)
        finally:
            self.assistant.related.closed(hole.uri)

    async def close(self) -> None:
        """End the engine."""
        await self.assistant.close()

    async def _raw(self, hole: Hole, *, at_newline: bool) -> Filling:
        info = await self.model.info()
        tokens = LINE_TOKENS * hole.lines
        stop = ("\n",) if at_newline else ()
        limits = Limits(tokens, DEADLINE_S, lines_max=hole.lines, stop=stop)
        wanted = Generation(ghost.build(hole.request(explicit=True), info, tokens), limits)
        async with aclosing(self.model.generate(wanted)) as answers:
            texts = [answer.text async for answer in answers if isinstance(answer, Sample)]
        if not texts:
            raise CopeError("the engine gave no answer; see: cope-lsp doctor")
        return Filling(texts[0])

    async def _open(self, document: Document) -> None:
        """Open a file as an editor does, and wait for the index of its workspace, which is not measured."""
        if self._workspace is None:
            return
        self.assistant.related.opened(document, self._workspace)
        if not self._is_indexed:
            await self.assistant.related.ready(self._workspace, INDEX_WAIT_S)
            self._is_indexed = True

    async def _shown(self, request: CompletionRequest) -> Filling:
        heard = _Heard()
        started = time.perf_counter()
        completion = await self.assistant.complete(request, heard)
        milliseconds = 1_000 * (time.perf_counter() - started)
        if not isinstance(completion, Silence):
            return Filling(completion.text, "", heard.steps(completion.text), milliseconds)
        if completion.reason in _NO_ANSWER:
            raise CopeError(f"no suggestion can be measured ({completion.reason}): {completion.detail}")
        return Filling(None, completion.reason, heard.steps(None), milliseconds)


class _Heard:
    """Listens to what happens on the way to an answer."""

    def __init__(self) -> None:
        self._notes: list[tuple[str, str]] = []

    def __call__(self, heading: str, text: str) -> None:
        """Take a note."""
        self._notes.append((heading, text))

    def steps(self, shown: str | None) -> tuple[str, ...]:
        """Return what was done to the likeliest text, and whether another one was shown."""
        wrote = [index for index, (heading, _) in enumerate(self._notes) if heading == _WROTE]
        if not wrote:
            return ()
        first, end = wrote[0], [*wrote, len(self._notes)][1]
        done = dict.fromkeys(heading for heading, _ in self._notes[first + 1 : end] if heading != "shown")
        is_another = shown is not None and shown not in ast.literal_eval(
            self._notes[first][1].removeprefix("wrote ")
        )
        return (*done, ANOTHER) if is_another else tuple(done)


def _digest(path: Path) -> str:
    """Return the first 16 digits of the sha256 of a model's file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CopeError(msg) from error
