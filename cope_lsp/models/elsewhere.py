"""Text of one file for a model that may be elsewhere: each request asks leave, and secrets stay here."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from cope_lsp.egress.excerpt import without_secrets
from cope_lsp.models.base import TextModel
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import CompletionRequest, Generation, ModelInfo, ModelState, Sample, Usage


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

    async def close(self) -> None:
        """See `TextModel`. The server is that of all files, and is closed with the model."""
