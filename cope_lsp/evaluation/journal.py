"""The journal of a run: one JSON line for each answer, appended when it is complete and never changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.evaluation.lines import Lines
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


class Journal:
    """The answers in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = Lines(path, Attempt)
        self.attempts = {attempt.key: attempt for attempt in self._lines.read()}

    def add(self, attempt: Attempt) -> None:
        """Append an answer; it is in the file when this returns."""
        self._lines.add(attempt)
        self.attempts[attempt.key] = attempt


def read_all(paths: Iterable[Path]) -> list[Attempt]:
    """Return the answers of several journals.

    Raises:
        TaskFileError: a line is no answer.
    """
    return [attempt for path in paths for attempt in Journal(path).attempts.values()]
