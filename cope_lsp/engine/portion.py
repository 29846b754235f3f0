"""How much of a prompt is evaluated at once: what a cancellation or a more urgent request waits for."""

BATCH_SECONDS_MAX = 0.04
"""A portion is sized by measured speed to take no longer."""

PREFILL_TOKENS_MIN = 32
"""Smaller batches make no use of a CPU: with 0.4 billion parameters, 16 tokens at a time cost a fifth
of the speed and 8 more than a third, 32 nothing."""


class Portion:
    """How many tokens of a prompt one network evaluates at once."""

    def __init__(self) -> None:
        self._token_s = 0.0
        """Seconds for a token among many; 0: not known yet."""

    @property
    def tokens(self) -> int:
        """As many as take `BATCH_SECONDS_MAX`."""
        return max(PREFILL_TOKENS_MIN, int(BATCH_SECONDS_MAX / self._token_s) if self._token_s else 0)

    def seconds(self, tokens: int) -> float:
        """Return how long so many tokens take; 0 when that is not known yet."""
        return tokens * self._token_s

    def learn(self, tokens: int, seconds: float) -> None:
        """Take how long a portion took; a small one says nothing of large ones."""
        if tokens >= PREFILL_TOKENS_MIN:
            self._token_s = max(seconds, 1e-6) / tokens
