"""The holes: windows of source files, cut where an editor would ask for what is missing."""

import random
import re
from dataclasses import dataclass

EMPTY_SUFFIX_SHARE = 0.3
CLOSERS = ")]}\"':,"
TRIGGER = re.compile(r"(?<=[ (\[.=,{])(?=\S)")


@dataclass(frozen=True)
class Hole:
    """A text cut in three; `prefix + middle + suffix` is the text, unless the suffix was left out."""

    prefix: str
    middle: str
    suffix: str


def draw_window(rng: random.Random, text: str, chars_max: int) -> tuple[str, bool]:
    """Return whole lines from a random place of a text, and whether they reach its end.

    They have at most `chars_max` characters, but there is always one line.
    """
    lines = text.splitlines(keepends=True)
    first = _draw_start(rng, lines, chars_max)
    taken: list[str] = []
    size = 0
    for line in lines[first:]:
        if taken and size + len(line) > chars_max:
            return "".join(taken), False
        taken.append(line)
        size += len(line)
    return "".join(taken), True


def dig(rng: random.Random, text: str) -> Hole:
    """Return a hole in a text, of a kind that an editor would ask for."""
    (kind,) = rng.choices((rest_of_line, some_lines, block, span), (0.52, 0.20, 0.18, 0.10))
    start, end = kind(rng, text)
    suffix = "" if rng.random() < EMPTY_SUFFIX_SHARE else text[end:]
    return Hole(text[:start], text[start:end], suffix)


def rest_of_line(rng: random.Random, text: str) -> tuple[int, int]:
    """From a cursor to the end of its line, or to closing characters that an editor puts there."""
    start = draw_cursor(rng, text)
    end = _line_end(text, start)
    if rng.random() < 0.25:
        kept = len(text[start:end].rstrip(CLOSERS))
        end = start + kept if kept else end
    return start, end


def some_lines(rng: random.Random, text: str) -> tuple[int, int]:
    """From a cursor to the end of one of the next few lines."""
    start = draw_cursor(rng, text)
    end = _line_end(text, start)
    for _ in range(rng.randint(1, 6)):
        end = _line_end(text, min(end + 1, len(text)))
    return start, end


def block(rng: random.Random, text: str) -> tuple[int, int]:
    """The whole indented block below a line that ends in a colon; else some lines."""
    heads = [match.end() for match in re.finditer(r":$", text, re.MULTILINE)]
    if not heads:
        return some_lines(rng, text)
    head = rng.choice(heads)
    start_of_line = text.rfind("\n", 0, head) + 1
    end = _block_end(text, head, _indentation(text[start_of_line:head]))
    if rng.random() < 0.5 and end > head:
        line = text[head + 1 : _line_end(text, head + 1)]
        head = min(head + 1 + _indentation(line), end)
    return head, end


def span(rng: random.Random, text: str) -> tuple[int, int]:
    """A random piece of text, without regard to lines."""
    start = rng.randrange(len(text)) if text else 0
    return start, min(len(text), start + rng.randint(1, 200))


def draw_cursor(rng: random.Random, text: str) -> int:
    """Return a place in a line that is not blank: mostly where a word begins, or anywhere."""
    starts = [match.start() for match in re.finditer(r"^[ ]*\S", text, re.MULTILINE)]
    if not starts:
        return len(text)
    start = rng.choice(starts)
    end = _line_end(text, start)
    start += _indentation(text[start:end])
    draw = rng.random()
    triggers = [start, *(match.start() + start for match in TRIGGER.finditer(text[start:end]))]
    if draw < 0.6:
        return rng.choice(triggers)
    return end if draw < 0.65 else rng.randint(start, end)


def _draw_start(rng: random.Random, lines: list[str], chars_max: int) -> int:
    """The first line of a window: the file's beginning, a definition, or any line."""
    draw = rng.random()
    if draw < 0.2 or sum(map(len, lines)) <= chars_max:
        return 0
    if draw < 0.5:
        heads = ("def ", "class ", "@")
        definitions = [i for i, line in enumerate(lines) if line.lstrip().startswith(heads)]
        if definitions:
            return rng.choice(definitions)
    return rng.randrange(len(lines))


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _block_end(text: str, head: int, depth: int) -> int:
    """Where the last line deeper than `depth` ends, from below the line that ends at `head`."""
    end, place = head, head
    while place < len(text):
        line_end = _line_end(text, place + 1)
        line = text[place + 1 : line_end]
        if line.strip():
            if _indentation(line) <= depth:
                break
            end = line_end
        place = line_end
    return end
