"""The offline switch: while it is on, no Python code in this process can open an internet socket.

That nothing even tries is proven from outside, by a run under a system call filter; this is the second wall.
"""

import socket
import sys
from typing import Any

_INTERNET = frozenset({int(socket.AF_INET), int(socket.AF_INET6), -1})
"""-1 is a family that was not said: to the system IPv4, or that of a descriptor made elsewhere."""

_NAMES = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)


class _Switch:
    """An audit hook cannot be taken away, so it is installed once and looks here."""

    on = False
    watched = False


def switch(*, on: bool) -> None:
    """Forbid internet sockets in this process, or allow them again."""
    _Switch.on = on
    if on and not _Switch.watched:
        _Switch.watched = True
        sys.addaudithook(_refuse)


def is_on() -> bool:
    """Whether internet sockets are forbidden now."""
    return _Switch.on


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _Switch.on or not event.startswith("socket."):
        return
    if event in _NAMES or (event == "socket.__new__" and int(arguments[1]) in _INTERNET):
        msg = "offline is on: no internet socket is opened"
        raise PermissionError(msg)
