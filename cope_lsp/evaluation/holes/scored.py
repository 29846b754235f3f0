"""What is written down of a run: how each way of filling did with each hole, and which holes are none."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.evaluation.holes.fill import Filling
from cope_lsp.evaluation.holes.hole import Hole, compiles
from cope_lsp.evaluation.lines import Lines

Tell = Callable[[int, int], None]
"""Told how many holes are done, and how many were found to be of no use."""

REFUSED = "refused"
"""Stands in the place of a way: no test says anything of this hole."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One hole, filled in one way by one model; or the finding that it is of no use."""

    hole: str
    """Its digest."""
    id: str
    kind: str
    model: str
    """The first 16 digits of the sha256 of its file; "" where it does not matter."""
    way: str
    text: str | None = None
    """What was shown."""
    reason: str = ""
    """Why nothing was shown, or why the hole is of no use."""
    steps: tuple[str, ...] = ()
    """What became of the likeliest text on its way; see `Filling`."""
    passed: bool = False
    """The tests that pass with the original pass with it."""
    exact: bool = False
    """It is the original, but for white space at its end."""
    adds_error: bool = False
    """CPython accepts the file with the empty hole, and not with the text in it."""
    compiles: bool = False
    """CPython accepts the file with the text in the hole."""
    milliseconds: float = 0.0

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what the same question has in common."""
        return self.hole, self.way, self.model


def refused(hole: Hole, why: str) -> Scored:
    """Return that a hole is of no use."""
    return Scored(hole.digest, hole.id, hole.kind, "", REFUSED, None, why[:300])


def scored(hole: Hole, way: str, model: str, filling: Filling, *, passed: bool) -> Scored:
    """Return how a filling did."""
    text = filling.text
    is_sound = text is not None and compiles(hole.filled(text))
    return Scored(
        hole=hole.digest,
        id=hole.id,
        kind=hole.kind,
        model=model,
        way=way,
        text=text,
        reason=filling.reason,
        steps=filling.steps,
        passed=passed,
        exact=text is not None and text.rstrip() == hole.original.rstrip(),
        adds_error=text is not None and not is_sound and compiles(hole.filled("")),
        compiles=is_sound,
        milliseconds=filling.milliseconds,
    )


class Record:
    """All that was found so far; in a file, where there is one."""

    def __init__(self, path: Path | None = None) -> None:
        """Read what the file holds."""
        self._lines = Lines(path, Scored) if path else None
        self._rows = {row.key: row for row in (self._lines.read() if self._lines else ())}

    @property
    def rows(self) -> list[Scored]:
        """What was scored, without what was refused."""
        return [row for row in self._rows.values() if row.way != REFUSED]

    def get(self, hole: Hole, way: str, model: str) -> Scored | None:
        """Return what is known of a question."""
        return self._rows.get((hole.digest, way, model))

    def refusal(self, hole: Hole) -> str | None:
        """Return why a hole is of no use; None: that is not known of it."""
        row = self._rows.get((hole.digest, REFUSED, ""))
        return row.reason if row else None

    def add(self, row: Scored) -> None:
        """Keep a row; where there is a file, it is in it when this returns."""
        if self._lines:
            self._lines.add(row)
        self._rows[row.key] = row
