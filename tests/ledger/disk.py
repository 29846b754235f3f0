"""A disk that loses its power: replays recorded system calls and makes the images that a crash can leave.

The model is harsher than real file systems. A write lasts only when the file was synced after it, a name only
when its folder was; until then any subset of the pending changes may be on the disk, in sectors of 512 bytes.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Call:
    """A recorded system call; for its fields see disk.c."""

    name: str
    inode: int
    offset: int
    length: int
    path: str
    data: bytes = b""
    to: str = ""


def read_log(path: Path) -> Iterator[Call]:
    """Yield the calls that disk.c has recorded."""
    with path.open("rb") as file:
        for line in file:
            name, inode, offset, length, where = line.decode().rstrip("\n").split(" ", 4)
            data, to = b"", ""
            if name == "write":
                data = file.read(int(length))
                assert file.read(1) == b"\n"
            if name == "rename":
                to = file.readline().decode().rstrip("\n").split(" ", 4)[4]
            yield Call(name, int(inode), int(offset), int(length), where, data, to)


@dataclass(slots=True)
class File:
    """The content that is safe, and the changes that are not."""

    safe: bytes = b""
    pending: list[Call] = field(default_factory=list)
    is_folder: bool = False


class Disk:
    """Files and names, each as far as it is safe, and what is pending."""

    def __init__(self, root: str, present: Path | None = None) -> None:
        """Begin with the folder `root`, safe, and in it the files that lie in `present` now."""
        self._root = root
        self._files: list[File] = [File(is_folder=True)]
        self._by_inode: dict[int, int] = {}
        self._names: dict[str, int] = {root: 0}
        self._safe_names: dict[str, int] = {root: 0}
        self._pending_names: list[Call] = []
        for path in present.rglob("*") if present else ():
            number = self._add(File(b"" if path.is_dir() else path.read_bytes(), is_folder=path.is_dir()))
            self._by_inode[path.stat().st_ino] = number
            self._names[str(path)] = self._safe_names[str(path)] = number

    def apply(self, call: Call) -> None:
        """Let a system call happen."""
        if call.name in {"create", "mkdir"}:
            self._by_inode[call.inode] = self._add(File(is_folder=call.name == "mkdir"))
        if call.name in {"create", "mkdir", "link", "unlink", "rename"}:
            numbered = Call(call.name, self._by_inode.get(call.inode, -1), 0, 0, call.path, to=call.to)
            _rename(self._names, numbered)
            self._pending_names.append(numbered)
        if call.name in {"write", "truncate"}:
            self._files[self._by_inode[call.inode]].pending.append(call)
        if call.name == "sync":
            self._sync(call.inode)

    def image(self, into: Path, chance: random.Random, share: float) -> None:
        """Write what a crash could leave now: each pending change with the probability `share`."""
        names = dict(self._safe_names)
        for call in self._pending_names:
            if chance.random() < share:
                _rename(names, call)
        for name in sorted(names):
            if all(str(parent) in names for parent in PurePosixPath(name).parents if self._below(parent)):
                self._write(into / PurePosixPath(name).relative_to(self._root), names[name], chance, share)

    def _below(self, path: PurePosixPath) -> bool:
        return path.is_relative_to(self._root)

    def _write(self, path: Path, number: int, chance: random.Random, share: float) -> None:
        file = self._files[number]
        if file.is_folder:
            path.mkdir(exist_ok=True)
            return
        content = bytearray(file.safe)
        for call in file.pending:
            if chance.random() < share:
                _change(content, call, chance if 0 < share < 1 else None)
        path.write_bytes(content)

    def _add(self, file: File) -> int:
        self._files.append(file)
        return len(self._files) - 1

    def _sync(self, inode: int) -> None:
        number = self._by_inode.get(inode, 0)
        file = self._files[number]
        if not file.is_folder:
            content = bytearray(file.safe)
            for call in file.pending:
                _change(content, call, None)
            self._files[number] = File(bytes(content))
            return
        (folder,) = (name for name, found in self._names.items() if found == number)
        kept = []
        for call in self._pending_names:
            if str(PurePosixPath(call.to or call.path).parent) == folder:
                _rename(self._safe_names, call)
            else:
                kept.append(call)
        self._pending_names = kept


def _rename(names: dict[str, int], call: Call) -> None:
    if call.name in {"unlink", "rename"}:
        names.pop(call.path, None)
    if call.name != "unlink":
        names[call.to or call.path] = call.inode


def _change(content: bytearray, call: Call, tear: random.Random | None) -> None:
    """Do a write or a truncation; with `tear` half of the writes bring only some of their sectors."""
    if call.name == "truncate":
        _resize(content, call.length)
        return
    torn = tear is not None and tear.random() < 0.5
    if len(content) < call.offset + call.length:
        _resize(content, call.offset + call.length)
    for start in range(0, call.length, SECTOR_BYTES):
        if not torn or (tear is not None and tear.random() < 0.5):
            piece = call.data[start : start + SECTOR_BYTES]
            content[call.offset + start : call.offset + start + len(piece)] = piece


def _resize(content: bytearray, length: int) -> None:
    if length < len(content):
        del content[length:]
    else:
        content.extend(bytes(length - len(content)))
