"""25 ways in which a hosted call can fail, each with its reason, its charge and its deadline."""

import asyncio
import gc
import inspect
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from types import AsyncGeneratorType
from typing import Any

import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.config import Config
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.redact import redact
from cope_lsp.errors import HostedFailedError, HostedRefusedError
from cope_lsp.models.breaker import Breaker
from cope_lsp.models.question import Question
from cope_lsp.values import CompletionRequest, Document, Silence
from tests.models.faulty import MODES, FaultyServer, Mode
from tests.models.provider import write_prices

TIMEOUT_S = 1


@asynccontextmanager
async def asked_at(home: Path, url: str) -> AsyncIterator[Assistant]:
    """Yield an assistant whose hosted model is at `url`, with the consent to ask it."""
    endpoint = endpoint_of(url)
    write_prices(home / "config" / "cope-lsp" / "prices.toml", endpoint)
    ConsentStore().record(home, endpoint, "allowed")
    assistant = Assistant.from_config(Config(hosted_endpoint=url, hosted_timeout_s=TIMEOUT_S))
    try:
        yield assistant
    finally:
        await assistant.close()


async def outcome(assistant: Assistant, home: Path) -> str:
    """Ask once, and return the reason of the failure; "" for an answer."""
    question = Question("Answer in a sentence.", redact("def f(): ..."), home, "plan")
    try:
        answer = await assistant.ask(question)
    except HostedFailedError as error:
        return error.reason
    assert answer.text == "Sort first."
    return ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
async def test_a_failure_has_its_reason_its_charge_and_its_deadline(
    mode: Mode, home: Path, scale: Callable[[int, int], int]
) -> None:
    for seed in range(scale(2, 20)):
        server = FaultyServer(mode.name, seed)
        async with asked_at(home, mode.endpoint.format(port=server.port)) as assistant:
            await assistant.quote(
                Question("", redact("x"), home, "plan")
            )  # the import is no part of the call
            before = await assistant.budget()
            started = time.monotonic()
            reason = await outcome(assistant, home)
            took_s = time.monotonic() - started
            after = await assistant.budget()
        server.close()
        assert reason == mode.reason
        assert took_s < TIMEOUT_S + 1
        assert (server.posts, server.elsewhere) == (mode.posts, 0)
        assert after.calls - before.calls == 1, "one reservation, made before the one request"
        assert after.day.spent_nusd - before.day.spent_nusd >= server.charged_nusd
        assert not after.open_calls


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
async def test_a_failure_leaves_no_half_read_stream_for_the_garbage_collector(mode: Mode, home: Path) -> None:
    """The collector runs in any thread, and must not meet a stream that the loop's own is just closing."""
    server = FaultyServer(mode.name, 0)
    gc.collect()
    gc.disable()
    try:
        async with asked_at(home, mode.endpoint.format(port=server.port)) as assistant:
            with pytest.raises(HostedFailedError) if mode.reason else nullcontext() as failure:
                await assistant.ask(Question("Answer in a sentence.", redact("def f(): ..."), home, "plan"))
            for _ in range(20):
                await asyncio.sleep(0)
            left = [thing for thing in gc.get_objects() if inspect.isasyncgen(thing) and is_of_http(thing)]
            assert not left, failure
    finally:
        gc.enable()
    server.close()


def is_of_http(generator: AsyncGeneratorType[object, Any]) -> bool:
    return any(name in generator.ag_code.co_filename for name in ("anthropic", "httpx2", "cope_lsp"))


@pytest.mark.timeout(300)
async def test_ghost_text_does_not_notice_whatever_becomes_of_a_hosted_call(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    alone_s: list[float] = []
    beside_s: list[float] = []
    async with asked_at(home, "http://127.0.0.1:1") as assistant:
        await complete(assistant, 0)  # loads the model
        alone_s += [await complete(assistant, number) for number in range(1, 20)]
    for number, mode in enumerate(MODES):
        server = FaultyServer(mode.name, 0)
        async with asked_at(home, mode.endpoint.format(port=server.port)) as assistant:
            await complete(assistant, 0)
            asking = asyncio.create_task(outcome(assistant, home))
            while not asking.done() or len(beside_s) < number:
                beside_s.append(await complete(assistant, len(beside_s)))
            assert await asking == mode.reason
        server.close()
    record_property("ghost text alone, ms", statistics.median(alone_s) * 1000)
    record_property("ghost text beside hosted calls, ms", statistics.median(beside_s) * 1000)
    assert len(beside_s) >= len(MODES)


async def complete(assistant: Assistant, number: int) -> float:
    """Ask for ghost text in a document that was never seen, and return the seconds that it took."""
    text = f"def area_{number}(width, height):\n    return width * "
    document = Document(f"file:///{number}.py", "python", text)
    started = time.monotonic()
    completion = await asyncio.wait_for(assistant.complete(CompletionRequest(document, len(text))), 10)
    assert not (isinstance(completion, Silence) and completion.reason == "model-unavailable"), completion
    return time.monotonic() - started


async def test_a_service_that_keeps_failing_is_left_alone_for_a_while(home: Path) -> None:
    server = FaultyServer("500", 0)
    async with asked_at(home, f"http://127.0.0.1:{server.port}") as assistant:
        for _ in range(Breaker().failures_max):
            assert await outcome(assistant, home) == "server-fault"
        with pytest.raises(HostedRefusedError, match="next try in") as refused:
            await outcome(assistant, home)
        assert refused.value.reason == "resting"
        assert (await assistant.budget()).calls == server.posts == Breaker().failures_max
    server.close()
