"""What guessing tokens gains: greedy texts in code that repeats itself, with and without guesses."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal

from cope_lsp.engine.llama import LlamaModel, start_backend
from cope_lsp.engine.process import EngineProcess
from cope_lsp.engine.speculation import GUESSES_MAX, Lookup
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.values import Generation, Limits, Sample, Text
from tests.benchmarks.edits import edits
from tests.benchmarks.measure import Measurement

EDITS = 20
"""For each repetition."""

DRAWS = 3
"""Of each text with each setting; the fastest counts."""

TOKENS = 48
TOKENS_MIN = 16
"""A text that its model ended earlier says little about speed and is not counted."""

PROMPT_CHARACTERS_MAX = 1200
PROMPT_TOKENS_MAX = 1000
CANDIDATES = 4
DEADLINE_S = 120.0

Way = Literal["never", "never again", "auto", "always"]
_WAYS: dict[Way, Literal["never", "auto", "always"]] = {
    "never": "never",
    "never again": "never",
    "auto": "auto",
    "always": "always",
}
"""The same setting a second time tells how much of a difference is the machine's."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A prompt, what followed, and its tokens a second with each setting."""

    prompt: str
    sample: Sample
    speeds: dict[Way, float]

    def gain(self, way: Way) -> float:
        """How many times as fast it was as without guesses."""
        return self.speeds[way] / self.speeds["never"]


async def measure(name: str, model: Path, *, threads: int, repetitions: int) -> list[Measurement]:
    """Measure all three settings by turns, on prompts that are remembered."""
    wanted = EDITS * repetitions
    found: list[Edit] = []
    async with AsyncExitStack() as stack:
        engines: dict[Way, EngineProcess] = {}
        for way, mode in _WAYS.items():
            engines[way] = EngineProcess(model, EngineSettings(threads=threads, speculation=mode))
            stack.push_async_callback(engines[way].close)
        for text in edits(CANDIDATES * wanted, characters_max=PROMPT_CHARACTERS_MAX):
            edit = await _edit(engines, text)
            found += [edit] if edit.sample.tokens >= TOKENS_MIN else []
            if len(found) == wanted:
                break
    guessed, right = _guesses(found, model)
    what = f"{name}: {TOKENS} tokens in {len(found)} edits, guesses"
    return [
        *(row for way in list(_WAYS)[1:] for row in _gains(f"{what} {way}", found, way)),
        Measurement(f"{what} that are right", "%", 100 * right / max(guessed, 1)),
    ]


def _gains(what: str, found: Sequence[Edit], way: Way) -> list[Measurement]:
    by_gain = sorted(found, key=lambda edit: edit.gain(way))
    which = {"the middle edit": by_gain[len(by_gain) // 2], "the slowest edit": by_gain[0]}
    return [
        Measurement(f"{what}, {name}", "tokens/s", edit.speeds[way], "no guesses", edit.speeds["never"])
        for name, edit in which.items()
    ]


async def _edit(engines: dict[Way, EngineProcess], text: str) -> Edit:
    for engine in engines.values():  # lets each remember the prompt
        await _draw(engine, text, 1)
    best = dict.fromkeys(engines, 0.0)
    for _ in range(DRAWS):
        for way, engine in engines.items():
            started = time.perf_counter()
            sample = await _draw(engine, text, TOKENS)
            best[way] = max(best[way], sample.tokens / (time.perf_counter() - started))
            if sample.tokens < TOKENS_MIN:
                return Edit(text, sample, best)
    return Edit(text, sample, best)


async def _draw(engine: EngineProcess, text: str, tokens: int) -> Sample:
    generation = Generation((Text(text, PROMPT_TOKENS_MAX, "tail"),), Limits(tokens, DEADLINE_S))
    async with aclosing(engine.generate(generation)) as answers:
        (sample,) = [answer async for answer in answers if isinstance(answer, Sample)]
        return sample


def _guesses(found: Sequence[Edit], model: Path) -> tuple[int, int]:
    """Return how many tokens are guessed when as many are as can be, and how many of them are right.

    The engine does not tell, so the guesses are made again here, for texts whose tokens can be told.
    """
    start_backend()
    vocabulary = LlamaModel(model, 0)
    counts = [0, 0]
    for edit in found:
        prompt, text = vocabulary.tokenize(edit.prompt), vocabulary.tokenize(edit.sample.text)
        if len(text) == edit.sample.tokens:
            for index, count in enumerate(_guesses_in(prompt, text)):
                counts[index] += count
    vocabulary.close()
    return counts[0], counts[1]


def _guesses_in(prompt: Sequence[int], text: Sequence[int]) -> tuple[int, int]:
    lookup, done, guessed, right = Lookup(prompt), 0, 0, 0
    while done < len(text):
        guesses = lookup.guess(min(GUESSES_MAX, len(text) - done - 1)) if done else []
        good = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(guesses, text[done:], strict=False))
        )
        for token in text[done : done + good + 1]:
            lookup.add(token)
        done, guessed, right = done + good + 1, guessed + len(guesses), right + good
    return guessed, right
