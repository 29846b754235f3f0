"""What the hosted model is asked: for a guideline of one or two sentences, and only at the end for a draft.

The large model plans and the small one executes: "Efficient LLM Collaboration via Planning", section 3. It is
shown one definition and what is known of it, never a file.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cope_lsp.cascade import dialogue
from cope_lsp.egress.redact import Redacted, redact
from cope_lsp.errors import HostedRefusedError
from cope_lsp.models.question import Purpose, Question

CHARACTERS_MAX = 40_000
COMPLAINT_CHARACTERS_MAX = 1_500

SYSTEM = dialogue.SYSTEMS["guideline"]
DRAFT_SYSTEM = dialogue.SYSTEMS["code"]

HEADS = ("Task:", "Goal:", "Guideline:", "Now it fails:", "Beside it:")
"""What sections above the definition begin with; each ends with a blank line."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What the hosted model is told. Everything but the passage may be empty."""

    passage: str
    """The definition and what it stands in."""
    instruction: str = ""
    """What the user wants of it."""
    goal: str = ""
    guideline: str = ""
    complaint: str = ""
    """What a check says of the drafts so far."""
    around: str = ""
    """The signatures beside it."""


def guideline_question(brief: Brief, workspace: Path, file: Path) -> Question:
    """Return the question for a guideline, its secrets taken out.

    Args:
        brief: what is known.
        workspace: the project, whose consent and ignore files count.
        file: where the passage is from.

    Raises:
        HostedRefusedError: it is too large.
    """
    return _question(SYSTEM, brief, workspace, file, "plan")


def draft_question(brief: Brief, workspace: Path, file: Path) -> Question:
    """Return the question for the function itself; see `guideline_question`."""
    return _question(DRAFT_SYSTEM, brief, workspace, file, "draft")


def _question(system: str, brief: Brief, workspace: Path, file: Path, purpose: Purpose) -> Question:
    told = (
        brief.instruction,
        brief.goal,
        brief.guideline,
        brief.complaint[:COMPLAINT_CHARACTERS_MAX],
        brief.around,
    )
    sections = [f"{head} {_joined(text)}" for head, text in zip(HEADS, told, strict=True) if text.strip()]
    text = (
        "\n\n".join([*sections, brief.passage]).encode("utf-8", "replace").decode()
    )  # half a surrogate pair
    if len(text) > CHARACTERS_MAX:
        msg = f"the definition and the instruction have {len(text)} characters of at most {CHARACTERS_MAX}"
        raise HostedRefusedError("too-large", f"{msg}; ask for a smaller part")
    return Question(system, _redacted(text), workspace, purpose, (file,))


@lru_cache(maxsize=8)
def _redacted(text: str) -> Redacted:
    """Return a text without secrets. The same question is priced at each decision before it is asked."""
    return redact(text)


def _joined(text: str) -> str:
    """Return a text without blank lines: one ends a section."""
    return "\n".join(line for line in text.strip().splitlines() if line.strip())
