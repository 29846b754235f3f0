"""How much is asked of a model for one place in a text."""

from dataclasses import dataclass, replace

from cope_lsp.values import CompletionRequest, Limits

AUTOMATIC_DEADLINE_S = 2.0
EXPLICIT_DEADLINE_S = 10.0
AUTOMATIC_PATIENCE_S = 0.6
"""Who types does not look at what comes later."""

BLOCK_LINES = 8
LINE_TOKENS = 40
BLOCK_TOKENS = 120


@dataclass(frozen=True, slots=True)
class Place:
    """The current line on both sides of the cursor."""

    before: str
    after: str

    @property
    def inside_word(self) -> bool:
        """Whether an identifier goes on to the right of the cursor."""
        return bool(self.after) and (self.after[0].isalnum() or self.after[0] == "_")

    @property
    def opens_block(self) -> bool:
        """Whether the cursor stands at the end of a line that opens a block."""
        return not self.after.strip() and self.before.rstrip().endswith((":", "{"))


def place_of(text: str, offset: int) -> Place:
    """Return the current line around `offset` in `text`."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    ends = [at for end in "\r\n" if (at := text.find(end, offset)) >= 0]
    return Place(text[start:offset], text[offset : min(ends, default=len(text))])


def limits_for(request: CompletionRequest, place: Place) -> Limits:
    """Decide between the rest of a line and a block, and how long it may take.

    With text to the right of the cursor only that line can be completed. An automatic request gets a block
    where one begins, and one line anywhere else.
    """
    limits = (
        Limits(LINE_TOKENS, EXPLICIT_DEADLINE_S)
        if request.explicit
        else Limits(LINE_TOKENS, AUTOMATIC_DEADLINE_S, patience_s=AUTOMATIC_PATIENCE_S)
    )
    if place.after.strip():
        return replace(limits, stop=("\n",))
    if request.explicit or place.opens_block:
        return replace(limits, output_tokens_max=BLOCK_TOKENS, lines_max=BLOCK_LINES)
    if place.before.strip():
        return replace(limits, stop=("\n",))
    return replace(limits, lines_max=1)
