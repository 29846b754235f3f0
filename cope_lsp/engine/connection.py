"""The engine's end of the stream of one client: frames in by one thread, frames out by another."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from cope_lsp.engine.local_socket import Socket, end
from cope_lsp.engine.wire import Message, encode, read_message
from cope_lsp.errors import FrameError

UNREAD_MAX = 10_000
"""A client that does not read so many messages is given up: they are kept in memory here."""


class Sender(Protocol):
    """Who sent something, and can be answered."""

    def send(self, message: Message) -> None:
        """Answer; this never waits, and never fails."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """What somebody sent; None: they are gone."""

    sender: Sender
    message: Message | None


Receive = Callable[["Connection", Message], None]
Gone = Callable[["Connection"], None]


class Connection:
    """One client. To send never waits."""

    def __init__(self, frames_in: BinaryIO, frames_out: BinaryIO, shut: Callable[[], None]) -> None:
        """Take a stream; nothing is read before `start`.

        Args:
            frames_in: what the client writes.
            frames_out: what it reads.
            shut: ends the stream, so that `frames_in` ends too.
        """
        self._in = frames_in
        self._out = frames_out
        self._shut = shut
        self._unread: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)

    @classmethod
    def of_socket(cls, connection: Socket) -> "Connection":
        """Return the client at the other end of a socket."""
        return cls(connection.makefile("rb"), connection.makefile("wb"), lambda: end(connection))

    def start(self, receive: Receive, gone: Gone) -> None:
        """Hand over what the client sends, and tell when it is gone, both from a thread of its own."""
        self._writer.start()
        threading.Thread(target=self._read, args=(receive, gone), daemon=True).start()

    def send(self, message: Message) -> None:
        """Send a message as soon as the client takes it."""
        self._unread.put(encode(message))
        if self._unread.qsize() > UNREAD_MAX:
            self.close()

    def flush(self, timeout_s: float) -> None:
        """Wait until the client has taken everything; nothing can be sent afterwards."""
        self._unread.put(None)
        self._writer.join(timeout_s)

    def close(self) -> None:
        """End the stream."""
        self._shut()

    def _read(self, receive: Receive, gone: Gone) -> None:
        try:
            while (message := read_message(self._in)) is not None:
                receive(self, message)
        except (FrameError, OSError) as error:
            os.write(2, f"{error}\n".encode())
        self._unread.put(None)
        self.close()
        gone(self)

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the client is gone: the reader tells
            while (frame := self._unread.get()) is not None:
                self._out.write(frame)
                self._out.flush()
