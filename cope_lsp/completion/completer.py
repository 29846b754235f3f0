"""From a place in a text to ghost text, or to the reason why there is none."""

import asyncio
import time

from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion.cache import SuggestionCache
from cope_lsp.completion.candidates import SHOWN_MAX
from cope_lsp.completion.note import Note, unheard
from cope_lsp.completion.pace import Pace
from cope_lsp.completion.question import Gather, Question, nothing_else
from cope_lsp.completion.request import place_of
from cope_lsp.errors import CopeError
from cope_lsp.models.base import TextModel
from cope_lsp.text import units
from cope_lsp.values import Completion, CompletionRequest, Silence, Suggestion

DOCUMENT_BYTES_MAX = 2_000_000


class Completer:
    """Completes with one model; remembers what it suggested."""

    def __init__(
        self, model: TextModel, syntax: SyntaxReader, pace: Pace, gather: Gather = nothing_else
    ) -> None:
        """Begin without any memory.

        Args:
            model: who writes.
            syntax: who judges what it wrote; the caller closes it.
            pace: how long an automatic request waits for the next key.
            gather: finds what a model is shown of other places.
        """
        self._model = model
        self._syntax = syntax
        self._pace = pace
        self._gather = gather
        self._unasked = SuggestionCache()
        self._asked = tuple(SuggestionCache() for _ in range(SHOWN_MAX))
        """The best suggestion of each place, the second best, and so on."""

    async def complete(
        self, request: CompletionRequest, *, idle_s: float = 0.0, note: Note = unheard
    ) -> Completion:
        """Return a suggestion for the place of `request`, or why there is none. Raises nothing of ours.

        Args:
            request: where, and whether somebody asked by a key.
            idle_s: how long nobody must have typed before an automatic request is answered.
            note: is told what happens on the way.
        """
        started = time.perf_counter()
        document, offset = request.document, request.offset
        if units(document.text, "utf-8") > DOCUMENT_BYTES_MAX:
            return Silence("large-document", f"the document is above {DOCUMENT_BYTES_MAX} bytes")
        place = place_of(document.text, offset)
        if place.inside_word and not request.explicit:
            return Silence("inside-word")
        if remembered := self._remembered(request):
            note("memory", f"it is left of an earlier suggestion: {remembered.text!r}")
            return remembered
        if not request.explicit and not request.hurried:
            await asyncio.sleep(self._pace.delay(document.text, offset, time.monotonic(), idle_s))
        asked = time.perf_counter()
        try:
            answer = await Question(request, place, self._syntax, self._gather, note).ask(self._model)
        except CopeError as error:
            return Silence("model-unavailable", str(error))
        if not request.explicit:
            self._pace.latency(time.perf_counter() - asked)
        if isinstance(answer, Silence):
            return answer
        for cache, text in zip(self._asked if request.explicit else (self._unasked,), answer, strict=False):
            cache.put(document.uri, document.text, offset, text)
        return Suggestion(answer[0], time.perf_counter() - started, others=tuple(answer[1:]))

    def typed_on(self, request: CompletionRequest) -> Suggestion | None:
        """Return what is left of what somebody asked for by a key and has begun to type; None for nothing."""
        document, offset = request.document, request.offset
        if len(document.text) > DOCUMENT_BYTES_MAX or place_of(document.text, offset).inside_word:
            return None
        texts = (cache.get(document.uri, document.text, offset, only_typed=True) for cache in self._asked)
        left = next((text for text in texts if text), None)
        return None if left is None else Suggestion(left, from_cache=True)

    def _remembered(self, request: CompletionRequest) -> Suggestion | None:
        """Return what is left of an earlier suggestion; None when nothing is.

        Who asks by a key gets more than one line: what was offered unasked is no answer to that.
        """
        started = time.perf_counter()
        caches = self._asked if request.explicit else (self._unasked, *self._asked)
        uri, text = request.document.uri, request.document.text
        found = dict.fromkeys(left for cache in caches if (left := cache.get(uri, text, request.offset)))
        if not found:
            return None
        best, *others = found
        seconds = time.perf_counter() - started
        return Suggestion(best, seconds, from_cache=True, others=tuple(others) if request.explicit else ())
