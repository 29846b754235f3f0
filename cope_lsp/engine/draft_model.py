"""A small network that guesses ahead of the model: of the same vocabulary, and several times as fast.

It has a context of its own with one sequence. Nothing it says becomes text by itself.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from cope_lsp.engine.foreign import NotAModel
from cope_lsp.engine.header import read_header
from cope_lsp.engine.lanes import common_prefix
from cope_lsp.engine.llama import LlamaContext, LlamaModel, Logits
from cope_lsp.engine.portion import Portion
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import ModelFileError

CONFIDENCE_MIN = 0.1
"""It guesses no further than the token of which it is less sure. A guess pays while it is right more often
than the share of a token's time that it costs, a quarter or so. Measured on 60 prompts, with the embedded
model as the draft of one five times its size: 33 of 100 were right where it was less than 0.1 sure, 57 where
it was up to 0.2, and a limit of 0.6 would have cost two thirds of what guessing gains."""

PADDING_MAX = 128
"""Models of one family pad their vocabularies to different sizes: Qwen2.5-Coder has 151,936 tokens up to 3
billion parameters and 152,064 above. llama.cpp lets as many differ (SPEC_VOCAB_MAX_SIZE_DIFFERENCE)."""


class DraftModel:
    """The network, and the text that it remembers."""

    def __init__(self, path: Path, model: LlamaModel, settings: EngineSettings) -> None:
        """Load the GGUF file at `path` to guess for `model`.

        Raises:
            ModelFileError: with the reason, when it is no model or cannot guess for this one.
        """
        found = read_header(path)  # as for every file before native code sees it
        if isinstance(found, NotAModel):
            raise ModelFileError(found.message)
        self._model = LlamaModel(path, settings.gpu_layers)
        if unfit := _unfit(self._model, model):
            self._model.close()
            raise ModelFileError(f"{path} {unfit}")
        self._context = LlamaContext(self._model, replace(settings, sequences=1))
        self._confidence_min = 0.0 if settings.speculation == "always" else CONFIDENCE_MIN
        self._vocab_size = min(self._model.vocab_size, model.vocab_size)
        self._tokens: list[int] = []
        self._row = 0
        self._portion = Portion()

    def can_read(self, tokens: list[int], more: int) -> bool:
        """Whether it knows all tokens of a text, and its memory has room for them and so many more."""
        limit = min(self._context.context_tokens, self._model.info.context_tokens)
        return len(tokens) + more <= limit and max(tokens) < self._vocab_size

    def seconds_behind(self, tokens: list[int]) -> float:
        """Return how long it takes to evaluate what it lacks of a text; 0 when that is not known yet."""
        return self._portion.seconds(len(tokens) - self._kept(tokens))

    def catch_up(self, tokens: list[int]) -> bool:
        """Evaluate what it lacks of a text, but a portion at most; False: there is more to evaluate.

        Raises:
            DecodeError: llama.cpp failed; what it remembers is not known any more.
        """
        kept = self._kept(tokens)
        self._context.forget(0, kept)  # it can: `_unfit` has seen to that
        del self._tokens[kept:]
        lacking = tokens[kept : kept + self._portion.tokens()]
        started = time.perf_counter()
        self._evaluate(lacking)
        self._portion.learn(len(lacking), time.perf_counter() - started)
        return len(self._tokens) == len(tokens)

    def guess(self, count: int) -> list[int]:
        """Return at most `count` tokens that follow the text it caught up with.

        Raises:
            DecodeError: as for `catch_up`.
        """
        return list(islice(self._follow(), count))

    def close(self) -> None:
        """Free the network and its memory."""
        self._context.close()
        self._model.close()

    def _follow(self) -> Iterator[int]:
        """Yield what it would say, as long as it is sure; the text itself may end after any of them."""
        while True:
            logits = self._context.logits(self._row)[: self._vocab_size]
            token = int(logits.argmax())
            if _probability(logits, token) < self._confidence_min:
                return
            yield token
            self._evaluate([token])

    def _kept(self, tokens: list[int]) -> int:
        """Return how much of a text needs not be evaluated; the last token must be, for what follows it."""
        return min(common_prefix(self._tokens, tokens), len(tokens) - 1)

    def _evaluate(self, tokens: list[int]) -> None:
        """Evaluate what comes next, as many batches as that takes."""
        for index, token in enumerate(tokens, 1):
            is_last = index == len(tokens)
            self._row = self._context.add(token, len(self._tokens), 0, logits=is_last)
            self._tokens.append(token)
            if is_last or not self._context.room:
                self._context.decode()


def _unfit(draft: LlamaModel, model: LlamaModel) -> str:
    """Return why one network cannot guess for another; "" when it can."""
    if not (draft.forgets_ends and model.forgets_ends):
        return "is of no use: one of the two models carries a state along and cannot take back a wrong guess"
    if abs(draft.vocab_size - model.vocab_size) > PADDING_MAX:
        return f"has another vocabulary than the model: {draft.vocab_size} tokens, not {model.vocab_size}"
    pairs = enumerate(zip(draft.texts(), model.texts(), strict=False))
    different = next((token for token, (mine, other) in pairs if mine != other), None)
    if different is not None:
        return f"has another vocabulary than the model: token {different} is another one"
    return ""


def _probability(logits: Logits, token: int) -> float:
    """Return the probability of a token, in 32 bits: enough for a threshold, and fast."""
    return float(1 / np.exp(logits - logits[token]).sum())
