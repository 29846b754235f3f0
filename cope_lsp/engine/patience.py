"""What somebody who waits can be given in time: how much of a prompt is read, how many tokens are drawn."""

from dataclasses import replace

from cope_lsp.engine.portion import Portion
from cope_lsp.values import Prompt, Text

READ_SHARE = 0.5
"""Of the time that somebody waits, for the prompt; the rest is for the text that is drawn."""

PROMPT_TOKENS_MIN = 64
"""With less to look at a model writes nothing that is worth the wait, however short."""

OUTPUT_TOKENS_MIN = 4
"""A word and a bracket: less says nothing."""

_NEWEST = 0.2
"""How much the newest measurement counts: one token in five is late on a machine that does other things."""


class Patience:
    """How fast one network reads and writes on this machine, and what follows from it."""

    def __init__(self, portion: Portion) -> None:
        """Know nothing yet.

        Args:
            portion: what is known of reading.
        """
        self._portion = portion
        self._draw_s = 0.0

    def learn(self, seconds: float) -> None:
        """Take how long one token took that was drawn alone."""
        self._draw_s += (_NEWEST if self._draw_s else 1.0) * (seconds - self._draw_s)

    def shorter(self, prompt: Prompt, tokens: int, unread: int, patience_s: float) -> Prompt | None:
        """Return a prompt of which less is shown; None when all of it can be read in time.

        Args:
            prompt: all that is worth showing.
            tokens: how many it has.
            unread: how many of them the engine does not remember.
            patience_s: how long somebody waits in all.
        """
        read_s = self._portion.seconds(unread)
        if read_s <= patience_s * READ_SHARE or tokens <= PROMPT_TOKENS_MIN:
            return None
        share = max(PROMPT_TOKENS_MIN / tokens, patience_s * READ_SHARE / self._portion.seconds(tokens))
        return tuple(
            _shortened(segment, share) if isinstance(segment, Text) else segment for segment in prompt
        )

    def output_tokens(self, wanted: int, unread: int, patience_s: float) -> int:
        """Return how many tokens can be drawn in time, `wanted` at most, when so many are read before."""
        if not self._draw_s:
            return wanted
        left_s = max(patience_s * (1 - READ_SHARE), patience_s - self._portion.seconds(unread))
        return min(wanted, max(OUTPUT_TOKENS_MIN, int(left_s / self._draw_s)))


def _shortened(text: Text, share: float) -> Text:
    return replace(text, tokens_max=max(1, int(text.tokens_max * share)))
