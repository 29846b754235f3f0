"""A GGUF file, run by the engine on this machine."""

from collections.abc import AsyncGenerator
from pathlib import Path

from cope_lsp.config import Config
from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models import catalog
from cope_lsp.values import Generation, ModelInfo, Sample, Usage


class LocalModel:
    """Implements `TextModel` on an engine process."""

    def __init__(self, path: Path, settings: EngineSettings) -> None:
        self.path = path
        self.engine = EngineProcess(path, settings)

    @classmethod
    def from_config(cls, config: Config) -> "LocalModel":
        """Return the model that the settings name, or the embedded one. Nothing is loaded yet."""
        settings = EngineSettings(
            context_tokens=config.context_tokens,
            threads=config.threads,
            gpu_layers=config.gpu_layers,
        )
        return cls(catalog.resolve(config.model_path), settings)

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        return await self.engine.start()

    def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`."""
        return self.engine.generate(generation)

    async def close(self) -> None:
        """See `TextModel`."""
        await self.engine.close()
