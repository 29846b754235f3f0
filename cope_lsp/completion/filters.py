"""What is shown of a model's text: each filter cuts it, or says why nothing of it is worth showing."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from cope_lsp.completion.request import Place
from cope_lsp.values import Silence, SilenceReason

AUTOMATIC_CHARACTERS_MIN = 2
SAME_LINES_MAX = 2

_BAR = "[|\N{FULLWIDTH VERTICAL LINE}]"  # DeepSeek writes its tokens with the wide one
_MARK = re.compile(rf"<{_BAR}[^>\n]{{1,60}}{_BAR}>|</?s>|<(?:PRE|SUF|MID|EOT)>|<fim_\w+>|<file_sep>")
_LOOP = re.compile(r"(.{3,}?)\1{4,}|(.{10,}?)\2{2,}")
_CLOSES = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a suggestion must fit into."""

    place: Place
    below: str
    """The text after the current line."""
    explicit: bool


Filter = Callable[[str, Surroundings], str]


def apply(text: str, around: Surroundings) -> str | Silence:
    """Return what is left of `text`, or the silence of the filter that left nothing."""
    for reason, cut in FILTERS:
        shown = cut(text, around)
        if not shown.strip():
            return Silence(reason, f"the model wrote {text[:80]!r}")
        text = shown
    return text


def with_plain_line_ends(text: str, _: Surroundings) -> str:
    """Use the one line end that every editor inserts correctly."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def without_marks(text: str, _: Surroundings) -> str:
    """Cut at the first special token that was written out as text."""
    return _MARK.split(text, maxsplit=1)[0]


def without_trailing_space(text: str, _: Surroundings) -> str:
    """Cut white space at the end, which nobody sees before it is accepted."""
    return text.rstrip()


def without_overlap(text: str, around: Surroundings) -> str:
    """Cut the end of the suggestion that already stands to the right of the cursor.

    A closing bracket at the end belongs to the suggestion when it closes one that the suggestion opened.
    """
    after = around.place.after.strip()
    for length in range(min(len(text), len(after)), 0, -1):
        overlap = after[:length]
        if text.endswith(overlap) and (length > 2 or _closes_too_much(text, overlap)):
            return text[:-length].rstrip()
    return text


def _closes_too_much(text: str, overlap: str) -> bool:
    """Whether `overlap` is closing brackets of which `text` has more than it opens."""
    return all(char in _CLOSES and text.count(char) > text.count(_CLOSES[char]) for char in overlap)


def without_lines_below(text: str, around: Surroundings) -> str:
    """Cut from the first line on that is the next line of the document."""
    following = next((line.strip() for line in around.below.splitlines() if line.strip()), "")
    if not following:
        return text
    lines = text.split("\n")
    for index, line in enumerate(lines):
        whole = around.place.before + line if index == 0 else line
        if whole.strip() == following:
            return "\n".join(lines[:index]).rstrip()
    return text


def without_repetition(text: str, _: Surroundings) -> str:
    """Cut where one piece, or one line, comes again and again."""
    if loop := _LOOP.search(text):
        text = text[: loop.start()] + (loop[1] or loop[2])
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if line.strip() and lines[: index + 1].count(line) > SAME_LINES_MAX:
            return "\n".join(lines[: index - SAME_LINES_MAX + 1]).rstrip()
    return text


def long_enough(text: str, around: Surroundings) -> str:
    """Drop what is shorter than the key press that accepts it, unless it was asked for."""
    short = len(text.strip()) < AUTOMATIC_CHARACTERS_MIN
    return "" if short and not around.explicit else text


FILTERS: tuple[tuple[SilenceReason, Filter], ...] = (
    ("empty", with_plain_line_ends),
    ("marks-in-text", without_marks),
    ("empty", without_trailing_space),
    ("repeats-suffix", without_overlap),
    ("repeats-suffix", without_lines_below),
    ("repeats-itself", without_repetition),
    ("too-short", long_enough),
)
