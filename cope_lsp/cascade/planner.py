"""What the hosted model is asked for: a guideline of one or two sentences, never code.

The large model plans and the small one executes: "Efficient LLM Collaboration via Planning", section 3.
"""

from pathlib import Path

from cope_lsp.egress.redact import redact
from cope_lsp.errors import HostedRefusedError
from cope_lsp.models.question import Question

CHARACTERS_MAX = 40_000

SYSTEM = (
    "You advise a small code model that writes one function. In one or two sentences, say how to do it: the "
    "decisive steps, the edge cases that are easily missed. No code, no introduction, no list."
)


def guideline_question(passage: str, instruction: str, workspace: Path, file: Path) -> Question:
    """Return the question about one definition, its secrets taken out.

    Args:
        passage: the definition and what it stands in.
        instruction: what the user wants of it; "" when the definition says it all.
        workspace: the project, whose consent and ignore files count.
        file: where the passage is from.

    Raises:
        HostedRefusedError: it is too large.
    """
    goal = f"Task: {instruction.strip()}\n\n" if instruction.strip() else ""
    text = f"{goal}{passage}".encode("utf-8", "replace").decode()  # half a surrogate pair cannot be sent
    if len(text) > CHARACTERS_MAX:
        msg = f"the definition and the instruction have {len(text)} characters of at most {CHARACTERS_MAX}"
        raise HostedRefusedError("too-large", f"{msg}; ask for a smaller part")
    return Question(SYSTEM, redact(text), workspace, "plan", (file,))
