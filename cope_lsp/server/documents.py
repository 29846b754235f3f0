"""pygls's workspace with documents that split lines as LSP does.

pygls 2.1.1 uses `str.splitlines`: a form feed or U+2028 in a file shifts every later line, and incremental
edits then land in the wrong place.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace

from cope_lsp.checks.syntax.tree import Edit
from cope_lsp.feedback.follow import Change, replacement, whole
from cope_lsp.next_edit.history import History
from cope_lsp.server.convert import encoding_of
from cope_lsp.text import TextBuffer, split_lines

Value = TypeVar("Value")


class LspDocument(TextDocument):
    """A text document whose text lives in a `TextBuffer`."""

    def __init__(
        self,
        uri: str,
        source: str | None,
        version: int | None,
        language_id: str | None,
        encoding: types.PositionEncodingKind | str | None,
    ) -> None:
        super().__init__(uri, source=source, version=version, language_id=language_id)
        self._encoding = encoding_of(encoding)
        self.buffer = TextBuffer(source or "", self._encoding)
        self._changed = asyncio.Event()
        self.history = History()
        self.on_change: Callable[[Change], None] | None = None
        """Called with each change, after it was made, while somebody follows the text."""

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Apply one change of a `textDocument/didChange`."""
        followed = self._followed(change) if self.on_change else None
        self._remember(change)
        if isinstance(change, types.TextDocumentContentChangePartial):
            start, end = change.range.start, change.range.end
            self.buffer.replace((start.line, start.character), (end.line, end.character), change.text)
        else:
            self.buffer = TextBuffer(change.text, self._encoding)
        self._changed.set()
        if self.on_change and followed:
            self.on_change(followed)

    def _remember(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Note a change that is about to be made."""
        if isinstance(change, types.TextDocumentContentChangePartial):
            start, end = change.range.start, change.range.end
            offset, removed = self.buffer.between((start.line, start.character), (end.line, end.character))
            self.history.add(offset, removed, change.text)
        else:
            edit, before = Edit.between(self.source, change.text), self.source
            removed, inserted = before[edit.start : edit.old_end], change.text[edit.start : edit.new_end]
            self.history.add(edit.start, removed, inserted)

    def _followed(self, change: types.TextDocumentContentChangeEvent) -> Change:
        if not isinstance(change, types.TextDocumentContentChangePartial):
            return whole(self.buffer.lines, split_lines(change.text))
        start, end = change.range.start, change.range.end
        first = self.buffer.locate(start.line, start.character)
        return replacement(first, self.buffer.locate(end.line, end.character), change.text)

    def rows(self, first: int, last: int) -> list[str]:
        """Return the lines `first` to `last`, both included, with their ends; fewer if there are fewer."""
        return self.buffer.rows(first, last)

    async def becomes(self, right: Callable[[str], bool], timeout_s: float) -> bool:
        """Return whether the editor makes the text one that is `right`, now or within `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                while not right(self.source):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    @property
    def source(self) -> str:
        """The whole text."""
        return self.buffer.text

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines with their ends."""
        return self.buffer.lines


class Derived(Generic[Value]):
    """What follows from the text of a document, worked out once per version."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[LspDocument, tuple[int, Value]] = WeakKeyDictionary()

    async def of(self, document: LspDocument, work_out: Callable[[str], Awaitable[Value]]) -> Value:
        """Return what follows from the text that a document has now."""
        version = document.version
        known = self._known.get(document)
        if known is not None and known[0] == version:
            return known[1]
        value = await work_out(document.source)
        if version is not None:
            self._known[document] = version, value
        return value


class LspWorkspace(Workspace):
    """A workspace that makes `LspDocument`s."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._waiting: dict[str, list[asyncio.Event]] = {}
        """Who waits for a document to be opened, by its address."""

    def _create_text_document(
        self,
        doc_uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
    ) -> TextDocument:
        return LspDocument(doc_uri, source, version, language_id, self.position_encoding)

    def put_text_document(self, item: types.TextDocumentItem, notebook_uri: str | None = None) -> None:
        """Take a document that the editor opened."""
        super().put_text_document(item, notebook_uri)
        for waiting in self._waiting.get(unquote(item.uri), ()):
            waiting.set()

    async def opening(self, uri: str) -> None:
        """Wait until the editor has a document open; the caller sets the deadline."""
        if self.opened(uri) is None:
            opened, waiting = asyncio.Event(), self._waiting.setdefault(unquote(uri), [])
            waiting.append(opened)
            try:
                await opened.wait()
            finally:
                waiting.remove(opened)
                if not waiting:
                    self._waiting.pop(unquote(uri), None)

    def opened(self, uri: str) -> LspDocument | None:
        """Return a document that the editor has open; None for any other. Nothing is read from disk."""
        document = self.text_documents.get(unquote(uri))
        return document if isinstance(document, LspDocument) else None

    def all_opened(self) -> list[LspDocument]:
        """Return all documents that the editor has open."""
        return [each for each in self.text_documents.values() if isinstance(each, LspDocument)]
