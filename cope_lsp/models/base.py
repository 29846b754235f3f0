"""What every model can do, wherever it runs."""

from collections.abc import AsyncGenerator
from typing import Protocol

from cope_lsp.values import Generation, ModelInfo, ModelState, Sample, Usage


class TextModel(Protocol):
    """Draws samples from prompts."""

    @property
    def state(self) -> ModelState:
        """Whether it is loaded. To ask does not load it."""
        ...

    async def info(self) -> ModelInfo:
        """Return what is known of the model, loading it when it is not loaded yet.

        Raises:
            CopeError: there is no model; the message says why.
        """
        ...

    def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """Yield each sample as it is complete, and the usage at the end.

        Close the iterator to cancel what is left.
        """
        ...

    async def close(self) -> None:
        """Free everything that the model holds."""
        ...
