"""Which files of a workspace the index reads: source code, within bounds, and never through a link."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from cope_lsp.checks.syntax.languages import LANGUAGE_OF_SUFFIX

FILE_BYTES_MAX = 500_000
ENTRIES_MAX = 200_000
"""As many names are looked at, whatever they name."""

LANGUAGE_OF = {
    suffix: language
    for suffix, language in LANGUAGE_OF_SUFFIX.items()
    if language not in {"css", "html", "json"}
}
"""The LSP language ids of what defines names for other files, by the ends of file names."""

_SKIPPED = frozenset(
    {"node_modules", "bower_components", "__pycache__", "site-packages", "build", "dist", "venv", "target"}
)
_MADE = (".min.js", ".bundle.js", "_pb2.py", ".pb.go", ".d.ts.map")
_TEXT_BYTES = 8_192
# Windows has neither; there a name cannot become a pipe.
_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was when its name was read; `path` is relative to the workspace, with slashes."""

    path: str
    bytes: int
    changed_ns: int


def language_of(path: str) -> str:
    """Return the language of a file; "": none that the index reads, or a name that no text can hold."""
    return (
        ""
        if path.endswith(_MADE) or not path.isprintable()
        else LANGUAGE_OF.get(PurePosixPath(path).suffix.lower(), "")
    )


def source_files(workspace: Path) -> Iterator[SourceFile | None]:
    """Yield the source files of a workspace, those near to its root first; None for a folder without any.

    Hidden folders, environments of Python and what tools make or fetch are left out, and all links: what they
    lead to inside of the workspace has a name of its own.

    Raises:
        OverflowError: there are more than `ENTRIES_MAX` names.
    """
    folders = deque([""])
    left = ENTRIES_MAX
    while folders:
        folder = folders.popleft()
        entries = _entries(workspace / folder)
        left -= len(entries)
        if left < 0:
            raise OverflowError(f"there are more than {ENTRIES_MAX} names in it")
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if _is_own_folder(entry):
                folders.append(path)
            elif language_of(path) and (found := _seen(entry, path)):
                yield found
        yield None


def seen(workspace: Path, path: str) -> SourceFile | None:
    """Return the file at a path that the index may read by its kind and size; None: it is no such file."""
    parts = PurePosixPath(path).parts
    if (
        not parts
        or not language_of(path)
        or any(part.startswith(".") or part in _SKIPPED for part in parts[:-1])
    ):
        return None
    try:
        inner = workspace
        for part in parts[:-1]:
            inner = inner / part
            if not stat.S_ISDIR(inner.lstat().st_mode):
                return None
        return _kept(path, (workspace / path).lstat())
    except (OSError, ValueError):
        return None


def read(workspace: Path, path: str) -> bytes | None:
    """Return the bytes of a file; None when it is none any more, or no text. Never waits for a pipe."""
    try:
        descriptor = os.open(workspace / path, _FLAGS)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        data = os.read(descriptor, FILE_BYTES_MAX + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None if len(data) > FILE_BYTES_MAX or b"\0" in data[:_TEXT_BYTES] else data


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(islice(found, ENTRIES_MAX + 1), key=lambda entry: entry.name)
    except OSError:
        return []


def _is_own_folder(entry: os.DirEntry[str]) -> bool:
    try:
        is_folder = entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
    return is_folder and not entry.name.startswith(".") and entry.name not in _SKIPPED


def _seen(entry: os.DirEntry[str], path: str) -> SourceFile | None:
    try:
        return _kept(path, entry.stat(follow_symlinks=False))
    except OSError:
        return None


def _kept(path: str, status: os.stat_result) -> SourceFile | None:
    is_fit = stat.S_ISREG(status.st_mode) and 0 < status.st_size <= FILE_BYTES_MAX
    return SourceFile(path, status.st_size, status.st_mtime_ns) if is_fit else None
