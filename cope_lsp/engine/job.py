"""What the scheduler knows of one request while it is at work on it."""

from dataclasses import dataclass, field

from cope_lsp.engine.lanes import Lane, Moved
from cope_lsp.engine.sampler import Sampler
from cope_lsp.engine.speculation import Lookup
from cope_lsp.engine.transcript import Transcript
from cope_lsp.values import Generation, Usage


@dataclass(slots=True, eq=False)
class Draft:
    """One sample being drawn: `last` is its newest token, not evaluated yet."""

    index: int
    lane: Lane
    sampler: Sampler
    transcript: Transcript
    last: int
    lookup: Lookup | None
    """Where its next tokens are guessed from; None: they are not."""
    row: int = -1
    guesses: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Job:
    """One request: first its prompt is evaluated, then its drafts grow together."""

    id: int
    generation: Generation
    deadline: float
    prompt: list[int] = field(default_factory=list)
    lane: Lane | None = None
    moved: Moved | None = None
    evaluated: int = 0
    cached: int = 0
    waiting: list[int] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    is_shortened: bool = False
    """Whether less of the prompt is shown than would be worth it, since somebody waits."""
    output_tokens: int = 0
    step_s: float = 0.0
    """How long it took to draw the newest token of each draft."""
    prefill_s: float = 0.0
    decode_s: float = 0.0

    @property
    def usage(self) -> Usage:
        """What it has cost so far."""
        return Usage(len(self.prompt), self.cached, self.output_tokens, self.prefill_s, self.decode_s)


@dataclass(frozen=True, slots=True)
class Reading:
    """A batch that is being evaluated: a portion of a prompt, or the next token of several drafts."""

    job_id: int
    nearly_done_at: float
    """From when on it is not interrupted (monotonic seconds)."""
    overdue_at: float
    """From when on it is again: it takes longer than expected, and nobody knows how long."""

    def is_nearly_done(self, now: float) -> bool:
        """Whether it is worth waiting for."""
        return self.nearly_done_at <= now < self.overdue_at
