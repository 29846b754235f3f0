"""The text of one draft as it grows, and the moment at which it ends."""

import codecs

from cope_lsp.values import Finish, Limits


class Transcript:
    """Collects the bytes of a draft's tokens until a limit is met.

    Stop strings and line ends are looked for in bytes, so that a token that ends inside a character
    does no harm. What a stop string or the last line end begins is cut off.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._stops = [stop.encode() for stop in limits.stop]
        self._data = bytearray()
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
