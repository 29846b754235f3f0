"""Places where a model has something to say. None is certain, so tests try one after the other."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.server.wire_client import Json, WireClient

Encoding = Literal["utf-8", "utf-16", "utf-32"]
UNIT_BYTES: dict[Encoding, int] = {"utf-8": 1, "utf-16": 2, "utf-32": 4}

PLACES = (
    "import os\nimport sys\n\n\ndef main():\n",
    "class Point:\n    def __init__(self, x, y):\n        self.x = ",
    "def read(path):\n    with open(path) as file:\n        ",
    "import numpy as ",
    "def is_empty(items):\n    if not items:\n        ",
    "numbers = [1, 2, 3]\nfor number in ",
    "for index in range(10):\n    print(",
    "def add(a, b):\n    return ",
)
"""Python files with the cursor at their end."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An item of ghost text and where it was asked for."""

    uri: str
    before: str
    line: int
    character: int
    item: Json

    @property
    def text(self) -> str:
        text: str = self.item["insertText"]
        return text

    @property
    def id(self) -> str:
        offer_id: str = self.item["command"]["arguments"][0]["id"]
        return offer_id


def end_of(text: str, encoding: Encoding = "utf-16") -> tuple[int, int]:
    """Return the client's (line, character) of the end of `text`."""
    *above, last = re.split("\r\n|\r|\n", text)
    return len(above), units(last, encoding)


def units(text: str, encoding: Encoding) -> int:
    """Return how many units of `encoding` a client counts in `text`."""
    return len(text.encode("utf-8" if encoding == "utf-8" else f"{encoding}-le")) // UNIT_BYTES[encoding]


def empty_range(line: int, character: int) -> Json:
    here = {"line": line, "character": character}
    return {"start": here, "end": here}


def ask_everywhere(
    client: WireClient, texts: Iterable[str] = PLACES, encoding: Encoding = "utf-16", **context: Any
) -> Iterator[Offer]:
    """Ask at the end of each text, in a document of its own, and yield the best that is offered."""
    for text in texts:
        uri, (line, character) = client.open(text), end_of(text, encoding)
        for item in client.inline(uri, line, character, **context)["items"][:1]:
            yield Offer(uri, text, line, character, item)


def find_offers(
    client: WireClient, texts: Iterable[str] = PLACES, encoding: Encoding = "utf-16", **context: Any
) -> list[Offer]:
    """Return what is offered at the places, at least one offer."""
    offers = list(ask_everywhere(client, texts, encoding, **context))
    assert offers, f"the model is silent everywhere: {client.status()}"
    return offers


def find_offer(client: WireClient) -> Offer:
    """Return the first offer that the model makes."""
    offer = next(ask_everywhere(client), None)
    assert offer, f"the model is silent everywhere: {client.status()}"
    return offer
