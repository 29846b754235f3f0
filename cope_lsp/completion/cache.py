"""Suggestions that were computed already, found again while the user types them."""

from collections import OrderedDict
from dataclasses import dataclass

ENTRIES_MAX = 250
LOOK_BACK_MAX = 128
KEY_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class _Key:
    """A place in a text: what stands around the cursor, the suffix too."""

    uri: str
    before: str
    after: str


class SuggestionCache:
    """The newest suggestions by place; the least recently used one makes room."""

    def __init__(self) -> None:
        self._texts: OrderedDict[_Key, str] = OrderedDict()

    def put(self, uri: str, text: str, offset: int, suggestion: str) -> None:
        """Remember what was suggested at `offset` of `text`."""
        key = _key(uri, text, offset, offset)
        self._texts[key] = suggestion
        self._texts.move_to_end(key)
        if len(self._texts) > ENTRIES_MAX:
            self._texts.popitem(last=False)

    def get(self, uri: str, text: str, offset: int) -> str | None:
        """Return what is left of a suggestion whose beginning was typed since; None when there is none."""
        for back in range(min(LOOK_BACK_MAX, offset) + 1):
            start = offset - back
            key = _key(uri, text, start, offset)
            suggestion = self._texts.get(key, "")
            typed = text[start:offset]
            if suggestion.startswith(typed) and len(suggestion) > len(typed):
                self._texts.move_to_end(key)
                return suggestion[len(typed) :]
        return None


def _key(uri: str, text: str, start: int, offset: int) -> _Key:
    before = text[max(0, start - KEY_CHARACTERS) : start]
    return _Key(uri, before, text[offset : offset + KEY_CHARACTERS])
