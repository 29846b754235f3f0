"""How much of a prompt is evaluated at once: what a cancellation or a more urgent request waits for."""

BATCH_SECONDS_MAX = 0.04
"""A portion is sized by measured speed to take no longer: it is what a cancellation waits for."""

INTERRUPTIBLE_SECONDS_MAX = 0.15
"""One that can be interrupted may be larger: with 0.4 billion parameters, 64 tokens at a time are read as
fast as 512, and 32 a tenth more slowly."""

UNHURRIED_SECONDS_MAX = 0.6
"""And larger still where no key is about to interrupt it, after which it would be read anew."""

TILE = 16
"""llama.cpp multiplies so many tokens at once: 64 of them take hardly longer than 60."""

WORTH_FINISHING = 0.6
WORTH_FINISHING_S = 0.03
"""A batch of which more is done than this share, and that has no more than so many seconds left, is not
interrupted: of the rest nobody waits long, and who types on and on would never see it read otherwise."""

PREFILL_TOKENS_MIN = 32
"""Smaller batches make no use of a CPU: with 0.4 billion parameters, 16 tokens at a time cost a fifth
of the speed and 8 more than a third, 32 nothing."""


class Portion:
    """How many tokens of a prompt one network evaluates at once."""

    def __init__(self, *, interruptible: bool = False) -> None:
        """Know nothing yet.

        Args:
            interruptible: whether its evaluation can be interrupted.
        """
        self._interruptible = interruptible
        self._token_s = 0.0
        """Seconds for a token among many; 0: not known yet."""

    def tokens(self, *, unhurried: bool = False) -> int:
        """Return as many as take the longest time that is allowed.

        Args:
            unhurried: nobody who types waits for it, or may interrupt it before it is done.
        """
        longest = BATCH_SECONDS_MAX
        if self._interruptible:
            longest = UNHURRIED_SECONDS_MAX if unhurried else INTERRUPTIBLE_SECONDS_MAX
        fitting = int(longest / self._token_s) if self._token_s else 0
        return max(PREFILL_TOKENS_MIN, fitting - fitting % TILE)

    def seconds(self, tokens: int) -> float:
        """Return how long so many tokens take; 0 when that is not known yet."""
        return tokens * self._token_s

    def learn(self, tokens: int, seconds: float) -> None:
        """Take how long a portion took; a small one says nothing of large ones."""
        if tokens >= PREFILL_TOKENS_MIN:
            self._token_s = max(seconds, 1e-6) / tokens
