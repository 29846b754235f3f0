"""The samples: rows of whole exercises and of windows of source files, most with a hole."""

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tokenizers import Tokenizer

from training.corpus import SourceFile
from training.exercises import Exercise, pieces
from training.holes import Hole, dig, draw_window
from training.recipe import END_OF_TEXT, FILE_SEPARATOR, FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, Recipe
from training.tokenizer import newline_ids, special_ids

CHARS_PER_TOKEN = 4.0  # more than there are: what is too much is cut away
DOCUMENT_TOKENS_MIN = 24
SMALLER_SHARE = 0.3
FIM_MARKERS = 4
FITTING_TRIES = 4  # exercises that are looked at before source fills the rest of a row


@dataclass(frozen=True)
class Row:
    """Tokens of one training row and, of the same length, the weight of each as a target."""

    tokens: list[int]
    weights: list[float]


@dataclass(frozen=True)
class Materials:
    """What rows are made of: Python source, made-up modules, and exercises of both origins."""

    files: Sequence[SourceFile]
    synthetic: Sequence[str]
    family: Sequence[Exercise]
    functions: Sequence[Exercise]


class Sampler:
    """Draws rows of training tokens; a step's rows depend on the seed and the step alone."""

    def __init__(self, materials: Materials, tokenizer: Tokenizer, recipe: Recipe) -> None:
        self._recipe = recipe
        self._diet = recipe.diet
        self._materials = materials
        self._tokenizer = tokenizer
        self._ends = list(accumulate(len(file.text) for file in materials.files))
        self._ids = special_ids(tokenizer)
        self._newlines = newline_ids(tokenizer)

    def step(self, step: int) -> list[Row]:
        """Return the rows of a step: all of one length, `step_tokens` tokens together."""
        recipe = self._recipe
        rng = random.Random(f"{recipe.ingredients.seed}:{step}")
        (length,) = rng.choices(recipe.row_tokens, recipe.row_shares)
        return [self._row(rng, length) for _ in range(recipe.step_tokens // length)]

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def exercise(self, rng: random.Random, exercise: Exercise) -> Row:
        """Return one exercise, of a kind drawn by chance, with its end."""
        parts = pieces(rng, exercise, self._materials.family, self._diet)
        tokens: list[int] = []
        weights: list[float] = []
        encoded = self._tokenizer.encode_batch([text for text, _ in parts])
        for (_, weight), each in zip(parts, encoded, strict=True):
            tokens += each.ids
            weights += [weight] * len(each.ids)
        # A plan alone ends with its line, but not the text: other exercises go on to code there.
        end_weight = weights[-1] if parts[-1][0] == exercise.body else 0.0
        return Row([*tokens, self._ids[END_OF_TEXT]], [*weights, end_weight])

    def _row(self, rng: random.Random, length: int) -> Row:
        """Documents while there is room; what does not fit is source cut to the room, the rest is padding."""
        tokens: list[int] = []
        weights: list[float] = []
        while (room := length - len(tokens)) >= DOCUMENT_TOKENS_MIN:
            document = self._draw(rng, room)
            tokens += document.tokens
            weights += document.weights
        missing = length - len(tokens)
        return Row(tokens + [self._ids[END_OF_TEXT]] * missing, weights + [0.0] * missing)

    def _draw(self, rng: random.Random, room: int) -> Row:
        if rng.random() < self._diet.task_share:
            for _ in range(FITTING_TRIES):
                real = rng.random() < self._diet.function_share and self._materials.functions
                document = self.exercise(rng, rng.choice(real or self._materials.family))
                if len(document.tokens) <= room:
                    return document
        return self._source(rng, room)

    def _source(self, rng: random.Random, room: int) -> Row:
        """At most `room` tokens of Python source."""
        share = rng.uniform(0.1, 1.0) if rng.random() < SMALLER_SHARE else 1.0
        chars_max = int(room * CHARS_PER_TOKEN * share)
        if self._materials.synthetic and rng.random() < self._diet.synthetic_share:
            text = rng.choice(self._materials.synthetic)
        else:
            number = self._draw_file(rng)
            if rng.random() < self._diet.neighbours_share:
                return self._neighbours(rng, number, room)
            text = self._materials.files[number].text
        window, is_end = draw_window(rng, text, chars_max)
        if rng.random() < self._diet.fim_share:
            filled = self._fim(dig(rng, window), room)
            if filled is not None:
                return filled
        ids = (self._tokenizer.encode(window).ids + [self._ids[END_OF_TEXT]] * is_end)[:room]
        return Row(ids, [1.0] * len(ids))

    def _draw_file(self, rng: random.Random) -> int:
        return bisect(self._ends, rng.randrange(self._ends[-1]))

    def _neighbours(self, rng: random.Random, number: int, room: int) -> Row:
        """Windows of a file and of the next one of its package, with the separator between them."""
        files = self._materials.files
        other = number + 1 if number + 1 < len(files) else number - 1
        if files[other].source != files[number].source:
            other = number
        windows = [
            draw_window(rng, files[each].text, int(room * CHARS_PER_TOKEN / 2))[0] for each in (other, number)
        ]
        first, second = (each.ids for each in self._tokenizer.encode_batch(windows))
        ids = [*first[: room // 2], self._ids[FILE_SEPARATOR], *second][:room]
        return Row(ids, [1.0] * len(ids))

    def _fim(self, hole: Hole, length: int) -> Row | None:
        """The tokens of suffix, prefix and middle, or None where not even the middle fits."""
        texts = [hole.prefix, hole.middle, hole.suffix]
        prefix, middle, suffix = (each.ids for each in self._tokenizer.encode_batch(texts))
        room = length - FIM_MARKERS - len(middle)
        if room < 0:
            return None
        suffix = suffix[: self._recipe.suffix_tokens_max]
        before, after = fit_around(prefix, suffix, room, self._newlines)
        prompt = fim_prompt(before, after, self._ids)
        answer = [*middle, self._ids[END_OF_TEXT]]
        return Row(prompt + answer, [1.0] * len(prompt) + [self._diet.middle_weight] * len(answer))


def fim_prompt(prefix: list[int], suffix: list[int], ids: dict[str, int]) -> list[int]:
    """Return the tokens that ask for a middle.

    The suffix comes first, so that the middle goes on from the prefix without anything between them: a small
    network goes on with what it read last. ("Efficient Training of Language Models to Fill in the Middle",
    arXiv 2207.14255, calls this order SPM.)
    """
    return [ids[FIM_SUFFIX], *suffix, ids[FIM_PREFIX], *prefix, ids[FIM_MIDDLE]]


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


def _from_line_start(prefix: list[int], cut: int, newlines: frozenset[int]) -> list[int]:
    """The prefix without `cut` tokens and, if another line follows, the piece of line left."""
    if cut <= 0:
        return prefix
    starts = (i + 1 for i in range(cut - 1, len(prefix)) if prefix[i] in newlines)
    return prefix[next(starts, cut) :]
