"""What is shown of a model's text: each filter cuts it, or says why nothing of it is worth showing."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from cope_lsp.completion.brackets import closers_of_outside
from cope_lsp.completion.note import Note, unheard
from cope_lsp.completion.request import Place
from cope_lsp.text import split_lines, without_hidden
from cope_lsp.values import Silence, SilenceReason

AUTOMATIC_CHARACTERS_MIN = 2
SAME_LINES_MAX = 2
LOOKED_AT = 2_000
"""Characters before the cursor in its line: more tells no more of brackets."""

REPEATED_CHARACTERS_MIN = 8
"""A short line such as `pass` or `i += 1` may well stand twice."""

_WIDE = "\N{FULLWIDTH VERTICAL LINE}"  # DeepSeek's tokens have it for a bar
_MARK = re.compile(
    rf"<\|[^|>\s]{{1,60}}\|>|<{_WIDE}[^{_WIDE}\n]{{1,60}}{_WIDE}>"
    r"|</?s>|<(?:PRE|SUF|MID|EOT|eos|bos|pad)>|<fim_\w+>|<(?:file_sep|filename|reponame|gh_stars)>"
    r"|<(?:start|end)_of_turn>|\[/?(?:INST|SUFFIX|PREFIX|MIDDLE)\]|\ufffd"
)
_UNFINISHED = re.compile(r"[^\w)\]}\"']*+\w++\Z|[^\w)\]}\"']++\Z")
"""What may be half a word, with what joins it to the text before; or else what wants to go on."""

_FENCE = re.compile(r"^```[^\n`]*(?:\n|\Z)", re.MULTILINE)
_LOOP = re.compile(r"(.{3,40}?)\1{4,}|(.{10,120}?)\2{2,}")
_TERMINATORS = frozenset(":;,")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a suggestion must fit into."""

    place: Place
    explicit: bool
    above: str = ""
    """The text before the current line, or the end of it."""
    language: str = ""
    is_cut_off: bool = False
    """Whether the model had more to say than there was room or time for."""


Filter = Callable[[str, Surroundings], str]


def apply(text: str, around: Surroundings, note: Note = unheard) -> str | Silence:
    """Return what is left of `text`, or the silence of the filter that left nothing."""
    note("model", f"wrote {text!r}")
    for reason, cut in FILTERS:
        shown = cut(text, around)
        if shown != text:
            note(cut.__name__.replace("_", " "), f"left {shown!r}")
        if not shown.strip():
            return Silence(reason, f"the model wrote {text[:80]!r}")
        text = shown
    return text


def with_plain_line_ends(text: str, _: Surroundings) -> str:
    """Use the one line end that every editor inserts correctly."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def without_hidden_characters(text: str, _: Surroundings) -> str:
    """Cut at the first character that a terminal would obey or an editor hide."""
    return "".join(takewhile(without_hidden, text))


def without_marks(text: str, _: Surroundings) -> str:
    """Cut at the first special token that was written out as text."""
    return _MARK.split(text, maxsplit=1)[0]


def without_fences(text: str, around: Surroundings) -> str:
    """Cut at the fence of a code block: a chat model's answer goes on in prose there."""
    if around.language == "markdown" or around.place.before.strip():
        return text
    return _FENCE.split(text.removeprefix(_opening_fence(text)), maxsplit=1)[0]


def _opening_fence(text: str) -> str:
    found = _FENCE.match(text)
    return found[0] if found else ""


def without_unfinished_end(text: str, around: Surroundings) -> str:
    """Cut the last line of what was cut off, or of a single one what may be half a word or wants to go on."""
    if not around.is_cut_off:
        return text
    *lines, _ = text.split("\n")
    if any(line.strip() for line in lines):
        return "\n".join(lines)
    return _UNFINISHED.sub("", text)


def without_trailing_space(text: str, _: Surroundings) -> str:
    """Cut white space at the end, which nobody sees before it is accepted."""
    return text.rstrip()


def without_overlap(text: str, around: Surroundings) -> str:
    """Cut the end of the suggestion that already stands to the right of the cursor."""
    after = around.place.after.strip()
    outside = closers_of_outside(around.place.before[-LOOKED_AT:], text)
    for start in range(max(0, len(text) - len(after)), len(text)):
        overlap = text[start:]
        if after.startswith(overlap) and (start in outside or _says_the_same(overlap, after)):
            return text[:start].rstrip()
    return text


def _says_the_same(overlap: str, after: str) -> bool:
    """Whether an overlap without a closing bracket is more than chance."""
    if overlap == after and _TERMINATORS.issuperset(overlap):
        return True
    return len(overlap) > 2 and _has_word(overlap)


def without_lines_below(text: str, around: Surroundings) -> str:
    """Cut from the first line on that is, with its indentation, the next line of the document."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        whole = around.place.before + line if index == 0 else line
        if around.place.below and whole.rstrip() == around.place.below:
            return "\n".join(lines[:index]).rstrip()
    return text


def without_lines_above(text: str, around: Surroundings) -> str:
    """Drop what begins by writing once more what stands directly above."""
    lines = [line.rstrip() for line in (around.place.before + text).split("\n")]
    above = [line.rstrip() for line in split_lines(around.above.rstrip())[-len(lines) :]]
    repeats = lines == above and _has_word(text) and len(text.strip()) >= REPEATED_CHARACTERS_MIN
    return "" if repeats else text


def without_repetition(text: str, around: Surroundings) -> str:
    """Cut where one piece, or one line, comes again and again. Lines without a word do not count."""
    loop = next((found for found in _LOOP.finditer(text) if _has_word(found[0])), None)
    if loop:
        text = (text[: loop.start()] + (loop[1] or loop[2])).rstrip()
    lines = text.split("\n")
    whole = [around.place.before + lines[0], *lines[1:]]
    for index in range(SAME_LINES_MAX, len(lines)):
        if _has_word(whole[index]) and len(set(whole[index - SAME_LINES_MAX : index + 1])) == 1:
            return "\n".join(lines[: index - SAME_LINES_MAX + 1]).rstrip()
    return text


def _has_word(text: str) -> bool:
    return re.search(r"\w", text) is not None


def long_enough(text: str, around: Surroundings) -> str:
    """Drop what is shorter than the key press that accepts it, unless it was asked for."""
    short = len(text.strip()) < AUTOMATIC_CHARACTERS_MIN
    return "" if short and not around.explicit else text


FILTERS: tuple[tuple[SilenceReason, Filter], ...] = (
    ("empty", with_plain_line_ends),
    ("marks-in-text", without_hidden_characters),
    ("marks-in-text", without_marks),
    ("marks-in-text", without_fences),
    ("unfinished", without_unfinished_end),
    ("empty", without_trailing_space),
    ("repeats-suffix", without_overlap),
    ("repeats-suffix", without_lines_below),
    ("repeats-prefix", without_lines_above),
    ("repeats-itself", without_repetition),
    ("too-short", long_enough),
)
