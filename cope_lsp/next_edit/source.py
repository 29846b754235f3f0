"""A parsed text, and the nodes that a place in it lies in. Offsets are bytes."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # native code
    from tree_sitter import Node, Tree

DEPTH_MAX = 400
MENTIONS_MAX = 2_000
"""Of one name in one file."""


_OF_WORDS = frozenset(b"0123456789_$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") | set(
    range(128, 256)
)


class TooMuchError(Exception):
    """The text is larger or deeper than what is looked at."""


class Step(NamedTuple):
    """A node, and the field of its parent that it is in; None: in none."""

    node: "Node"
    field: str | None

    @property
    def type(self) -> str:
        """What the grammar calls the node."""
        return self.node.type


Path = tuple[Step, ...]
"""The nodes around a place, from the whole file to the innermost."""


@dataclass(frozen=True, slots=True)
class Place:
    """What lies between two offsets shall become `text`."""

    start: int
    end: int
    text: str


class Source:
    """A text as UTF-8 and its tree."""

    def __init__(self, data: bytes, tree: "Tree") -> None:
        self.data = data
        self._root = tree.root_node
        self._tops = self._root.children
        self._starts = [node.start_byte for node in self._tops]
        self._paths: dict[tuple[int, int], Path] = {}

    def text(self, node: "Node") -> str:
        """Return the text of a node."""
        return self.data[node.start_byte : node.end_byte].decode()

    def path(self, start: int, end: int) -> Path:
        """Return the nodes that contain what lies between two offsets.

        Raises:
            TooMuchError: there are more than `DEPTH_MAX`.
        """
        known = self._paths.get((start, end))
        if known is None:
            known = self._paths[start, end] = tuple(self._descend(start, end))
        return known

    def _descend(self, start: int, end: int) -> Iterator[Step]:
        yield Step(self._root, None)
        # A cursor would walk over everything above; long files have thousands of definitions.
        index = bisect_right(self._starts, start) - 1
        if index < 0 or self._tops[index].end_byte < end:
            return
        yield Step(self._tops[index], None)
        cursor = self._tops[index].walk()
        for _ in range(DEPTH_MAX):
            if cursor.goto_first_child_for_byte(start) is None:
                return
            node = cursor.node
            if node is None or node.start_byte > start or node.end_byte < end:
                return
            yield Step(node, cursor.field_name)
        raise TooMuchError

    def words(self, word: str) -> Iterator[tuple[int, int]]:
        """Yield where a word stands, in code or elsewhere.

        Raises:
            TooMuchError: at more than `MENTIONS_MAX` places.
        """
        data, sought = self.data, word.encode()
        count, start = 0, data.find(sought)
        while start >= 0:
            end = start + len(sought)
            if not _OF_WORDS.intersection(data[max(start - 1, 0) : start] + data[end : end + 1]):
                count += 1
                if count > MENTIONS_MAX:
                    raise TooMuchError
                yield start, end
            start = data.find(sought, end)
