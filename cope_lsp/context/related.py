"""What a model is shown of other files beside the text around the cursor, and of far places of the same one.

The engine keeps what it has read of a prompt up to where the next one differs, and these excerpts stand at
its head: so they stay the same, in the same order, while somebody types. Others come behind them when a line
is begun or a call is opened; they are chosen anew when the user has jumped, or was busy in another file.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cope_lsp.context.edited import Edited, EditedPlaces
from cope_lsp.context.index.files import language_of
from cope_lsp.context.index.process import IndexStatus, WorkspaceIndex
from cope_lsp.context.named import named_near
from cope_lsp.context.ring import Chunk, Ring, cut, first_code, overlaps, repeats
from cope_lsp.egress.ignore import denied
from cope_lsp.egress.permit import path_of
from cope_lsp.values import CompletionRequest, Document, Excerpt

CHARACTERS_MAX = 2_400
"""Of all excerpts together, with their paths."""
EDITED_MAX = 2
CHUNKS_MAX = 2
AUTOMATIC_WAIT_S = 0.06
"""For the index; with the rest, which is computed here, this stays within 80 ms."""
EXPLICIT_WAIT_S = 0.5
STATUS_WAIT_S = 1.0
READY_LOOK_S = 0.05
"""For each index; they are asked at the same time."""
NEAR_LINES = 40
JUMP_CHARACTERS = 1_500
AROUND_LINES = 16
REMEMBERED_MAX = 16
WORKSPACES_MAX = 3
"""Each has a process of its own. One more takes the place of one of whose folder nothing is open any more."""

_ALIKE = (
    frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"}),
    frozenset({"c", "cpp"}),
)
"""Languages whose files use each other."""


@dataclass(slots=True)
class _Open:
    """A document that the editor has open, and where its user was last."""

    document: Document
    workspace: Path | None
    path: str
    """Relative to the workspace, with slashes."""
    stamp: int
    offset: int | None = None
    edited: tuple[int, Callable[[], str]] | None = None
    """Where it was changed last, and what reads it, if it has not been read since."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the cursor is, and the last thing that was done elsewhere."""

    line: int
    opens_call: bool
    elsewhere: int


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was shown for a document last."""

    excerpts: tuple[Excerpt, ...]
    definitions: frozenset[Excerpt]
    """Those of them that the index found."""
    is_whole: bool
    """Whether the index was in time."""
    place: _Place
    chosen_at: int
    """The line at which they were chosen."""

    def is_for(self, place: _Place, *, explicit: bool) -> bool:
        """Whether nothing has happened since that could change them."""
        same = self.place.line == place.line and self.place.elsewhere == place.elsewhere
        return same and not place.opens_call and (self.is_whole or not explicit)

    def is_near(self, place: _Place) -> bool:
        """Whether they still do, with others behind them."""
        return self.place.elsewhere == place.elsewhere and abs(self.chosen_at - place.line) <= NEAR_LINES


class Related:
    """Gathers excerpts for one event loop. The events cost microseconds; `excerpts` keeps its deadline."""

    def __init__(self, *, is_on: bool = True) -> None:
        """Know no document.

        Args:
            is_on: see `switch`.
        """
        self._is_on = is_on
        self._open: dict[str, _Open] = {}
        self._current = ""
        self._stamps = itertools.count(1)
        self._closed = 0
        self._ring = Ring()
        self._edited = EditedPlaces()
        self._indexes: dict[Path, WorkspaceIndex] = {}
        self._shown: dict[str, _Shown] = {}

    def switch(self, *, on: bool) -> None:
        """Show something from now on, or nothing; while nothing is shown, there is no index."""
        self._is_on = on
        if not on:
            for index in self._indexes.values():
                index.stop()
            self._indexes.clear()
        for each in self._open.values():
            self._index(each)

    def opened(self, document: Document, workspace: Path | None) -> None:
        """Take a document that the editor opened; that of a workspace has its index built from then on.

        Args:
            document: as it is now.
            workspace: the innermost of its folders around the file; None: the file is in none.
        """
        file = path_of(document.uri)
        if file is None or _is_secret(file.as_posix()):
            return
        inside = workspace is not None and file.is_relative_to(workspace)
        path = file.relative_to(workspace).as_posix() if workspace and inside else file.name
        opened = _Open(document, workspace if inside else None, path, next(self._stamps))
        self._open[document.uri] = opened
        self._ring.pick(document.uri, document.language, document.text, first_code(document.text))
        if index := self._index(opened):
            index.changed(path)

    def changed(self, uri: str, offset: int, read: Callable[[], str]) -> None:
        """Note that an open document was changed.

        Args:
            uri: its address.
            offset: where, in code points.
            read: returns the text that it has when somebody wants to see it.
        """
        if here := self._open.get(uri):
            here.stamp = next(self._stamps)
            here.edited = offset, read

    def saved(self, uri: str) -> None:
        """Note that a document was written to its file, which the index then reads again."""
        if here := self._open.get(uri):
            here.stamp = next(self._stamps)
            if index := self._index(here):
                index.changed(here.path)

    def closed(self, uri: str) -> None:
        """Forget a document: what was not saved of it is no code any more."""
        if here := self._open.pop(uri, None):
            self._closed = next(self._stamps)
            if here.workspace in self._indexes and here.workspace not in self._in_use():
                self._indexes[here.workspace] = self._indexes.pop(here.workspace)  # behind those left earlier
            self._ring.forget(uri)
            self._edited.forget(uri)
            self._shown.pop(uri, None)

    async def excerpts(
        self, request: CompletionRequest, characters_max: int = CHARACTERS_MAX
    ) -> tuple[Excerpt, ...]:
        """Return what to show beside the text around the cursor, in the order in which it should stand.

        What the index does not know in time is left out, and looked for again at the next line.

        Args:
            request: in a document that was opened; for any other there is nothing.
            characters_max: of all excerpts together.
        """
        here = self._open.get(request.document.uri)
        if here is None or not self._is_on:
            return ()
        text, offset = request.document.text, request.offset
        self._see_edits()
        self._visit(here, text, offset)
        place = _Place(text.count("\n", 0, offset), text.endswith("(", 0, offset), self._elsewhere(here))
        last = self._shown.get(request.document.uri)
        if last and last.is_for(place, explicit=request.explicit):
            return last.excerpts
        found = await self._definitions(here, request)
        shown = self._choose(here, request, place, found, characters_max)
        self._shown.pop(request.document.uri, None)
        self._shown[request.document.uri] = shown
        if len(self._shown) > REMEMBERED_MAX:
            del self._shown[next(iter(self._shown))]
        return shown.excerpts

    async def status(self, wait_s: float = STATUS_WAIT_S) -> dict[Path, IndexStatus]:
        """Return how far the index of each workspace is, and what it takes.

        What does not answer in time is shown as it was with its last answer, and left out if it gave none.
        """
        await asyncio.gather(*(each.definitions((), (), "", wait_s) for each in self._indexes.values()))
        return {folder: index.status for folder, index in self._indexes.items() if index.status}

    async def ready(self, folder: Path, wait_s: float) -> bool:
        """Wait until the index of a workspace is as far as it gets; False: it takes longer, or is none."""
        deadline = time.monotonic() + wait_s
        while folder in self._indexes and time.monotonic() < deadline:
            status = (await self.status()).get(folder)
            if status is not None and (status.complete or bool(status.stopped)):
                return True
            await asyncio.sleep(READY_LOOK_S)
        return False

    async def close(self) -> None:
        """End all processes. Nothing must be asked afterwards."""
        await asyncio.gather(*(index.close() for index in self._indexes.values()))

    def _index(self, opened: _Open) -> WorkspaceIndex | None:
        folder = opened.workspace
        if folder is None or not self._is_on:
            return None
        if folder not in self._indexes and self._has_room():
            self._indexes[folder] = WorkspaceIndex(folder)
            self._indexes[folder].start()
        return self._indexes.get(folder)

    def _has_room(self) -> bool:
        """Whether there may be another index; for it the first that nobody uses is ended."""
        if len(self._indexes) < WORKSPACES_MAX:
            return True
        in_use = self._in_use()
        unused = next((folder for folder in self._indexes if folder not in in_use), None)
        if unused is not None:
            self._indexes.pop(unused).stop()
        return unused is not None

    def _in_use(self) -> set[Path | None]:
        return {each.workspace for each in self._open.values()}

    def _elsewhere(self, here: _Open) -> int:
        others = (each.stamp for each in self._open.values() if each is not here)
        return max(self._closed, *others, 0)

    def _see_edits(self) -> None:
        for each in self._open.values():
            if each.edited is not None:
                (offset, read), each.edited = each.edited, None
                text = read()
                self._visit(each, text, offset)
                self._edited.add(each.document.uri, each.document.language, text, min(offset, len(text)))

    def _visit(self, here: _Open, text: str, offset: int) -> None:
        """Note where the user is; where they come from is a place that they may need to see."""
        last = self._open.get(self._current)
        if last is not None and last.offset is not None:
            is_jump = last is not here or abs(last.offset - offset) > JUMP_CHARACTERS
            if is_jump:
                old = last.document
                self._ring.pick(old.uri, old.language, old.text, last.offset)
        self._current = here.document.uri
        if here.document.text is not text:
            here.document = Document(here.document.uri, here.document.language, text)
        here.offset = offset

    async def _definitions(self, here: _Open, request: CompletionRequest) -> list[Excerpt] | None:
        """Return what is defined elsewhere and named near the cursor; None: that is not known."""
        index, folder = self._index(here), here.workspace
        if index is None or folder is None:
            return []
        named = named_near(here.document.language, request.document.text, request.offset)
        wait_s = EXPLICIT_WAIT_S if request.explicit else AUTOMATIC_WAIT_S
        found = await index.definitions(named.names, named.modules, here.path, wait_s)
        if found is None:
            return None
        languages = _languages(here.document.language)
        return [
            Excerpt(each.path, each.text, (folder / each.path).absolute().as_uri())
            for each in found
            if language_of(each.path) in languages
        ]

    def _choose(
        self,
        here: _Open,
        request: CompletionRequest,
        place: _Place,
        found: Sequence[Excerpt] | None,
        characters_max: int,
    ) -> _Shown:
        last, offset = self._shown.get(request.document.uri), request.offset
        around = cut(request.document.text, offset, AROUND_LINES, AROUND_LINES)
        definitions = _still(last) if found is None else found
        if last and last.is_near(place):
            kept: Iterable[Excerpt] = last.excerpts
            wanted, chosen_at = [*definitions], last.chosen_at
        else:
            wanted, chosen_at = [*definitions, *self._places(here, offset, around)], place.line
            kept = [each for each in last.excerpts if each in wanted] if last else []
        excerpts = _fitting(kept, wanted, around, characters_max)
        of_index = frozenset(definitions) | (last.definitions if last else frozenset())
        return _Shown(excerpts, of_index & frozenset(excerpts), found is not None, place, chosen_at)

    def _places(self, here: _Open, offset: int, around: str) -> Iterator[Excerpt]:
        """Yield where somebody was lately: what they edited, then what is like what is at the cursor."""
        uri, languages = here.document.uri, _languages(here.document.language)
        edited = itertools.islice(self._edited.elsewhere(uri, languages, offset), EDITED_MAX)
        pieces: list[Edited | Chunk] = [*edited, *self._ring.related(uri, languages, around)[:CHUNKS_MAX]]
        for piece in pieces:
            if opened := self._open.get(piece.uri):
                yield Excerpt(opened.path, piece.text, piece.uri)


def _fitting(
    kept: Iterable[Excerpt], wanted: Iterable[Excerpt], around: str, characters_max: int
) -> tuple[Excerpt, ...]:
    """Return what is kept, then what is wanted; not what stands at the cursor, or twice, or has no room."""
    chosen: list[Excerpt] = []
    left = characters_max
    for excerpt in dict.fromkeys((*kept, *wanted)):
        size = len(excerpt.text) + len(excerpt.path)
        if size > left or repeats(excerpt.text, around) or overlaps(excerpt.text, [e.text for e in chosen]):
            continue
        chosen.append(excerpt)
        left -= size
    return tuple(chosen)


def _still(last: _Shown | None) -> list[Excerpt]:
    return [each for each in last.excerpts if each in last.definitions] if last else []


def _languages(language: str) -> frozenset[str]:
    return next((alike for alike in _ALIKE if language in alike), frozenset({language}))


@lru_cache(1_000)
def _is_secret(path: str) -> bool:
    return bool(denied(path.lstrip("/")))
