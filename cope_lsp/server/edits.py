"""Edits: what a solve proposes for a document, and its shape in LSP.

An edit remembers what it changes and what the text was and will be, as digests, so that two hundred of them
stay small.
"""

import hashlib
from dataclasses import dataclass, replace

from lsprotocol import types

from cope_lsp.server.convert import position_of
from cope_lsp.text import TextBuffer, split_lines

_ANNOTATION = "cope"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one document."""

    id: str
    uri: str
    symbol: str
    """The function that it is about."""
    offset: int
    """In code points, of `old`."""
    old: str
    new: str
    before: str
    """The digest of the text that it fits."""
    after: str
    """The digest of that text with the edit."""
    is_verified: bool
    summary: str
    """What speaks for it, for a person."""

    @property
    def label(self) -> str:
        """What editors show of it."""
        return f"cope: {self.symbol}"

    def fits(self, text: str) -> bool:
        """Whether a text is the one that the edit was made for."""
        return digest(text) == self.before

    def is_in(self, text: str) -> bool:
        """Whether a text is what the edit makes of the one it was made for."""
        return digest(text) == self.after

    def reversed(self) -> "Edit":
        """Return the edit that takes this one back."""
        return replace(self, old=self.new, new=self.old, before=self.after, after=self.before)


def edit_of(
    edit_id: str, uri: str, symbol: str, before: str, after: str, *, is_verified: bool, summary: str
) -> Edit:
    """Return the smallest edit of whole lines that makes one text of another."""
    offset, old, new = changed_lines(before, after)
    return Edit(edit_id, uri, symbol, offset, old, new, digest(before), digest(after), is_verified, summary)


def changed_lines(before: str, after: str) -> tuple[int, str, str]:
    """Return where two texts differ: an offset in code points, the lines there, and what takes their place.

    The end of the last line is left out where both have it: a range that ends on the line after the last one
    of a file is read differently by different editors.
    """
    old, new = split_lines(before), split_lines(after)
    shorter = min(len(old), len(new))
    head = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    left = shorter - head
    tail = next((n for n in range(left) if old[-1 - n] != new[-1 - n]), left)
    offset = sum(map(len, old[:head]))
    gone, come = "".join(old[head : len(old) - tail]), "".join(new[head : len(new) - tail])
    for end in ("\r\n", "\n", "\r"):
        if gone.endswith(end) and come.endswith(end):
            return offset, gone.removesuffix(end), come.removesuffix(end)
    return offset, gone, come


def digest(text: str) -> str:
    """Return what tells a text from all others."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def workspace_edit(
    edit: Edit, buffer: TextBuffer, version: int | None, *, versioned: bool, annotated: bool
) -> types.WorkspaceEdit:
    """Return an edit as LSP has it (LSP 3.18, "WorkspaceEdit").

    Args:
        edit: the edit.
        buffer: the text that it fits, in the client's units.
        version: of the document with that text.
        versioned: whether the client reads `documentChanges`.
        annotated: whether the client shall ask the user before it applies it (`needsConfirmation`).
    """
    where = types.Range(position_of(buffer, edit.offset), position_of(buffer, edit.offset + len(edit.old)))
    if not versioned:
        return types.WorkspaceEdit(changes={edit.uri: [types.TextEdit(where, edit.new)]})
    document = types.OptionalVersionedTextDocumentIdentifier(edit.uri, version)
    if not annotated:
        return types.WorkspaceEdit(
            document_changes=[types.TextDocumentEdit(document, [types.TextEdit(where, edit.new)])]
        )
    change = types.AnnotatedTextEdit(annotation_id=_ANNOTATION, range=where, new_text=edit.new)
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(document, [change])],
        change_annotations={
            _ANNOTATION: types.ChangeAnnotation(edit.label, needs_confirmation=True, description=edit.summary)
        },
    )
