"""What a run leaves behind: each call of a model and each trial, one whole JSON line each.

A call is known by what was asked of whom, so it is made once, whatever methods want it, and a run can be
repeated from its record without any model.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from cope_lsp.evaluation.lines import Lines
from cope_lsp.models.question import Question
from cope_lsp.values import Generation, ModelInfo

Role = Literal["small", "large"]
Stage = Literal[0, 1, 2, 3]
Evidence = Literal["agreement", "tests", "router", "score", ""]


@dataclass(frozen=True, slots=True)
class Said:
    """One text that a model answered with."""

    text: str
    tokens: int
    finish: str
    """A small model's `Sample.finish`, a large one's stop reason."""
    logprobs: tuple[float, ...] | None = None
    """See `Sample.logprobs`; None where they were not asked for."""


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked of a model once, and what came: enough to answer again without the model."""

    key: str
    """See `generation_key` and `question_key`."""
    role: Role
    model: str
    digest: str
    """Of a GGUF file its sha256, of a hosted model that of its address, name and settings; 16 digits."""
    asked: str
    """`Task.asked` of the task that it was first made for."""
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    seconds: float
    nusd: int
    """By the ledger's price, in nano-USD; 0 for a small model."""
    answers: tuple[Said, ...]
    """In the order of their samples. Empty where a large model wrote nothing, which costs, too."""
    failure: str = ""
    """Why there is no answer; "" where there is one."""
    reservation: str = ""
    """Of the ledger; "" for a small model."""
    sent_bytes: int = 0
    """Of the question to a large model. A stand-in reads, and charges, less than that."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A model that took part, and what it says of itself: prompts depend on that."""

    name: str
    digest: str
    info: ModelInfo


@dataclass(frozen=True, slots=True)
class Setting:
    """What a method is run with. What a method has no use for stands at its default."""

    samples: int = 8
    """That the small model draws in each of its stages."""
    thresholds: tuple[float, ...] = ()
    """From which confidence a draft is accepted: one for each stage but the last, or of a router or score."""
    temperature: float = 0.8
    """Of the small model where it draws more than one."""
    stage_1: Literal["goal", "guideline", "none"] = "goal"
    """Which plan the small model writes for itself before its first drafts."""
    passed_on: bool = True
    """Whether the goal behind the majority goes on to the next stage."""
    rounds: int = 0
    """How many times a stage of the small model may draw its samples again: `cascade.extra_rounds`."""
    when_hopeless: Literal["go-on", "stop"] = "go-on"
    """Whether the large model writes what the small one cannot under its plan: `cascade.when_hopeless`."""
    tests: int = 0
    """How many visible tests a check may run; 0: none."""
    tries: int = 1
    """How often a large model may try alone."""
    fitted: str = ""
    """Of a router: a digest of all that it was fitted to."""
    executor: Literal["small", "large"] = "small"
    """Of one draft under one plan: who writes it."""
    planner: Literal["none", "small", "large", "author"] = "none"
    """Who writes the plan; the author is who made the task, and knows what is meant."""
    plan: Literal["goal", "guideline"] = "guideline"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a method made of a task under one seed."""

    task: str
    """The task's id."""
    digest: str
    """The task's digest: a task that was changed is tried again."""
    wording: str
    method: str
    setting: Setting
    seed: int
    small: str
    small_digest: str
    large: str
    """"" where the method asks none."""
    large_digest: str
    stage: Stage
    """Who answered in the end, as the paper counts: 1 the small model alone, 2 the small one under a plan of
    the large one, 3 the large one; 0: nobody."""
    accepted: bool
    """Whether something spoke for the answer. A method that has nothing to go by accepts what it gets."""
    confidence: float | None
    """From 0 to 1, the evidence for the answer; None: nothing was estimated. Agreement is the share of all
    samples of the stage, also of those that came after it was accepted."""
    estimator: Evidence
    """What `confidence` is a share or a probability of."""
    visible: bool
    """The answer passes the visible tests; True where there are none."""
    right: bool
    """The answer passes the hidden tests. Nothing else counts."""
    calls: tuple[str, ...]
    """The keys of the calls, in order."""
    tokens_in_small: int
    tokens_out_small: int
    """Of the drafts that were looked at: the first that settles the matter stops the rest."""
    tokens_in_large: int
    tokens_out_large: int
    nusd: int
    seconds: float
    """Of the models, by the record of their calls; so a repeated run says the same."""
    plans: tuple[str, ...]
    """The texts of those that the answer was written under."""
    answer: str = ""
    """The body of the function; "" where nobody answered."""
    checks_seconds: float = 0.0
    """Of the checks, as measured at that time: the one number that a repeated run changes."""

    @property
    def key(self) -> "TrialKey":
        """Return what the same trial has in common."""
        return self.digest, self.method, self.setting, self.seed, self.small_digest, self.large_digest


TrialKey = tuple[str, str, Setting, int, str, str]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must be the same for all trials that one table compares, and is in no trial."""

    code: str
    """A digest of the code that decides what comes of a trial."""
    rates: tuple[int, ...] | None = None
    """What a stand-in is said to cost, as `Rates`; None: none takes part."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: one of these."""

    conditions: Conditions | None = None
    call: Call | None = None
    trial: Trial | None = None
    entrant: Entrant | None = None


@dataclass(slots=True)
class Record:
    """The rows of one file, which only grows; None: they are kept in memory alone."""

    path: Path | None
    calls: dict[str, Call] = field(default_factory=dict)
    trials: dict[TrialKey, Trial] = field(default_factory=dict)
    entrants: dict[str, Entrant] = field(default_factory=dict)
    """By their digests."""
    conditions: Conditions | None = None
    """None: nothing was written yet."""

    @classmethod
    def open(cls, path: Path | None) -> "Record":
        """Read what is there; a last line that a kill cut off is taken away.

        Raises:
            TaskFileError: the file cannot be read, or a line is none of ours.
        """
        record = cls(path)
        for row in Lines(path, Row).read() if path else ():
            record._take(row)
        return record

    def add(self, row: Row) -> bool:
        """Append a row, unless it is known; it is in the file when this returns. Return whether it is new.

        Raises:
            TaskFileError: the file cannot be written.
        """
        if self._knows(row):
            return False
        if self.path:
            Lines(self.path, Row).add(row)
        self._take(row)
        return True

    def learn(self, rows: Iterable[Row]) -> None:
        """Take rows of another record, without writing them down."""
        for row in rows:
            if not self._knows(row):
                self._take(row)

    def _knows(self, row: Row) -> bool:
        return (
            (row.call is None or row.call.key in self.calls)
            and (row.trial is None or row.trial.key in self.trials)
            and (row.entrant is None or row.entrant.digest in self.entrants)
            and (row.conditions is None or row.conditions == self.conditions)
        )

    def _take(self, row: Row) -> None:
        if row.call:
            self.calls[row.call.key] = row.call
        if row.trial:
            self.trials[row.trial.key] = row.trial
        if row.entrant:
            self.entrants[row.entrant.digest] = row.entrant
        if row.conditions:
            self.conditions = row.conditions


def generation_key(digest: str, wanted: Generation) -> str:
    """Return under what a generation of a small model is known: all that its texts depend on.

    Whether it is in a hurry and how long it may take is no part of that.
    """
    asked = asdict(wanted)
    del asked["priority"], asked["limits"]["deadline_s"], asked["limits"]["patience_s"]
    asked["prompt"] = [[type(part).__name__, asdict(part)] for part in wanted.prompt]
    return _key(digest, "small", asked)


def question_key(digest: str, question: Question) -> str:
    """Return under what a question to a large model is known: the texts that are sent, not where from."""
    asked = {"system": question.system, "text": question.text.text, "purpose": question.purpose}
    return _key(digest, "large", asked)


def _key(digest: str, role: Role, asked: Mapping[str, Any]) -> str:
    text = json.dumps([digest, role, asked], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
