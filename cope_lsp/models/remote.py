"""A model that a completion server runs: llama-server, vLLM, or any other with `/v1/completions`.

Nothing of what the server says is believed further than it must be: drafts end at our own limits, whatever it
sends, and to close the iterator hangs up, at which these servers stop.
"""

import asyncio
import copy
import os
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from cope_lsp.config import Config
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.key import MODEL_VARIABLE, find_key
from cope_lsp.egress.permit import Permit
from cope_lsp.egress.redact import redact
from cope_lsp.egress.tally import Tally
from cope_lsp.engine.transcript import Transcript
from cope_lsp.errors import CopeError, EngineUnavailableError, GenerationError
from cope_lsp.models.dialect import Card, Dialect, Piece, mapping, refusal
from cope_lsp.models.llama_dialect import LlamaDialect
from cope_lsp.models.openai_dialect import OpenAiDialect
from cope_lsp.models.opening import Opening
from cope_lsp.values import Finish, Generation, ModelInfo, ModelState, Sample, Text, Usage

if TYPE_CHECKING:
    from cope_lsp.egress.completions import Completions

OPEN_TIMEOUT_S = 20.0
REST_S = 3.0
"""How long a server that did not answer is left alone, so that typing on does not wait for it each time."""

TOKEN_BYTES_MAX = 512
"""What a token may have on the average of a draft; more is no text of a model."""


class RemoteModel:
    """Implements `TextModel` on a server."""

    def __init__(self, url: str, permit: Permit, card: Card) -> None:
        """Take where it is; nothing is asked yet."""
        self.url = base_of(url)
        self._permit = permit
        self._card = card
        self._session: Session | None = None
        self._opening = Opening(self._open)
        self._fault: tuple[float, CopeError] | None = None
        self._is_closed = False

    @classmethod
    def from_config(cls, config: Config) -> "RemoteModel":
        """Return the model at `model.endpoint`."""
        url = base_of(config.model_endpoint)
        card = Card(format=config.model_format, served_as=config.model_served_as)
        return cls(url, Permit(url, ConsentStore(), Tally()), card)

    @property
    def state(self) -> ModelState:
        """See `TextModel`. What is not there now may be there for the next text, so it is never given up."""
        if self._session:
            return "ready"
        return "loading" if self._opening.is_running else "asleep"

    def objection(self, uri: str) -> str:
        """Return why nothing of the file at `uri` may be sent; "" when it may. It reads the disk."""
        return self._permit.objection(uri)

    async def info(self, uri: str = "") -> ModelInfo:
        """See `TextModel`. With the `uri` of a file, only if text of it may be sent."""
        await asyncio.to_thread(self._permit.about(uri).check)
        return (await self._ready()).info

    async def generate(self, generation: Generation, uri: str = "") -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`. Secrets are taken out of the prompt.

        Args:
            generation: what is wanted.
            uri: of the file that the text is from, for which each request asks leave; "": it is from none.
        """
        await asyncio.to_thread(self._permit.about(uri).check)
        clean = await asyncio.to_thread(_without_secrets, generation)
        session = await self._ready()
        try:
            async with aclosing(session.generate(clean, uri)) as answers:
                async for answer in answers:
                    yield answer
        except CopeError:
            await self._forget(session)  # next time there may be another server, or another model
            raise

    async def close(self) -> None:
        """See `TextModel`. It is not opened again."""
        self._is_closed = True
        await self._opening.stop()
        if self._session:
            await self._forget(self._session)

    async def _ready(self) -> "Session":
        if self._is_closed:
            raise EngineUnavailableError("the engine was closed")
        if self._session:
            return self._session
        if self._fault and time.monotonic() < self._fault[0]:
            raise self._fault[1]
        return await self._opening.result()

    async def _open(self) -> "Session":
        # The transport takes a while to import, and most people have no server.
        from cope_lsp.egress.completions import Completions  # noqa: PLC0415

        try:
            await asyncio.to_thread(self._permit.check)
            key = await find_key(self._permit.endpoint, os.environ, MODEL_VARIABLE)
            server = Completions(self.url, permit=self._permit, key=key.secret if key else "")
            self._session = await opened(server, self._card, OPEN_TIMEOUT_S)
        except CopeError as error:
            self._fault = (time.monotonic() + REST_S, error)
            raise
        return self._session

    async def _forget(self, session: "Session") -> None:
        if self._session is session:
            self._session = None
        await session.close()


async def opened(server: "Completions", card: Card, timeout_s: float) -> "Session":
    """Find out what `server` is, and return what asks it in its own way; closes it if that fails.

    Args:
        server: the connections to it.
        card: what is known of its model from elsewhere.
        timeout_s: how long it may take to tell.

    Raises:
        EngineUnavailableError: it may not be asked, does not answer, or is none that completes text.
    """
    session = None
    try:
        async with asyncio.timeout(timeout_s):
            session = Session(server, await _recognised(server, card))
    except TimeoutError:
        raise EngineUnavailableError(f"{server.url} did not answer within {timeout_s:g} s") from None
    finally:
        if session is None:
            await server.close()
    return session


async def is_healthy(server: "Completions", timeout_s: float) -> bool:
    """Whether a llama-server says in time that it is well."""
    try:
        return (await asyncio.wait_for(server.get("/health"), timeout_s)).status == 200
    except (EngineUnavailableError, TimeoutError):
        return False


async def _recognised(server: "Completions", card: Card) -> Dialect:
    props = await server.get("/props")
    if props.status in {401, 503}:  # with 403 a proxy says that this page is not for us
        raise refusal(server.url, props)
    models = await server.get("/v1/models")
    if models.status != 200:
        raise refusal(server.url, models)
    if props.status == 200 and "default_generation_settings" in mapping(props.value):
        dialect = LlamaDialect(server, card)
        await dialect.open(mapping(props.value), mapping(models.value))
        return dialect
    return OpenAiDialect(server, card, mapping(models.value))


class Session:
    """A server that was looked at: draws drafts from it."""

    def __init__(self, server: "Completions", dialect: Dialect) -> None:
        """Take what `opened` found."""
        self._server = server
        self._dialect = dialect
        self._users = 0
        self._is_retired = False

    @property
    def info(self) -> ModelInfo:
        """What is known of the model."""
        return self._dialect.info

    async def is_alive(self, timeout_s: float) -> bool:
        """Whether the server says so itself in time; only llama-server is asked so."""
        return await is_healthy(self._server, timeout_s)

    async def close(self) -> None:
        """Close the connections, as soon as nobody uses them."""
        self._is_retired = True
        if not self._users:
            await self._server.close()

    async def generate(self, generation: Generation, uri: str = "") -> AsyncGenerator[Sample | Usage, None]:
        """As `RemoteModel`, with the errors of `Dialect`."""
        self._users += 1
        try:
            async with aclosing(self._drawn(generation, uri)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            self._users -= 1
            if self._is_retired:
                await self.close()

    async def _drawn(self, generation: Generation, uri: str) -> AsyncGenerator[Sample | Usage, None]:
        """Yield every sample as it is complete, then the usage.

        Raises:
            EngineUnavailableError: the server is gone or makes no sense.
            GenerationError: it cannot serve this, died in the middle, or was too slow to begin.
        """
        drafts = _Drafts(generation, self._dialect.end_names)
        deadline = drafts.started + generation.limits.deadline_s
        dialect = copy.copy(self._dialect)
        dialect.server = self._server.about(uri)
        try:
            async with (
                aclosing(dialect.pieces(generation)) as pieces,
                aclosing(_until(pieces, deadline)) as timely,
            ):
                async for piece in timely:
                    for sample in drafts.take(piece):
                        yield sample
                    if drafts.are_complete:
                        break
        except TimeoutError:
            if not drafts.began:
                seconds = f"{generation.limits.deadline_s:g} s"
                msg = f"{self._server.url} did not begin to answer within {seconds}; it may be busy"
                raise GenerationError(msg) from None
            for sample in drafts.rest("deadline"):
                yield sample
        except EngineUnavailableError as error:
            if drafts.began:
                raise GenerationError(str(error)) from error
            raise
        if not drafts.are_complete:
            raise GenerationError(f"{self._server.url} ended its answer in the middle of a draft")
        yield drafts.usage()


async def _until(pieces: AsyncGenerator[Piece, None], deadline: float) -> AsyncGenerator[Piece, None]:
    """Yield what comes before `deadline` (of the monotonic clock).

    Raises:
        TimeoutError: more would have come.
    """
    while True:
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        yield piece


class _Drafts:
    """The drafts of one generation as they grow, under its own limits."""

    def __init__(self, generation: Generation, end_names: tuple[str, ...]) -> None:
        self._generation = generation
        limits = replace(generation.limits, stop=(*generation.limits.stop, *end_names))
        self._open = {index: Transcript(limits) for index in range(generation.samples)}
        self._logprobs: dict[int, tuple[float, ...]] = dict.fromkeys(self._open, ())
        self._tokens = dict.fromkeys(self._open, 0)
        self._bytes = dict.fromkeys(self._open, 0)
        self._usages: dict[int, Usage] = {}
        self.started = time.monotonic()
        self._first_at = self.started
        self.began = False
        self.are_complete = False

    def take(self, piece: Piece) -> Iterator[Sample]:
        """Add a piece; yield the sample that it completes.

        Raises:
            EngineUnavailableError: it belongs to no draft that was asked for, or makes it absurdly long.
        """
        if not self.began:
            self.began, self._first_at = True, time.monotonic()
        if piece.usage:
            self._usages[piece.index] = piece.usage
        if piece.index not in self._tokens:
            raise EngineUnavailableError("the server's answer has a draft that nobody asked for")
        transcript = self._open.get(piece.index)
        if transcript is None:
            return  # it ended at a limit of ours, and the server has not noticed
        most = self._generation.limits.output_tokens_max
        if self._generation.logprobs:
            self._logprobs[piece.index] = (self._logprobs[piece.index] + piece.logprobs)[:most]
        data = piece.text.encode("utf-8", "replace")
        self._bytes[piece.index] += len(data)
        if self._bytes[piece.index] > most * TOKEN_BYTES_MAX:
            raise EngineUnavailableError("the server's answer is longer than what was asked for")
        finish = transcript.push(data) if data else None
        self._tokens[piece.index] = min(most, piece.tokens or transcript.tokens)
        if finish or piece.finish:
            yield self._sample(piece.index, finish or piece.finish or "length")

    def rest(self, finish: Finish) -> Iterator[Sample]:
        """End what is open; yield what has a text."""
        for index in list(self._open):
            sample = self._sample(index, finish)
            if sample.text:
                yield sample

    def _sample(self, index: int, finish: Finish) -> Sample:
        transcript = self._open.pop(index)
        self.are_complete = not self._open
        logprobs = self._logprobs[index] if self._generation.logprobs else None
        return Sample(index, transcript.text, self._tokens[index], finish, logprobs)

    def usage(self) -> Usage:
        """Return what all drafts cost, by what the server said where it did, else by our own clock."""
        said = self._usages.values()
        now = time.monotonic()
        prefill_s = sum(usage.prefill_s for usage in said) or self._first_at - self.started
        decode_s = max((usage.decode_s for usage in said), default=0.0) or now - self._first_at
        return Usage(
            max((usage.prompt_tokens for usage in said), default=0),
            max((usage.cached_tokens for usage in said), default=0),
            sum(self._tokens.values()),
            prefill_s,
            decode_s,
        )


def base_of(url: str) -> str:
    """Return the address of a server, before the paths of its API."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _without_secrets(generation: Generation) -> Generation:
    prompt = tuple(
        replace(segment, text=redact(segment.text).text) if isinstance(segment, Text) else segment
        for segment in generation.prompt
    )
    return replace(generation, prompt=prompt)
