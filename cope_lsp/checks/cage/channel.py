"""Messages between a draft's process and its judge: four bytes of length, then a plain value."""

import os
import struct
from typing import Any

from cope_lsp.checks.cage import plain

_LENGTH = struct.Struct(">I")
MESSAGE_BYTES_MAX = 16 << 20


class ChannelClosedError(Exception):
    """The other process is gone, or says what is no message."""


def send(end: int, message: Any) -> None:
    """Send a message.

    Raises:
        NotPlainError: it cannot be sent; nothing was.
        ChannelClosedError: nobody reads any more.
    """
    data = plain.dumps(message)
    if len(data) > MESSAGE_BYTES_MAX:
        msg = f"a value of {len(data)} bytes"
        raise plain.NotPlainError(msg)
    data = _LENGTH.pack(len(data)) + data
    try:
        while data:
            data = data[os.write(end, data) :]
    except OSError as error:
        raise ChannelClosedError from error


def receive(end: int) -> Any:
    """Return the next message.

    Raises:
        ChannelClosedError: there is none.
    """
    length: int = _LENGTH.unpack(_exactly(end, _LENGTH.size))[0]
    if length > MESSAGE_BYTES_MAX:
        raise ChannelClosedError
    try:
        return plain.loads(_exactly(end, length))
    except plain.NotPlainError as error:
        raise ChannelClosedError from error


def _exactly(end: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(end, size - len(data))
        if not piece:
            raise ChannelClosedError
        data += piece
    return bytes(data)
