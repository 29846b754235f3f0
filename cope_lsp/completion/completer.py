"""From a place in a text to ghost text, or to the reason why there is none."""

import time
from contextlib import aclosing

from cope_lsp.completion import filters, prompt
from cope_lsp.completion.cache import SuggestionCache
from cope_lsp.completion.request import Place, limits_for, place_of
from cope_lsp.errors import CopeError
from cope_lsp.models.base import TextModel
from cope_lsp.models.elsewhere import about, shown
from cope_lsp.text import units
from cope_lsp.values import (
    Completion,
    CompletionRequest,
    Generation,
    ModelInfo,
    Sample,
    Silence,
    Suggestion,
)

DOCUMENT_BYTES_MAX = 2_000_000


class Completer:
    """Completes with one model; remembers what it suggested."""

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._unasked = SuggestionCache()
        self._asked = SuggestionCache()

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return a suggestion for the place of `request`, or why there is none. Raises nothing of ours."""
        started = time.perf_counter()
        document, offset = request.document, request.offset
        place = place_of(document.text, offset)
        if silence := _not_here(request, place):
            return silence
        if remembered := self._remembered(request):
            return Suggestion(remembered, time.perf_counter() - started, from_cache=True)
        try:
            answer = await self._ask(request, place)
        except CopeError as error:
            return Silence("model-unavailable", str(error))
        if isinstance(answer, Silence):
            return answer
        cache = self._asked if request.explicit else self._unasked
        cache.put(document.uri, document.text, offset, answer)
        return Suggestion(answer, time.perf_counter() - started)

    def _remembered(self, request: CompletionRequest) -> str | None:
        """Return what is left of an earlier suggestion.

        Who asks by a key gets more than one line: what was offered unasked is no answer to that.
        """
        caches = (self._asked,) if request.explicit else (self._unasked, self._asked)
        uri, text = request.document.uri, request.document.text
        found = (cache.get(uri, text, request.offset) for cache in caches)
        return next((text for text in found if text), None)

    async def _ask(self, request: CompletionRequest, place: Place) -> str | Silence:
        model = about(self._model, request.document.uri)
        info = await model.info()
        if not speaks(info, request.document.language):
            return Silence("language", _wrong_language(info, request.document.language))
        limits = limits_for(request, place)
        seen = await shown(model, request)
        generation = Generation(prompt.build(seen, info, limits.output_tokens_max), limits)
        async with aclosing(model.generate(generation)) as answers:
            drafts = [answer async for answer in answers if isinstance(answer, Sample)]
        if not drafts:
            return Silence("empty", "the model had no time to answer")
        return _filtered(drafts[0], request, place)


def speaks(model: ModelInfo, language: str) -> bool:
    """Whether the model is any good for an LSP language id."""
    return model.languages is None or language in model.languages


def _wrong_language(model: ModelInfo, language: str) -> str:
    known = ", ".join(model.languages or ())
    return f"{model.name} was trained on {known} only, not on {language}"


def _not_here(request: CompletionRequest, place: Place) -> Silence | None:
    """The reasons that need no model."""
    if units(request.document.text, "utf-8") > DOCUMENT_BYTES_MAX:
        return Silence("large-document", f"the document is above {DOCUMENT_BYTES_MAX} bytes")
    if place.inside_word and not request.explicit:
        return Silence("inside-word")
    return None


def _filtered(draft: Sample, request: CompletionRequest, place: Place) -> str | Silence:
    below = request.document.text[request.offset + len(place.after) :]
    return filters.apply(draft.text, filters.Surroundings(place, below, request.explicit))
