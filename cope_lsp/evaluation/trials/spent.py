"""Where the time of a run goes: to start, to models, to checks, and the rest, which is ours.

A bench does one thing after the other: drafts are judged when their batch has ended, and an answer is scored
when its method has. So no moment counts twice, and the parts add up to the time that its process was at work.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

Part = Literal["start", "models", "checks"]


@dataclass(slots=True)
class Spent:
    """How long benches were at work, in seconds; of several, their sum."""

    start: float = 0.0
    """Until a process can be given work and its models can be asked, and until it has ended."""
    models: float = 0.0
    """A generation of the small model is waited for; or a large one's answer, from its sending on."""
    checks: float = 0.0
    """A draft is judged, or an answer scored."""
    total: float = 0.0
    """All of it. A bench does not know: whoever gives it work does."""

    @property
    def ours(self) -> float:
        """What is left: prompts, plans and prices, drafts read and compared, the record, other processes."""
        return max(0.0, self.total - self.start - self.models - self.checks)

    @contextmanager
    def on(self, part: Part) -> Iterator[None]:
        """Count what is done here; not to be nested."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.add(part, time.monotonic() - began)

    def add(self, part: Part, seconds: float) -> None:
        """Count seconds."""
        setattr(self, part, getattr(self, part) + seconds)

    def join(self, other: "Spent") -> None:
        """Count what another one counted."""
        self.start += other.start
        self.models += other.models
        self.checks += other.checks
        self.total += other.total

    def told(self, trials: int, seconds: float) -> str:
        """Return what a run tells at its end.

        Args:
            trials: how many it made.
            seconds: how long it took, whatever was done beside each other.
        """
        at_work = self.total - self.start
        if not trials or at_work <= 0:
            return f"{_counted(trials)} in {_shown(seconds)}"
        names = ("models", "checks", "ours")
        shares = ", ".join(f"{name} {100 * getattr(self, name) / at_work:.0f} %" for name in names)
        pace = f"{60 * trials / seconds:.0f} a minute, {100 * self.start / self.total:.0f} % to start and end"
        return f"{_counted(trials)} in {_shown(seconds)} ({pace}); of the rest {shares}"


def _counted(trials: int) -> str:
    return f"{trials} {'trial' if trials == 1 else 'trials'}"


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds:.0f} s"
