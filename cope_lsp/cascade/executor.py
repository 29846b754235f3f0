"""The small model as executor: draws drafts of a function, each under its own goal or under given plans."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from cope_lsp.cascade import dialogue, prompts
from cope_lsp.models.base import TextModel
from cope_lsp.models.chat import Turn, conversation
from cope_lsp.values import Generation, Limits, ModelInfo, Prompt, Sample, Sampling, Text

PLAN_TOKENS_MAX = 80
DRAFT_TOKENS_MAX = 400
PROMPT_TOKENS_MAX = 2_048
DEADLINE_S = 120.0
TEMPERATURE = 0.8

BODY_ENDS = tuple(
    "\n" + character for character in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_#@\"'([{"
)
"""The body of a plain function ends where a line is not indented."""


async def draw(
    model: TextModel, parts: prompts.Parts, ask: prompts.Ask, samples: int, seed: int
) -> AsyncGenerator[tuple[prompts.Answer, int], None]:
    """Yield what the model wrote and its tokens, sample by sample; close the iterator to stop it.

    Raises:
        CopeError: there is no model, or it cannot serve this.
    """
    info = await model.info()
    sampling = Sampling(TEMPERATURE if samples > 1 else 0.0, seed=seed)
    wanted = Generation(_prompt(info, parts, ask), _limits(info, parts, ask), sampling, samples, "batch")
    async with aclosing(model.generate(wanted)) as answers:
        async for sample in answers:
            if not isinstance(sample, Sample):
                continue
            answer, tokens = _read(info, parts, ask, sample.text), sample.tokens
            if ask != "code" and not info.chat and "\n" not in sample.text:
                more = replace(sampling, seed=seed + sample.index)
                planned = replace(parts, goal=answer.goal, guideline=answer.guideline)
                draft, further = await _go_on(model, planned, more)
                answer, tokens = replace(answer, draft=draft), tokens + further
            yield answer, tokens


async def _go_on(model: TextModel, parts: prompts.Parts, sampling: Sampling) -> tuple[str, int]:
    """Return the draft, and its tokens, of a model that ended with its plan."""
    text: Prompt = (Text(prompts.plain(parts, "code"), PROMPT_TOKENS_MAX, "tail"),)
    wanted = Generation(text, Limits(DRAFT_TOKENS_MAX, DEADLINE_S, stop=_ends(parts)), sampling, 1, "batch")
    async with aclosing(model.generate(wanted)) as answers:
        async for sample in answers:
            if isinstance(sample, Sample):
                return prompts.read(parts, "code", sample.text).draft, sample.tokens
    return "", 0


def _prompt(info: ModelInfo, parts: prompts.Parts, ask: prompts.Ask) -> Prompt:
    turns = [
        Turn("system", dialogue.SYSTEMS[ask], PROMPT_TOKENS_MAX),
        Turn("user", dialogue.question(parts), PROMPT_TOKENS_MAX, keep="tail"),
    ]
    chat = conversation(turns, info)
    return chat if chat is not None else (Text(prompts.plain(parts, ask), PROMPT_TOKENS_MAX, "tail"),)


def _limits(info: ModelInfo, parts: prompts.Parts, ask: prompts.Ask) -> Limits:
    if info.chat is not None:
        return Limits(PLAN_TOKENS_MAX + 2 * DRAFT_TOKENS_MAX, DEADLINE_S)
    more = 0 if ask == "code" else PLAN_TOKENS_MAX
    return Limits(DRAFT_TOKENS_MAX + more, DEADLINE_S, stop=_ends(parts))


def _ends(parts: prompts.Parts) -> tuple[str, ...]:
    return () if parts.signature.startswith(" ") else BODY_ENDS


def _read(info: ModelInfo, parts: prompts.Parts, ask: prompts.Ask, text: str) -> prompts.Answer:
    return dialogue.read(parts, ask, text) if info.chat else prompts.read(parts, ask, text)
