"""The evaluation: loss and fill-in-the-middle on held-out files, and a few probes to read."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from llama_cpp import Llama
from tokenizers import Tokenizer
from torch import nn

from training.network import Network
from training.recipe import SUFFIX_TOKENS_MAX, Recipe
from training.samples import FIM_MARKERS, Hole, draw_cursor, fim_prompt, fit_around
from training.tokenizer import newline_ids, special_ids

# Prefix and suffix of prompts as people try them first.
PROBES = (
    ("def add(a, b):\n    return ", "\n"),
    ("def is_even(n):\n    return ", ""),
    ("for i in range(", "):\n    print(i)\n"),
    ("with open(path) as ", ""),
    ("import json\nfrom pathlib import ", "\n"),
    ("class Person:\n    def __init__(self, name, age):\n        self.name = ", "\n"),
    ("class Person:\n    def __init__(self, name, age):\n        self.name = name\n        ", ""),
    ("def main():\n    print(1)\n\n\nif __name__ == ", "\n"),
    ("try:\n    value = int(text)\nexcept ", ":\n    value = 0\n"),
    ("def load(path):\n    with open(path) as file:\n        return ", "\n"),
    ("total = 0\nfor number in numbers:\n    ", "\nprint(total)\n"),
    ("def count_vowels(text):\n    ", "\n"),
    ("def merge_intervals(intervals):\n    ", "\n"),
)


@dataclass(frozen=True)
class Loss:
    """Negative log-likelihood of held-out text, read left to right."""

    nats_per_token: float
    nats_per_byte: float
    tokens: int


@dataclass(frozen=True)
class Exact:
    """How many of some one-line holes were filled with exactly the missing characters."""

    tasks: int
    right: int

    @property
    def percent(self) -> float:
        """Return the share of right answers in percent."""
        return 100 * self.right / max(1, self.tasks)


@dataclass(frozen=True)
class Evaluation:
    """Everything that was measured of one model."""

    loss: Loss
    held_out: Exact
    held_out_with_suffix: Exact
    synthetic: Exact
    probes: tuple[tuple[str, str, str], ...]  # prefix, suffix, what the model wrote


class Filler:
    """The exported model in llama.cpp, asked as an editor would ask it, without randomness."""

    def __init__(self, model: Path, tokenizer: Tokenizer, recipe: Recipe) -> None:
        self._tokenizer = tokenizer
        self._recipe = recipe
        self._ids = special_ids(tokenizer)
        self._newlines = newline_ids(tokenizer)
        self._llama = Llama(str(model), n_ctx=recipe.context_tokens, n_threads=1, verbose=False)

    def fill(
        self,
        prefix: str,
        suffix: str,
        stop: Sequence[str] = (),
        suffix_tokens_max: int = SUFFIX_TOKENS_MAX,
    ) -> str:
        """Return the middle that the model finds most likely, token by token."""
        answer_max = self._recipe.fim_answer_tokens_max
        room = self._recipe.context_tokens - FIM_MARKERS - answer_max
        before, after = (each.ids for each in self._tokenizer.encode_batch([prefix, suffix]))
        before, after = fit_around(before, after[:suffix_tokens_max], room, self._newlines)
        answer = self._llama.create_completion(
            fim_prompt(before, after, self._ids),
            max_tokens=answer_max,
            temperature=0.0,
            stop=list(stop),
        )
        return str(answer["choices"][0]["text"])


def evaluate(
    loss: Loss, filler: Filler, recipe: Recipe, held_out: Sequence[str], synthetic: Sequence[str]
) -> Evaluation:
    """Measure the exported model; the loss was measured before it was quantised."""
    return Evaluation(
        loss=loss,
        held_out=exact_of(filler, recipe, held_out),
        held_out_with_suffix=exact_of(filler, recipe, held_out, recipe.context_tokens),
        synthetic=exact_of(filler, recipe, synthetic),
        probes=tuple((prefix, suffix, filler.fill(prefix, suffix)) for prefix, suffix in PROBES),
    )


def loss_of(network: Network, tokenizer: Tokenizer, recipe: Recipe, texts: Sequence[str]) -> Loss:
    """Measure the loss on windows of a whole context, one after the other, up to a number."""
    length = recipe.context_tokens
    documents = (tokenizer.encode(text).ids for text in texts)
    windows = [ids[i : i + length] for ids in documents for i in range(0, len(ids) - 1, length)]
    # In a byte-level vocabulary one character stands for one byte.
    vocabulary = {number: token for token, number in tokenizer.get_vocab().items()}
    nats, tokens, size = 0.0, 0, 0
    for window in _spread(windows, recipe.held_out_windows):
        ids = torch.tensor([window])
        with torch.inference_mode():
            logits = network(ids[:, :-1])
        nats += nn.functional.cross_entropy(logits[0], ids[0, 1:], reduction="sum").item()
        tokens += len(window) - 1
        size += sum(len(vocabulary[number]) for number in window[1:])
    return Loss(nats / tokens, nats / size, tokens)


def exact_of(
    filler: Filler, recipe: Recipe, texts: Sequence[str], suffix_tokens_max: int = SUFFIX_TOKENS_MAX
) -> Exact:
    """Measure how often the rest of a line is filled in exactly."""
    right = 0
    for number in range(recipe.fim_tasks):
        hole = one_line_hole(random.Random(f"{recipe.seed}:evaluation:{number}"), texts)
        answer = filler.fill(hole.prefix, hole.suffix, ["\n"], suffix_tokens_max)
        right += int(answer.rstrip() == hole.middle.rstrip())
    return Exact(recipe.fim_tasks, right)


def one_line_hole(rng: random.Random, texts: Sequence[str]) -> Hole:
    """Return a hole from a cursor to the end of its line, with something visible in it."""
    while True:
        text = rng.choice(texts)
        start = draw_cursor(rng, text)
        end = text.find("\n", start)
        if end > start and text[start:end].strip():
            return Hole(text[:start], text[start:end], text[end:])


def _spread(windows: list[list[int]], count: int) -> list[list[int]]:
    """At most `count` of the windows, evenly spread; none is too short to predict anything."""
    usable = [window for window in windows if len(window) > 1]
    return usable[:: max(1, len(usable) // count)][:count]
