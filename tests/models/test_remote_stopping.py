"""Servers that think for long, and models that are closed: who waits, how long, and what is left behind."""

import asyncio
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cope_lsp.config import Config
from cope_lsp.egress.completions import Completions
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.permit import Permit, consent_folder
from cope_lsp.egress.tally import Tally
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import CopeError, EngineUnavailableError
from cope_lsp.models import catalog
from cope_lsp.models.dialect import Card
from cope_lsp.models.llama_server import LlamaServerModel
from cope_lsp.models.remote import RemoteModel, opened
from cope_lsp.values import Generation, Limits, Sample, Text
from tests.models.fronts import Answer, Front, front, say_json
from tests.models.test_remote_hostile import event, scripted, stream

pytestmark = pytest.mark.usefixtures("home")

WANTED = Generation((Text("x = ", 100, "tail"),), Limits(20, 90.0))
LONG_S = 31.0
"""Longer than any of our connections ever waited for a server that says nothing."""

SOON_S = 10.0


class Silence:
    """An answer that does not come, and notices when the other side hangs up."""

    def __init__(self) -> None:
        self.hung_up = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.connection.settimeout(SOON_S)
        if handler.connection.recv(1) == b"":
            self.hung_up.set()


def asked(seen: Front) -> RemoteModel:
    ConsentStore().record(consent_folder(), seen.url, "allowed")
    return RemoteModel.from_config(Config(model_endpoint=seen.url))


async def until(seen: Front, count: int) -> None:
    """Wait until so many requests came in."""
    async with asyncio.timeout(SOON_S):
        while len(seen.requests) < count:
            await asyncio.sleep(0.01)


async def texts(model: RemoteModel | LlamaServerModel) -> list[str]:
    return [answer.text async for answer in model.generate(WANTED) if isinstance(answer, Sample)]


# -- how long is waited -------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A llama-server of ours that refuses once, and thinks for long."""
    monkeypatch.setenv("THINK_S", str(LONG_S))
    path = tmp_path / "llama-server"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("silent_server.py")} "$@"\n')
    path.chmod(0o700)
    return str(path)


async def test_a_server_may_think_until_the_deadline_of_the_draft_and_a_refusal_does_not_end_it(
    program: str,
) -> None:
    def think(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        time.sleep(LONG_S)
        stream(handler, event(index=0, text="well", finish_reason="stop"))

    ours = LlamaServerModel(program, catalog.resolve(None), EngineSettings(), restarts_max=0)
    await ours.info()
    pid = ours.pid
    with front(scripted(think)) as seen:
        model = asked(seen)
        theirs, drawn = await asyncio.gather(texts(model), texts(ours))
        assert (theirs, drawn) == (["well"], ["well"])
        await model.close()
    assert ours.pid == pid
    assert ours.state == "ready"
    await ours.close()


async def test_a_server_that_tells_nothing_of_itself_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cope_lsp.models.remote.OPEN_TIMEOUT_S", 0.3)
    silence = Silence()
    with front(silence) as seen:
        model = asked(seen)
        with pytest.raises(EngineUnavailableError, match=r"did not answer within 0\.3 s"):
            await model.info()
        assert await asyncio.to_thread(silence.hung_up.wait, SOON_S)
        await model.close()


async def test_a_server_that_did_not_answer_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer: Answer = lambda handler, _body: say_json(handler, {}, 503)  # noqa: E731  # typed as the others
    with front(answer) as seen:
        model = asked(seen)
        for _ in range(3):
            with pytest.raises(EngineUnavailableError, match="is not ready yet"):
                await model.info()
        assert len(seen.requests) == 1
        await model.close()
        monkeypatch.setattr("cope_lsp.models.remote.REST_S", 0.0)
        model = asked(seen)
        for _ in range(3):
            with pytest.raises(EngineUnavailableError, match="is not ready yet"):
                await model.info()
        assert len(seen.requests) == 4
        await model.close()


# -- closing ------------------------------------------------------------------------------------------


async def test_to_close_it_while_it_is_opened_ends_that() -> None:
    silence = Silence()
    with front(silence) as seen:
        model = asked(seen)
        waiting = asyncio.create_task(model.info())
        await until(seen, 1)
        assert model.state == "loading"
        async with asyncio.timeout(SOON_S):
            await model.close()
            with pytest.raises(EngineUnavailableError, match="the engine was closed"):
                await waiting
        assert await asyncio.to_thread(silence.hung_up.wait, SOON_S)
        with pytest.raises(EngineUnavailableError, match="the engine was closed"):
            await model.info()
        assert len(seen.requests) == 1


async def test_who_stops_waiting_for_a_server_does_not_stop_the_others() -> None:
    goes_on = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        assert goes_on.wait(SOON_S)
        scripted(lambda _handler, _body: None)(handler, body)

    with front(answer) as seen:
        model = asked(seen)
        first, second = (asyncio.create_task(model.info()) for _ in range(2))
        await until(seen, 1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        goes_on.set()
        assert (await asyncio.wait_for(second, SOON_S)).name == "small"
        assert seen.paths == ["GET /props", "GET /v1/models"]
        await model.close()


async def test_connections_that_are_closed_are_an_error_of_the_engine() -> None:
    with front(scripted(lambda _handler, _body: None)) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        server = Completions(seen.url, permit=Permit(seen.url, ConsentStore(), Tally()))
        session = await opened(server, Card(), SOON_S)
        await session.close()
        with pytest.raises(EngineUnavailableError, match="were closed meanwhile"):
            await server.get("/props")
        with pytest.raises(EngineUnavailableError, match="were closed meanwhile"):
            async for _ in session.generate(WANTED):
                pass
        assert not await session.is_alive(SOON_S)


async def test_to_close_the_connections_in_the_middle_of_an_answer_is_an_error_of_the_engine() -> None:
    with front(Silence()) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        server = Completions(seen.url, permit=Permit(seen.url, ConsentStore(), Tally()))
        waiting = asyncio.create_task(server.get("/props"))
        await until(seen, 1)
        await server.close()
        with pytest.raises(CopeError):
            await asyncio.wait_for(waiting, SOON_S)
