"""The text around the cursor that a model is shown."""

from dataclasses import dataclass

GRID_LINES = 16
"""A prefix that must be cut starts at a multiple of so many lines, so that it stays the same, and with it
the engine's memory of it, while the user types on."""

CHARACTERS_PER_TOKEN = 5
"""More than code needs: what is cut here is cut by tokens again in the engine."""


@dataclass(frozen=True, slots=True)
class Window:
    """What stands before and after the cursor; a long prefix begins at a line of the grid."""

    prefix: str
    suffix: str


def around(text: str, offset: int, *, prefix_tokens_max: int, suffix_tokens_max: int) -> Window:
    """Return the surroundings of `offset` (code points) in `text`."""
    prefix = text[:offset]
    longest = prefix_tokens_max * CHARACTERS_PER_TOKEN
    if len(prefix) > longest:
        prefix = _cut_on_grid(prefix, longest)
    return Window(prefix, text[offset : offset + suffix_tokens_max * CHARACTERS_PER_TOKEN])


def _cut_on_grid(prefix: str, longest: int) -> str:
    """Return the end of `prefix`, at most `longest` characters, from a line on the grid if there is one."""
    start = len(prefix) - longest
    line = prefix.count("\n", 0, start)
    at = start
    while True:
        at = prefix.find("\n", at) + 1
        line += 1
        if at == 0:
            return prefix[start:]
        if line % GRID_LINES == 0:
            return prefix[at:]
