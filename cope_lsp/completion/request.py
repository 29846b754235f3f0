"""How much is asked of a model for one place in a text."""

import re
from dataclasses import dataclass, replace
from itertools import islice

from cope_lsp.checks.syntax.scene import Scene
from cope_lsp.text import columns_of
from cope_lsp.values import CompletionRequest, Limits, Scope

AUTOMATIC_DEADLINE_S = 2.0
EXPLICIT_DEADLINE_S = 10.0
AUTOMATIC_PATIENCE_S = 0.55
"""Who types does not look at what comes later."""

BLOCK_LINES = 8
LINE_TOKENS = 40
BLOCK_TOKENS = 120

BY_INDENTATION = frozenset({"python"})
"""Languages in which nothing but indentation ends a block."""

BLANK_LINES_MAX = 50
"""Further down nothing is looked for."""

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Place:
    """The current line on both sides of the cursor, and what follows it."""

    before: str
    after: str
    below: str = ""
    """The next line that is not blank."""
    is_close: bool = False
    """Whether that is the next line of all."""

    @property
    def inside_word(self) -> bool:
        """Whether an identifier goes on to the right of the cursor."""
        return bool(self.after) and (self.after[0].isalnum() or self.after[0] == "_")

    @property
    def opens_block(self) -> bool:
        """Whether the cursor stands at the end of a line that opens a block."""
        return not self.after.strip() and self.before.rstrip().endswith((":", "{"))

    @property
    def indent(self) -> int:
        """How far the line is indented, in columns."""
        return columns_of(self.before)

    @property
    def goes_on_below(self) -> bool:
        """Whether the block that the cursor is in goes on below: more than a line would be in its way.

        At the left margin everything belongs to one block; there only the very next line counts.
        """
        close_enough = self.is_close or self.indent > 0
        return bool(self.below) and close_enough and columns_of(self.below) >= self.indent


def place_of(text: str, offset: int) -> Place:
    """Return the current line around `offset` in `text`, and the line below."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    ends = islice(_LINE_END.finditer(text, offset), BLANK_LINES_MAX + 1)
    first = next(ends, None)
    if first is None:
        return Place(text[start:offset], text[offset:])
    before, after, at = text[start:offset], text[offset : first.start()], first.end()
    for row, end in enumerate(ends):
        if below := text[at : end.start()].rstrip():
            return Place(before, after, below, is_close=row == 0)
        at = end.end()
    last = "" if _LINE_END.search(text, at) else text[at:].rstrip()
    return Place(before, after, last, is_close=at == first.end())


def limits_for(request: CompletionRequest, place: Place, scene: Scene | None = None) -> Limits:
    """Decide between the rest of a line and a block, and how long it may take.

    With text to the right of the cursor only that line can be completed, and so it is in a comment or a
    string. A block is asked for where one begins; who asks by a key gets one anywhere, unless the block
    around the cursor goes on below.

    Args:
        request: who asks, and of which document.
        place: where.
        scene: what stands there by the tree of the document; None: that is not known.
    """
    limits = (
        Limits(LINE_TOKENS, EXPLICIT_DEADLINE_S)
        if request.explicit
        else Limits(LINE_TOKENS, AUTOMATIC_DEADLINE_S, patience_s=AUTOMATIC_PATIENCE_S)
    )
    if place.after.strip():
        return replace(limits, stop=("\n",))
    if _wants_block(request, place, scene):
        scope = _scope(request, place, scene)
        return replace(limits, output_tokens_max=BLOCK_TOKENS, lines_max=BLOCK_LINES, scope=scope)
    if place.before.strip():
        return replace(limits, stop=("\n",))
    return replace(limits, lines_max=1)


def _wants_block(request: CompletionRequest, place: Place, scene: Scene | None) -> bool:
    if scene is None:
        return place.opens_block or (request.explicit and not place.goes_on_below)
    if scene.kind != "code":
        return False
    return scene.opens_block or (request.explicit and not place.goes_on_below)


def _scope(request: CompletionRequest, place: Place, scene: Scene | None) -> Scope:
    """Return the block that is asked for: by the tree, else any that does not repeat what stands below."""
    indent = scene.indent if scene else 0
    closes = request.document.language not in BY_INDENTATION
    return Scope(indent, closes=closes, ends_at_blank=scene is not None and indent == 0, below=place.below)
