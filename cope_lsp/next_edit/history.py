"""What was changed lately in a document: enough to know what its text was before each of the last edits.

An edit is what somebody types in one go: it ends when they pause or go elsewhere.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

CHANGES_MAX = 128
CHARACTERS_MAX = 5_000
"""Of one edit. After a larger one nobody looks for what follows from those before it."""
SETTLED_S = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """At `start`, in code points of the text at that time, `removed` gave way to `inserted`."""

    start: int
    removed: str
    inserted: str

    @property
    def end(self) -> int:
        """Where the new text ends."""
        return self.start + len(self.inserted)


class History:
    """The last edits of one document."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changes: deque[Change] = deque(maxlen=CHANGES_MAX)
        self._caret: int | None = None
        self._at = 0.0

    @property
    def changes(self) -> tuple[Change, ...]:
        """The edits, oldest first."""
        return tuple(self._changes)

    def add(self, start: int, removed: str, inserted: str) -> None:
        """Take what the editor tells; what goes on where the last change ended is of the same edit.

        Args:
            start: where, in code points.
            removed: what stood there.
            inserted: what stands there now.
        """
        edit, now = Change(start, removed, inserted), self._clock()
        is_near = self._caret is not None and start <= self._caret <= start + len(removed)
        self._caret = edit.end
        if self._changes and is_near and now - self._at < SETTLED_S:
            edit = merged(self._changes.pop(), edit)
        self._at = now
        if max(len(edit.removed), len(edit.inserted)) > CHARACTERS_MAX:
            self._changes.clear()
        elif edit.removed == edit.inserted:
            self._caret = None  # nothing is left of it that another change could go on with
        else:
            self._changes.append(edit)


def merged(first: Change, then: Change) -> Change:
    """Return what two changes come to, of which the second touches what the first one inserted."""
    then_end = then.start + len(then.removed)
    head = then.removed[: max(0, first.start - then.start)]
    tail = then.removed[len(then.removed) - max(0, then_end - first.end) :]
    before = first.inserted[: max(0, then.start - first.start)]
    after = first.inserted[then_end - first.start :]
    return Change(min(first.start, then.start), head + first.removed + tail, before + then.inserted + after)
