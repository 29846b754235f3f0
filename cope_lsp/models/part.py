"""A part: a model file that has not come whole yet, and what it is to become.

Beside FILE.part lies FILE.part.json with the sum, the size and the commit of the whole, so that a later run
goes on only with the same content. The bytes are not trusted for that: the whole is checked at the end.
"""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from cope_lsp.egress.private import write_private
from cope_lsp.errors import DownloadError
from cope_lsp.models.address import Remote

MAGIC = b"GGUF"
CHUNK_BYTES = 1 << 20
NOTE_BYTES_MAX = 10_000


class Part:
    """Opens or begins the part beside `target`; close it, whatever happens.

    Raises:
        OSError: it cannot be written; also from the other methods.
    """

    def __init__(self, target: Path, remote: Remote) -> None:
        self.path, self._note = _names(target)
        self._remote = remote
        self._file: BinaryIO = self._open()
        self._sum, self.size, self._head = hashlib.sha256(), 0, b""
        self._read_again()
        self.found = self.size
        """How many bytes an earlier run left."""

    def write(self, piece: bytes) -> None:
        """Add bytes.

        Raises:
            DownloadError: they are more than the whole has; nothing is left then.
        """
        if self.size + len(piece) > self._remote.bytes:
            self.begin_again()
            msg = f"more than the {self._remote.bytes} bytes of {self._remote.file} came; try again later"
            raise DownloadError("wrong-size", msg)
        self._file.write(piece)
        self._count(piece)

    def begin_again(self) -> None:
        """Forget all bytes."""
        self._file.seek(0)
        self._file.truncate()
        self._sum, self.size, self._head = hashlib.sha256(), 0, b""

    @property
    def is_model(self) -> bool:
        """Whether it begins as a GGUF file does. What else is in it, the engine finds out."""
        return self._head == MAGIC

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are here and are the right ones."""
        return self.size == self._remote.bytes and self._sum.hexdigest() == self._remote.sha256

    def close(self) -> None:
        """Make durable what has come; a second time does nothing."""
        if self._file.closed:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def become(self, target: Path) -> None:
        """Take the place of `target` at once; closes the part."""
        self.close()
        self.path.replace(target)
        sync_folder(target.parent)
        self._note.unlink(missing_ok=True)

    def drop(self) -> None:
        """Leave nothing; closes the part."""
        self._file.close()
        sweep(self.path.with_suffix(""))

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._is_known():
            self.path.unlink(missing_ok=True)
            write_private(self._note, json.dumps(asdict(self._remote)))
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        return os.fdopen(os.open(self.path, flags, 0o600), "r+b")

    def _is_known(self) -> bool:
        try:
            with self._note.open("rb") as file:
                note = json.loads(file.read(NOTE_BYTES_MAX))
            return bool((note["sha256"], note["bytes"]) == (self._remote.sha256, self._remote.bytes))
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def _read_again(self) -> None:
        while piece := self._file.read(CHUNK_BYTES):
            self._count(piece)
        if self.size > self._remote.bytes:
            self.begin_again()

    def _count(self, piece: bytes) -> None:
        self._sum.update(piece)
        self.size += len(piece)
        self._head = (self._head + piece[: len(MAGIC)])[: len(MAGIC)]


def sweep(target: Path) -> None:
    """Remove what a part of `target` left."""
    for path in _names(target):
        path.unlink(missing_ok=True)


def _names(target: Path) -> tuple[Path, Path]:
    return target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
