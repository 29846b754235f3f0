"""Who is connected to this engine; it ends with the last of its clients, whatever native code is doing."""

import os
import queue
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from filelock import FileLock, Timeout

from cope_lsp.engine.connection import Connection, Letter
from cope_lsp.engine.local_socket import Socket, accept, listen
from cope_lsp.engine.wire import Leaving, Message, Open, Refused

FAREWELL_S = 0.5
LETTERS_MAX = 64
"""Whoever sends more than is taken must wait, and nobody else for long: those who wait are served in turn."""


class Clients:
    """All connections. Their threads call in here; `inbox` is read by the thread that works."""

    def __init__(self) -> None:
        self.inbox: queue.Queue[Letter] = queue.Queue(LETTERS_MAX)
        self.glance: Callable[[Letter], None] = lambda _: None
        """Is shown each letter that was put into the inbox, by the thread that brought it."""
        self._lock = threading.RLock()
        self._connected: set[Connection] = set()
        self._clients: set[Connection] = set()
        self._listener: Socket | None = None
        self._path: Path | None = None
        self._place: FileLock | None = None

    def __len__(self) -> int:
        return len(self._clients)

    def listen(self, path: Path) -> bool:
        """Take whoever connects to the socket at `path`; False: another engine has this place.

        Raises:
            NoSocketError: the socket cannot be made.
        """
        # The lock is held while this process lives; a socket that was left behind has no owner.
        self._place = FileLock(path.with_suffix(".lock"))
        try:
            self._place.acquire(blocking=False)
        except Timeout:
            return False
        self._path, self._listener = path, listen(path)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return True

    def add(self, connection: Connection) -> None:
        """Take a connection."""
        with self._lock:
            self._connected.add(connection)
        connection.start(self._receive, self._gone)

    def leave(self, reason: str) -> NoReturn:
        """End this process on purpose."""
        self.farewell(Leaving(reason))

    def farewell(self, message: Leaving | Refused) -> NoReturn:
        """End this process; everybody who is connected, or was about to be, gets this message."""
        with self._lock:
            if self._listener is not None and self._path is not None:
                self._path.unlink(missing_ok=True)  # from now on nobody comes, and who came is taken here
                while newcomer := accept(self._listener):
                    self.add(Connection.of_socket(newcomer))
            for connection in self._connected:
                connection.send(message)
            for connection in self._connected:
                connection.flush(FAREWELL_S)
            os._exit(0)

    def _put(self, letter: Letter) -> None:
        self.inbox.put(letter)
        self.glance(letter)

    def _accept(self, listener: Socket) -> None:
        while True:
            select.select([listener], [], [])
            with self._lock:
                if newcomer := accept(listener):
                    self.add(Connection.of_socket(newcomer))

    def _receive(self, connection: Connection, message: Message) -> None:
        if isinstance(message, Open):
            with self._lock:
                self._clients.add(connection)
        self._put(Letter(connection, message))

    def _gone(self, connection: Connection) -> None:
        with self._lock:
            self._connected.discard(connection)
            if connection in self._clients:
                self._clients.discard(connection)
                if not self._clients:
                    self.leave("its last client left")
        self._put(Letter(connection, None))
