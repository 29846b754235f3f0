"""The journal of a run: one JSON line for each answer, appended when it is complete and never changed.

A run that was cut off goes on where it was: what the journal holds is not asked again.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cattrs.preconf.json import make_converter

from cope_lsp.errors import TaskFileError
from cope_lsp.evaluation.methods import Drafted, Draw
from cope_lsp.evaluation.score import Score


@dataclass(frozen=True, slots=True)
class Setting:
    """What was asked of whom: an answer is known by this and by its task."""

    method: str
    executor: str
    """The first 16 digits of the sha256 of the model's file."""
    planner: str
    """The same; "" where there is none."""
    draw: Draw


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer: what a method made of a task, and how it did."""

    task: str
    digest: str
    """Of the task's record: a task that was changed is asked again."""
    wording: str
    setting: Setting
    executor_name: str
    planner_name: str
    drafted: Drafted
    scores: tuple[Score, ...]
    seconds: float

    @property
    def key(self) -> tuple[str, Setting]:
        """Return what the same question has in common."""
        return self.digest, self.setting


_converter = make_converter()


class Journal:
    """The answers in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempts: dict[tuple[str, Setting], Attempt] = {}
        if path.exists():
            self._load()

    def add(self, attempt: Attempt) -> None:
        """Append an answer; it is in the file when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(attempt)) + "\n")
        self.attempts[attempt.key] = attempt

    def _load(self) -> None:
        """Read what is there; a last line that a kill cut off is taken away."""
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        for number, line in enumerate(whole.decode("utf-8").splitlines(), 1):
            attempt = _attempt(line, f"{self.path}:{number}")
            self.attempts[attempt.key] = attempt


def read_all(paths: Iterable[Path]) -> list[Attempt]:
    """Return the answers of several journals.

    Raises:
        TaskFileError: a line is no answer.
    """
    return [attempt for path in paths for attempt in Journal(path).attempts.values()]


def _attempt(line: str, place: str) -> Attempt:
    try:
        row: dict[str, Any] = json.loads(line)
        return _converter.structure(row, Attempt)
    except Exception as error:
        msg = f"{place} is no answer of an evaluation; move the file away and run again"
        raise TaskFileError(msg) from error
