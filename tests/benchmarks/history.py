"""Changes of Python files as they are in the history of a git repository, to be typed again.

Only git's own objects are read: no hook runs, and nothing that the repository's configuration names.
"""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

CHARACTERS_MAX = 200_000
"""Of a file; comparing two versions of a larger one takes too long."""

_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")
_LOG = ("log", "--no-merges", "--no-renames", "--no-show-signature", "--no-ext-diff", "--raw", "--no-abbrev")
_FILES = ("--diff-filter=AM", "--format=%H", "HEAD", "--", "*.py")
_NOTHING = "0" * 40
_REGULAR = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Hunk:
    """At an offset (code points) of the text before the change, `old` became `new`."""

    at: int
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit did to one file: its hunks, from the top down."""

    commit: str
    path: str
    before: str
    hunks: tuple[Hunk, ...]

    @property
    def after(self) -> str:
        """The text after the change."""
        text = self.before
        for hunk in reversed(self.hunks):
            text = text[: hunk.at] + hunk.new + text[hunk.at + len(hunk.old) :]
        return text


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file in a commit, and the names of both versions."""

    commit: str
    path: str
    old: str
    new: str


def changes(repository: Path, seed: int) -> Iterator[Change]:
    """Yield the changes of a repository's Python files, in an order that `seed` decides."""
    entries = sorted(_entries(repository), key=lambda entry: (entry.commit, entry.path))
    random.Random(seed).shuffle(entries)
    for entry in entries:
        before, after = _text(repository, entry.old), _text(repository, entry.new)
        if before is not None and after is not None:
            yield Change(entry.commit, entry.path, before, hunks(before, after))


def hunks(before: str, after: str) -> tuple[Hunk, ...]:
    """Return what differs between two texts, line by line, without what both ends of a place share."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    found = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            found.append(_trimmed(starts[a], "".join(old[a:b]), "".join(new[c:d])))
    return tuple(found)


def shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with both."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _trimmed(at: int, old: str, new: str) -> Hunk:
    head = shared(old, new)
    old, new = old[head:], new[head:]
    tail = shared(old[::-1], new[::-1])
    return Hunk(at + head, old[: len(old) - tail], new[: len(new) - tail])


def _entries(repository: Path) -> Iterator[_Entry]:
    commit = ""
    for line in _git(repository, *_LOG, *_FILES).decode("utf-8", "replace").splitlines():
        if not line.startswith(":"):
            commit = line or commit
            continue
        facts, _, path = line.partition("\t")
        _, mode, old, new, _ = facts.split(" ")
        if mode in _REGULAR:
            yield _Entry(commit, path, old, new)


def _text(repository: Path, blob: str) -> str | None:
    """Return the text of a version; None for what cannot be typed."""
    data = b"" if blob == _NOTHING else _git(repository, "cat-file", "blob", blob)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\r" in text or "\0" in text or len(text) > CHARACTERS_MAX else text


def _git(repository: Path, *arguments: str) -> bytes:
    return subprocess.run([*_GIT, "-C", repository, *arguments], capture_output=True, check=True).stdout
