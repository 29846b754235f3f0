"""Text of one file for a model that may be elsewhere: each request asks leave, and secrets stay here."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import lru_cache

from cope_lsp.egress.excerpt import without_secrets
from cope_lsp.models.base import TextModel
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import CompletionRequest, Excerpt, Generation, ModelInfo, ModelState, Sample, Usage


def about(model: TextModel, uri: str) -> TextModel:
    """Return `model` for text of the file at `uri`: the same, unless that text would leave the machine."""
    return _OfFile(model, uri) if isinstance(model, RemoteModel) else model


async def shown(model: TextModel, request: CompletionRequest) -> CompletionRequest:
    """Return what of a request is shown to a model that `about` returned.

    Where it is elsewhere, secrets are taken out of the whole text: what is cut out of it afterwards holds no
    half of one. A cursor inside of a secret then stands behind it.
    """
    if not isinstance(model, _OfFile):
        return request
    document = request.document
    text, offset = await asyncio.to_thread(without_secrets, document.text, request.offset)
    return replace(request, document=replace(document, text=text), offset=offset)


async def excerpts_shown(model: TextModel, excerpts: Sequence[Excerpt]) -> tuple[Excerpt, ...]:
    """Return what of excerpts of other files is shown to a model that `about` returned, in their order.

    Where it is elsewhere, those whose own file may go there, without secrets.
    """
    if not isinstance(model, _OfFile):
        return tuple(excerpts)
    return await asyncio.to_thread(model.may_see, excerpts)


@lru_cache(128)
def _without_secrets(text: str) -> str:
    return without_secrets(text, 0)[0]  # the same excerpts come with each key


class _OfFile:
    """Implements `TextModel` on a server, for text of one file."""

    def __init__(self, model: RemoteModel, uri: str) -> None:
        self._model = model
        self._uri = uri

    @property
    def state(self) -> ModelState:
        """See `TextModel`."""
        return self._model.state

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        return await self._model.info(self._uri)

    def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`."""
        return self._model.generate(generation, self._uri)

    def may_see(self, excerpts: Sequence[Excerpt]) -> tuple[Excerpt, ...]:
        """Return the excerpts of files that may go to the server, without secrets. It reads the disk."""
        allowed = {uri: not self._model.objection(uri) for uri in {each.uri for each in excerpts}}
        kept = (each for each in excerpts if each.uri and allowed[each.uri])
        return tuple(replace(each, text=_without_secrets(each.text)) for each in kept)

    async def close(self) -> None:
        """See `TextModel`. The server is that of all files, and is closed with the model."""
