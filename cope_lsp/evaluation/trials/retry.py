"""A stand-in that is asked again: a hosted model draws its answers, so its second try is another one."""

import hashlib
import re
from collections.abc import AsyncGenerator
from contextvars import ContextVar
from dataclasses import dataclass, replace

from cope_lsp.cascade import understudy
from cope_lsp.models.base import TextModel
from cope_lsp.models.standin import Asked, Reader, Reading
from cope_lsp.values import Generation, ModelInfo, ModelState, Sample, Sampling, Usage

TEMPERATURE = 0.8
VERIFY_SYSTEM = (
    "You check code that a small model wrote. Does the function do what its documentation says, also in the "
    "edge cases? Answer with one word, yes or no."
)
_YES = "\n# Does it do what its documentation says? Answer yes or no:\n#"

_FAILED = re.compile(r"^Now it fails: try [0-9]+ of [0-9]+: ", re.MULTILINE)

_seed: ContextVar[int | None] = ContextVar("seed", default=None)
"""Of the question that is answered in this task; None: it is answered greedily."""


def complaint(number: int, tries: int, evidence: str) -> str:
    """Return what a large model is told of a try that failed."""
    return f"try {number} of {tries}: {evidence}"


@dataclass(frozen=True, slots=True)
class Retrying:
    """Implements `TextModel`: what is asked after a failed try is drawn, with a seed from the question."""

    model: TextModel

    @classmethod
    def of(cls, model: TextModel) -> tuple["Retrying", Reader]:
        """Return the model, and how it reads questions; both belong to one `StandIn`."""
        return cls(model), _read

    @property
    def state(self) -> ModelState:
        """See `TextModel`."""
        return self.model.state

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        return await self.model.info()

    def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`."""
        seed = _seed.get()
        if seed is not None:
            generation = replace(generation, sampling=Sampling(TEMPERATURE, seed=seed))
        return self.model.generate(generation)

    async def close(self) -> None:
        """See `TextModel`."""
        await self.model.close()


def _read(asked: Asked) -> Reading:
    is_again = _FAILED.search(asked.text)
    _seed.set(int.from_bytes(hashlib.sha256(asked.text.encode()).digest()[:4]) if is_again else None)
    if asked.system == VERIFY_SYSTEM:  # no more than that can be asked of a model that goes on with a text
        return Reading(f"{asked.text.rstrip()}{_YES}", stop=("\n",))
    return understudy.read(asked)
