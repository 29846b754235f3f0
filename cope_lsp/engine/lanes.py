"""The sequences of a context: what each remembers, and which of it a new prompt can use.

A prompt is evaluated from where it parts from what its lane remembers. While somebody types in the middle of
a file, the text after the cursor stays the same but stands further back in each prompt: its memory is taken
along to its new place, instead of being computed again for each key.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from cope_lsp.engine.llama import LlamaContext

MOVED_TOKENS_MIN = 32
"""Moving fewer tokens saves less than it costs."""

PARKED_TOKENS_MIN = 32
"""Fewer are evaluated again as fast as they are brought back."""

PARKED_MAX = 16
"""More would be looked through for each key."""

DRIFT_MAX = 48
"""What is moved was computed for the text that stood before it then. When so many tokens have come or gone
there, it is computed anew."""


@dataclass(slots=True, eq=False)
class Lane:
    """One sequence of the context, and the tokens that it remembers."""

    sequence: int
    tokens: list[int] = field(default_factory=list)
    used: int = 0
    busy: bool = False
    drift: int = 0
    """How many tokens came or went before what was moved, since that was computed."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Tokens that wait in a lane of their own until those before them are evaluated."""

    lane: Lane
    start: int
    """Where they stand in the new prompt."""
    end: int


@dataclass(frozen=True, slots=True)
class Parked:
    """What a lane remembered, outside of the context, where it slows down nobody's attention."""

    tokens: list[int]
    drift: int
    state: bytes


class Lanes:
    """All lanes of a context."""

    def __init__(self, context: LlamaContext, count: int, parked_bytes_max: int) -> None:
        self._context = context
        self._parked_bytes_max = parked_bytes_max
        self._lanes = [Lane(sequence) for sequence in range(count)]
        self._clock = itertools.count(1)
        self._parked: list[Parked] = []
        """The one parked last stands last."""

    def idle(self) -> list[Lane]:
        """Return the lanes that no job has, the least recently used first."""
        return sorted((lane for lane in self._lanes if not lane.busy), key=lambda lane: lane.used)

    def known(self, prompt: list[int], mark: int | None) -> int:
        """Return how many tokens of a prompt are remembered, in an idle lane or outside of the context."""
        remembered = [*(lane.tokens for lane in self.idle()), *(parked.tokens for parked in self._parked)]
        return max((self._known(tokens, prompt, mark) for tokens in remembered), default=0)

    def choose(self, prompt: list[int], mark: int | None) -> Lane | None:
        """Return the idle lane that remembers most of a prompt, or else the one not used for longest.

        It must be half of the prompt, or half of what the lane remembers: otherwise more is lost than saved.

        Args:
            prompt: the tokens.
            mark: as for `keep`.
        """
        idle = self.idle()
        if not idle:
            return None
        known = {lane.sequence: self._known(lane.tokens, prompt, mark) for lane in idle}
        best = max(idle, key=lambda lane: known[lane.sequence])
        if self._bring_back(idle[0], prompt, mark, known[best.sequence] + PARKED_TOKENS_MIN):
            return idle[0]
        if not best.tokens:  # it may be parked by now, to make room
            return idle[0]
        if 2 * known[best.sequence] >= min(len(prompt), len(best.tokens)):
            return best
        self._save(idle[0])
        return idle[0]

    def _known(self, tokens: list[int], prompt: list[int], mark: int | None) -> int:
        """Return how many tokens of a prompt are among remembered ones, those that can be moved included."""
        kept = common_prefix(tokens, prompt)
        found = behind_mark(tokens, prompt, kept, mark) if mark is not None and kept else None
        return kept + (found[2] if found and self._context.can_shift else 0)

    def _bring_back(self, lane: Lane, prompt: list[int], mark: int | None, least: int) -> bool:
        """Let an idle lane remember what was parked, if that has so many tokens of a prompt at least."""
        known = [self._known(parked.tokens, prompt, mark) for parked in self._parked]
        if max(known, default=0) < least:
            return False
        parked = self._parked.pop(known.index(max(known)))
        self.park_idle()  # first, so that it gets the first cells: attention runs up to the last one in use
        while not self._context.restore(lane.sequence, parked.state):
            if not self.make_room():
                self._parked.append(parked)
                return False
        lane.tokens, lane.drift = list(parked.tokens), parked.drift
        return True

    def _park(self, lane: Lane) -> None:
        """Let an idle lane remember nothing, and keep what it remembered outside of the context."""
        self._save(lane)
        self.forget(lane)

    def _save(self, lane: Lane) -> None:
        if len(lane.tokens) >= PARKED_TOKENS_MIN:
            self._parked.append(Parked(list(lane.tokens), lane.drift, self._context.save(lane.sequence)))
            while len(self._parked) > PARKED_MAX or self._parked_bytes > self._parked_bytes_max:
                del self._parked[0]

    @property
    def _parked_bytes(self) -> int:
        return sum(len(parked.state) for parked in self._parked)

    def occupy(self, lane: Lane) -> None:
        """Give a lane to a job."""
        lane.busy = True
        lane.used = next(self._clock)

    def release(self, lane: Lane) -> None:
        """Take back a lane that is worth nothing to others."""
        self.forget(lane)
        lane.busy = False
        lane.used = 0

    def forget(self, lane: Lane) -> None:
        """Let a lane remember nothing."""
        self._context.forget(lane.sequence)
        lane.tokens.clear()
        lane.drift = 0

    def park_idle(self) -> None:
        """Park what idle lanes remember: attention runs over all cells in use, also those of others.

        With a small network that is most of the work: beside 1,024 cells of others a prompt of 400 tokens
        took twice to three times as long.
        """
        for lane in self.idle():
            self._park(lane)

    def make_room(self) -> bool:
        """Park the least recently used lane that remembers anything; False: there is none."""
        remembered = [lane for lane in self.idle() if lane.tokens]
        if remembered:
            self._park(remembered[0])
        return bool(remembered)

    def copy(self, source: Lane, tokens: list[int]) -> Lane:
        """Return an idle lane that shares the first tokens of another one, now that of a job."""
        lane = self.idle()[0]
        self.occupy(lane)
        self._context.forget(lane.sequence)
        self._context.copy(source.sequence, lane.sequence, 0, len(tokens))
        lane.tokens = tokens
        lane.drift = source.drift
        return lane

    def keep(self, lane: Lane, prompt: list[int], mark: int | None) -> Moved | None:
        """Let a lane remember what it has in common with a prompt.

        Args:
            lane: of a job.
            prompt: what it is going to evaluate.
            mark: the token behind which the text after the cursor stands; None: there is none.

        Returns:
            what can be moved behind the tokens that are to be evaluated first.
        """
        kept = min(common_prefix(lane.tokens, prompt), len(prompt) - 1)
        moved = self._set_aside(lane, prompt, kept, mark) if mark is not None else None
        if not self._context.forget(lane.sequence, kept):
            self.forget(lane)
            kept = 0
        lane.tokens = prompt[:kept]
        return moved

    def insert(self, lane: Lane, prompt: list[int], moved: Moved) -> None:
        """Put what was set aside behind the tokens of a lane."""
        self._context.copy(moved.lane.sequence, lane.sequence, moved.start, moved.end)
        lane.tokens = prompt[: moved.end]
        self.release(moved.lane)

    def _set_aside(self, lane: Lane, prompt: list[int], kept: int, mark: int) -> Moved | None:
        found = behind_mark(lane.tokens, prompt, kept, mark)
        idle = self.idle()
        drift = lane.drift
        if kept <= _first(lane.tokens, mark):
            lane.drift = 0  # what follows the mark is computed anew, unless it is moved
        if found is None or not idle or not self._context.can_shift:
            return None
        old, new, length = found
        drift += (old - kept) + (new - kept)
        if length < MOVED_TOKENS_MIN or drift > DRIFT_MAX:
            return None
        aside = idle[0]
        self.occupy(aside)
        self.forget(aside)
        self._context.copy(lane.sequence, aside.sequence, old, old + length)
        self._context.forget(lane.sequence, old)  # a cell that two sequences share would move for both
        self._context.shift(aside.sequence, old, old + length, new - old)
        lane.drift = drift
        return Moved(aside, new, new + length)


def behind_mark(old: Sequence[int], new: Sequence[int], kept: int, mark: int) -> tuple[int, int, int] | None:
    """Return what two prompts share from a mark on: its places in both, and how many tokens; None: nothing.

    The last token of the new prompt is never among it, since that must be evaluated.

    Args:
        old: the tokens that are remembered.
        new: the prompt.
        kept: how many tokens they have in common at the start.
        mark: the token.
    """
    try:
        at_old, at_new = list(old).index(mark, kept), list(new).index(mark, kept)
    except ValueError:
        return None
    length = common_prefix(old[at_old:], new[at_new:-1])
    return (at_old, at_new, length) if length else None


def _first(tokens: Sequence[int], token: int) -> int:
    """Return where a token stands first; the number of tokens when it does not."""
    return next((at for at, each in enumerate(tokens) if each == token), len(tokens))


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many tokens two sequences have in common at their start."""
    known, end = 0, min(len(a), len(b))
    while known < end:  # halves are compared by the interpreter itself, a hundred times as fast as one by one
        middle = (known + end + 1) // 2
        if a[known:middle] == b[known:middle]:
            known = middle
        else:
            end = middle - 1
    return known
