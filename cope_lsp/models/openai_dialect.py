"""The way of all others: `/v1/completions` with the prompt as one text, in which marks are their names.

Whatever such a server reads in a prompt as a mark is one. So what looks like a mark in a document is taken
apart with a blank before it is sent; the document itself stays as it is.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from cope_lsp.egress.reply import NoStreamError, Reply, said
from cope_lsp.engine.chat_formats import CHAT_FORMATS
from cope_lsp.engine.fim_formats import FIM_FORMATS, NEEDED_MARKS, FimFormat
from cope_lsp.errors import GenerationError
from cope_lsp.models.dialect import Card, Piece, first, is_too_long, mapping, number, refusal, text
from cope_lsp.models.llama_dialect import named
from cope_lsp.values import FimMark, Finish, Generation, ModelInfo, Prompt, Segment, Text, Usage

if TYPE_CHECKING:
    from cope_lsp.egress.completions import Completions

CONTEXT_TOKENS = 4096
"""What is supposed where the server does not say how much it reads."""

CHARACTERS_PER_TOKEN = (3, 1)
"""About what code has in most vocabularies; then, when a server says that this was too long, the least."""

STOPS_MAX = 4
"""More may be refused: https://platform.openai.com/docs/api-reference/completions."""

_TAKES_ALL = frozenset({"vllm", "llamacpp"})
"""Owners, in `/v1/models`, of servers that take any number of stops, `top_k` and `min_p`."""


class OpenAiDialect:
    """Implements `Dialect` on `/v1/completions`."""

    def __init__(self, server: "Completions", card: Card, models: Mapping[str, Any]) -> None:
        """Take the server, and what its `/v1/models` said.

        Raises:
            EngineUnavailableError: the settings name a family that we do not know.
        """
        self.server = server
        rows = models.get("data")
        rows = [mapping(row) for row in rows] if isinstance(rows, list) else []
        row = next((row for row in rows if row.get("id") == card.served_as), first(models.get("data")))
        self._model = card.served_as or str(row.get("id", ""))[:200]
        self._takes_all = row.get("owned_by") in _TAKES_ALL
        self._family = named(card.format) if card.format else by_name(self._model)
        ends = (*self._family.names().values(), *self._family.ends) if self._family else ()
        self._ends = tuple(dict.fromkeys(ends))
        order = self._family.order if self._family else "prefix-suffix-middle"
        marks = self._family.names() if self._family else {}
        self.info = ModelInfo(
            name=said(self._model.rpartition("/")[2]) or "model",
            description=f"served by {said(row.get('owned_by'), 60) or 'a server'}",
            parameters=0,
            bytes=0,
            context_tokens=_context(row),
            fim=NEEDED_MARKS[order] <= marks.keys() or (order == "suffix-prefix" and bool(marks)),
            languages=None,
            gpu=False,
            fim_order=order,
            fim_marks=tuple(sorted(marks)),
        )

    async def pieces(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """See `Dialect`."""
        for ratio in CHARACTERS_PER_TOKEN:
            body = self._body(generation, ratio)
            try:
                async with aclosing(self.server.stream("/v1/completions", body)) as events:
                    async for event in events:
                        if "error" in event:
                            raise GenerationError(f"{self.server.url} gave up: {Reply(200, event).said}")
                        for piece in self._pieces(event, generation):
                            yield piece
            except NoStreamError as answer:
                if not is_too_long(answer.reply) or ratio == CHARACTERS_PER_TOKEN[-1]:
                    raise refusal(self.server.url, answer.reply) from None
            else:
                return

    def _pieces(self, event: Mapping[str, Any], generation: Generation) -> Iterator[Piece]:
        usage = _usage(event.get("usage"))
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            row = mapping(choice)
            reason = row.get("finish_reason")
            finish: Finish | None = None
            if isinstance(reason, str):
                ended: Finish = "stop" if generation.samples > 1 and generation.limits.stop else "eog"
                finish = "length" if reason == "length" else ended
            yield Piece(number(row.get("index")), text(row.get("text")), None, _logprobs(row), finish, usage)
            usage = None
        if usage:
            yield Piece(0, usage=usage)

    def _body(self, generation: Generation, characters_per_token: int) -> dict[str, Any]:
        limits, sampling = generation.limits, generation.sampling
        room = self.info.context_tokens - limits.output_tokens_max
        body: dict[str, Any] = {
            "model": self._model,
            "prompt": self._prompt(generation.prompt, room, characters_per_token),
            "max_tokens": limits.output_tokens_max,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        }
        if self._takes_all:
            body |= {"top_k": sampling.top_k, "min_p": sampling.min_p}
        if generation.logprobs:
            body["logprobs"] = 1
        if generation.samples > 1:
            body["n"] = generation.samples
            stops = limits.stop if self._takes_all else limits.stop[:STOPS_MAX]
            body |= {"stop": list(stops)} if stops else {}
        return body

    def _prompt(self, prompt: Prompt, tokens_max: int, characters_per_token: int) -> str:
        """Return the prompt as text; what does not fit into `tokens_max` is cut where its parts allow it."""
        wanted = sum(segment.tokens_max for segment in prompt if isinstance(segment, Text))
        share = min(1.0, max(16, tokens_max - len(prompt)) / max(1, wanted)) * characters_per_token
        return "".join(self._written(segment, share) for segment in prompt)

    @property
    def end_names(self) -> tuple[str, ...]:
        """What ends a draft where it comes as text."""
        return self._ends

    def _written(self, segment: Segment, characters_per_token: float) -> str:
        if isinstance(segment, Text):
            return _apart(_cut(segment, int(segment.tokens_max * characters_per_token)))
        name = self._family.names().get(segment.role) if self._family and isinstance(segment, FimMark) else ""
        if not name:
            raise GenerationError(f"the server's model has no mark for {segment}")
        return name


def by_name(model: str) -> FimFormat | None:
    """Return the family that the name of a model says; of several, the one with the longest name."""
    found = [
        (len(name), family)
        for family in FIM_FORMATS
        for name in family.family.lower().split(", ")
        if re.search(".*?".join(map(re.escape, re.findall(r"[a-z]+|[0-9]+", name))), model.lower())
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _context(row: Mapping[str, Any]) -> int:
    """Return how much the model reads, as vLLM or as llama-server say it."""
    return number(row.get("max_model_len")) or number(mapping(row.get("meta")).get("n_ctx"), CONTEXT_TOKENS)


def _cut(segment: Text, characters_max: int) -> str:
    if segment.keep == "head":
        return segment.text[:characters_max]
    return segment.text[max(0, len(segment.text) - characters_max) :]


def _names() -> Iterator[str]:
    for family in FIM_FORMATS:
        yield from (*family.names().values(), *family.ends)
    for chat in CHAT_FORMATS:
        yield from chat.tokens
    yield "<s>"


_MARKS = re.compile(
    "|".join(re.escape(name.strip("▁")) for name in sorted(set(_names()), key=len, reverse=True))
    + r"|<[|｜][^<>\s]{1,60}[|｜]>"  # noqa: RUF001  # some vocabularies have these wide bars
)


def _apart(plain: str) -> str:
    """Return a text in which nothing is a mark: a blank stands after the first character of what was one."""
    while (apart := _MARKS.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", plain)) != plain:
        plain = apart
    return plain


def _usage(value: Any) -> Usage | None:
    said = mapping(value)
    if not said:
        return None
    cached = mapping(said.get("prompt_tokens_details")).get("cached_tokens")
    return Usage(
        number(said.get("prompt_tokens")), number(cached), number(said.get("completion_tokens")), 0.0, 0.0
    )


def _logprobs(row: Mapping[str, Any]) -> tuple[float, ...]:
    said = mapping(row.get("logprobs"))
    values = said.get("token_logprobs")
    if not isinstance(values, list):  # llama-server answers this as it does for conversations
        content = said.get("content")
        values = [mapping(entry).get("logprob") for entry in content] if isinstance(content, list) else []
    return tuple(float(value) for value in values if isinstance(value, int | float))
