"""A file of JSON lines that only grows: each is whole when it is written, and half a one is taken away.

A run that was cut off goes on where it was: what the file holds is not asked again.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from cattrs.preconf.json import make_converter

from cope_lsp.errors import TaskFileError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")

_converter = make_converter()


class Lines(Generic[Record]):
    """The records in one file."""

    def __init__(self, path: Path, kind: type[Record]) -> None:
        self.path = path
        self._kind = kind

    def read(self) -> list[Record]:
        """Return what is there; a last line that a kill cut off is taken away.

        Raises:
            TaskFileError: the file cannot be read, or a line is no such record.
        """
        try:
            data = self.path.read_bytes() if self.path.exists() else b""
            whole = data[: data.rfind(b"\n") + 1]
            if len(whole) < len(data):
                with self.path.open("r+b") as file:
                    file.truncate(len(whole))
        except OSError as error:
            raise self._unreadable(error) from error
        return self._records(whole)

    def peek(self) -> list[Record]:
        """Return what is whole by now, and leave the file alone: somebody may be writing into it.

        Raises:
            TaskFileError: there is no such file, it cannot be read, or a line is no such record.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise self._unreadable(error) from error
        return self._records(data[: data.rfind(b"\n") + 1])

    def add(self, record: Record) -> None:
        """Append a record; it is in the file when this returns.

        Raises:
            TaskFileError: the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(record)) + "\n")
        except OSError as error:
            msg = f"{self.path} cannot be written: {error.strerror}"
            raise TaskFileError(msg) from error

    def _unreadable(self, error: OSError) -> TaskFileError:
        return TaskFileError(f"{self.path} cannot be read: {error.strerror}")

    def _records(self, whole: bytes) -> list[Record]:
        lines = whole.decode("utf-8", "replace").split("\n")[:-1]
        return [self._record(line, number) for number, line in enumerate(lines, 1)]

    def _record(self, line: str, number: int) -> Record:
        try:
            return _converter.structure(json.loads(line), self._kind)
        except Exception as error:
            msg = f"{self.path}:{number} is no answer of an evaluation; move the file away and run again"
            raise TaskFileError(msg) from error
