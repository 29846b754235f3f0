"""`cope-lsp models bench`: how fast a model reads and writes in our own engine on this machine."""

import argparse
import asyncio
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cope_lsp.config import Config, Loaded
from cope_lsp.errors import CopeError
from cope_lsp.models import choose
from cope_lsp.models.local import LocalModel
from cope_lsp.models.store import Store
from cope_lsp.values import Generation, Limits, ModelInfo, Sampling, Text, Usage

PROMPT_TOKENS = 512
OUTPUT_TOKENS = 64
DEADLINE_S = 120.0

_LINES = "".join(f"    total_{n} = total_{n - 1} + values[{n}] * weights[{n}]\n" for n in range(1, 400))
_PROMPT = f"def weighted(values, weights):\n{_LINES}"


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured, in tokens per second."""

    model: str
    prompt_tokens: int
    prompt_tokens_per_s: float
    output_tokens: int
    output_tokens_per_s: float


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print the speed of one cold prompt and one draft."""
    config = loaded.config
    if arguments.model:
        config = replace(config, model_path=choose.file_of(arguments.model, Store()))
    speed = asyncio.run(_measure(config))
    if arguments.json:
        print(json.dumps(asdict(speed)))
        return 0
    print(f"{speed.model}: reads {speed.prompt_tokens_per_s:.0f} tokens/s ({speed.prompt_tokens} tokens),")
    print(f"writes {speed.output_tokens_per_s:.0f} tokens/s ({speed.output_tokens} tokens)")
    return 0


async def _measure(config: Config) -> Speed:
    model = LocalModel.from_config(config)
    try:
        info = await model.info()
        return _speed(info, await _usage(model, info), model.path)
    finally:
        await model.close()


async def _usage(model: LocalModel, info: ModelInfo) -> Usage:
    room = min(PROMPT_TOKENS, info.context_tokens - OUTPUT_TOKENS - 1)
    generation = Generation(
        prompt=(Text(_PROMPT, room, "tail"),),
        limits=Limits(output_tokens_max=OUTPUT_TOKENS, deadline_s=DEADLINE_S),
        sampling=Sampling(temperature=0.8, seed=1),
    )
    async for event in model.generate(generation):
        if isinstance(event, Usage):
            return event
    msg = "the engine gave no answer; see: cope-lsp doctor"
    raise CopeError(msg)


def _speed(info: ModelInfo, usage: Usage, path: Path) -> Speed:
    read = usage.prompt_tokens - usage.cached_tokens
    return Speed(
        f"{info.name} ({path.name})",
        read,
        read / max(usage.prefill_s, 1e-9),
        usage.output_tokens,
        usage.output_tokens / max(usage.decode_s, 1e-9),
    )
