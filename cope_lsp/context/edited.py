"""The places where somebody typed last, with a few lines around each."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from cope_lsp.context.ring import cut

PLACES_MAX = 8
LINES_AROUND = 4
SAME_PLACE_CHARACTERS = 400
"""Who types on so near to the last place is still at it."""
FAR_CHARACTERS = 8_000
"""In the same file a place is worth showing only where the text around the cursor does not reach it."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A place of an open file and its lines, as they were when it was last changed."""

    uri: str
    language: str
    offset: int
    text: str


class EditedPlaces:
    """The last places, at most `PLACES_MAX`."""

    def __init__(self) -> None:
        self._places: deque[Edited] = deque(maxlen=PLACES_MAX)

    def add(self, uri: str, language: str, text: str, offset: int) -> None:
        """Note a change at `offset` of the text that a file has now."""
        for old in self._places:
            if old.uri == uri and abs(old.offset - offset) <= SAME_PLACE_CHARACTERS:
                self._places.remove(old)
                break
        self._places.append(Edited(uri, language, offset, cut(text, offset, LINES_AROUND, LINES_AROUND)))

    def forget(self, uri: str) -> None:
        """Drop what is from one file."""
        self._places = deque((each for each in self._places if each.uri != uri), PLACES_MAX)

    def elsewhere(self, uri: str, languages: frozenset[str], offset: int) -> Iterator[Edited]:
        """Yield the places that are not near to one of a file, the last first."""
        for place in reversed(self._places):
            is_near = place.uri == uri and abs(place.offset - offset) < FAR_CHARACTERS
            if place.text and place.language in languages and not is_near:
                yield place
