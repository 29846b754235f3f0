"""How often a child that runs a model died, and when it is not started again."""

import time
from collections import deque
from collections.abc import Iterable

from cope_lsp.errors import EngineUnavailableError

WINDOW_S = 300.0


class Deaths:
    """The deaths of one child and of those that took its place."""

    def __init__(self, name: str, restarts_max: int) -> None:
        """Begin to count.

        Args:
            name: what died, for people.
            restarts_max: how often it is started again within `WINDOW_S`.
        """
        self._name = name
        self._restarts_max = restarts_max
        self._times: deque[float] = deque(maxlen=restarts_max + 1)
        self.too_many: EngineUnavailableError | None = None
        """The error for everybody once it is not started again."""

    def add(self, what: str, printed: Iterable[str]) -> EngineUnavailableError:
        """Count a death and return the error for who waited.

        Args:
            what: it did, such as "died".
            printed: the lines that it printed last; the end of the last one is shown.
        """
        words = last_words(printed)
        self._times.append(time.monotonic())
        often = len(self._times) > self._restarts_max
        if not often or self._times[-1] - self._times[0] >= WINDOW_S:
            return EngineUnavailableError(f"{self._name} {what}{words}")
        self.too_many = EngineUnavailableError(
            f"{self._name} is off: it died {len(self._times)} times in {WINDOW_S:.0f} s{words}. "
            "`cope-lsp doctor` looks for the cause; restart the server to try again."
        )
        return self.too_many


def last_words(printed: Iterable[str]) -> str:
    """Return the end of the last line that a child printed, in brackets, as clean text; "" for none."""
    shown = "".join(char for char in "".join([*printed][-1:]) if char.isprintable())
    return f" ({shown[-200:]})" if shown else ""
