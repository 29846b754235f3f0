"""Suggestions that were computed already, found again while their user types, accepts or deletes."""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

ENTRIES_MAX = 250
LOOK_BACK_MAX = 128
"""Characters of a suggestion that may stand in the text already."""

DELETED_MAX = 32
"""Characters before the place of a suggestion that may be gone again."""

KEY_CHARACTERS = 512

_LINE_END = re.compile(r"\r\n|\r")


@dataclass(frozen=True, slots=True)
class _Key:
    """A place in a text: what stands around the cursor, the suffix too."""

    uri: str
    before: str
    after: str


class SuggestionCache:
    """The newest suggestions by place; the least recently used one makes room.

    A place is known by its text alone. So edits elsewhere lose nothing, and whatever is returned completes
    the text as it is now to one that was suggested for it.
    """

    def __init__(self) -> None:
        self._texts: OrderedDict[_Key, str] = OrderedDict()
        self._places: dict[tuple[str, str], dict[str, str]] = {}
        """What stands before each place, by document and by what stands behind it, with its last line."""

    def put(self, uri: str, text: str, offset: int, suggestion: str) -> None:
        """Remember what was suggested at `offset` of `text`."""
        before, after = _before(text, offset), text[offset : offset + KEY_CHARACTERS]
        key = _Key(uri, before, after)
        self._texts[key] = suggestion
        self._texts.move_to_end(key)
        self._places.setdefault((uri, after), {})[before] = _last_line(before)
        if len(self._texts) > ENTRIES_MAX:
            self._forget(self._texts.popitem(last=False)[0])

    def get(self, uri: str, text: str, offset: int, *, only_typed: bool = False) -> str | None:
        """Return what completes `text` at `offset`; None when nothing is known.

        That is what is left of a suggestion whose beginning was typed or accepted since. Or, where the end of
        the line before its place was deleted since, that end and the suggestion; white space that was deleted
        was not wanted.

        Args:
            uri: of the document.
            text: as it is now.
            offset: of the cursor, in code points.
            only_typed: find nothing but what was begun to be typed since.
        """
        after = text[offset : offset + KEY_CHARACTERS]
        places = self._places.get((uri, after))
        if places is None:
            return None
        for before, typed in _typed_since(text, offset):
            if before in places and (typed or not only_typed):
                key = _Key(uri, before, after)
                if left := left_of(self._texts[key], typed):
                    self._texts.move_to_end(key)
                    return left
        if not only_typed and (found := _deleted_since(places, text, offset)):
            before, deleted = found
            key = _Key(uri, before, after)
            self._texts.move_to_end(key)
            return deleted + self._texts[key]
        return None

    def _forget(self, key: _Key) -> None:
        places = self._places[key.uri, key.after]
        del places[key.before]
        if not places:
            del self._places[key.uri, key.after]


def left_of(suggestion: str, typed: str) -> str:
    r"""Return what is left of `suggestion` when `typed` stands at its place; "" when it is not its beginning.

    A suggestion has `\n` only, whatever ends the lines of its document.
    """
    typed = _LINE_END.sub("\n", typed)
    return suggestion[len(typed) :] if suggestion.startswith(typed) else ""


def _typed_since(text: str, offset: int) -> Iterator[tuple[str, str]]:
    """Yield (what stands before a place, what stands between it and `offset`), the nearest place first."""
    for start in range(offset, max(0, offset - LOOK_BACK_MAX) - 1, -1):
        yield _before(text, start), text[start:offset]


def _deleted_since(places: dict[str, str], text: str, offset: int) -> tuple[str, str] | None:
    """Return (what stood before the nearest place, its end that is gone); None: there is no such place."""
    line = _last_line(_before(text, offset))
    found: tuple[str, str] | None = None
    nearest = DELETED_MAX + 1
    for before, its_line in places.items():
        gone = len(its_line) - len(line)
        if 0 < gone < nearest and its_line.startswith(line) and its_line[-gone:].strip():
            kept = before[:-gone]
            room = KEY_CHARACTERS - gone if len(before) == KEY_CHARACTERS else KEY_CHARACTERS
            if text[max(0, offset - room) : offset] == kept:
                found, nearest = (before, before[-gone:]), gone
    return found


def _before(text: str, offset: int) -> str:
    return text[max(0, offset - KEY_CHARACTERS) : offset]


def _last_line(before: str) -> str:
    return before[max(before.rfind("\n"), before.rfind("\r")) + 1 :]
