"""The product behind every surface: server, command line, demo and evaluation ask the `Assistant`."""

import asyncio

from cope_lsp.completion.completer import Completer
from cope_lsp.config import Config
from cope_lsp.models.base import TextModel
from cope_lsp.models.local import LocalModel, same_model
from cope_lsp.values import Completion, CompletionRequest, ModelInfo, Silence


class Assistant:
    """Wires the parts from the settings. Nothing is loaded before the first question."""

    def __init__(self, config: Config, model: TextModel) -> None:
        self.config = config
        self._model = model
        self._completer = Completer(model)
        self._retiring: asyncio.Future[None] | None = None

    @classmethod
    def from_config(cls, config: Config) -> "Assistant":
        """Return an assistant with the model that the settings name."""
        return cls(config, LocalModel.from_config(config))

    def use(self, config: Config) -> None:
        """Take other settings from now on; another model replaces the one that is loaded."""
        if not same_model(config, self.config):
            self._retiring = asyncio.ensure_future(self._model.close())
            self._model = LocalModel.from_config(config)
            self._completer = Completer(self._model)
        self.config = config

    async def complete(self, request: CompletionRequest) -> Completion:
        """Return ghost text, or the reason why there is none. Never leaves the machine."""
        if not self.config.completion_enabled:
            return Silence("disabled", "completion.enabled is false")
        return await self._completer.complete(request)

    async def model_info(self) -> ModelInfo:
        """Return what is known of the local model, loading it first.

        Raises:
            CopeError: there is no model; the message says why.
        """
        return await self._model.info()

    async def close(self) -> None:
        """End the engine."""
        await self._model.close()
        if self._retiring is not None:
            await self._retiring
