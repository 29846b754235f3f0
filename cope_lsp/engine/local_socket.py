"""Sockets between the processes of one user: where they lie, and that nobody else can reach them.

A socket lies in a folder that only its user can enter. On Linux the kernel also says who is at the other end.
"""

import contextlib
import os
import socket
import stat
import struct
import sys
import warnings
from pathlib import Path

from platformdirs import user_runtime_path

from cope_lsp.errors import CopeError

PATH_BYTES_MAX = 100
"""The address of a Unix socket has 108 bytes on Linux and 104 on macOS, the last of them zero."""

TAKEN = 3
"""The exit status of a process that was to listen where another one does."""
CANNOT_LISTEN = 4
"""The exit status of one that cannot, as on some network file systems."""

Socket = socket.socket

_CREDENTIALS = struct.Struct("3i")
_SHARED_BITS = stat.S_IRWXG | stat.S_IRWXO


class NoSocketError(CopeError):
    """Processes cannot meet here; the message says why."""


def private_folder() -> Path:
    """Return the folder for the sockets of this user, made if need be.

    Raises:
        NoSocketError: there are no such sockets on this system, or others could get at them.
    """
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        raise NoSocketError("this system has no Unix sockets")
    try:
        folder = _runtime_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in (folder.parent, folder):
            _check_owner(each, each.lstat())
        folder.chmod(0o700)
    except OSError as error:
        raise NoSocketError(str(error)) from error
    return folder


def _runtime_folder() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it takes a folder in /tmp, and warns
        return user_runtime_path("cope-lsp", appauthor=False)


def _check_owner(folder: Path, found: os.stat_result) -> None:
    """See that nobody else can put something else in the place of what lies in a folder."""
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {0, os.getuid()}:
        raise NoSocketError(f"{folder} belongs to somebody else, or is no folder")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        raise NoSocketError(f"others can write to {folder}")


def listen(path: Path) -> Socket:
    """Return a socket that listens at `path`, where another may have been left behind.

    Raises:
        NoSocketError: it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        listener.listen()
        listener.settimeout(0)
    except OSError as error:
        listener.close()
        raise NoSocketError(f"{path}: {error}") from error
    return listener


def accept(listener: Socket) -> Socket | None:
    """Return the next connection of a process of this user; None: nobody waits any more."""
    while True:
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        accepted.settimeout(None)
        if is_ours(accepted):
            return accepted
        accepted.close()


def connect(path: Path, timeout_s: float) -> Socket:
    """Return a connection to what listens at `path`.

    Raises:
        OSError: nobody does, or it is not of this user.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        if not is_ours(connection):
            raise PermissionError(f"{path} is of another user")
    except OSError:
        connection.close()
        raise
    return connection


def end(connection: Socket) -> None:
    """End a connection for both sides, also for a thread that waits for it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def is_ours(connection: Socket) -> bool:
    """Whether the other end is a process of this user, as far as the system can tell."""
    found = _peer(connection)
    return found is None or found[1] == os.getuid()


def peer_pid(connection: Socket) -> int | None:
    """Return the process that listens at the other end; None where the system does not tell."""
    found = _peer(connection)
    return found[0] if found else None


def _peer(connection: Socket) -> tuple[int, int] | None:
    """Return (process id, user id) of the other end; None where the system does not tell."""
    with contextlib.suppress(OSError):
        if sys.platform == "darwin":  # SOL_LOCAL, LOCAL_PEERPID of sys/un.h; it tells nothing of users
            return connection.getsockopt(0, 2), os.getuid()
        if not hasattr(socket, "SO_PEERCRED"):
            return None
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(raw)
        return pid, uid
    return None
