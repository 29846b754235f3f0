"""Files that only the user can read: written whole or not at all, refused when others could read them."""

import os
import stat
import tempfile
from pathlib import Path

FILE_BYTES_MAX = 10_000

_HAS_MODES = os.name == "posix"
"""Elsewhere a user's own folders are closed to others by default, and modes say nothing."""


class NotPrivateError(Exception):
    """A file that others can read, a link, or somebody else's file; the message says which."""


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600 and make it durable; its folder is made with mode 0700.

    Raises:
        OSError: it cannot be written; then what was there before is still there.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_private(path: Path) -> str:
    """Return the text of a file that `write_private` wrote.

    What is looked at is the open file, so that nothing can be put in its place between look and use.

    Raises:
        OSError: it is not there or cannot be read.
        NotPrivateError: somebody else may know it, or may have put it there.
        ValueError: it is not UTF-8 or larger than `FILE_BYTES_MAX`.
    """
    if path.is_symlink():
        raise NotPrivateError("it is a link")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if fault := _fault(os.fstat(file.fileno())):
            raise NotPrivateError(fault)
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        msg = f"it is larger than {FILE_BYTES_MAX} bytes"
        raise ValueError(msg)
    return data.decode("utf-8")


def _fault(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "it is not a file"
    if status.st_nlink > 1:
        return "it is a link"
    if _HAS_MODES and status.st_uid != os.geteuid():
        return "it belongs to somebody else"
    if _HAS_MODES and status.st_mode & 0o077:
        return f"others may read it (its mode is {status.st_mode & 0o777:04o})"
    return ""
