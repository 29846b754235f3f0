"""How long to wait before a model is asked unasked, by how fast its user types and how fast it answers.

A request that the next key makes worthless costs the machine whatever the model did until then. So who types
quickly is not answered between two keys, unless the model is so fast that the answer comes before the next;
who has paused is answered at once. Time comes from outside, in seconds of one clock that only goes forward.
"""

from collections import deque
from statistics import fmean

DELAY_MAX_S = 0.5
INTERVAL_MIN_S = 0.1
INTERVAL_MAX_S = 0.4
PAUSE_S = 2.0
"""Who types nothing for so long does something else: that is no interval between two keys."""

INTERVALS_MIN = 20
INTERVALS_MAX = 100
INTERVAL_UNKNOWN_S = 0.2
LATENCIES_MAX = 20

FAST = 1 / 4
"""Of an interval: a model that answers within it is done before nearly every key. To wait for less than a
pause would be worse than not to wait at all, since most keys come about one interval after the last."""

FACTOR_IN_WORD = 2.25
FACTOR_ELSEWHERE = 1.75
FACTOR_AFTER_OPENING = 1.25
FACTOR_ON_BLANK_LINE = 0.75
LESS_AT_LINE_END = 0.25
"""How many intervals without a key are a pause. They are fewer where people stop to think."""

SURELY_A_PAUSE = 1.75
"""So many intervals are waited for a slow model, too: of evenly typed keys 19 of 20 have come by then."""

_OPENING = frozenset("([{.:=,")
_LINE_LOOKED_AT = 200


class Pace:
    """Remembers the last keys and answers of one user."""

    def __init__(self) -> None:
        self._last_key: float | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS_MAX)
        self._latencies: deque[float] = deque(maxlen=LATENCIES_MAX)

    def keystroke(self, now: float) -> None:
        """Take note that a key was typed at `now`."""
        if self._last_key is not None and 0 < now - self._last_key < PAUSE_S:
            self._intervals.append(now - self._last_key)
        self._last_key = now

    def latency(self, seconds: float) -> None:
        """Take note of how long the model took for an answer, or for as much of it as there was time for."""
        self._latencies.append(seconds)

    def delay(self, text: str, offset: int, now: float, idle_s: float = 0.0) -> float:
        """Return how many seconds to wait before the model is asked about `offset` of `text`.

        Args:
            text: the document.
            offset: of the cursor, in code points.
            now: when that is.
            idle_s: how long nobody must have typed, whatever the model costs.
        """
        since = 0.0 if self._last_key is None else max(0.0, now - self._last_key)
        wanted = 0.0 if self._last_key is None else min(DELAY_MAX_S, self._wait(text, offset))
        return max(0.0, max(wanted, idle_s) - since)

    def _wait(self, text: str, offset: int) -> float:
        """Return the seconds without a key after which the model is asked.

        What the model needs is a wait as well and counts as such, but for a slow one no less than a pause is
        waited: it would be interrupted by every key and never answer.
        """
        if not self._latencies:
            return 0.0
        interval, latency = self._interval(), fmean(self._latencies)
        if latency <= FAST * interval:
            return 0.0
        pause = _factor(text, offset) * interval
        return max(pause - latency, min(pause, SURELY_A_PAUSE * interval))

    def _interval(self) -> float:
        if len(self._intervals) < INTERVALS_MIN:
            return INTERVAL_UNKNOWN_S
        return min(INTERVAL_MAX_S, max(INTERVAL_MIN_S, fmean(self._intervals)))


def _factor(text: str, offset: int) -> float:
    line_end = text[offset : offset + 1] in ("", "\n", "\r")
    return _factor_left(text, offset) - (LESS_AT_LINE_END if line_end else 0.0)


def _factor_left(text: str, offset: int) -> float:
    before = text[max(0, offset - _LINE_LOOKED_AT) : offset]
    line = before[max(before.rfind("\n"), before.rfind("\r")) + 1 :]
    typed = line.rstrip()
    if not typed:
        return FACTOR_ON_BLANK_LINE
    if typed[-1] in _OPENING:
        return FACTOR_AFTER_OPENING
    in_word = line[-1].isalnum() or line[-1] == "_"
    return FACTOR_IN_WORD if in_word else FACTOR_ELSEWHERE
