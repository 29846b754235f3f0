"""How long a key waits for ghost text: recorded work through the real server, beside bare llama-server.

llama-server is shown the text that our server showed the model, and writes as many tokens as ours did. Where
our server remembers what it suggested, and so does not ask the model, llama-server writes as many as are left
of that. Our server gives up after two seconds; llama-server may finish, and no more than two are counted.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion import prompt
from cope_lsp.completion.completer import Completer
from cope_lsp.completion.pace import Pace
from cope_lsp.completion.request import AUTOMATIC_DEADLINE_S, limits_for, place_of
from cope_lsp.engine.llama import LlamaModel, start_backend
from cope_lsp.engine.prompting import prompt_tokens
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models.local import LocalModel
from cope_lsp.values import (
    Completion,
    CompletionRequest,
    Document,
    Generation,
    Limits,
    ModelInfo,
    Sample,
    Suggestion,
    Text,
    Usage,
)
from tests.benchmarks.editor import URI, editor, home, settings
from tests.benchmarks.keystrokes import KEYS, Recording, read
from tests.benchmarks.measure import Measurement, median, p95
from tests.benchmarks.peers import llama_server, post

REPETITIONS_FOR_ALL = 5
"""With fewer repetitions fewer keys are pressed."""

PAUSE_S = 0.25
"""After a key: our server lets as much go by before it asks a model that is slower than its user, see
`completion/pace`. It is not counted."""

PEER = "llama-server /infill"
PEER_OPTIONS = ("--cache-reuse", "32")
SLOT_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one key: nobody was asked, our own memory, or the model."""

    request: CompletionRequest
    completion: Completion
    usages: tuple[Usage, ...]
    """What the model needed, each time that it was asked: it is asked again where its text was no good."""
    is_whole: bool
    """Whether the model's text ended by itself, not at the deadline."""

    @property
    def is_answered(self) -> bool:
        """Whether an editor without our policy would have to ask here, too."""
        return bool(self.usages) or isinstance(self.completion, Suggestion)


@dataclass(frozen=True, slots=True)
class Answered:
    """What llama-server needed for one key."""

    seconds: float
    evaluated: int
    """Tokens of the prompt that it did not remember."""


class Overheard(LocalModel):
    """The small model, and what was last asked of it."""

    def listen(self) -> None:
        """Forget what was heard."""
        self.usages: list[Usage] = []
        self.drafts: list[Sample] = []

    async def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`."""
        async with aclosing(super().generate(generation)) as answers:
            async for answer in answers:
                if isinstance(answer, Usage):
                    self.usages.append(answer)
                else:
                    self.drafts.append(answer)
                yield answer


async def measure(name: str, model: Path, *, threads: int, repetitions: int) -> list[Measurement]:
    """Press the same keys three times: in the server, in its engine alone for the counts, in llama-server."""
    recording = read()
    keys = recording.keys[: KEYS * min(repetitions, REPETITIONS_FOR_ALL) // REPETITIONS_FOR_ALL]
    recording = Recording(recording.text, keys)
    ours = await _in_server(recording, model, threads)
    asked, info = await _in_engine(recording, model, threads)
    peers = _in_llama_server(asked, info, model, threads)
    rows = [
        (key, seconds, answer)
        for key, seconds, answer in zip(asked, ours, peers, strict=True)
        if answer is not None
    ]
    by_model = [row for row in rows if row[0].usages]
    remembered = len(rows) - len(by_model)
    return [
        *_waits(f"{name}: typing, {len(rows)} keys", rows),
        *_waits(f"{name}: typing, {len(by_model)} keys that asked the model", by_model),
        _evaluated(name, by_model),
        Measurement(f"{name}: typing, keys answered without the model", f"of {len(rows)}", remembered),
    ]


_Row = tuple[Asked, float, Answered]


def _waits(what: str, rows: Sequence[_Row]) -> list[Measurement]:
    ours = [1e3 * seconds for _, seconds, _ in rows]
    peers = [1e3 * answer.seconds for _, _, answer in rows]
    return [
        Measurement(f"{what}, {share}", "ms", pick(ours), PEER, pick(peers))
        for share, pick in (("median", median), ("95 of 100", p95))
    ]


def _evaluated(name: str, rows: Sequence[_Row]) -> Measurement:
    ours = [sum(each.prompt_tokens - each.cached_tokens for each in key.usages) for key, _, _ in rows]
    peers = [answer.evaluated for _, _, answer in rows]
    return Measurement(
        f"{name}: typing, prompt tokens evaluated for a key", "tokens", mean(ours), PEER, mean(peers)
    )


# -- ours ---------------------------------------------------------------------------------------------


async def _in_server(recording: Recording, model: Path, threads: int) -> list[float]:
    """Return the seconds from each key to the answer."""
    waits = []
    async with home() as environment, editor(environment | settings(model, threads)) as session:
        session.open(recording.text)
        await session.ghost_text(0)  # loads the model
        for key in recording.keys:
            started = time.perf_counter()
            if key.kind != "jump":
                session.replace(key.start, key.at, key.text)
            changed = time.perf_counter()
            await asyncio.sleep(PAUSE_S)
            asked = time.perf_counter()
            await session.ghost_text(key.cursor)
            waits.append(changed - started + time.perf_counter() - asked)
    return waits


async def _in_engine(recording: Recording, model: Path, threads: int) -> tuple[list[Asked], ModelInfo]:
    """Return what the same keys ask of the model: the server does not tell, and runs the same code."""
    engine = Overheard(model, EngineSettings(threads=threads), restarts_max=0)
    syntax = SyntaxReader()
    completer = Completer(engine, syntax, Pace())
    asked = []
    engine.listen()
    try:
        await completer.complete(_request(recording.text, 0))
        for key, text in recording.states():
            engine.listen()
            request = _request(text, key.cursor)
            completion = await completer.complete(request)
            is_whole = any(draft.finish != "deadline" for draft in engine.drafts)
            asked.append(Asked(request, completion, tuple(engine.usages), is_whole))
        return asked, await engine.info()
    finally:
        await engine.close()
        await syntax.close()


def _request(text: str, offset: int) -> CompletionRequest:
    return CompletionRequest(Document(URI, "python", text), offset)


# -- llama-server -------------------------------------------------------------------------------------


def _in_llama_server(
    asked: Sequence[Asked], info: ModelInfo, model: Path, threads: int
) -> list[Answered | None]:
    """Return what each key needs there; None for keys at which nobody is asked."""
    start_backend()
    vocabulary = LlamaModel(model, 0)
    bodies = [_body(key, info, vocabulary) if key.is_answered else None for key in asked]
    vocabulary.close()
    with llama_server(model, threads=threads, slot_tokens=SLOT_TOKENS, options=PEER_OPTIONS) as address:
        return [_infill(address, body) if body else None for body in bodies]


def _infill(address: str, body: dict[str, Any]) -> Answered:
    started = time.perf_counter()
    timings = post(address, "/infill", body)["timings"]
    return Answered(min(time.perf_counter() - started, AUTOMATIC_DEADLINE_S), timings["prompt_n"])


def _body(key: Asked, info: ModelInfo, vocabulary: LlamaModel) -> dict[str, Any]:
    """Return the request for the same work."""
    limits = limits_for(key.request, place_of(key.request.document.text, key.request.offset))
    texts = [
        each for each in prompt.build(key.request, info, limits.output_tokens_max) if isinstance(each, Text)
    ]
    shown = {text.keep: _shown(text, vocabulary) for text in texts}
    return {
        "input_prefix": shown["tail"],
        "input_suffix": shown.get("head", ""),
        "n_predict": _tokens_wanted(key, limits, vocabulary),
        "ignore_eos": True,
        "temperature": 0,
        "cache_prompt": True,
    }


def _shown(text: Text, vocabulary: LlamaModel) -> str:
    """Return what is left of a text when our engine has cut it to as many tokens as it may have."""
    tokens = prompt_tokens((text,), vocabulary) if text.text else []
    return b"".join(map(vocabulary.piece, tokens)).decode()


def _tokens_wanted(key: Asked, limits: Limits, vocabulary: LlamaModel) -> int:
    """Return how many tokens ours wrote, or would have written with more time."""
    if key.usages:
        return key.usages[0].output_tokens if key.is_whole else limits.output_tokens_max
    assert isinstance(key.completion, Suggestion)
    return len(vocabulary.tokenize(key.completion.text))
