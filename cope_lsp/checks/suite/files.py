"""Which files of a repository are tests, which of them touch a symbol, and which a draft may not change."""

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from cope_lsp.checks.suite.report import mentions

FILES_MAX = 40
"""As many test files are run at most; those that name the symbol before the others."""
ENTRIES_MAX = 100_000
"""As many files are looked at to find them."""
BYTES_MAX = 1_000_000
"""A test file that is larger is not read."""

TESTS = ("test_*.py", "*_test.py")
_CONFIGURATION = (
    "conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "pyproject.toml", "tox.ini",
    "setup.cfg", "setup.py", "sitecustomize.py", "usercustomize.py", "*.pth",
)  # fmt: skip
_COMPILED = ("test_*.pyc", "*_test.*.pyc", "conftest.*.pyc")
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "build", "dist", "venv"})


def is_test(name: str) -> bool:
    """Whether a file of this name holds tests."""
    return any(fnmatch(name, pattern) for pattern in TESTS)


def is_protected(path: str) -> bool:
    """Whether a draft may never be this file of a repository: it decides what the tests are."""
    name = PurePosixPath(path).name
    return any(fnmatch(name, pattern) for pattern in (*TESTS, *_CONFIGURATION, *_COMPILED))


def tampered(changes: Iterable[str], selected: Iterable[str], workspace: Path) -> Iterator[str]:
    """Yield the changes that a draft may not make: to what decides on tests, and to what lies beside them.

    Args:
        changes: paths in the repository that a run wrote, replaced or removed.
        selected: the test files that ran.
        workspace: the repository as it is without the run; a file that is new beside tests is no harm.
    """
    folders = {PurePosixPath(path).parent for path in selected} - {PurePosixPath(".")}
    above = {parent for folder in folders for parent in (folder, *folder.parents)}
    for path in changes:
        pure = PurePosixPath(path)
        beside = any(pure.is_relative_to(folder) for folder in folders)
        if is_protected(path) or pure in above or (beside and (workspace / path).exists()):
            yield path


def find_tests(workspace: Path, file: str, symbol: str) -> tuple[list[str], list[str]]:
    """Return the test files that name a symbol, and those that only import its module; FILES_MAX together.

    Args:
        workspace: the repository.
        file: the path of the module in it.
        symbol: a qualified name; its last part is looked for.
    """
    imports = _importing(file)
    naming: list[str] = []
    importing: list[str] = []
    for path in _test_files(workspace):
        text = _text_of(workspace / path)
        if mentions(text, symbol):
            naming.append(path)
        elif imports.search(text):
            importing.append(path)
    naming, importing = sorted(naming)[:FILES_MAX], sorted(importing)
    return naming, importing[: FILES_MAX - len(naming)]


def _importing(file: str) -> re.Pattern[str]:
    """Return what finds an import of a module, by the last part of its name."""
    path = PurePosixPath(file)
    name = path.parent.name if path.stem == "__init__" else path.stem
    return re.compile(rf"^[ \t]*(?:import|from)\b.*\b{re.escape(name)}\b", re.MULTILINE)


def _test_files(workspace: Path) -> Iterator[str]:
    """Yield the paths of all test files, without links and without what is not the repository's own."""
    left = ENTRIES_MAX
    for folder, names, files in os.walk(workspace):
        left -= len(names) + len(files)
        if left < 0:
            return
        names[:] = [name for name in names if _is_own(Path(folder, name))]
        for name in files:
            if is_test(name):
                yield Path(folder, name).relative_to(workspace).as_posix()


def _is_own(folder: Path) -> bool:
    name = folder.name
    return not (name in _SKIPPED or name.startswith(".") or (folder / "pyvenv.cfg").exists())


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace") if path.stat().st_size <= BYTES_MAX else ""
    except OSError:
        return ""
