"""A GGUF file, run by the engine on this machine."""

from collections.abc import AsyncGenerator
from pathlib import Path

from cope_lsp.config import Config
from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models import catalog
from cope_lsp.values import Generation, ModelInfo, ModelState, Sample, Usage


class LocalModel:
    """Implements `TextModel` on an engine process."""

    def __init__(self, path: Path, settings: EngineSettings, restarts_max: int) -> None:
        self.path = path
        self.engine = EngineProcess(path, settings, restarts_max)

    @classmethod
    def from_config(cls, config: Config) -> "LocalModel":
        """Return the model that the settings name, or the embedded one. Nothing is loaded yet."""
        path = catalog.resolve(config.model_path)
        return cls(path, _engine_settings(config), config.restarts_max)

    @property
    def state(self) -> ModelState:
        """See `TextModel`."""
        return self.engine.state

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        return await self.engine.start()

    def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`."""
        return self.engine.generate(generation)

    async def close(self) -> None:
        """See `TextModel`."""
        await self.engine.close()


def same_model(one: Config, other: Config) -> bool:
    """Whether two settings name the same file, run in the same way."""
    return one.model_path == other.model_path and _engine_settings(one) == _engine_settings(other)


def _engine_settings(config: Config) -> EngineSettings:
    return EngineSettings(
        context_tokens=config.context_tokens,
        threads=config.threads,
        gpu_layers=config.gpu_layers,
    )
