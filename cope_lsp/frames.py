"""What passes between us and a process of ours (`module_process`): four bytes of length, and JSON."""

import json
import struct
from typing import IO, Any

_LENGTH = struct.Struct(">I")


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write a message.

    Raises:
        OSError: nobody reads.
    """
    text = json.dumps(message).encode("ascii")  # half a surrogate pair is escaped, too
    stream.write(_LENGTH.pack(len(text)) + text)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """Wait for the next message; None: the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    text = stream.read(length)
    if len(text) < length:
        return None
    message: dict[str, Any] = json.loads(text)
    return message
