"""The samples: windows of source files, most with a hole in the middle as an editor leaves one."""

import random
import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tokenizers import Tokenizer

from training.recipe import END_OF_TEXT, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, Diet, Recipe
from training.tokenizer import newline_ids, special_ids

CHARS_PER_TOKEN = 4.0  # more than there are: what is too much is cut away
DOCUMENT_TOKENS_MIN = 32
SMALLER_SHARE = 0.3
EMPTY_SUFFIX_SHARE = 0.15
FIM_MARKERS = 4
CLOSERS = ")]}\"':,"
TRIGGER = re.compile(r"(?<=[ (\[.=,{])(?=\S)")


@dataclass(frozen=True)
class Hole:
    """A text cut in three; `prefix + middle + suffix` is the text, unless the suffix was left out."""

    prefix: str
    middle: str
    suffix: str


@dataclass(frozen=True)
class Row:
    """Tokens of one training row and, of the same length, the weight of each as a target."""

    tokens: list[int]
    weights: list[float]


class Sampler:
    """Draws rows of training tokens; a step's rows depend on the seed, the step and the diet alone."""

    def __init__(
        self, texts: Sequence[str], synthetic: Sequence[str], tokenizer: Tokenizer, recipe: Recipe
    ) -> None:
        self._recipe = recipe
        self._tokenizer = tokenizer
        self._texts, self._ends = texts, list(accumulate(map(len, texts)))
        self._synthetic, self._synthetic_ends = synthetic, list(accumulate(map(len, synthetic)))
        self._ids = special_ids(tokenizer)
        self._newlines = newline_ids(tokenizer)

    def step(self, step: int, diet: Diet) -> list[Row]:
        """Return the rows of a step: all of one length, `step_tokens` tokens together."""
        rng = random.Random(f"{self._recipe.seed}:{step}")
        (length,) = rng.choices(self._recipe.row_tokens, diet.row_shares)
        return [self._row(rng, length, diet) for _ in range(self._recipe.step_tokens // length)]

    def _row(self, rng: random.Random, length: int, diet: Diet) -> Row:
        """One document, and more behind it while there is room; the rest is unweighted padding."""
        tokens: list[int] = []
        weights: list[float] = []
        while length - len(tokens) >= DOCUMENT_TOKENS_MIN:
            ids, middle_start = self._document(rng, length - len(tokens), diet.fim_share)
            tokens += ids
            weights += [1.0] * middle_start
            weights += [diet.middle_weight] * (len(ids) - middle_start)
        missing = length - len(tokens)
        return Row(tokens + [self._ids[END_OF_TEXT]] * missing, weights + [0.0] * missing)

    def _document(self, rng: random.Random, room: int, fim_share: float) -> tuple[list[int], int]:
        """At most `room` tokens of a document, and where its middle starts (or its end)."""
        share = rng.uniform(0.1, 1.0) if rng.random() < SMALLER_SHARE else 1.0
        chars_max = int(room * CHARS_PER_TOKEN * share)
        window, is_end = draw_window(rng, self._draw_text(rng), chars_max)
        if rng.random() < fim_share:
            ids = self._fim(dig(rng, window), room)
            if ids is not None:
                return ids, ids.index(self._ids[FIM_MIDDLE]) + 1
        ids = self._tokenizer.encode(window).ids + [self._ids[END_OF_TEXT]] * is_end
        return ids[:room], min(len(ids), room)

    def _draw_text(self, rng: random.Random) -> str:
        if self._synthetic and rng.random() < self._recipe.synthetic_share:
            return _by_size(rng, self._synthetic, self._synthetic_ends)
        return _by_size(rng, self._texts, self._ends)

    def _fim(self, hole: Hole, length: int) -> list[int] | None:
        """The tokens of prefix, suffix and middle, or None where not even the middle fits."""
        texts = [hole.prefix, hole.middle, hole.suffix]
        prefix, middle, suffix = (each.ids for each in self._tokenizer.encode_batch(texts))
        room = length - FIM_MARKERS - len(middle)
        if room < 0:
            return None
        before, after = fit_around(prefix, suffix, room, self._newlines)
        return [*fim_prompt(before, after, self._ids), *middle, self._ids[END_OF_TEXT]]


def fim_prompt(prefix: list[int], suffix: list[int], ids: dict[str, int]) -> list[int]:
    """Return the tokens that ask for a middle, in the order prefix, suffix, middle."""
    return [ids[FIM_PREFIX], *prefix, ids[FIM_SUFFIX], *suffix, ids[FIM_MIDDLE]]


def fit_around(
    prefix: list[int], suffix: list[int], room: int, newlines: frozenset[int]
) -> tuple[list[int], list[int]]:
    """Cut prefix and suffix to `room` tokens together; a cut prefix starts where a line does.

    The suffix gives way first, down to a third of the room.
    """
    overflow = max(0, len(prefix) + len(suffix) - room)
    cut = min(overflow, max(0, len(suffix) - room // 3))
    suffix = suffix[: len(suffix) - cut]
    return _from_line_start(prefix, overflow - cut, newlines), suffix


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


def _from_line_start(prefix: list[int], cut: int, newlines: frozenset[int]) -> list[int]:
    """The prefix without `cut` tokens and, if another line follows, the piece of line left."""
    if cut <= 0:
        return prefix
    starts = (i + 1 for i in range(cut - 1, len(prefix)) if prefix[i] in newlines)
    return prefix[next(starts, cut) :]


def _by_size(rng: random.Random, texts: Sequence[str], ends: list[int]) -> str:
    return texts[bisect(ends, rng.randrange(ends[-1]))]


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
