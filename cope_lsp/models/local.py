"""The small model: a GGUF file that the engine on this machine runs, and which other ways there are."""

import importlib.util
from collections.abc import AsyncGenerator
from pathlib import Path

from cope_lsp.config import Config
from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings, EngineStatus
from cope_lsp.errors import EngineUnavailableError
from cope_lsp.models import catalog
from cope_lsp.models.base import TextModel
from cope_lsp.models.hardware import MEMORY_SHARE_MAX, look
from cope_lsp.models.llama_server import PROGRAM, LlamaServerModel, find_program
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import Generation, ModelInfo, ModelState, Sample, Usage


class LocalModel:
    """Implements `TextModel` on an engine process."""

    def __init__(
        self, path: Path, settings: EngineSettings, restarts_max: int, *, shared: bool = False
    ) -> None:
        self.path = path
        self.engine = EngineProcess(path, settings, restarts_max, shared=shared)

    @classmethod
    def from_config(cls, config: Config) -> "LocalModel":
        """Return the model that the settings name, or the embedded one. Nothing is loaded yet."""
        path = catalog.resolve(config.model_path)
        settings = _engine_settings(config)
        return cls(path, settings, config.restarts_max, shared=config.engine_shared)

    @property
    def state(self) -> ModelState:
        """See `TextModel`."""
        return self.engine.state

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        return await self.engine.start()

    async def status(self) -> EngineStatus | None:
        """Return what the engine does; None when it does not run."""
        return await self.engine.status()

    def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`."""
        return self.engine.generate(generation)

    async def close(self) -> None:
        """See `TextModel`."""
        await self.engine.close()


class NoEngine:
    """Implements `TextModel` where nothing is installed that could run one: it says so."""

    state: ModelState = "unavailable"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        raise EngineUnavailableError(self.reason)

    async def generate(self, _generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`."""
        raise EngineUnavailableError(self.reason)
        yield  # type: ignore[unreachable]  # it makes this an iterator

    async def close(self) -> None:
        """See `TextModel`."""


def model_from(config: Config) -> TextModel:
    """Return the small model that the settings name. Nothing is loaded, started or asked yet."""
    if config.model_endpoint:
        return RemoteModel.from_config(config)
    if config.engine_backend != "llama-server" and has_llama_cpp():
        return LocalModel.from_config(config)
    program = None if config.engine_backend == "llama-cpp" else find_program()
    if program:
        path = catalog.resolve(config.model_path)
        return LlamaServerModel(program, path, _engine_settings(config), config.restarts_max)
    return NoEngine(_missing(config.engine_backend))


def has_llama_cpp() -> bool:
    """Whether llama-cpp-python is installed. It is not imported: that is for the engine's process alone."""
    return importlib.util.find_spec("llama_cpp") is not None


def _missing(backend: str) -> str:
    ways = {
        "llama-cpp": "install it: pip install llama-cpp-python",
        "llama-server": f"put llama.cpp's {PROGRAM} on PATH (Debian and Homebrew: the package llama.cpp)",
    }
    if backend in ways:
        return f"engine.backend = {backend}, and that is not here; {ways[backend]}, or set it to auto"
    both = f"{ways['llama-cpp']}; or {ways['llama-server']}"
    step = f"{both[0].upper()}{both[1:]}; or use a server: cope-lsp models use URL"
    return f"nothing here can run a model. {step}"


def same_model(one: Config, other: Config) -> bool:
    """Whether two settings name the same model, run in the same way."""
    return _named(one) == _named(other) and _engine_settings(one) == _engine_settings(other)


def _named(config: Config) -> tuple[object, ...]:
    server = (config.model_endpoint, config.model_served_as, config.model_format)
    return (config.model_path, config.engine_backend, config.engine_shared, *server)


def _engine_settings(config: Config) -> EngineSettings:
    return EngineSettings(
        context_tokens=config.context_tokens,
        threads=config.threads,
        gpu_layers=config.gpu_layers,
        draft_path=str(config.model_draft_path.absolute()) if config.model_draft_path else "",
        idle_s=float(config.engine_idle_s),
        memory_bytes_max=config.engine_memory_mb * 1_000_000 or _default_memory_bytes(),
    )


def _default_memory_bytes() -> int:
    return int((look(None).memory_bytes or 0) * MEMORY_SHARE_MAX)
