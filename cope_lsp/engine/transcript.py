"""The text of one draft as it grows, and the moment at which it ends."""

import codecs

from cope_lsp.text import columns_of
from cope_lsp.values import Finish, Limits, Scope

SAME_LINES_MAX = 2
"""A text that writes one line more often in a row has lost its way."""


class Transcript:
    """Collects the bytes of a draft's tokens until a limit is met.

    Stop strings and line ends are looked for in bytes, so that a token that ends inside a character
    does no harm. What a stop string or the last line end begins is cut off.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._stops = [stop.encode() for stop in limits.stop]
        self._below = limits.scope.below.encode("utf-8", "replace") if limits.scope else b""
        self._data = bytearray()
        self._line = 0
        """Where the first line begins of which it is not known yet whether it stays in the scope."""
        self.tokens = 0

    @property
    def text(self) -> str:
        """The complete characters so far."""
        return codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(self._data))

    def push(self, piece: bytes) -> Finish | None:
        """Add the bytes of one token; return why the draft ends here, or None when it goes on."""
        before = len(self._data)
        self._data += piece
        self.tokens += 1
        if self._cut_at_stop(before):
            return "stop"
        if self._limits.scope is not None and self._ends_with(self._limits.scope):
            return "stop"
        if b"\n" in piece and self._cut_at_last_line():
            return "lines"
        return "length" if self.tokens >= self._limits.output_tokens_max else None

    def _cut_at_stop(self, before: int) -> bool:
        found = [
            at for stop in self._stops if (at := self._data.find(stop, max(0, before - len(stop) + 1))) >= 0
        ]
        if found:
            del self._data[min(found) :]
        return bool(found)

    def _cut_at_last_line(self) -> bool:
        """Cut before the line end that completes `lines_max` lines; blank lines at the start are free."""
        if self._limits.lines_max is None:
            return False
        at = len(self._data) - len(self._data.lstrip())
        for _ in range(self._limits.lines_max):
            at = self._data.find(b"\n", at) + 1
            if at == 0:
                return False
        del self._data[at - 1 :]
        return True

    def _ends_with(self, scope: Scope) -> bool:
        """Look at what is new, line by line; cut off what leaves the scope, and say whether anything did."""
        while True:
            end = self._data.find(b"\n", self._line)
            line = bytes(self._data[self._line : None if end < 0 else end])
            if self._line and self._leaves(line, scope, is_whole=end >= 0):
                del self._data[self._line - 1 :]
                return True
            if end < 0:
                return False
            if self._line and _columns(line) < scope.indent and line.strip():  # its closing bracket
                del self._data[end:]
                return True
            self._line = end + 1

    def _leaves(self, line: bytes, scope: Scope, *, is_whole: bool) -> bool:
        """Whether a line is outside of the scope; one that is not whole may not be known yet."""
        text = line.strip()
        if not text:
            return is_whole and scope.ends_at_blank and bool(self._data[: self._line].strip())
        if _columns(line) < scope.indent and not (scope.closes and text[:1] in b")]}"):
            return True
        return is_whole and (line.rstrip() == self._below or self._repeats(line))

    def _repeats(self, line: bytes) -> bool:
        """Whether the lines just before are all like this one."""
        before = bytes(self._data[: self._line - 1]).split(b"\n")[-SAME_LINES_MAX:]
        return len(before) == SAME_LINES_MAX and set(before) == {line}


def _columns(line: bytes) -> int:
    return columns_of(line.decode("utf-8", "replace"))
