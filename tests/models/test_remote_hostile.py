"""Servers that are broken, slow to start, or malicious: a clear sentence, in bounds of time and memory."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.config import Config
from cope_lsp.egress import offline
from cope_lsp.egress.completions import BODY_BYTES_MAX
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.permit import consent_folder
from cope_lsp.egress.tally import DAYS_KEPT, Tally
from cope_lsp.errors import CopeError, EngineUnavailableError
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import CompletionRequest, Document, Generation, Limits, Sample, Silence, Text
from tests.models.fronts import EVENTS, JSON, Answer, front, say, say_json

pytestmark = pytest.mark.usefixtures("home")

WANTED = Generation((Text("x = ", 100, "tail"),), Limits(20, 3.0))
TAKEN_BYTES_MAX = BODY_BYTES_MAX + 20_000_000
"""What is read at most of an answer, and what lies in the buffers of a connection on loopback."""

MODELS = {"data": [{"id": "org/small", "owned_by": "vllm", "max_model_len": 2048}]}


def scripted(complete: Answer, models: object = MODELS) -> Answer:
    """A server of text whose completions are `complete`'s."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.path == "/v1/models":
            say_json(handler, models)
        elif handler.path == "/v1/completions":
            complete(handler, body)
        else:
            say_json(handler, {"error": "no such page"}, 404)

    return answer


def event(**choice: object) -> bytes:
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def stream(handler: BaseHTTPRequestHandler, *pieces: bytes) -> None:
    handler.send_response(200)
    handler.send_header("content-type", EVENTS)
    handler.send_header("connection", "close")
    handler.end_headers()
    for piece in pieces:
        handler.wfile.write(piece)
    handler.close_connection = True


def endless(piece: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        stream(handler, piece)
        while True:
            handler.wfile.write(piece)

    return answer


def giant_line(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    stream(handler, b"data: ")
    for _ in range(1_000):
        handler.wfile.write(b"x" * 1_000_000)


def giant_body(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("content-type", JSON)
    handler.send_header("content-length", str(1_000_000_000))
    handler.end_headers()
    for _ in range(1_000):
        handler.wfile.write(b" " * 1_000_000)


def says(*pieces: bytes) -> Answer:
    return lambda handler, _body: stream(handler, *pieces)


def status(code: int, message: str, **headers: str) -> Answer:
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda handler, _body: say(handler, code, body, **headers)


HOSTILE: dict[str, tuple[Answer, str]] = {
    "a draft nobody asked for": (says(event(index=7, text="x")), "a draft that nobody asked for"),
    "no text": (says(event(index=0, text=3)), "no text where one belongs"),
    "not JSON": (says(b"data: {]\n\n"), "no JSON object"),
    "a list": (says(b"data: [1]\n\n"), "no JSON object"),
    "deep": (says(b"data: " + b"[" * 900_000 + b"\n\n"), "no JSON object"),
    "a line of 1 GB": (giant_line, "a line of the server's answer is longer"),
    "a body of 1 GB": (giant_body, "the server's answer is longer"),
    "huge pieces": (endless(event(index=0, text="x" * 20_000)), "longer than what was asked for"),
    "the end too early": (says(event(index=0, text="x")), "ended its answer in the middle"),
    "nothing": (says(), "ended its answer in the middle"),
    "an error in the stream": (says(b'data: {"error": "out of memory"}\n\n'), "gave up: out of memory"),
    "an error that paints": (says(b'data: {"error": "\\u001b[31mred"}\n\n'), r"gave up: +\[31mred"),
    "elsewhere": (status(307, "", location="http://127.0.0.1:9/"), "points elsewhere, which is not followed"),
    "compressed": (status(200, "", **{"content-encoding": "gzip"}), "compresses its answer"),
    "loading": (status(503, "Loading model"), r"is not ready yet \(Loading model\)"),
    "busy": (status(429, "slow down"), "has too much to do"),
    "chat only": (status(404, "no route"), "completes no text there.*not of conversations alone"),
    "too long": (status(400, "maximum context length is 9"), "too long.*vllm --max-model-len"),
    "refused": (status(422, "no such\x1b[31m field"), r"refuses the request with status 422 \(no such "),
    "broken": (status(500, "boom"), "answers with status 500"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_a_hostile_server_does_ends_in_a_sentence(name: str) -> None:
    complete, sentence = HOSTILE[name]
    with front(scripted(complete)) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        started = time.monotonic()
        with pytest.raises(CopeError, match=sentence) as raised:
            async for _ in model.generate(WANTED):
                pass
        await model.close()
    assert time.monotonic() - started < WANTED.limits.deadline_s + 1
    assert str(raised.value).isprintable()
    assert seen.bytes_written < TAKEN_BYTES_MAX


async def test_an_endless_stream_ends_at_our_limit() -> None:
    with front(scripted(endless(event(index=0, text="ab")))) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        (sample,) = [answer async for answer in model.generate(WANTED) if isinstance(answer, Sample)]
        await model.close()
    assert (sample.text, sample.tokens, sample.finish) == ("ab" * 20, 20, "length")


@pytest.mark.parametrize("models", [[], {"data": 3}, {"data": [None]}, {"data": []}, "x", 7, None])
async def test_a_server_that_names_no_model_is_asked_all_the_same(models: object) -> None:
    complete = says(event(index=0, text="1", finish_reason="stop"), b"data: [DONE]\n\n")
    with front(scripted(complete, models)) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        answers = [answer async for answer in model.generate(WANTED) if isinstance(answer, Sample)]
        await model.close()
    assert [sample.text for sample in answers] == ["1"]


PAINTED = "\x1b]0;title\x07\u202ename"


async def test_what_a_server_calls_itself_is_printed_as_plain_text() -> None:
    models = {"data": [{"id": PAINTED, "owned_by": PAINTED}]}
    with front(scripted(says(), models)) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        info = await model.info()
        await model.close()
    assert (info.name, info.description) == ("]0;title  name", "served by ]0;title  name")


async def test_what_a_llama_server_calls_itself_is_printed_as_plain_text() -> None:
    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        props = {"default_generation_settings": {}, "model_alias": PAINTED, "build_info": PAINTED}
        say_json(handler, {"tokens": [1], **props, **MODELS})

    with front(answer) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        info = await model.info()
        await model.close()
    assert (info.name, info.description) == ("]0;title  name", "llama-server ]0;title  name")


async def test_no_more_log_probabilities_are_kept_than_tokens_were_asked_for() -> None:
    many = {"token_logprobs": [-0.5] * 50_000}
    pieces = [event(index=0, text="a", logprobs=many) for _ in range(30)]
    with front(scripted(says(*pieces))) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        wanted = replace(WANTED, logprobs=True)
        (sample,) = [answer async for answer in model.generate(wanted) if isinstance(answer, Sample)]
        await model.close()
    assert sample.tokens == WANTED.limits.output_tokens_max
    assert sample.logprobs == (-0.5,) * sample.tokens


async def test_a_proxy_that_forbids_the_pages_of_llama_server_is_asked_as_all_others_are() -> None:
    """As docs/engines.md proposes it for a team: `/v1/models` and `/v1/completions`, and nothing else."""
    complete = says(event(index=0, text="1", finish_reason="stop"), b"data: [DONE]\n\n")

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.path.startswith("/v1/"):
            scripted(complete)(handler, body)
        else:
            say_json(handler, {"error": "forbidden"}, 403)

    with front(answer) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        answers = [answer async for answer in model.generate(WANTED) if isinstance(answer, Sample)]
        await model.close()
    assert [sample.text for sample in answers] == ["1"]


LLAMA: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "tokens of text": lambda handler: say_json(handler, {"tokens": ["a"]}),
    "no tokens": lambda handler: say_json(handler, 3),
    "a redirect": lambda handler: say(handler, 302, b"", location="http://127.0.0.1:9/"),
}


@pytest.mark.parametrize("name", LLAMA)
async def test_a_llama_server_that_tokenises_nonsense_is_not_used(name: str) -> None:
    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        if handler.path == "/tokenize":
            LLAMA[name](handler)
        else:
            say_json(handler, {"default_generation_settings": {"n_ctx": 512}, **MODELS})

    with front(answer) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        with pytest.raises(EngineUnavailableError):
            async for _ in model.generate(WANTED):
                pass
        await model.close()


async def test_where_no_server_is_a_sentence_says_so_and_typing_on_does_not_wait() -> None:
    with front(scripted(says())) as seen:
        url = seen.url
    ConsentStore().record(consent_folder(), url, "allowed")
    assistant = Assistant.from_config(Config(model_endpoint=url))
    request = CompletionRequest(Document(Path(__file__).as_uri(), "python", "x = "), 4)
    for _ in range(3):
        started = time.monotonic()
        silence = await assistant.complete(request)
        assert time.monotonic() - started < 2
        assert isinstance(silence, Silence)
        assert silence.reason == "model-unavailable"
        assert silence.detail.startswith(f"no server answers at {url}; start it")
    await assistant.close()


async def test_offline_refuses_before_a_socket_is_made() -> None:
    with front(scripted(says())) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        offline.switch(on=True)
        try:
            with pytest.raises(EngineUnavailableError, match=r"offline is on, so .* is not asked"):
                await model.info()
        finally:
            offline.switch(on=False)
        await model.close()
        assert seen.connections == 0


async def test_where_the_record_cannot_be_written_nothing_is_sent(home: Path) -> None:
    (home / "data" / "cope-lsp").mkdir(parents=True)
    with front(scripted(says())) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        (home / "data" / "cope-lsp" / "sent").write_text("in the way")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        with pytest.raises(EngineUnavailableError, match="the record of what is sent cannot be written"):
            await model.info()
        await model.close()
        assert seen.connections == 0


def test_a_day_is_kept_for_four_hundred_days(home: Path) -> None:
    tally = Tally()
    tally.add("http://gpu:8000", 10)
    today = datetime.now(UTC).date()
    ages = (1, DAYS_KEPT - 1, DAYS_KEPT + 1, 3 * DAYS_KEPT)
    file = home / "data" / "cope-lsp" / "sent" / "completions.sqlite"
    with closing(sqlite3.connect(file)) as record, record:
        rows = [((today - timedelta(days=age)).isoformat(), "http://gpu:8000", 1, 1) for age in ages]
        record.executemany("INSERT INTO days VALUES (?, ?, ?, ?)", rows)
    tally.add("http://gpu:8000", 10)
    tally.write()
    kept = [today - date.fromisoformat(day.day) for day in tally.days()]
    assert DAYS_KEPT == 400, "as docs/engines.md says"
    assert [age.days for age in kept] == [DAYS_KEPT - 1, 1, 0]


def test_counts_of_several_processes_add_up(home: Path) -> None:
    assert home.is_dir()
    one, other = Tally(), Tally()
    for _ in range(3):
        one.add("http://gpu:8000", 10)
        other.add("http://gpu:8000", 5)
    one.write()
    other.write()
    (day,) = one.days()
    assert (day.endpoint, day.requests, day.bytes) == ("http://gpu:8000", 6, 45)
    assert (home / "data" / "cope-lsp" / "sent" / "completions.sqlite").stat().st_mode & 0o77 == 0


async def test_a_family_that_nobody_knows_is_named_with_those_that_we_know() -> None:
    with front(scripted(says())) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url, model_format="nobody"))
        with pytest.raises(EngineUnavailableError, match=r"there are Qwen2\.5-Coder, Qwen3-Coder"):
            await model.info()
        await model.close()
