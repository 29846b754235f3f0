"""A real engine process on the embedded model."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models.catalog import embedded_path
from cope_lsp.values import Generation, Limits, Priority, Prompt, Sample, Sampling, Text, Usage
from tests.random_model import write_random_model

MakeEngine = Callable[..., EngineProcess]


@pytest.fixture
async def make_engine() -> AsyncIterator[MakeEngine]:
    """Return a maker of engines that are closed when the test ends."""
    made: list[EngineProcess] = []

    def make(path: Path | None = None, *, shared: bool = False, **settings: Any) -> EngineProcess:
        made.append(EngineProcess(path or embedded_path(), EngineSettings(**settings), shared=shared))
        return made[-1]

    yield make
    for engine in made:
        await engine.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> EngineProcess:
    return make_engine()


@pytest.fixture(scope="session")
def model_without_fim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "no-fim.gguf"
    return write_random_model(path, fim=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that came of one generation."""

    samples: list[Sample]
    usage: Usage

    @property
    def texts(self) -> list[str]:
        return [sample.text for sample in sorted(self.samples, key=lambda sample: sample.index)]


def prompt(text: str) -> Prompt:
    return (Text(text, 2000, "tail"),)


def generation(
    text: str = "def add(a, b):\n    return",
    *,
    tokens: int = 16,
    samples: int = 1,
    temperature: float = 0.0,
    deadline_s: float = 30.0,
    priority: Priority = "interactive",
    seed: int = 1,
) -> Generation:
    sampling = Sampling(temperature=temperature, seed=seed)
    return Generation(prompt(text), Limits(tokens, deadline_s), sampling, samples, priority)


async def draw(engine: EngineProcess, wanted: Generation) -> Answer:
    samples, usage = [], None
    async with aclosing(engine.generate(wanted)) as answers:
        async for answer in answers:
            if isinstance(answer, Usage):
                usage = answer
            else:
                samples.append(answer)
    assert usage is not None
    return Answer(samples, usage)
