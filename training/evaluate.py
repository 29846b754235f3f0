"""The evaluation: losses and fill-in-the-middle on what was held out, and a few probes to read."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from llama_cpp import Llama
from tokenizers import Tokenizer
from torch import nn

from cope_lsp.cascade.prompts import Ask, plain
from training.corpus import SourceFile
from training.exercises import Exercise
from training.holes import Hole, draw_cursor, draw_window
from training.network import Network
from training.recipe import Recipe
from training.samples import FIM_MARKERS, Row, Sampler, fim_prompt, fit_around
from training.tokenizer import newline_ids, special_ids
from training.train import batch, weighted_loss

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


HELD_OUT_ROWS = 40
HELD_OUT_CHARS = 700
TASK_PROBES = 6


@dataclass(frozen=True)
class HeldOut:
    """A few rows of each material that training never shows, measured again and again while it runs."""

    batches: dict[str, list[Row]]
    device: str

    @classmethod
    def of(
        cls, files: Sequence[SourceFile], family: Sequence[Exercise], sampler: Sampler, recipe: Recipe
    ) -> "HeldOut":
        """Take windows of files, and exercises whose given parts do not count."""
        rng = random.Random(f"{recipe.ingredients.seed}:held out")
        windows = [draw_window(rng, rng.choice(files).text, HELD_OUT_CHARS)[0] for _ in range(HELD_OUT_ROWS)]
        python = [Row(ids, [1.0] * len(ids)) for ids in map(sampler.encode, windows)]
        answer = recipe.diet.answer_weight
        rows = [sampler.exercise(rng, exercise) for exercise in family[: 2 * HELD_OUT_ROWS]]
        tasks = [Row(row.tokens, [float(weight == answer) for weight in row.weights]) for row in rows]
        return cls({"python": python, "family": tasks}, recipe.device)

    def losses(self, network: Network) -> dict[str, float]:
        """Return the mean loss of each material in nats per token."""
        with torch.inference_mode():
            return {
                name: weighted_loss(network, *batch(padded(rows), self.device)).item()
                for name, rows in self.batches.items()
            }


def padded(rows: Sequence[Row]) -> list[Row]:
    """Return the rows, all as long as the longest; what is added has no weight."""
    length = max(len(row.tokens) for row in rows)
    return [
        Row(row.tokens + [0] * (length - len(row.tokens)), row.weights + [0.0] * (length - len(row.tokens)))
        for row in rows
    ]


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
    task_probes: tuple[tuple[str, str], ...]  # prompt in the plain format, what the model wrote


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
        suffix_tokens_max: int = 0,
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

    def go_on(self, prompt: str, tokens_max: int = 160) -> str:
        """Return what the model finds most likely after a prompt, up to the end of the text."""
        ids = self._tokenizer.encode(prompt).ids
        answer = self._llama.create_completion(ids, max_tokens=tokens_max, temperature=0.0)
        return str(answer["choices"][0]["text"])


@dataclass(frozen=True)
class Unseen:
    """What the model was not trained on."""

    files: Sequence[str]
    synthetic: Sequence[str]
    family: Sequence[Exercise]


def evaluate(loss: Loss, filler: Filler, recipe: Recipe, unseen: Unseen) -> Evaluation:
    """Measure the exported model; the loss was measured before it was quantised."""
    shown = recipe.suffix_tokens_max
    return Evaluation(
        loss=loss,
        held_out=exact_of(filler, recipe, unseen.files, 0),
        held_out_with_suffix=exact_of(filler, recipe, unseen.files, shown),
        synthetic=exact_of(filler, recipe, unseen.synthetic, shown),
        probes=tuple((prefix, suffix, filler.fill(prefix, suffix, (), shown)) for prefix, suffix in PROBES),
        task_probes=tuple(_task_probe(filler, exercise) for exercise in unseen.family[:TASK_PROBES]),
    )


def _task_probe(filler: Filler, exercise: Exercise, ask: Ask = "goal-and-code") -> tuple[str, str]:
    prompt = plain(exercise.parts, ask)
    return prompt, filler.go_on(prompt)


def loss_of(network: Network, tokenizer: Tokenizer, recipe: Recipe, texts: Sequence[str]) -> Loss:
    """Measure the loss on windows of a whole context, one after the other, up to a number."""
    length = recipe.context_tokens
    documents = (tokenizer.encode(text).ids for text in texts)
    windows = [ids[i : i + length] for ids in documents for i in range(0, len(ids) - 1, length)]
    # In a byte-level vocabulary one character stands for one byte.
    vocabulary = {number: token for token, number in tokenizer.get_vocab().items()}
    nats, tokens, size = 0.0, 0, 0
    for window in _spread(windows, recipe.held_out_windows):
        ids = torch.tensor([window], device=recipe.device)
        with torch.inference_mode():
            logits = network(ids[:, :-1])
        nats += nn.functional.cross_entropy(logits[0], ids[0, 1:], reduction="sum").item()
        tokens += len(window) - 1
        size += sum(len(vocabulary[number]) for number in window[1:])
    return Loss(nats / tokens, nats / size, tokens)


def exact_of(filler: Filler, recipe: Recipe, texts: Sequence[str], suffix_tokens_max: int) -> Exact:
    """Measure how often the rest of a line is filled in exactly."""
    right = 0
    for number in range(recipe.fim_tasks):
        hole = one_line_hole(random.Random(f"{recipe.ingredients.seed}:evaluation:{number}"), texts)
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
