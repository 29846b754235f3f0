"""What a text repeats, and how many guesses at a time pay.

Code repeats itself: the tokens that followed the last few tokens where they stood before often follow again.
"""

from array import array
from collections.abc import Iterable

MATCH_TOKENS = 3
"""So many tokens must stand before a guess as they stood before."""

GUESSES_MAX = 7
"""In one batch; with the token that is certain they are 8."""

WORTHWHILE_SECONDS = 0.001
"""A network that takes less for a token is small: a batch of two costs it twice as much, and what happens
between two batches is a good part of the whole."""

RETRY_STEPS = 32
"""When guessing does not pay it is tried again after so many tokens, and after twice as many each time it
still does not: the text may have become another."""

RETRY_STEPS_MAX = 512

_TOKEN = array("i").itemsize
_NEW = 0.1
"""How much a new measurement counts beside all the older ones."""

_MORE = 0.1
"""What one more token of a batch is believed to cost before it is known, as a share of the first one."""


class Lookup:
    """The tokens of a prompt and its text, in which the last few are looked for."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._data = bytearray(array("i", tokens).tobytes())

    @property
    def tokens(self) -> list[int]:
        """All of them."""
        return array("i", self._data).tolist()

    def add(self, token: int) -> None:
        """Take the next token of the text."""
        self._data += array("i", [token]).tobytes()

    def guess(self, count: int) -> list[int]:
        """Return at most `count` tokens that followed where the last few stood lately."""
        wanted = bytes(self._data[-MATCH_TOKENS * _TOKEN :])
        at = len(self._data) - len(wanted) if len(wanted) == MATCH_TOKENS * _TOKEN else 0
        while at > 0:
            at = self._data.rfind(wanted, 0, at + len(wanted) - 1)
            if at >= 0 and at % _TOKEN == 0:
                start = at + len(wanted)
                return array("i", bytes(self._data[start : start + count * _TOKEN])).tolist()
        return []


class Pace:
    """How many tokens to guess at a time: as many as made the text grow fastest so far."""

    def __init__(self, *, always: bool = False) -> None:
        """Know nothing yet.

        Args:
            always: guess as many as can be, whether it pays or not: what tests want.
        """
        self._always = always
        self._right = 0.5
        """The share of guesses that were right."""
        self._first = 0.0
        """Seconds that a batch of one token takes; 0: not known yet."""
        self._more = 0.0
        """Seconds that each further token of a batch takes."""
        self._steps = 0
        self._wait = RETRY_STEPS

    @property
    def is_worthwhile(self) -> bool:
        """Whether a token takes long enough for guesses to pay; it is believed to until it is known."""
        return self._always or not 0 < self._first < WORTHWHILE_SECONDS

    def guesses(self, *, ahead_s: float = 0.0, left: int = 1) -> int:
        """Return how many tokens to guess now; 0: none.

        Args:
            ahead_s: seconds that must be spent before the first guess can be made.
            left: how many tokens the text may get in which that must pay.
        """
        if self._always:
            return GUESSES_MAX
        if not self._first or not self.is_worthwhile:
            return 0
        best, saved_s = self._best()
        if best:
            self._steps, self._wait = 0, RETRY_STEPS
            return best if ahead_s <= saved_s * left else 0
        self._steps += 1
        if self._steps < self._wait:
            return 0
        self._steps, self._wait = 0, min(2 * self._wait, RETRY_STEPS_MAX)
        return 1

    def learn(self, tokens: int, seconds: float, right: int) -> None:
        """Take what came of a batch.

        Args:
            tokens: one that was certain, and those that were guessed, or that it was tried to guess.
            seconds: that the batch and its guesses took.
            right: how many of the guesses were right.
        """
        if not self._first:
            self._first, self._more = seconds / tokens, seconds / tokens * _MORE
        elif tokens == 1:
            self._first += _NEW * (seconds - self._first)
        else:
            self._more += _NEW * (max(0.0, seconds - self._first) / (tokens - 1) - self._more)
        for index in range(min(right + 1, tokens - 1)):  # what follows a wrong one says nothing
            self._right += _NEW * ((index < right) - self._right)

    def _best(self) -> tuple[int, float]:
        """Return with how many guesses the text grows fastest, and the seconds that they save for a token."""
        best, least_s = 0, self._first
        expected = likely = 1.0
        for guesses in range(1, GUESSES_MAX + 1):
            likely *= self._right
            expected += likely
            token_s = (self._first + self._more * guesses) / expected
            if token_s < least_s:
                best, least_s = guesses, token_s
        return best, self._first - least_s
