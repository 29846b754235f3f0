"""A task as the family writes them, and a model that says what it is told and remembers what it was asked."""

from collections.abc import AsyncGenerator, Sequence

from cope_lsp.evaluation.tasks import Task
from cope_lsp.values import Generation, ModelInfo, ModelState, Sample, Text, Usage

PEAK = Task(
    id="held-out:1",
    kind="function",
    name="peak",
    signature="def peak(readings):",
    docstring="Return how high the readings ever climbed.",
    goal="the largest of the readings",
    guideline="Take max with default 0.",
    reference="    return max(readings, default=0)\n",
    visible_tests=("assert peak([1]) == 1", "assert peak([2, 3]) == 3"),
    hidden_tests=("assert peak([]) == 0", "assert peak([-1, -2]) == -1"),
    wording="indirect",
)

HEAD = 'def peak(readings):\n    """Return how high the readings ever climbed."""\n'


class Scribe:
    """Implements `TextModel`: writes the next text of a list for each sample."""

    def __init__(self, *texts: str) -> None:
        self.asked: list[Generation] = []
        self._texts = iter(texts)

    @property
    def prompts(self) -> list[str]:
        return [_shown(generation.prompt) for generation in self.asked]

    @property
    def state(self) -> ModelState:
        return "ready"

    async def info(self) -> ModelInfo:
        return ModelInfo("scribe", "", 1, 1, 4_096, fim=True, languages=None, gpu=False)

    async def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        self.asked.append(generation)
        for index in reversed(range(generation.samples)):  # samples end in any order
            yield Sample(index, next(self._texts), 7, "stop")
        yield Usage(10, 0, 7 * generation.samples, 0.0, 0.0)

    async def close(self) -> None:
        return


def _shown(prompt: Sequence[object]) -> str:
    return "".join(part.text if isinstance(part, Text) else f"<{part.role}>" for part in prompt)  # type: ignore[attr-defined]
