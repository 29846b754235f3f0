"""What tree-sitter says of the syntax of a file after an edit, when it knows the file before it.

An error is new when the edit brought it. That is plain where there was none before. Where there was one, an
edit can change its shape, and an error can lie over everything, so that nothing inside of it is an error of
its own; then brackets are counted, and where they say nothing, neither does this module.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from cope_lsp.text import split_lines, without_hidden

if TYPE_CHECKING:  # native code, loaded by `languages.parser` when it is first needed
    from tree_sitter import Node, Parser, Tree

ERRORS_MAX = 1_000
_CHUNK_BYTES = 65_536
_FOLLOWERS = 8
_SHOWN_CHARACTERS = 40
_OPENERS = {"(": "(", "[": "[", "{": "{"}
_CLOSERS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; `line` is 1-based."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Untold:
    """Nothing can be told, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A place that the grammar does not understand; offsets are bytes."""

    start: int
    end: int
    missing: str
    """What should stand there, of no length; "": what stands there should not."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text, its tree, and what is broken in it, outer before inner."""

    data: bytes
    tree: "Tree"
    broken: tuple[Broken, ...]

    def line(self, offset: int) -> int:
        """Return the 1-based line of a byte offset, with line ends as LSP knows them."""
        head = self.data[:offset]
        if b"\r" not in head:
            return head.count(b"\n") + 1
        return head.count(b"\n") + head.count(b"\r") - head.count(b"\r\n") + 1


@dataclass(frozen=True, slots=True)
class Edit:
    """What lies from `start` on was replaced, up to `old_end` before and `new_end` after."""

    start: int
    old_end: int
    new_end: int

    @classmethod
    def between(cls, before: str | bytes, after: str | bytes) -> "Edit":
        """Return the edit with the longest common head, then tail, of two texts of one type."""
        start = common_head(before, after)
        tail = common_head(before[start:][::-1], after[start:][::-1])
        return cls(start, len(before) - tail, len(after) - tail)

    def before(self, offset: int) -> int:
        """Return where a place that the edit left alone was before it."""
        return offset if offset < self.new_end else offset - self.new_end + self.old_end

    def touches(self, broken: Broken) -> bool:
        """Whether something broken after the edit has to do with the text that it put there."""
        if broken.start == broken.end:
            return self.start <= broken.start <= self.new_end
        return broken.start < self.new_end and broken.end > self.start


def common_head(one: str | bytes, other: str | bytes) -> int:
    """Return how many items two texts have in common at their beginning."""
    most = min(len(one), len(other))
    # Comparing slices is done in C; a loop over a long file is not.
    return bisect_left(range(most), x=True, key=lambda size: one[: size + 1] != other[: size + 1])


def parse(data: bytes, parser: "Parser", timeout_s: float, last: Parsed | None = None) -> Parsed | Untold:
    """Parse a text.

    Args:
        data: UTF-8.
        parser: a fresh one: it remembers where it was stopped.
        timeout_s: for all of it.
        last: an earlier state of the text; only what changed since is parsed.
    """
    deadline = monotonic() + timeout_s
    view, pieces = memoryview(data), list[memoryview]()

    def read(offset: int, _: object) -> memoryview:
        pieces.append(view[offset : offset + _CHUNK_BYTES])
        return pieces[-1]

    def is_late(_offset: int, _has_error: object) -> bool:
        return monotonic() > deadline

    # A reader and a callback in Python let other threads run meanwhile; a plain bytes object would not.
    try:
        if last:
            tree = parser.parse(read, _edited(last, data), progress_callback=is_late)
        else:
            tree = parser.parse(read, progress_callback=is_late)
    except ValueError:  # what a callback that says stop leads to
        return Untold(f"it was not read within {timeout_s:g} s")
    finally:
        for piece in pieces:  # tree-sitter 0.26.1 for Python never lets go of them, and so of the text
            piece.release()
    broken: list[Broken] = []
    for found in _broken(tree):
        broken.append(found)
        if len(broken) > ERRORS_MAX or monotonic() > deadline:
            return Untold("there are too many errors in it")
    return Parsed(data, tree, tuple(broken))


def _edited(last: Parsed, data: bytes) -> "Tree":
    edit = Edit.between(last.data, data)
    copied = last.tree.copy()  # the other one stays good for the next draft
    copied.edit(
        edit.start,
        edit.old_end,
        edit.new_end,
        _point(data, edit.start),
        _point(last.data, edit.old_end),
        _point(data, edit.new_end),
    )
    return copied


def _point(data: bytes, offset: int) -> tuple[int, int]:
    r"""Return row and column as tree-sitter counts them: in bytes, with rows that end in \n."""
    return data.count(b"\n", 0, offset), offset - data.rfind(b"\n", 0, offset) - 1


def _broken(tree: "Tree") -> Iterator[Broken]:
    cursor = tree.walk()
    while True:
        node = cursor.node
        if node is not None and node.has_error:
            if node.is_missing:
                yield Broken(node.start_byte, node.end_byte, node.type)
            elif node.is_error:
                yield Broken(node.start_byte, node.end_byte, "")
            elif not any(child.has_error for child in node.children):
                # What is missing has no name in this grammar, such as the end of an element of HTML.
                yield Broken(node.end_byte, node.end_byte, f"end of {node.type}")
            if cursor.goto_first_child():
                continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def tree_faults(before: Parsed, after: Parsed) -> tuple[Fault, ...] | Untold:
    """Return the errors that an edit brought, in the order in which they should be read; (): none."""
    edit = Edit.between(before.data, after.data)
    new, hidden = _sorted_out(before, after, edit)
    if not new and not hidden:
        return swallowed(before, after)
    unpaired = _unpaired(before, after, edit)
    if unpaired:
        return (unpaired, *(_fault(after, each, edit) for each in new))
    if new:
        inside = [each for each in new if edit.start <= each.start <= edit.new_end]
        first = inside[:1] or new[:1]
        return tuple(_fault(after, each, edit) for each in (*first, *(e for e in new if e not in first)))
    if _is_sound(after, edit.start, edit.new_end):
        return ()
    return Untold(f"the error in line {after.line(hidden[0].start)} was there before and hides what is new")


def _sorted_out(before: Parsed, after: Parsed, edit: Edit) -> tuple[list[Broken], list[Broken]]:
    """Return what is broken anew, and what may be an old error in a new shape over the new text."""
    new: list[Broken] = []
    hidden: list[Broken] = []
    covered = any(old.start < edit.start and old.end > edit.old_end for old in before.broken)
    lay_in_error = covered and not _is_sound(before, edit.start, edit.old_end)
    for each in after.broken:
        start, end = edit.before(each.start), edit.before(each.end)
        is_known = any(old.start <= end and old.end >= start for old in before.broken)
        if edit.touches(each):
            is_old = lay_in_error or (each.start < edit.start and is_known)
            (hidden if is_old else new).append(each)
        elif not is_known:
            new.append(each)
    return new, hidden


def _fault(after: Parsed, broken: Broken, edit: Edit) -> Fault:
    if broken.missing:
        name = broken.missing.replace("_", " ") if broken.missing[-1].isalpha() else broken.missing
        return Fault(after.line(broken.start), f"{name!r} is missing")
    start, end = broken.start, broken.end
    if start < edit.start < end:  # an error around the edit: what it is about lies in the edit
        start = edit.start
    start += len(after.data[start:end]) - len(after.data[start:end].lstrip())
    shown = after.data[start : start + 4 * _SHOWN_CHARACTERS].decode("utf-8", "ignore")
    first = without_hidden(split_lines(shown[: max(end - start, 1)])[0].strip() if shown.strip() else "")
    return Fault(after.line(start), f"unexpected {_shortened(first)!r}" if first else "something is missing")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _unpaired(before: Parsed, after: Parsed, edit: Edit) -> Fault | None:
    """Return the bracket that the new text opens and does not close, or the other way round.

    Where a cut of the edit lies between two like brackets is arbitrary, so only their number counts.
    """
    old = Counter[str]()
    for opener, step, _ in _brackets(before.tree, edit.start, edit.old_end):
        old[opener] += step
    new = Counter[str]()
    found = list(_brackets(after.tree, edit.start, edit.new_end))
    for opener, step, _ in found:
        new[opener] += step
    for opener in _OPENERS:
        if new[opener] == old[opener]:
            continue
        is_open = new[opener] > old[opener]
        place = _unpaired_place([each for each in found if each[0] == opener], is_open=is_open)
        closer = next(closer for closer, of in _CLOSERS.items() if of == opener)
        what = f"{opener!r} is not closed" if is_open else f"{closer!r} closes nothing"
        return Fault(after.line(edit.start if place is None else place), what)
    return None


def _unpaired_place(brackets: list[tuple[str, int, int]], *, is_open: bool) -> int | None:
    """Return the offset of the last opener without a closer, or of the first closer without an opener."""
    waiting: list[int] = []
    for _, step, offset in brackets:
        if step > 0:
            waiting.append(offset)
        elif waiting:
            waiting.pop()
        elif not is_open:
            return offset
    return waiting[-1] if is_open and waiting else None


def _brackets(tree: "Tree", start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Yield the brackets between two offsets as (opener, 1 or -1, offset); those in a string are none."""
    for leaf in _leaves(tree, start):
        if leaf.start_byte >= end:
            return
        mark = leaf.type[-1:]  # "${" and "#[" open, too
        if leaf.is_missing or leaf.is_named or leaf.start_byte < start:
            continue
        if mark in _OPENERS:
            yield mark, 1, leaf.start_byte
        elif leaf.type in _CLOSERS:
            yield _CLOSERS[leaf.type], -1, leaf.start_byte


def _leaves(tree: "Tree", start: int) -> Iterator["Node"]:
    """Yield the leaves of a tree that end after `start`, in order."""
    cursor = tree.walk()
    while cursor.goto_first_child_for_byte(start) is not None:
        pass
    while True:
        node = cursor.node
        if cursor.goto_first_child():
            continue
        if node is not None and node.end_byte > start:
            yield node
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _is_sound(parsed: Parsed, start: int, end: int) -> bool:
    """Whether what lies between two offsets was understood, though it may lie in an error."""
    text = parsed.data[start:end]
    start += len(text) - len(text.lstrip())
    end -= len(text) - len(text.rstrip())
    node = parsed.tree.root_node
    while start < end:
        over = [child for child in node.children if child.start_byte < end and child.end_byte > start]
        if len(over) == 1 and over[0].has_error:
            node = over[0]
            continue
        return bool(over) and all(_is_understood(child) for child in over)
    return False


def _is_understood(node: "Node") -> bool:
    """A token that lies about in an error has no error of its own, but nobody knows what it is for."""
    return not node.has_error and (node.is_extra or (node.is_named and node.child_count > 0))


def swallowed(before: Parsed, after: Parsed) -> tuple[Fault, ...]:
    """Return a fault when the code below an edit became part of what the edit began, such as a comment.

    That brings no error when something below ends it by chance: then what follows the edit is no longer a row
    of tokens that begin where they began.
    """
    edit = Edit.between(before.data, after.data)
    below = after.data.find(b"\n", edit.new_end)
    if below < 0 or any(each.end > edit.old_end for each in before.broken):
        return ()
    for count, leaf in enumerate(_leaves(before.tree, edit.before(below))):
        if count == _FOLLOWERS:
            break
        start = leaf.start_byte - edit.old_end + edit.new_end
        if leaf.start_byte <= edit.before(below) or leaf.start_byte == leaf.end_byte:
            continue
        end = leaf.end_byte - edit.old_end + edit.new_end
        node = after.tree.root_node.descendant_for_byte_range(start, end)
        if node is not None and node.start_byte < start and not node.child_count:
            place = min(node.start_byte, edit.new_end)
            what = f"what begins here takes in line {after.line(start)}, which was code of its own"
            return (Fault(after.line(place), what),)
    return ()
