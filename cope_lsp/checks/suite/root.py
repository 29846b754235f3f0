"""The root of a cage in which a repository's own tests run: the repository, its interpreter, the system.

The repository stands at its own path, so that installations in place and absolute paths work. What is seen
there is an overlay: the user's tree below, mounted read-only and out of reach, and a file system in memory
above, which takes every change and is gone with the cage. Where the kernel refuses an overlay, a copy in
memory takes its place. No file of the user's is ever mounted so that it could be written.

Nothing of a home is seen but what lies in the repository or belongs to the interpreter. A file with secrets
inside of the repository (`.env`) is seen, since tests may need it; there is no network to send it anywhere.
"""

import contextlib
import ctypes
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.checks.cage import walls

PLUGIN_FOLDER = Path("/cope")
PLUGIN_NAME = "cope_lsp_report"

COPIED_FILES_MAX = 20_000
CHANGES_MAX = 20_000
NOT_COPIED = frozenset(
    {
        "node_modules",
        "__pycache__",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".nox",
        ".hypothesis",
    }
)
"""Folders that are large and can be made again. `objects` of a `.git` is not copied either."""

_PUBLIC = (
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "ssl/certs",
)
_WRITTEN = {
    "passwd": f"root:x:0:0::/:/bin/false\nnobody:x:{walls.NOBODY}:{walls.NOBODY}::/tmp:/bin/sh\n",
    "group": f"root:x:0:\nnogroup:x:{walls.NOBODY}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""What of /etc is the system's own, and what is made up."""

_SCRATCH, _LOWER = Path("/scratch"), Path("/lower")
_UPPER, _WORK, _COPY = _SCRATCH / "upper", _SCRATCH / "work", _SCRATCH / "copy"
_SIOCSIFFLAGS, _IFF_UP, _AF_INET, _SOCK_DGRAM = 0x8914, 1, 2, 2


@dataclass(frozen=True, slots=True)
class Layout:
    """What a root shall hold; paths are absolute and without links."""

    workspace: Path
    writes: dict[str, str]
    """Texts of files in the workspace, by their path in it: the draft."""
    shown: tuple[tuple[Path, Path], ...]
    """Folders that are seen read-only, the interpreter's: at which path, and where they really are."""
    disk_bytes: int
    plugin: str
    """The text of the plugin that reports on tests; "" for none."""


@dataclass(frozen=True, slots=True)
class View:
    """The repository as the tests see it, from the first process of the cage."""

    folder: int
    """Descriptor of the folder that takes the changes: above the overlay, or the copy."""
    copied: dict[str, tuple[int, int]] | None
    """Of a copy, inode and time of change (ns) of each file; None for an overlay."""
    own: frozenset[str]
    """What was written before the tests ran."""

    def changes(self) -> list[str]:
        """Return the paths in the workspace that were written, replaced or removed: CHANGES_MAX at most."""
        found = self._changes_above() if self.copied is None else self._changes_of_copy(self.copied)
        return [path for path, _ in zip(found, range(CHANGES_MAX), strict=False) if path not in self.own]

    def _changes_above(self) -> Iterator[str]:
        for path, descriptor, name in _walk(self.folder):
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode) or _is_opaque(descriptor, name):
                yield path

    def _changes_of_copy(self, copied: dict[str, tuple[int, int]]) -> Iterator[str]:
        seen = set()
        for path, descriptor, name in _walk(self.folder):
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            seen.add(path)
            if not stat.S_ISDIR(status.st_mode) and copied.get(path) != (status.st_ino, status.st_ctime_ns):
                yield path
        yield from copied.keys() - seen


def furnish(layout: Layout) -> View:
    """Build the root of this cage.

    Raises:
        OSError: it cannot be built; nothing foreign may run then.
    """
    os.umask(0o022)
    with walls.empty_root():
        _furnish_system(layout)
        outer = {pair for pair in layout.shown if layout.workspace.is_relative_to(pair[0])}
        for path, source in sorted(outer):
            walls.show(path, source)
        view = _furnish_workspace(layout)
        for path, source in sorted(set(layout.shown) - outer):
            if not path.is_symlink():  # a link in the workspace stays one; what it leads to is shown, too
                walls.show(path, source)
        walls.detach(_SCRATCH)
    _raise_loopback()
    return view


def _furnish_system(layout: Layout) -> None:
    """Everything but the repository and its interpreter."""
    options = f"size={layout.disk_bytes},nr_inodes={max(4_096, layout.disk_bytes >> 12)},mode=755"
    _SCRATCH.mkdir()
    walls.mount("tmpfs", str(_SCRATCH), "tmpfs", walls.MS_NOSUID | walls.MS_NODEV, options)
    for path in (Path(walls.FOLDER), Path("/dev/shm")):  # noqa: S108 - of the cage
        source = _SCRATCH / path.name
        source.mkdir()
        source.chmod(0o1777)
        path.mkdir()
        walls.mount(str(source), str(path), None, walls.MS_BIND)
    for name in _PUBLIC:
        if walls.outside(Path("/etc", name)).exists() and not walls.outside(Path("/etc", name)).is_symlink():
            walls.show(Path("/etc", name))
    if (zone := walls.outside(Path("/etc/localtime"))).is_symlink():
        Path("/etc/localtime").symlink_to(zone.readlink())
    Path("/etc").mkdir(exist_ok=True)
    for name, text in _WRITTEN.items():
        Path("/etc", name).write_text(text)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        Path("/dev", name).symlink_to(f"/proc/self/fd{target}")
    _furnish_proc()
    PLUGIN_FOLDER.mkdir()
    (PLUGIN_FOLDER / f"{PLUGIN_NAME}.py").write_text(layout.plugin)


def _furnish_proc() -> None:
    """Show the processes of this cage, if the kernel lets us; read-only: much in there is the system's."""
    proc = Path("/proc")
    proc.mkdir()
    try:
        flags = walls.MS_NOSUID | walls.MS_NODEV | walls.MS_NOEXEC
        walls.mount("proc", str(proc), "proc", flags)
    except PermissionError:
        return  # a container that hides parts of /proc allows no other
    walls.set_attributes(str(proc), walls.READ_ONLY, 0)


def _furnish_workspace(layout: Layout) -> View:
    workspace, source = layout.workspace, walls.outside(layout.workspace)
    workspace.mkdir(parents=True, exist_ok=True)
    for folder in (_UPPER, _WORK, _COPY, _LOWER):
        folder.mkdir()
    walls.mount(str(source), str(_LOWER), None, walls.MS_BIND | walls.MS_REC)
    walls.set_attributes(str(_LOWER), walls.READ_ONLY, walls.AT_RECURSIVE)
    try:
        _write(layout.writes, _UPPER)
        options = f"lowerdir={_LOWER},upperdir={_UPPER},workdir={_WORK},userxattr"
        walls.mount("overlay", str(workspace), "overlay", walls.MS_NOSUID | walls.MS_NODEV, options)
        changed, copied = _UPPER, None
    except OSError:
        copied = _copy(layout)
        walls.mount(str(_COPY), str(workspace), None, walls.MS_BIND)
        changed = _COPY
    walls.detach(_LOWER)
    return View(os.open(changed, os.O_RDONLY | os.O_DIRECTORY), copied, frozenset(layout.writes))


def _write(writes: dict[str, str], folder: Path) -> None:
    """Write texts into a folder that lies, or will lie, over the repository, as its own files would be."""
    _alike(_LOWER, folder)
    for name, text in writes.items():
        *parents, _ = Path(name).parents  # the last one is the folder itself
        for parent in reversed(parents):
            if not (folder / parent).exists():
                (folder / parent).mkdir()
                _alike(_LOWER / parent, folder / parent)
        target = folder / name
        target.unlink(missing_ok=True)
        target.write_bytes(text.encode())
        _alike(_LOWER / name, target)


def _alike(model: Path, path: Path) -> None:
    """Give a path the owner and the mode of another one, if that is there."""
    if not model.exists():
        return
    status = model.stat()
    with contextlib.suppress(OSError):  # a user whom this cage does not know; then it stays ours
        os.chown(path, status.st_uid, status.st_gid)
    path.chmod(stat.S_IMODE(status.st_mode) & 0o777)


def _copy(layout: Layout) -> dict[str, tuple[int, int]]:
    """Copy the repository; return inode and time of change of each file.

    Raises:
        OSError: it is too large.
    """
    number = 0
    for folder, names, files in os.walk(_LOWER):
        here = Path(folder)
        target = _COPY / here.relative_to(_LOWER)
        names[:] = [name for name in names if _is_copied(here, name, layout)]
        links = [name for name in names if (here / name).is_symlink()]
        number += len(files) + len(names)
        if number > COPIED_FILES_MAX:
            msg = f"an overlay is refused here, and more than {COPIED_FILES_MAX} files are too many to copy"
            raise OSError(msg)
        for name in (*files, *links):
            _copy_file(here / name, target / name)
        for name in set(names) - set(links):
            (target / name).mkdir()
            _alike(here / name, target / name)
    _write(layout.writes, _COPY)
    found = {}
    for path, descriptor, name in _walk(os.open(_COPY, os.O_RDONLY | os.O_DIRECTORY)):
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            found[path] = (status.st_ino, status.st_ctime_ns)
    return found


def _is_copied(folder: Path, name: str, layout: Layout) -> bool:
    if name in NOT_COPIED or (folder.name == ".git" and name == "objects"):
        return False
    path = layout.workspace / (folder / name).relative_to(_LOWER)
    return all(path != shown for shown, _ in layout.shown)


def _copy_file(source: Path, target: Path) -> None:
    mode = source.lstat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        try:
            shutil.copy2(source, target, follow_symlinks=False)
        except PermissionError:
            return  # what the user may not read, the tests may not either
        os.chown(target, *_owner(source), follow_symlinks=False)


def _owner(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_uid, status.st_gid


def _walk(folder: int) -> Iterator[tuple[str, int, str]]:
    """Yield all that lies in a folder: its path in it, and a descriptor with a name."""
    for path, names, files, descriptor in os.fwalk(".", dir_fd=folder):
        prefix = "" if path == "." else path.removeprefix("./") + "/"
        yield from ((prefix + name, descriptor, name) for name in (*names, *files))


def _is_opaque(folder: int, name: str) -> bool:
    """Whether a folder above the overlay hides what lies below it."""
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        return os.getxattr(descriptor, "user.overlay.opaque") == b"y"
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _raise_loopback() -> None:
    """Let the programs of this cage reach each other on 127.0.0.1, as many tests do; there is nobody else."""
    libc = ctypes.CDLL(None, use_errno=True)
    end = libc.socket(_AF_INET, _SOCK_DGRAM, 0)
    if end < 0:
        return
    request = ctypes.create_string_buffer(b"lo".ljust(16, b"\0") + _IFF_UP.to_bytes(2, "little"), 40)
    libc.ioctl(end, ctypes.c_ulong(_SIOCSIFFLAGS), request)
    os.close(end)
