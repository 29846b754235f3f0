"""The second copy of the ledger: a file of lines, each chained to the one before by its hash.

A line is written and synced before the database commits, so that what was acknowledged stands in both. One
write is one line; more than one line is only ever written by replacing the whole file. Hence only the last
line can be torn, and a torn line was never acknowledged.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cope_lsp.errors import LedgerError
from cope_lsp.ledger.entries import Entry, canonical

FORMAT = 1
GENESIS = "0" * 64
"""What the first line is chained to."""

TORN_BYTES_MAX = 200_000
"""More than any line has, so that a longer last line is damage."""

_BINARY = getattr(os, "O_BINARY", 0)  # Windows would otherwise write two bytes for the end of a line


@dataclass(frozen=True, slots=True)
class Chain:
    """The good lines of a journal."""

    entries: tuple[Entry, ...]
    bytes: int
    """Where the good lines end."""
    head: str
    """The hash of the last of them."""
    torn_bytes: int = 0
    """What follows them: a line that was never finished."""
    damage: str = ""
    """What is wrong when a bad line cannot be an unfinished one; then nothing above is the whole truth."""


def line_of(entry: Entry, prev: str) -> tuple[bytes, str]:
    """Return the line of an entry that follows the line with the hash `prev`, and its own hash."""
    body = canonical(asdict(entry))
    sha256 = _hash(FORMAT, prev, body)
    line = f'{{"entry":{body},"format":{FORMAT},"prev":"{prev}","sha256":"{sha256}"}}\n'
    return line.encode(), sha256


def read(path: Path) -> Chain:
    """Read a journal; a missing one has no lines.

    Raises:
        OSError: it cannot be read.
        LedgerError: a newer version of this program has written it.
    """
    data = path.read_bytes() if path.exists() else b""
    entries: list[Entry] = []
    head, end = GENESIS, 0
    for line in io.BytesIO(data):
        found = _parse(line)
        if found is None or found.prev != head:
            return _broken(tuple(entries), end, head, data)
        entries.append(found.entry)
        head, end = found.sha256, end + len(line)
    return Chain(tuple(entries), end, head)


def salvage(path: Path) -> list[Entry]:
    """Return every entry whose own line is whole, whatever stands around it."""
    data = path.read_bytes() if path.exists() else b""
    return [found.entry for line in io.BytesIO(data) if (found := _parse(line)) is not None]


def append(path: Path, end: int, line: bytes) -> None:
    """Write a line at byte `end` and wait until it lies on the disk.

    On macOS this reaches the drive but not its platter; the commit that follows asks the drive to write
    everything (`PRAGMA fullfsync`).
    """
    with _opened(path, os.O_WRONLY) as descriptor:
        os.lseek(descriptor, end, os.SEEK_SET)
        _write_all(descriptor, line)
        os.fsync(descriptor)


def cut(path: Path, end: int) -> None:
    """Cut off what follows byte `end`."""
    with _opened(path, os.O_RDWR) as descriptor:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)


def replace(path: Path, entries: Iterable[Entry]) -> Chain:
    """Put a journal of these entries in the place of the present one, in one step."""
    chained: list[Entry] = []
    lines: list[bytes] = []
    head = GENESIS
    for entry in entries:
        line, head = line_of(entry, head)
        chained.append(entry)
        lines.append(line)
    data = b"".join(lines)
    new = path.with_name(f"{path.name}.new")
    write_private(new, data)
    os.replace(new, path)  # noqa: PTH105  # beside `os.fsync`, which pathlib has not
    sync_folder(path.parent)
    return Chain(tuple(chained), len(data), head)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that nobody else may read, whatever the umask says, and sync it."""
    path.unlink(missing_ok=True)
    with _opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
        path.chmod(0o600)
        _write_all(descriptor, data)
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    with suppress(PermissionError), _opened(folder, os.O_RDONLY) as descriptor:  # Windows opens no folders
        os.fsync(descriptor)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | _BINARY, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    rest: memoryview = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _broken(entries: Sequence[Entry], end: int, head: str, data: bytes) -> Chain:
    """Judge a bad line at byte `end`: unfinished when it is the last, else damage."""
    rest = data[end:]
    is_last = b"\n" not in rest[:-1] and len(rest) <= TORN_BYTES_MAX
    if is_last:
        return Chain(tuple(entries), end, head, torn_bytes=len(rest))
    return Chain(tuple(entries), end, head, damage=f"line {len(entries) + 1} is damaged")


@dataclass(frozen=True, slots=True)
class _Line:
    entry: Entry
    prev: str
    sha256: str


def _parse(line: bytes) -> _Line | None:
    """Return what a good line says, or None for a bad one.

    Later formats will keep the four keys and the hashing, so that a newer line can be told from damage.
    """
    try:
        values = json.loads(line)
        form, prev, body = values["format"], values["prev"], canonical(values["entry"])
        if values["sha256"] != _hash(form, prev, body):
            return None
        if form != FORMAT:
            raise LedgerError(
                "the ledger's journal was written by a newer cope-lsp; "
                "update cope-lsp to ask hosted models again"
            )
        entry = Entry(**values["entry"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return _Line(entry, prev, values["sha256"]) if line_of(entry, prev)[0] == line else None


def _hash(form: int, prev: str, body: str) -> str:
    return hashlib.sha256(f"{form}{prev}{body}".encode()).hexdigest()
