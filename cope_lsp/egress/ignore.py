"""Which files of a workspace may be sent: ignore files of several tools, and a deny list that none can lift.

A path is judged twice: under the name that was given, and under its real path, where symbolic links lead.
Trouble of any kind (an ignore file that cannot be read, a path that leads out) means no.
"""

import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from platformdirs import user_config_path, user_data_path

from cope_lsp.egress.globs import Glob, GlobError, globs

IGNORE_FILES = (".gitignore", ".copeignore", ".cursorignore", ".aiignore", ".codeiumignore", ".aiexclude")
"""Each is a list of its own: what one of them allows again, another may still refuse."""

FILE_BYTES_MAX = 1_000_000
PATTERNS_MAX = 5_000
PATH_BYTES_MAX = 4_096
FILES_CACHED_MAX = 4_096

_EMPTY_REFUSES_ALL = ".aiexclude"
_FOLDS = sys.platform in {"darwin", "win32"}


@dataclass(frozen=True, slots=True)
class _IgnoreFile:
    """An ignore file: its patterns, or why it refuses everything in its folder."""

    patterns: tuple[Glob, ...]
    refusal: str = ""


_ABSENT = _IgnoreFile(())


@dataclass(frozen=True, slots=True)
class _Listed:
    """An ignore file that bears on a path, and the folder, real, to which its patterns are relative."""

    path: Path
    folder: Path
    content: _IgnoreFile


class IgnoreRules:
    """The rules for one workspace. Files are read when needed, and again when they change."""

    def __init__(self, workspace: Path) -> None:
        """Take the folder, which need not be a repository.

        Args:
            workspace: its root. A `.gitignore` above it counts if it lies inside a repository, the other
                ignore files in any case.
        """
        self._given = Path(os.path.abspath(workspace))  # noqa: PTH100  # resolve() would follow links
        self._workspace = Path(os.path.realpath(workspace))
        self._cache: dict[Path, tuple[tuple[int, ...], _IgnoreFile]] = {}

    def may_send(self, path: Path) -> str:
        """Return "" when the file may be sent, else why not, for a person to read.

        Args:
            path: absolute, or relative to the workspace. A file that does not exist, as one that was never
                saved, is judged by its name.
        """
        try:
            return self._judge(Path(os.path.normpath(self._given / path)), self._given / path)
        except (OSError, ValueError) as error:  # a null byte or a lone surrogate in a name is a ValueError
            return f"its path cannot be followed: {error}"

    def _judge(self, given: Path, unresolved: Path) -> str:
        real = Path(os.path.realpath(unresolved))
        if len(os.fsencode(real)) > PATH_BYTES_MAX:
            return f"its path is longer than {PATH_BYTES_MAX} bytes"
        if not real.is_relative_to(self._workspace) or real == self._workspace:
            return f"it is not in the workspace {self._workspace}"
        if refusal := _kind_refused(real):
            return refusal
        roots = (root for root in (self._given, self._workspace) if given.is_relative_to(root))
        names = (self._workspace / given.relative_to(root) for root in roots)
        for name in dict.fromkeys((real, *names)):
            if refusal := self._refused(name):
                return refusal
        return ""

    def _refused(self, path: Path) -> str:
        # A folder of secrets is one also when it was itself opened as the workspace.
        named = path.relative_to(path.anchor).as_posix()
        return denied(named) or _own_folder(path) or self._ignored(path)

    def _ignored(self, path: Path) -> str:
        repository = _repository(self._workspace)
        for name in IGNORE_FILES:
            # Git's own lists end with its repository. The others count wherever they stand above, so that
            # opening a folder deeper is no way around them.
            root = repository or self._workspace if name == ".gitignore" else Path(path.anchor)
            listed: list[_Listed] = []
            if name == ".gitignore" and repository:
                listed = [self._read(repository, _exclude_file(repository))]
            if refusal := self._walk(name, root, path, listed):
                return refusal
        return ""

    def _walk(self, name: str, root: Path, path: Path, listed: list[_Listed]) -> str:
        """Go down from `root` to `path`: below a folder that is ignored nothing is allowed again."""
        folder = root
        parts = path.relative_to(root).parts
        for depth, part in enumerate(parts):
            found = self._read(folder, folder / name)
            listed.append(found)
            inner = folder / part
            if found.content.refusal:
                return f"{self._shown(found.path)} {found.content.refusal}"
            if glob_and_file := _last_match(listed, inner, folder=depth < len(parts) - 1):
                glob, file = glob_and_file
                if not glob.negated:
                    return f"matched by {self._shown(file.path)} line {glob.line}: {_printable(glob.text)}"
            folder = inner
        return ""

    def _shown(self, path: Path) -> str:
        return _printable(os.path.relpath(path, self._workspace))

    def _read(self, folder: Path, path: Path) -> _Listed:
        """Return the ignore file at `path`, from the cache if it is unchanged since."""
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return _Listed(path, folder, _ABSENT)
        except OSError as error:
            return _Listed(path, folder, _refusing(error.strerror or str(error)))
        state = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        cached = self._cache.get(path)
        if cached is None or cached[0] != state:
            if len(self._cache) >= FILES_CACHED_MAX:
                self._cache.clear()
            cached = self._cache[path] = state, _parsed(path, status)
        return _Listed(path, folder, cached[1])


def denied(relative: str) -> str:
    """Return why the built-in list refuses a path, given with slashes; "" if it does not."""
    parts = relative.split("/")
    for depth in range(1, len(parts) + 1):
        verdict = None
        name = _plain_name(parts[depth - 1])
        for glob in _deny_list():
            if glob.matches(name, folder=depth < len(parts)):
                verdict = glob
        if verdict and not verdict.negated:
            return f"files like this one may hold secrets and are never sent (built-in rule {verdict.text})"
    return ""


@cache
def _deny_list() -> tuple[Glob, ...]:
    text = (resources.files("cope_lsp.egress") / "rules" / "deny.txt").read_text("utf-8")
    return tuple(globs(text, fold=True))


def _plain_name(name: str) -> str:
    """Return the name of the file that Windows would open: without blanks and dots at the end or a stream."""
    plain = name.partition(":")[0].rstrip(". ")
    return os.fsencode(plain or name).decode("latin-1")


def _own_folder(path: Path) -> str:
    """Refuse what this program itself keeps for the user: the ledger, keys, consents."""
    for mine in (user_data_path("cope-lsp", appauthor=False), user_config_path("cope-lsp", appauthor=False)):
        if path.is_relative_to(os.path.realpath(mine)):
            return "it belongs to cope-lsp itself"
    return ""


def _kind_refused(real: Path) -> str:
    try:
        mode = real.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return "" if stat.S_ISREG(mode) else "it is not a file"


def _last_match(listed: Sequence[_Listed], path: Path, *, folder: bool) -> tuple[Glob, _Listed] | None:
    """Return what git would go by: the last pattern that matches, of the file nearest to `path`."""
    for file in reversed(listed):
        if not file.content.patterns:
            continue
        relative = os.fsencode(path.relative_to(file.folder).as_posix()).decode("latin-1")
        for glob in reversed(file.content.patterns):
            if glob.matches(relative, folder=folder):
                return glob, file
    return None


def _refusing(reason: str) -> _IgnoreFile:
    return _IgnoreFile((), f"cannot be used, so nothing in its folder is sent: {reason}")


def _parsed(path: Path, status: os.stat_result) -> _IgnoreFile:
    try:
        text = _text_of(path, status)
        patterns = tuple(globs(text, fold=_FOLDS))
    except GlobError as error:
        return _refusing(str(error))
    except OSError as error:
        return _refusing(error.strerror or str(error))
    if len(patterns) > PATTERNS_MAX:
        return _refusing(f"it has more than {PATTERNS_MAX} patterns")
    if path.name == _EMPTY_REFUSES_ALL:
        patterns = tuple(glob for glob in patterns if not glob.negated)
        if not patterns:
            return _IgnoreFile((), "has no patterns, which refuses everything in its folder")
    return _IgnoreFile(patterns)


def _text_of(path: Path, status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a file")
    if status.st_size > FILE_BYTES_MAX:
        raise OSError(f"it is larger than {FILE_BYTES_MAX} bytes")
    with path.open("rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    if b"\0" in data:
        raise OSError("it is not a text file")
    return data.decode("latin-1")


def _repository(workspace: Path) -> Path | None:
    """Return the top folder of the git repository around the workspace."""
    return next((folder for folder in (workspace, *workspace.parents) if (folder / ".git").exists()), None)


def _exclude_file(repository: Path) -> Path:
    """Return the path of info/exclude, which worktrees and submodules keep elsewhere."""
    git = repository / ".git"
    try:
        if git.is_file():
            git = repository / _line_of(git).removeprefix("gitdir:").strip()
        common = git / "commondir"
        if common.is_file():
            git = git / _line_of(common)
    except (OSError, ValueError):
        return repository / ".git" / "info" / "exclude"
    return git / "info" / "exclude"


def _line_of(path: Path) -> str:
    with path.open("rb") as file:
        return os.fsdecode(file.read(PATH_BYTES_MAX)).strip()


def _printable(text: str) -> str:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return "".join(character if character.isprintable() else "?" for character in shown)
