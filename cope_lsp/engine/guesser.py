"""Guesses how a text goes on, so that several of its tokens can be checked in one batch.

What the text repeats is looked up, which costs nothing; where it repeats nothing, a draft model is asked, if
the user has one. Each guess is checked by the model, so the text is the one that it would have drawn alone.
"""

import time

from cope_lsp.engine.draft_model import DraftModel
from cope_lsp.engine.llama import DecodeError, NoSpaceError
from cope_lsp.engine.speculation import GUESSES_MAX, Lookup, Pace


class Guesser:
    """Two sources of guesses, each with a pace of its own: one may pay where the other does not."""

    def __init__(self, draft: DraftModel | None, *, always: bool) -> None:
        """Begin without any experience.

        Args:
            draft: the draft model; None: there is none. It is closed when it fails.
            always: see `Pace`.
        """
        self._draft = draft
        self._lookup_pace = Pace(always=always)
        self._draft_pace = Pace(always=always)
        self._tried = 0
        self._draft_s = 0.0

    @property
    def is_worthwhile(self) -> bool:
        """See `Pace`."""
        return self._lookup_pace.is_worthwhile

    def guess(self, text: Lookup | None, count: int, left: int) -> list[int]:
        """Return tokens that may follow a text; what comes of them is to be told to `learn`.

        Args:
            text: all of it; None: it is not to be guessed.
            count: how many tokens can be checked at most.
            left: how many the text may get at most.
        """
        self._tried, self._draft_s = 0, 0.0
        count = min(count, GUESSES_MAX)
        if text is None or count < 1:
            return []
        if (found := text.guess(count)) and (guesses := self._lookup_pace.guesses()):
            return found[:guesses]
        if self._draft is None:
            return []
        try:
            return self._ask(self._draft, text.tokens, count, left)
        except (DecodeError, NoSpaceError):
            # Nobody waits for it: the model writes the same text alone.
            self._draft.close()
            self._draft, self._tried = None, 0
            return []

    def learn(self, checked: int, seconds: float, right: int) -> None:
        """Take what came of a batch.

        Args:
            checked: how many guesses were in it.
            seconds: that it took.
            right: how many of the guesses were right.
        """
        if self._tried:
            self._draft_pace.learn(1 + self._tried, seconds + self._draft_s, right)
        elif not checked:
            self._draft_pace.learn(1, seconds, 0)
        if not (self._tried and checked):
            self._lookup_pace.learn(1 + checked, seconds, right)

    def _ask(self, draft: DraftModel, tokens: list[int], count: int, left: int) -> list[int]:
        """Return what the draft model guesses; nothing while it is behind, or where it would not pay."""
        if not draft.can_read(tokens, count):
            return []
        wanted = self._draft_pace.guesses(ahead_s=draft.seconds_behind(tokens), left=left)
        started = time.perf_counter()
        if not wanted or not draft.catch_up(tokens):
            return []
        guesses = draft.guess(min(count, wanted))
        # One that was not sure enough to be made cost as much as the others.
        self._tried = min(count, wanted, len(guesses) + 1)
        self._draft_s = time.perf_counter() - started
        return guesses
