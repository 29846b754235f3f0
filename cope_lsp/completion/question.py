"""One request on its way to the model and back: what is asked, and what of the answers can be shown."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from cope_lsp.checks.syntax.enclosure import piece
from cope_lsp.checks.syntax.insertion import WHOLE_CHARACTERS_MAX, Fit, are_told
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.checks.syntax.scene import Scene
from cope_lsp.completion import filters, prompt
from cope_lsp.completion.candidates import Candidate, ranked
from cope_lsp.completion.names import unknown_names
from cope_lsp.completion.note import Note
from cope_lsp.completion.request import Place, limits_for
from cope_lsp.errors import CopeError
from cope_lsp.models.base import TextModel
from cope_lsp.models.elsewhere import about, excerpts_shown, shown
from cope_lsp.values import (
    CompletionRequest,
    Excerpt,
    Generation,
    Limits,
    ModelInfo,
    Sample,
    Sampling,
    Silence,
)

SCENE_TIMEOUT_S = 0.25
FITS_TIMEOUT_S = 1.0
"""The process that reads syntax needs a millisecond. One that does not answer keeps nobody waiting, but what
was drawn is worth a while: without an answer it is shown as it is."""

SAMPLE_CHARACTERS_MAX = 4_000
"""Of a server that does not stop where it should, more is not even looked at."""

MORE_SAMPLES = 4
MORE_TEMPERATURE = 0.6
MORE_WITHIN_S = 0.3
"""An automatic request draws again only when the first draft came so soon."""
MORE_LEFT_S = 0.5
"""In less time nothing is begun."""

_DEF = re.compile(r"^[ \t]*(?:async[ \t]+)?def\b", re.MULTILINE)

Gather = Callable[[CompletionRequest, ModelInfo], Awaitable[tuple[Excerpt, ...]]]
Answer = TypeVar("Answer")


async def nothing_else(_request: CompletionRequest, _model: ModelInfo) -> tuple[Excerpt, ...]:
    """Find nothing that a model could be shown of other places."""
    return ()


class Question:
    """One request on its way to the model and back."""

    def __init__(
        self, request: CompletionRequest, place: Place, syntax: SyntaxReader, gather: Gather, note: Note
    ) -> None:
        """Take a request, and who helps to answer it: see `Completer`."""
        self._request = request
        self._place = place
        self._syntax = syntax
        self._gather = gather
        self._note = note
        document = request.document
        self._piece = piece(document.language, document.text, request.offset)
        self._silences: list[Silence] = []

    async def ask(self, model: TextModel) -> list[str] | Silence:
        """Return what can be shown, the best first, or why nothing can.

        Raises:
            CopeError: there is no model, or it failed.
        """
        request, started = self._request, time.monotonic()
        model = about(model, request.document.uri)
        info = await model.info()
        if not speaks(info, request.document.language):
            return Silence("language", _wrong_language(info, request.document.language))
        generation = await self._generation(model, info)
        found = await self._candidates(await _drawn(model, generation))
        left = generation.limits.deadline_s - (time.monotonic() - started)
        if self._wants_more(found, time.monotonic() - started) and left > MORE_LEFT_S:
            found += await self._more(model, _again(generation, left))
        if found:
            best = ranked(found)
            self._note("shown", f"{best[0].text!r}, of {len(best)} different")
            return [each.text for each in best] if request.explicit else [best[0].text]
        return self._silence()

    async def _more(self, model: TextModel, generation: Generation) -> list[Candidate]:
        """Return further candidates; none when the model fails now, since there is an answer already."""
        try:
            return await self._candidates(await _drawn(model, generation))
        except CopeError as error:
            self._note("model", f"failed when it was asked for more: {error}")
            return []

    def _wants_more(self, found: Sequence[Candidate], seconds: float) -> bool:
        """Whether to draw more than the likeliest text: for who asked, or where that cannot be shown."""
        return self._request.explicit or (not found and seconds < MORE_WITHIN_S)

    def _silence(self) -> Silence:
        """Return why nothing is shown: what the likeliest text lacked."""
        if not self._silences:
            return Silence("empty", "the model had no time to answer")
        first = self._silences[0]
        unsound = all(each.reason == "adds-error" for each in self._silences)
        return replace(first, offers_solve=unsound and self._request.explicit and self._is_in_function())

    def _is_in_function(self) -> bool:
        """Whether `solve` has something to write here, as far as the lines above tell."""
        document, above = self._request.document, self._piece.text[: self._piece.offset]
        return document.language == "python" and self._place.indent > 0 and bool(_DEF.search(above))

    # -- what is asked ------------------------------------------------------------------------

    async def _generation(self, model: TextModel, info: ModelInfo) -> Generation:
        request = self._request
        scene, excerpts = await asyncio.gather(self._scene(), self._gather(request, info))
        limits = limits_for(request, self._place, scene)
        seen = await shown(model, request)
        excerpts = await excerpts_shown(model, excerpts)
        self._note("place", _describe(scene))
        self._note("asked for", _extent(limits))
        for each in excerpts:
            self._note("also shown", f"{each.path}: {len(each.text)} characters")
        built = prompt.build(seen, info, limits.output_tokens_max, excerpts)
        return Generation(built, limits, logprobs=request.explicit)

    async def _scene(self) -> Scene | None:
        language, around = self._request.document.language, self._piece
        return await _within(SCENE_TIMEOUT_S, self._syntax.scene(language, around.text, around.offset))

    # -- what is shown ------------------------------------------------------------------------

    async def _candidates(self, samples: Sequence[Sample]) -> list[Candidate]:
        """Return the samples that can be shown, each as much of it as can."""
        filtered = [(sample, text) for sample in samples if (text := self._filtered(sample))]
        fits = await self._fits([text for _, text in filtered])
        return [
            candidate
            for (sample, text), fit in zip(filtered, fits, strict=True)
            if (candidate := self._candidate(sample, text, fit))
        ]

    def _filtered(self, sample: Sample) -> str:
        """Return what the filters leave of a sample; "" for nothing."""
        request, place = self._request, self._place
        document, offset = request.document, request.offset
        around = filters.Surroundings(
            place,
            explicit=request.explicit,
            above=document.text[self._piece.start : offset - len(place.before)],
            language=document.language,
            is_cut_off=sample.finish in ("length", "deadline"),
        )
        left = filters.apply(sample.text[:SAMPLE_CHARACTERS_MAX], around, self._note)
        if isinstance(left, Silence):
            self._silences.append(left)
            return ""
        return left

    async def _fits(self, texts: Sequence[str]) -> Sequence[Fit | None]:
        if not texts:
            return ()
        document, around = self._request.document, self._piece
        fits = await _within(
            FITS_TIMEOUT_S, self._syntax.fits(document.language, around.text, around.offset, texts)
        )
        if fits and around.is_certain and are_told(fits):
            return fits
        return await self._fits_in_whole(texts) or fits or [None] * len(texts)

    async def _fits_in_whole(self, texts: Sequence[str]) -> Sequence[Fit] | None:
        """Judge by the whole document, if that is short enough and has no error as it is."""
        document, offset = self._request.document, self._request.offset
        if len(document.text) > WHOLE_CHARACTERS_MAX or document.text == self._piece.text:
            return None
        whole = self._syntax.fits(document.language, document.text, offset, texts, if_sound=True)
        return await _within(FITS_TIMEOUT_S, whole)

    def _candidate(self, sample: Sample, text: str, fit: Fit | None) -> Candidate | None:
        left = text if fit is None else text[: fit.length].rstrip()
        if left != text:
            self._note("syntax", f"of {text!r} no more than {left!r} adds no error")
        if not left.strip():
            self._silences.append(Silence("adds-error", f"the model wrote {text[:80]!r}"))
            return None
        document = self._request.document
        is_python = document.language == "python"
        unknown = unknown_names(left, document.text, self._request.offset) if is_python else ()
        return Candidate(
            left,
            compiles=fit.compiles if fit else None,
            unknown_names=len(unknown),
            log_probability=sum(sample.logprobs or ()),
            shape=(fit.shape if fit and left == text else "") or " ".join(left.split()),
        )


async def _within(seconds: float, answer: Awaitable[Answer | None]) -> Answer | None:
    try:
        async with asyncio.timeout(seconds):  # `wait_for` may forget that it was cancelled (Python 3.11)
            return await answer
    except TimeoutError:
        return None


async def _drawn(model: TextModel, generation: Generation) -> list[Sample]:
    async with aclosing(model.generate(generation)) as answers:
        return [answer async for answer in answers if isinstance(answer, Sample)]


def _again(generation: Generation, deadline_s: float) -> Generation:
    """Return the same question for other texts than the likeliest one."""
    return replace(
        generation,
        limits=replace(generation.limits, deadline_s=deadline_s),
        sampling=Sampling(MORE_TEMPERATURE),
        samples=MORE_SAMPLES,
        logprobs=True,
    )


def speaks(model: ModelInfo, language: str) -> bool:
    """Whether the model is any good for an LSP language id."""
    return model.languages is None or language in model.languages


def _wrong_language(model: ModelInfo, language: str) -> str:
    known = ", ".join(model.languages or ())
    return f"{model.name} was trained on {known} only, not on {language}"


def _describe(scene: Scene | None) -> str:
    if scene is None:
        return "there is no tree of it"
    opens = ", where a block begins" if scene.opens_block else ""
    return f"{scene.kind}{opens}; what belongs to it is indented by {scene.indent}"


def _extent(limits: Limits) -> str:
    if limits.stop:
        what = "the rest of the line"
    else:
        what = "one line" if limits.lines_max == 1 else f"a block of {limits.lines_max} lines at most"
    return f"{what}, {limits.output_tokens_max} tokens at most, within {limits.deadline_s:g} s"
