"""Builds the index of a workspace file by file, within bounds, and keeps it true when files change."""

import math
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cope_lsp.checks.syntax.languages import parser
from cope_lsp.context.index.definitions import Definition, Reader
from cope_lsp.context.index.files import SourceFile, language_of, read, seen, source_files
from cope_lsp.context.index.table import Found, Table
from cope_lsp.egress.ignore import IgnoreRules
from cope_lsp.engine.neighbours import resident_bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an index may cost; it stops at the first bound that it reaches, and says so."""

    files_max: int = 10_000
    bytes_max: int = 100_000_000
    cpu_s_max: float = 60.0
    """Of the processor, for one look: to wait behind others' work costs nobody anything."""
    definitions_max: int = 400_000
    resident_bytes_max: int = 400_000_000
    again_s: float = 600.0
    """So long after the workspace was looked through, it is looked through again: files come and go."""
    judged_s: float = 60.0
    """So long the ignore files are believed to say the same of a file: to ask them takes milliseconds."""


class Build:
    """The index of one workspace. `step` does a little work; questions may be asked between two of them."""

    def __init__(
        self,
        workspace: Path,
        bounds: Bounds | None = None,
        skip: Collection[str] = (),
        reading: Callable[[str], None] = lambda _path: None,
    ) -> None:
        """Read nothing yet.

        Args:
            workspace: its folder.
            bounds: where to stop.
            skip: files that are not read, by their paths relative to the workspace.
            reading: is told the path of a file before native code sees it, and "" after that.
        """
        self._workspace = workspace
        self._bounds = bounds or Bounds()
        self._skip = frozenset(skip)
        self._reading = reading
        self._rules = IgnoreRules(workspace)
        self._judged: dict[str, tuple[float, bool]] = {}
        """When the ignore files were asked about a file, and what they said."""
        self.table = Table()
        self.stopped = ""
        """Which bound was reached; "": none."""
        self.build_s = 0.0
        """How long the processor worked at it, in all looks through the workspace."""
        self._before_s = 0.0
        """How much of that was before the present look."""
        self._held_bytes = resident_bytes()
        """What this process took before: the bound is for what comes to it."""
        self._steps: Iterator[None] | None = self._look_through()
        self._ended = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether all files were read that should be."""
        return self._steps is None and not self.stopped

    def step(self) -> bool:
        """Read the next file; False when there is nothing to do."""
        if self._steps is None:
            return False
        started = time.process_time()
        try:
            next(self._steps)
        except StopIteration:
            self._end("")
        except OverflowError as error:
            self._end(str(error))
        except sqlite3.Error as error:
            self._end(f"its table cannot be written ({error})")
        self.build_s += time.process_time() - started
        return self._steps is not None

    def changed(self, paths: Iterable[str]) -> None:
        """Read files again, by their paths relative to the workspace, if they are others than were read."""
        for path in paths:
            self._read_again(path)

    def find(self, names: Sequence[str], modules: Sequence[str], path: str) -> list[Found]:
        """See `Table.find`. What was found in a file that has changed since is read again.

        Nothing is found when the table cannot be read, or not be asked for such names.
        """
        self._begin_again()
        try:
            found = self.table.find(names, modules, path)
            if stale := self._stale(found):
                self.changed(stale)
                found = self.table.find(names, modules, path)
                stale = self._stale(found)
        except (ValueError, sqlite3.Error):  # of values: half a surrogate pair
            return []
        return [each for each in found if each.path not in stale]

    def _stale(self, found: Sequence[Found]) -> set[str]:
        """Return the files that are not what was read, or must not be shown any more."""
        return {path for path in {each.path for each in found} if self._is_stale(path)}

    def _is_stale(self, path: str) -> bool:
        file = seen(self._workspace, path)
        return file is None or not self.table.knows(file) or not self._may_read(path)

    def _look_through(self) -> Iterator[None]:
        for path in self.table.paths():
            if seen(self._workspace, path) is None:
                self.table.remove(path)
            yield
        for file in source_files(self._workspace):
            if file is not None and not self.table.knows(file):
                if bound := self._reached():
                    raise OverflowError(bound)
                self._take(file)
            yield

    def _take(self, file: SourceFile) -> None:
        may = file.path not in self._skip and self._may_read(file.path)
        data = read(self._workspace, file.path) if may else None
        if data is None:
            self.table.remove(file.path)
            return
        self._reading(file.path)
        definitions = _definitions(language_of(file.path), data)
        self._reading("")
        self.table.put(file, definitions)

    def _read_again(self, path: str) -> None:
        file = seen(self._workspace, path)
        try:
            if file is None:
                self.table.remove(path)
            elif not self.table.knows(file):
                self._take(file)
        except UnicodeEncodeError:
            return  # half a surrogate pair: no file of such a name was read
        except sqlite3.Error as error:
            self._end(f"its table cannot be written ({error})")

    def _may_read(self, path: str) -> bool:
        # What an ignore file or the list of secrets names is no code of the project.
        now = time.monotonic()
        asked, may = self._judged.get(path, (-math.inf, False))
        if now - asked >= self._bounds.judged_s:
            may = not self._rules.may_send(self._workspace / path)
            self._judged[path] = now, may
        return may

    def _begin_again(self) -> None:
        is_old = time.monotonic() - self._ended > self._bounds.again_s
        if self._steps is None and is_old:
            self._steps, self.stopped, self._before_s = self._look_through(), "", self.build_s

    def _end(self, stopped: str) -> None:
        self._steps, self.stopped, self._ended = None, stopped, time.monotonic()

    def _reached(self) -> str:
        table, bounds = self.table, self._bounds
        if table.files >= bounds.files_max:
            return f"it has read {bounds.files_max} files"
        if table.bytes >= bounds.bytes_max:
            return f"it has read {bounds.bytes_max} bytes"
        if table.definitions >= bounds.definitions_max:
            return f"it has found {bounds.definitions_max} definitions"
        if self.build_s - self._before_s >= bounds.cpu_s_max:
            return f"it has worked for {bounds.cpu_s_max:g} s"
        if resident_bytes() - self._held_bytes >= bounds.resident_bytes_max:
            return f"it takes {bounds.resident_bytes_max} bytes of memory"
        return ""


def _definitions(language: str, data: bytes) -> list[Definition]:
    reader = _reader(language)
    return reader.definitions(data) if reader else []


@cache
def _reader(language: str) -> Reader | None:
    made = parser(language)
    return None if made is None else Reader(language, made)
