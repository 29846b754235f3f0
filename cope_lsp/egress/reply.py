"""What a completion server answers, apart from what it takes to ask one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no stream: its status, and its JSON value, None where it is none."""

    status: int
    value: Any

    @property
    def said(self) -> str:
        """What the server says of a fault, as one printable line."""
        error = self.value.get("error") if isinstance(self.value, Mapping) else None
        return said(error.get("message") if isinstance(error, Mapping) else error)


def said(value: Any, characters_max: int = 200) -> str:
    """Return a text of the server as one line that no terminal obeys; "" for what is no text."""
    text = value[:characters_max] if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else " " for char in text).strip()


class NoStreamError(Exception):
    """The server answered with something else than the stream that was asked for."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply
