"""What a hosted model is asked, what that may cost, and what it answers: values without behaviour."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cope_lsp.egress.redact import Redacted

Purpose = Literal["plan", "draft"]
"""What an answer is for; it bounds how long it may be."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: instructions, and text that `redact` has seen."""

    system: str
    text: Redacted
    workspace: Path
    purpose: Purpose
    files: tuple[Path, ...] = ()
    """The files that `text` quotes; each must be allowed to leave."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What asking would send and cost at most, for the user to agree to."""

    endpoint: str
    model: str
    bytes: int
    bound_nusd: int
    input_tokens_max: int
    redacted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer and its receipt."""

    text: str
    model: str
    stop_reason: str
    reservation: str
    cost_nusd: int
    bound_nusd: int
    input_tokens: int
    output_tokens: int
    seconds: float
    warning: str = ""
