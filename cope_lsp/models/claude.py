"""The hosted model: any server of the Messages API, asked through the gate and never without a reservation.

The steps of a call are in `_Call.run`. Whatever becomes of it, its reservation is settled with the server's
own usage, or voided with proof that no model ran, or counts in full.
"""

import asyncio
import json
import logging
import os
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anthropic

from cope_lsp.config import Config
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.gate import ANSWER_BYTES_MAX, Gate, Parcel, Waits
from cope_lsp.egress.ignore import IgnoreRules
from cope_lsp.egress.key import find_key
from cope_lsp.errors import (
    FailureReason,
    HostedFailedError,
    HostedRefusedError,
    KeyStoreError,
    LedgerError,
    causes,
)
from cope_lsp.ledger.entries import AMOUNT_NUSD_MAX, Attempt, OverBudget, Settlement, usd
from cope_lsp.ledger.prices import Price, PriceGap, PriceTable, UsageError
from cope_lsp.ledger.teller import Teller
from cope_lsp.models.breaker import Breaker
from cope_lsp.models.faults import CutShortError, NotAStreamError, fault_of
from cope_lsp.models.question import Answer, Question, Quote
from cope_lsp.text import without_hidden

log = logging.getLogger(__name__)

TOKENS_SLACK = 2_000
"""Added to the bytes of the text, each of which is one token at most, for what the service puts around it."""

TOKEN_BYTES_MAX = 500
"""What one token of an answer takes at most on its way: an event of its own, with its frame."""

CONNECT_S = 5.0

_OF_THE_SERVICE: frozenset[FailureReason] = frozenset(
    {"server-fault", "overloaded", "rate-limited", "timed-out", "unreachable", "cut-short", "not-understood"}
)
"""Failures after which a service is left alone for a while; the others are for the user to mend."""

ANTHROPIC = "https://api.anthropic.com"


@dataclass(slots=True)
class _Stream:
    """What has come of an answer so far."""

    text: list[str] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    stop_reason: str = ""
    final_usage: bool = False
    complete: bool = False
    server_date: str | None = None
    request_id: str | None = None

    def take(self, event: Any) -> None:
        if event.type == "message_start":
            self._count(_present(event.message.usage))
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            self.text.append(str(event.delta.text or ""))
        elif event.type == "message_delta":
            self.stop_reason = str(event.delta.stop_reason or self.stop_reason)
            update = _present(event.usage)
            self.final_usage = self.final_usage or "output_tokens" in update
            self._count(update)
        elif event.type == "message_stop":
            self.complete = bool(self.stop_reason)

    def _count(self, update: Mapping[str, Any]) -> None:
        """Take counts so far. They only grow; some gateways say 0 again where they said the truth before."""
        for name, value in update.items():
            before = self.usage.get(name)
            grows = isinstance(value, int) and isinstance(before, int)
            self.usage[name] = max(value, before) if grows else value


class Claude:
    """A hosted model. There is no way to ask it past the ledger or past the gate."""

    def __init__(
        self,
        config: Config,
        gate: Gate,
        teller: Teller,
        *,
        prices: Callable[[], PriceTable] = PriceTable.load,
        breaker: Breaker | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.endpoint = endpoint_of(config.hosted_endpoint)
        self._config = config
        self._gate = gate
        self._teller = teller
        self._prices = prices
        self._breaker = breaker or Breaker()
        self._environment = environment
        self._running: set[asyncio.Task[Answer]] = set()

    def quote(self, question: Question) -> Quote:
        """Return what `question` would send and cost at most.

        Raises:
            HostedRefusedError: the price is not known, or a file may not leave.
        """
        return self._priced(question)[0]

    def _priced(self, question: Question) -> tuple[Quote, Price]:
        _refuse_ignored(question)
        config, price = self._config, self._price()
        tokens = len(question.system.encode()) + len(question.text.text.encode()) + TOKENS_SLACK
        bound = price.bound_nusd(tokens, _output_tokens_max(config, question))
        body = json.dumps(
            _parameters(config, question) | {"stream": True}, ensure_ascii=False, separators=(",", ":")
        )
        size = len(body.encode())
        return Quote(self.endpoint, config.hosted_model, size, bound, tokens, question.text.found), price

    async def ask(self, question: Question) -> Answer:
        """Ask, under a reservation. When the caller is cancelled, the rest is read in the background.

        Raises:
            HostedRefusedError: nothing was sent.
            HostedFailedError: the attempt failed; the ledger knows what it may have cost.
        """
        await self._gate.check(question.workspace, self.endpoint)
        self._breaker.check()
        quote, price = await asyncio.to_thread(self._priced, question)
        call = _Call(self._config, self._gate, self._teller, price, question, quote, await self._key())
        task = asyncio.create_task(self._run(call))
        self._running.add(task)
        task.add_done_callback(self._finished)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            call.abandoned = True
            raise

    async def close(self, within_s: float = 0.0) -> None:
        """Stop what still runs after `within_s` seconds; what was not settled by then counts in full."""
        running = set(self._running)
        if running and within_s:
            await asyncio.wait(running, timeout=within_s)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, call: "_Call") -> Answer:
        try:
            answer = await call.run()
        except HostedFailedError as error:
            if error.reason in _OF_THE_SERVICE:
                self._breaker.failed()
            raise
        self._breaker.succeeded()
        return answer

    def _finished(self, task: asyncio.Task[Answer]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):  # asking for it keeps asyncio quiet
            log.info("a hosted call ended with %s", type(error).__name__)

    def _price(self) -> Price:
        # Read anew each time: the user may have mended it while an editor is open.
        found = self._prices().find(self.endpoint, self._config.hosted_model, datetime.now(UTC).date())
        if isinstance(found, PriceGap):
            raise HostedRefusedError("price-unknown", f"{found.reason}; {found.next_step}")
        return found

    async def _key(self) -> str:
        try:
            key = await find_key(self.endpoint, self._environment)
        except KeyStoreError as error:
            # The whole story names files, and editors show and keep what they are told.
            msg = "the API key that was set cannot be used; for the reason: cope-lsp auth show"
            raise HostedRefusedError("no-key", msg) from error
        if key is not None:
            return key.secret
        if self.endpoint == ANTHROPIC:
            msg = "there is no API key; set one: cope-lsp auth set"
            raise HostedRefusedError("no-key", msg)
        return ""  # a server on one's own machine asks for none


@dataclass(slots=True)
class _Call:
    """One attempt, from its reservation to its settlement."""

    config: Config
    gate: Gate
    teller: Teller
    price: Price
    question: Question
    quote: Quote
    key: str = field(repr=False)
    abandoned: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    async def run(self) -> Answer:
        """Reserve, send, read, settle."""
        warning = await self._reserve()
        if self.abandoned:
            await self._void("cancelled before anything was sent")
            raise asyncio.CancelledError
        started = asyncio.get_running_loop().time()
        stream = _Stream()
        try:
            async with asyncio.timeout(self.config.hosted_timeout_s):
                await self._exchange(stream)
        except Exception as error:
            _let_go(error)
            refusal = _refusal_in(error)
            if refusal is not None:
                await self._void(f"not sent: {refusal.reason}")
                raise refusal from error
            fault = fault_of(error)
            if fault.proof:
                await self._void(fault.proof)
            else:
                await self._settle(stream, self.quote.bound_nusd, "reserve")
            raise HostedFailedError(fault.reason, fault.message(self.quote.endpoint)) from error
        cost = await self._charge(stream)
        text = without_hidden("".join(stream.text)).strip()
        if not text:
            raise HostedFailedError("no-plan", self._no_plan(stream, cost))
        return Answer(
            text=text,
            model=self.quote.model,
            stop_reason=stream.stop_reason,
            reservation=self.id,
            cost_nusd=cost,
            bound_nusd=self.quote.bound_nusd,
            input_tokens=_shown_count(stream.usage, "input_tokens"),
            output_tokens=_shown_count(stream.usage, "output_tokens"),
            seconds=asyncio.get_running_loop().time() - started,
            warning=warning,
        )

    async def _reserve(self) -> str:
        quote = self.quote
        attempt = Attempt(
            id=self.id,
            endpoint=quote.endpoint,
            model=quote.model,
            bound_nusd=quote.bound_nusd,
            workspace=str(self.question.workspace),
            purpose=self.question.purpose,
            price=self.price.to_json(),
        )
        try:
            reserved = await self.teller.reserve(attempt)
        except LedgerError as error:
            raise HostedRefusedError(
                "ledger-unavailable", f"no hosted call without the ledger: {error}"
            ) from error
        if isinstance(reserved, OverBudget):
            raise HostedRefusedError("over-budget", reserved.message)
        return reserved.warning

    async def _exchange(self, stream: _Stream) -> None:
        parcel = Parcel(
            self.id,
            self.question.workspace,
            self.quote.endpoint,
            self.question.purpose,
            answer_bytes_max=ANSWER_BYTES_MAX
            + _output_tokens_max(self.config, self.question) * TOKEN_BYTES_MAX,
            is_wanted=lambda: not self.abandoned,
        )
        # To connect and to greet both end before the whole call does: a handshake that is cut off from
        # outside leaves its socket open.
        waits = Waits(connect_s=min(CONNECT_S, self.config.hosted_timeout_s / 3))
        async with self.gate.client(parcel, waits, key=self.key) as http:
            sdk = anthropic.AsyncAnthropic(
                api_key=self.key or "none",  # the SDK insists on one; what is sent is the gate's to say
                base_url=self.config.hosted_endpoint,
                max_retries=0,
                http_client=http,
                open_telemetry=False,
            )
            events = await sdk.messages.create(**_parameters(self.config, self.question), stream=True)
            headers = events.response.headers
            stream.server_date, stream.request_id = headers.get("date"), headers.get("request-id")
            if not headers.get("content-type", "").startswith("text/event-stream"):
                raise NotAStreamError
            async for event in events:
                stream.take(event)
        if not stream.complete:
            raise CutShortError

    async def _charge(self, stream: _Stream) -> int:
        """Settle a complete answer and return its cost: by its usage, or in full without a usable one."""
        try:
            # Without the final count, what the first event said of the output is far too low.
            cost = self.price.cost_nusd(stream.usage if stream.final_usage else {})
        except UsageError as error:
            log.warning("a hosted answer is charged at its reservation: %s", error)
            await self._settle(stream, self.quote.bound_nusd, "reserve")
            return self.quote.bound_nusd
        cost = min(cost, AMOUNT_NUSD_MAX)  # far above any reservation: it closes the budget in any case
        await self._settle(stream, cost, "usage")
        return cost

    def _no_plan(self, stream: _Stream, cost_nusd: int) -> str:
        why = {
            "max_tokens": "it used up its tokens before it wrote any; raise hosted.output_tokens_max",
            "refusal": "it declined; say in the instruction what the code is for",
        }.get(stream.stop_reason, "ask again, or choose another model (hosted.model)")
        return f"{self.quote.endpoint}: the answer holds no text ({usd(cost_nusd)} were charged): {why}"

    async def _settle(self, stream: _Stream, amount_nusd: int, basis: Any) -> None:
        settlement = Settlement(
            amount_nusd=amount_nusd,
            basis=basis,
            usage=stream.usage or None,
            server_date=stream.server_date,
            request_id=stream.request_id,
        )
        await self._close(self.teller.settle(self.id, settlement))

    async def _void(self, proof: str) -> None:
        await self._close(self.teller.void(self.id, proof))

    async def _close(self, writing: Any) -> None:
        try:
            await writing
        except LedgerError as error:  # the reservation stays open and counts in full
            log.warning("a hosted call could not be settled: %s", error)


def _output_tokens_max(config: Config, question: Question) -> int:
    return config.hosted_draft_tokens_max if question.purpose == "draft" else config.hosted_output_tokens_max


def _parameters(config: Config, question: Question) -> dict[str, Any]:
    effort = {} if config.hosted_effort == "none" else {"output_config": {"effort": config.hosted_effort}}
    return {
        "model": config.hosted_model,
        "max_tokens": _output_tokens_max(config, question),
        "system": question.system,
        "messages": [{"role": "user", "content": question.text.text}],
        **effort,
    }


def _shown_count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0


def _refuse_ignored(question: Question) -> None:
    rules = IgnoreRules(question.workspace)
    for path in question.files:
        if reason := rules.may_send(path):
            raise HostedRefusedError("ignored-file", f"{path.name} is not sent: {reason}")


def _let_go(error: BaseException) -> None:
    """End the half-read streams that `error` holds in its frames, here and now.

    The SDK leaves its generators to the garbage collector, which may run in another thread, in the very
    moment in which the event loop closes one.
    """
    for cause in causes(error):
        traceback.clear_frames(cause.__traceback__)


def _refusal_in(error: BaseException | None) -> HostedRefusedError | None:
    """Return our own refusal from inside the transport, which the SDK wraps."""
    while error is not None:
        if isinstance(error, HostedRefusedError):
            return error
        error = error.__cause__
    return None


def _present(usage: Any) -> dict[str, Any]:
    """Return the fields of a usage object that are there; none for null."""
    dump = getattr(usage, "model_dump", None)
    values = dump(mode="json", warnings=False) if dump else {}
    return {name: value for name, value in values.items() if value is not None}
