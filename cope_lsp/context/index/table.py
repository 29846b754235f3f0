"""The table of an index: which files were read, and what each name means in which of them.

It is a database of SQLite's in a file without a name, which vanishes with the process: what is not in use
takes no memory.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cope_lsp.context.index.definitions import Definition
from cope_lsp.context.index.files import SourceFile

FOUND_MAX = 12
"""As many definitions are found for one question."""
SAME_NAME_MAX = 2
"""A name that more files define tells nothing, unless one of these files is imported."""
NAME_CHARACTERS_MIN = 4
"""Of a name that nothing imports: shorter ones are everywhere."""
CANDIDATES_MAX = 50
IMPORTED_MAX = 500
CACHE_KB = 16_384

_PACKAGES = frozenset({"__init__", "index", "mod", "lib"})
"""A file of such a name stands for its folder."""

_SCHEMA = f"""
PRAGMA journal_mode = MEMORY;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{CACHE_KB};
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE, bytes INTEGER, changed_ns INTEGER,
    module TEXT, last TEXT, above TEXT
);
CREATE INDEX files_last ON files (last);
CREATE INDEX files_above ON files (above);
CREATE TABLE definitions (file INTEGER, name TEXT, text TEXT);
CREATE INDEX definitions_name ON definitions (name, file);
CREATE INDEX definitions_file ON definitions (file);
"""

_SELECT = (
    "SELECT definitions.file, files.path, definitions.text FROM definitions"
    " JOIN files ON files.id = definitions.file WHERE definitions.name = ?"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A definition and the path of its file."""

    path: str
    text: str


class Table:
    """Holds what was read. Not for several threads."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self.files = 0
        self.bytes = 0
        self.definitions = 0

    def knows(self, file: SourceFile) -> bool:
        """Whether a file was read as it is now."""
        row = self._database.execute(
            "SELECT bytes, changed_ns FROM files WHERE path = ?", (file.path,)
        ).fetchone()
        return bool(row == (file.bytes, file.changed_ns))

    def put(self, file: SourceFile, definitions: Sequence[Definition]) -> None:
        """Take what a file defines now.

        Raises:
            sqlite3.Error: there is no room on the disk.
        """
        self.remove(file.path)
        module = module_of(file.path)
        above, _, last = module.rpartition("/")
        self._database.execute("BEGIN")
        try:
            (number,) = self._database.execute(
                "INSERT INTO files (path, bytes, changed_ns, module, last, above) VALUES (?, ?, ?, ?, ?, ?)"
                " RETURNING id",
                (file.path, file.bytes, file.changed_ns, module, last, above.rpartition("/")[2]),
            ).fetchone()
            rows = [(number, each.name, each.text) for each in definitions]
            self._database.executemany("INSERT INTO definitions VALUES (?, ?, ?)", rows)
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
        self.files += 1
        self.bytes += file.bytes
        self.definitions += len(rows)

    def paths(self) -> list[str]:
        """Return the files that are known."""
        return [path for (path,) in self._database.execute("SELECT path FROM files")]

    def remove(self, path: str) -> None:
        """Forget a file, if it is known."""
        known = self._database.execute("SELECT id, bytes FROM files WHERE path = ?", (path,)).fetchone()
        if known is None:
            return
        gone = self._database.execute("DELETE FROM definitions WHERE file = ?", known[:1]).rowcount
        self._database.execute("DELETE FROM files WHERE id = ?", known[:1])
        self.files -= 1
        self.bytes -= known[1]
        self.definitions -= gone

    def find(self, names: Iterable[str], modules: Sequence[str], path: str) -> list[Found]:
        """Return what names mean for the file at `path`, in the order of the names, `FOUND_MAX` at most.

        A name is that of an imported file, if there is one; else it must be rare. What the file itself
        defines is left out.

        Args:
            names: as they are defined, without what they were renamed to.
            modules: that the file imports: paths with slashes and without an end, or their last parts.
            path: relative to the workspace.
        """
        imported = self._imported(modules)
        found: dict[Found, None] = {}
        for name in names:
            if (one := self._meant(name, imported, path)) is not None:
                found[one] = None
            if len(found) == FOUND_MAX:
                break
        return [*found]

    def _meant(self, name: str, imported: dict[int, int], path: str) -> Found | None:
        rows = self._rows(name, imported)
        best = max(rows, key=lambda row: imported.get(row[0], 0), default=None)
        if best is None or best[1] == path:
            return None
        if best[0] in imported:
            return Found(*best[1:])
        here = any(row[1] == path for row in rows)
        rare = len(rows) <= SAME_NAME_MAX and len(name) >= NAME_CHARACTERS_MIN
        return Found(*best[1:]) if rare and not here else None

    def _rows(self, name: str, imported: dict[int, int]) -> list[tuple[int, str, str]]:
        """Return some of (file, its path, text) of a name, those of imported files first."""
        rows = self._database.execute(
            f"{_SELECT} AND definitions.file IN ({_marks(imported)}) LIMIT ?",
            (name, *imported, CANDIDATES_MAX),
        ).fetchall()
        return rows or self._database.execute(f"{_SELECT} LIMIT ?", (name, CANDIDATES_MAX)).fetchall()

    def _imported(self, modules: Sequence[str]) -> dict[int, int]:
        """Return the files that are imported: 2 for a module itself, 1 for what lies in a package."""
        lasts = sorted({module.rpartition("/")[2] for module in modules})
        marks = _marks(lasts)
        where = f"last IN ({marks}) OR above IN ({marks})"  # question marks only
        query = f"SELECT id, module FROM files WHERE {where} LIMIT ?"  # noqa: S608
        rows = self._database.execute(query, (*lasts, *lasts, IMPORTED_MAX))
        scores = ((number, _likeness(module, modules)) for number, module in rows)
        return {number: score for number, score in scores if score}


def module_of(path: str) -> str:
    """Return the name under which a file is imported, as a path without its end."""
    pure = PurePosixPath(path).with_suffix("")
    return (pure.parent if pure.name in _PACKAGES and len(pure.parts) > 1 else pure).as_posix()


def _likeness(module: str, modules: Sequence[str]) -> int:
    if any(_ends_with(module, imported) for imported in modules):
        return 2
    above = module.rpartition("/")[0]
    return int(any(_ends_with(above, imported) for imported in modules))


def _ends_with(module: str, tail: str) -> bool:
    return module == tail or module.endswith(f"/{tail}")


def _marks(values: Collection[object]) -> str:
    """Return a question mark for each value, as a list of SQL."""
    return ",".join("?" * len(values))
