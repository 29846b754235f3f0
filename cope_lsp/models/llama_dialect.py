"""llama-server's own way: prompts as token ids, so that a mark's name in a document stays text."""

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from cope_lsp.egress.reply import NoStreamError, Reply, said
from cope_lsp.engine import chat_formats, fim_formats
from cope_lsp.engine.fim_formats import FIM_FORMATS, FimFormat
from cope_lsp.errors import EngineUnavailableError, GenerationError
from cope_lsp.models.dialect import Card, Piece, first, mapping, number, refusal, text
from cope_lsp.values import (
    FimMark,
    FimOrder,
    FimRole,
    Finish,
    Generation,
    ModelInfo,
    NamedToken,
    Prompt,
    Text,
    Usage,
)

if TYPE_CHECKING:
    from cope_lsp.egress.completions import Completions

TOKENS_MAX = 1_000_000
CHARACTERS_PER_TOKEN = 5
"""More than code has in any vocabulary that we know: what is sent to be cut by tokens is longer, a little."""

_SENTENCEPIECE = 1
_GUARD = "☺"
_NO_TEMPLATE = "{%- for message in messages -%}\n  {{- '<|im_start|>' + message.role"
"""How the template begins that llama-server puts in for a model without one."""

_FINISHES: Mapping[str, Finish] = {"eos": "eog", "word": "stop", "limit": "length"}


class LlamaDialect:
    """Implements `Dialect` on `/tokenize` and `/completion`."""

    def __init__(self, server: "Completions", card: Card) -> None:
        """Take the server; `open` then asks it what it has."""
        self.server = server
        self._card = card
        self._special: dict[str, int] = {}
        self._fim: dict[FimRole, int] = {}
        self._ends: frozenset[int] = frozenset()
        self._marks: frozenset[int] = frozenset()
        self._end_names: list[str] = []
        self._opening: list[int] = []
        self._closing = 0
        self._slots = 1
        self._guard: list[int] | None = None
        self._inside = re.compile("(?!)")

    async def open(self, props: Mapping[str, Any], models: Mapping[str, Any]) -> None:
        """Learn what the vocabulary has.

        Args:
            props: what `/props` said.
            models: what `/v1/models` said.
        """
        meta = mapping(first(models.get("data")).get("meta"))
        self._slots = max(1, number(props.get("total_slots"), 1))
        self._special = await self._find_special()
        family = self._family()
        found = {role: self._special.get(name) for role, name in family.names().items()} if family else {}
        self._fim = {role: token for role, token in found.items() if token is not None} | dict(self._card.fim)
        template = props.get("chat_template")
        template = template if isinstance(template, str) and not template.startswith(_NO_TEMPLATE) else ""
        chat = chat_formats.recognise(template, self._special.get)
        ends = family.ends if family else ()
        self._ends = frozenset(self._special[name] for name in ends if name in self._special)
        self._ends |= frozenset(self._fim.values())
        self._end_names = [name for name, token in self._special.items() if token in self._ends]
        marks = [*self._end_names, *(chat.tokens if chat else ())]
        self._marks = self._ends | {self._special[name] for name in marks}
        self._inside = _inside(marks)
        self._opening = (await self._tokenize("", add_special=True))[:1]
        if not self._opening and isinstance(props.get("eos_token"), str):
            self._closing = ([*await self._tokenize(props["eos_token"], parse_special=True), 0])[0]
        if meta.get("vocab_type") == _SENTENCEPIECE:
            self._guard = await self._tokenize(_GUARD)
        self.info = self._read_info(props, meta, family, chat.name if chat else None)

    @property
    def end_names(self) -> tuple[str, ...]:
        """None: the ids of tokens say where a draft ends, and a name that is written is text."""
        return ()

    async def pieces(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """See `Dialect`."""
        tokens = await self._prompt(generation.prompt)
        room = self.info.context_tokens - 1  # a draft that fills the rest ends there
        if len(tokens) > room > 0:
            msg = f"the prompt has {len(tokens)} tokens, and the server's context room for {room}"
            raise GenerationError(f"{msg}; start it with a larger one: llama-server -c")
        body = self._body(generation, tokens)
        # The server draws no more drafts at once than it has slots; the others come after these.
        for start in range(0, generation.samples, self._slots):
            more = {"seed": generation.sampling.seed + start}
            if generation.samples > 1:
                more["n"] = min(self._slots, generation.samples - start)
            async with aclosing(self._round(body | more)) as pieces:
                async for piece in pieces:
                    yield replace(piece, index=start + piece.index)

    async def _round(self, body: Mapping[str, Any]) -> AsyncGenerator[Piece, None]:
        names = frozenset(self._end_names)
        try:
            async with aclosing(self.server.stream("/completion", body)) as events:
                async for event in events:
                    if "error" in event:
                        raise GenerationError(f"{self.server.url} gave up: {Reply(200, event).said}")
                    yield self._piece(event, names)
        except NoStreamError as answer:
            raise refusal(self.server.url, answer.reply) from None

    def _body(self, generation: Generation, tokens: list[int]) -> dict[str, Any]:
        limits, sampling = generation.limits, generation.sampling
        body: dict[str, Any] = {
            "prompt": tokens,
            "n_predict": limits.output_tokens_max,
            "stream": True,
            "return_tokens": True,
            "cache_prompt": True,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
        }
        if self._card.served_as:
            body["model"] = self._card.served_as
        if generation.logprobs:
            body["n_probs"] = 1
        if generation.samples > 1:
            # One draft cannot hang up without the others, so the server itself must see where each ends. It
            # shows a mark as text only if it is told to. It keeps back what may become a stop, and forgets it
            # if the draft ends there; for a single draft we look ourselves, and hang up.
            body["stop"] = [*limits.stop, *self._end_names]
            body["preserved_tokens"] = self._end_names
        return body

    def _piece(self, event: Mapping[str, Any], names: frozenset[str]) -> Piece:
        tokens = event.get("tokens")
        drawn = tokens if isinstance(tokens, list) else []
        finish: Finish | None = None
        if event.get("stop") is True:
            finish = _FINISHES.get(str(event.get("stop_type")), "length")
            finish = "eog" if event.get("stopping_word") in names else finish
        elif any(isinstance(token, int) and token in self._ends for token in drawn):
            finish = "eog"
        probabilities = event.get("completion_probabilities")
        rows = probabilities if isinstance(probabilities, list) else []
        logprobs = (mapping(row).get("logprob") for row in rows)
        return Piece(
            number(event.get("index")),
            "" if finish else text(event.get("content")),
            number(event.get("tokens_predicted")),
            tuple(float(value) for value in logprobs if isinstance(value, int | float)),
            finish,
            _usage(event),
        )

    # -- prompts ---------------------------------------------------------------------------------------

    async def _prompt(self, prompt: Prompt) -> list[int]:
        """Return the tokens of `prompt`, as `engine/prompting.py` would with the model at hand."""
        groups: list[list[Text] | int] = []
        for is_text, segments in itertools.groupby(prompt, lambda segment: isinstance(segment, Text)):
            if is_text:
                groups.append([segment for segment in segments if isinstance(segment, Text)])
            else:
                groups += [self._mark(mark) for mark in segments if not isinstance(mark, Text)]
        texts = (self._group([*map(_bounded, group)]) for group in groups if isinstance(group, list))
        tokenised = iter(await asyncio.gather(*texts))
        parts = [[group] if isinstance(group, int) else next(tokenised) for group in groups]
        return [*self._opening, *itertools.chain.from_iterable(parts)] or [self._closing]

    async def _group(self, texts: Sequence[Text]) -> list[int]:
        """Return the tokens of texts that follow one another: of all together, unless one has to be cut."""
        parts = await asyncio.gather(
            *(self._tokens(one.text, joined=one.joined or n > 0) for n, one in enumerate(texts))
        )
        whole = all(len(tokens) <= one.tokens_max for tokens, one in zip(parts, texts, strict=True))
        if whole and len(texts) > 1:
            return await self._tokens("".join(one.text for one in texts), joined=texts[0].joined)
        return [token for tokens, one in zip(parts, texts, strict=True) for token in one.cut(tokens)]

    async def _tokens(self, plain: str, *, joined: bool) -> list[int]:
        """Return the tokens of a text. Some vocabularies find marks in any; those are taken apart."""
        tokens = await self._tokens_on(plain, joined=joined)
        if self._marks.isdisjoint(tokens):
            return tokens
        head, *rest = self._inside.split(plain)
        pieces = [self._tokens_on(head, joined=joined), *(self._tokens_on(one, joined=True) for one in rest)]
        return [*itertools.chain.from_iterable(await asyncio.gather(*pieces))]

    async def _tokens_on(self, plain: str, *, joined: bool) -> list[int]:
        """Return the tokens of a text; SentencePiece would put a space before one that is `joined`."""
        if self._guard is None or not joined:
            return await self._tokenize(plain)
        return (await self._tokenize(_GUARD + plain))[len(self._guard) :]

    def _mark(self, mark: FimMark | NamedToken) -> int:
        found = self._fim.get(mark.role) if isinstance(mark, FimMark) else self._special.get(mark.name)
        if found is None:
            raise GenerationError(f"the model has no token for {mark}")
        return found

    async def _tokenize(
        self, content: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        rows = await self._tokenized(content, add_special=add_special, parse_special=parse_special)
        if not all(isinstance(token, int) for token in rows):
            raise EngineUnavailableError(f"{self.server.url} answers with something else than tokens")
        return rows

    async def _tokenized(self, content: str, **how: bool) -> list[Any]:
        reply = await self.server.post("/tokenize", {"content": content, **how})
        if reply.status != 200:
            raise refusal(self.server.url, reply)
        rows = mapping(reply.value).get("tokens")
        if not isinstance(rows, list) or len(rows) > TOKENS_MAX:
            raise EngineUnavailableError(f"{self.server.url} answers with something else than tokens")
        return rows

    # -- what the model is -----------------------------------------------------------------------------

    async def _find_special(self) -> dict[str, int]:
        """Return which of the names that we know are one token of the vocabulary."""
        known = [name for family in FIM_FORMATS for name in (*family.names().values(), *family.ends)]
        known += [name for family in chat_formats.CHAT_FORMATS for name in family.tokens]
        rows = await self._tokenized("\n".join(dict.fromkeys(known)), parse_special=True, with_pieces=True)
        pieces = {mapping(row).get("piece"): mapping(row).get("id") for row in rows if _is_named(row)}
        return {name: token for name in known if isinstance(token := pieces.get(name), int)}

    def _family(self) -> FimFormat | None:
        if not self._card.format:
            return fim_formats.recognise(self._special.get)
        return named(self._card.format)

    def _read_info(
        self, props: Mapping[str, Any], meta: Mapping[str, Any], family: FimFormat | None, chat: str | None
    ) -> ModelInfo:
        order = self._card.fim_order or self._order(family)
        alias = props.get("model_alias") or props.get("model_path") or "model"
        settings = mapping(props.get("default_generation_settings"))
        return ModelInfo(
            name=self._card.name or said(PurePath(str(alias)).name.removesuffix(".gguf")),
            description=f"llama-server {said(props.get('build_info'), 60)}".strip(),
            parameters=number(meta.get("n_params")),
            bytes=number(meta.get("size")),
            context_tokens=number(settings.get("n_ctx"), 4096),
            fim=fim_formats.NEEDED_MARKS[order] <= self._fim.keys(),
            languages=self._card.languages,
            gpu=False,
            suffix_tokens_max=self._card.suffix_tokens_max,
            fim_order=order,
            fim_marks=tuple(sorted(self._fim)),
            chat=chat,
        )

    def _order(self, family: FimFormat | None) -> FimOrder:
        if family is None or self._fim.get("prefix") != self._special.get(family.prefix):
            return "prefix-suffix-middle"
        return family.order


def named(name: str) -> FimFormat:
    """Return the family that the setting `model.format` names.

    Raises:
        EngineUnavailableError: there is none of that name.
    """
    for family in FIM_FORMATS:
        if name.lower() in family.family.lower().split(", "):
            return family
    known = ", ".join(family.family for family in FIM_FORMATS)
    raise EngineUnavailableError(f"model.format names no family that we know; there are {known}")


def _usage(event: Mapping[str, Any]) -> Usage:
    timings = mapping(event.get("timings"))
    return Usage(
        number(event.get("tokens_evaluated")),
        number(timings.get("cache_n")),
        number(event.get("tokens_predicted")),
        _seconds(timings.get("prompt_ms")),
        _seconds(timings.get("predicted_ms")),
    )


def _seconds(milliseconds: Any) -> float:
    fine = isinstance(milliseconds, int | float) and 0 <= milliseconds < 1e12
    return milliseconds / 1000 if fine else 0.0


def _is_named(row: Any) -> bool:
    return isinstance(mapping(row).get("piece"), str)


def _bounded(one: Text) -> Text:
    """Return a text without the lines that would be cut anyway, which are not even sent."""
    characters_max = one.tokens_max * CHARACTERS_PER_TOKEN
    if len(one.text) <= characters_max:
        return one
    if one.keep == "head":
        cut = one.text[:characters_max]
        return replace(one, text=cut[: cut.rfind("\n") + 1] or cut)
    cut = one.text[len(one.text) - characters_max :]
    return replace(one, text=cut[cut.find("\n") + 1 :] or cut)


def _inside(names: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for the places after the first character of each name; it matches no character."""
    places = [f"(?<={re.escape(name[0])})(?={re.escape(name[1:])})" for name in names if len(name) > 1]
    return re.compile("|".join(places) or "(?!)")
