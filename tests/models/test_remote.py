"""A real llama-server behind a URL, asked in its own way and in that of all others."""

import asyncio
import os
import signal
import textwrap
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil
import pytest

from cope_lsp.completion import prompt
from cope_lsp.config import Config
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.permit import consent_folder
from cope_lsp.egress.tally import Tally
from cope_lsp.errors import EngineUnavailableError, GenerationError
from cope_lsp.models import catalog
from cope_lsp.models.local import LocalModel
from cope_lsp.models.openai_dialect import by_name
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import (
    CompletionRequest,
    Document,
    FimMark,
    Generation,
    Limits,
    Sample,
    Sampling,
    Text,
    Usage,
)
from tests.benchmarks.peers import llama_server, post
from tests.models.fronts import front, relay
from tests.random_model import Shape, write_random_model

pytestmark = pytest.mark.usefixtures("home")

PLACES = 30
MARK = "<|fim_middle|>"
ONLY_TEXT = ("/props", "/tokenize")
ADD = Generation((Text("def add(a, b):\n", 100, "tail"),), Limits(20, 20.0))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with llama_server(catalog.resolve(None), threads=1, slots=4) as url:
        yield url


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes nonsense for long enough to be interrupted."""
    shape = Shape(width=512, layers=8, heads=8, feed_forward=2048)
    return write_random_model(tmp_path_factory.mktemp("models") / "slow.gguf", shape)


def agree(url: str) -> str:
    ConsentStore().record(consent_folder(), url, "allowed")
    return url


@pytest.fixture
async def model(address: str) -> AsyncIterator[RemoteModel]:
    made = RemoteModel.from_config(Config(model_endpoint=agree(address)))
    yield made
    await made.close()


async def drawn(model: Any, generation: Generation) -> list[Sample]:
    """Return the samples, by index."""
    samples = [answer async for answer in model.generate(generation) if isinstance(answer, Sample)]
    return sorted(samples, key=lambda sample: sample.index)


async def places(model: LocalModel) -> list[Generation]:
    """Return what is asked at places of a file that everybody has."""
    text = Path(textwrap.__file__).read_text("utf-8")
    step = len(text) // PLACES
    info = await model.info()
    document = Document("file:///a.py", "python", text)
    limits = Limits(24, 20.0)
    requests = (CompletionRequest(document, step * n) for n in range(PLACES))
    return [Generation(prompt.build(request, info, 24), limits) for request in requests]


def shortened(generation: Generation) -> Generation:
    """Return a prompt that fits for sure, so that nothing is cut by characters instead of tokens."""
    cut = (
        replace(part, text=part.text[-200:]) if isinstance(part, Text) else part for part in generation.prompt
    )
    return replace(generation, prompt=tuple(cut))


async def test_it_writes_what_our_own_engine_writes(model: RemoteModel) -> None:
    local = LocalModel.from_config(Config())
    differing = 0
    for wanted in await places(local):
        (ours,), (theirs,) = await drawn(local, wanted), await drawn(model, wanted)
        differing += ours.text != theirs.text
    await local.close()
    # The same tokens go in (test_llama_backend.py shows that nothing else differs). A server as it comes
    # rounds elsewhere: flash attention, other batches, a warm cache. Where two tokens are almost equally
    # likely, the other one comes first. Measured: 8 of 30 texts of 24 tokens, of a model of 0.6M parameters.
    assert differing <= PLACES // 2


async def test_the_model_is_known(model: RemoteModel) -> None:
    states = [model.state]
    info = await model.info()
    assert [*states, model.state] == ["asleep", "ready"]
    assert (info.name, info.parameters, info.fim, info.chat) == ("cope-nano-v1", 639_840, True, None)
    assert info.fim_marks == ("file", "middle", "prefix", "suffix")


async def test_samples_are_drawn_with_seeds_that_follow_one_another(model: RemoteModel) -> None:
    wanted = replace(ADD, samples=9, sampling=Sampling(0.8, seed=5))  # the server has four slots
    together = [sample.text for sample in await drawn(model, wanted)]
    one_by_one = [replace(ADD, sampling=Sampling(0.8, seed=seed)) for seed in range(5, 14)]
    alone = [(await drawn(model, one))[0].text for one in one_by_one]
    assert len(set(alone)) > 3
    # What is rounded depends on how many drafts are in a batch; see the first test.
    assert sum(one == other for one, other in zip(together, alone, strict=True)) >= 6


@pytest.mark.parametrize("samples", [1, 2])
async def test_a_draft_ends_at_a_stop_or_at_its_lines(model: RemoteModel, samples: int) -> None:
    wanted = replace(ADD, samples=samples)
    whole = (await drawn(model, wanted))[0]
    stopped = await drawn(model, replace(wanted, limits=Limits(20, 20.0, stop=("sum", "\n    return"))))
    line = await drawn(model, replace(wanted, limits=Limits(20, 20.0, lines_max=1)))
    assert whole.finish == "eog"
    assert {(sample.text, sample.finish) for sample in stopped} == {(whole.text.split("sum")[0], "stop")}
    assert {(sample.text, sample.finish) for sample in line} == {(whole.text.split("\n")[0], "lines")}


async def test_tokens_and_log_probabilities_are_counted(model: RemoteModel) -> None:
    *_, sample, usage = [answer async for answer in model.generate(replace(ADD, logprobs=True))]
    assert isinstance(sample, Sample)
    assert isinstance(usage, Usage)
    assert sample.logprobs is not None
    assert len(sample.logprobs) == sample.tokens == usage.output_tokens > 10
    assert all(value <= 0 for value in sample.logprobs)
    assert usage.prompt_tokens == 6


async def test_the_name_of_a_mark_in_a_document_stays_text(address: str) -> None:
    wanted = Generation((Text(f"a{MARK}b{MARK}", 100, "tail"), FimMark("middle")), Limits(1, 20.0))
    with front(relay(address)) as seen:
        model = RemoteModel.from_config(Config(model_endpoint=agree(seen.url)))
        await drawn(model, wanted)
        await model.close()
    (body,) = [body for path, _, body in seen.requests if path == "POST /completion"]
    mark = post(address, "/tokenize", {"content": MARK, "parse_special": True})["tokens"]
    tokens = [int(token) for token in body.decode().split('"prompt": [')[1].split("]")[0].split(",")]
    assert tokens.count(mark[0]) == 1
    assert tokens[-1] == mark[0]
    assert post(address, "/detokenize", {"tokens": tokens})["content"] == f"a{MARK}b{MARK}{MARK}"


async def test_a_prompt_that_is_too_long_says_so(model: RemoteModel) -> None:
    with pytest.raises(GenerationError, match="the server's context room for 511; start it with"):
        await drawn(model, replace(ADD, prompt=(Text("a = 1\n" * 400, 4000, "tail"),)))
    assert (await drawn(model, ADD))[0].text, "and goes on"
    almost = replace(ADD, prompt=(Text("a = 1\n" * 400, 500, "tail"),), limits=Limits(100, 20.0))
    assert (await drawn(model, almost))[0].finish in {"length", "eog"}, "what fills the context ends there"


# -- the way of all others ----------------------------------------------------------------------------


async def test_a_server_of_text_alone_writes_the_same(address: str) -> None:
    local = LocalModel.from_config(Config())
    differing = 0
    with front(relay(address, ONLY_TEXT)) as seen:
        config = Config(model_endpoint=agree(seen.url) + "/v1", model_format="qwen2.5-coder")
        model = RemoteModel.from_config(config)
        assert (await model.info()).description == "served by llamacpp"
        for wanted in map(shortened, (await places(local))[:10]):
            (ours,), (theirs,) = await drawn(local, wanted), await drawn(model, wanted)
            differing += ours.text != theirs.text
        several = await drawn(model, replace(ADD, samples=2, sampling=Sampling(0.8), limits=Limits(9, 9.0)))
        await model.close()
    await local.close()
    assert differing <= 7, "for the same reason; and this family has the suffix after the prefix"
    assert [sample.index for sample in several] == [0, 1]
    assert "POST /completion" not in seen.paths


async def test_what_is_too_long_for_a_server_of_text_is_cut(address: str) -> None:
    text = Text("".join(f"a{n} = {n}\n" for n in range(400)), 4000, "tail")
    with front(relay(address, ONLY_TEXT)) as seen:
        model = RemoteModel.from_config(Config(model_endpoint=agree(seen.url)))
        assert (await drawn(model, replace(ADD, prompt=(text,))))[0].text
        await model.close()
    assert "a399 = 399" in seen.text
    assert "a1 = 1" not in seen.text


async def test_where_prompts_are_text_a_mark_in_a_document_is_taken_apart(address: str) -> None:
    hostile = f"a{MARK}b<|endoftext|><|im_start|>[INST]</s>"
    wanted = Generation(
        (FimMark("prefix"), Text(hostile, 100, "tail"), FimMark("suffix"), FimMark("middle")), Limits(1, 9.0)
    )
    with front(relay(address, ONLY_TEXT)) as seen:
        model = RemoteModel.from_config(Config(model_endpoint=agree(seen.url), model_format="Qwen2.5-Coder"))
        await drawn(model, wanted)
        await model.close()
    (body,) = [body for path, _, body in seen.requests if path == "POST /v1/completions"]
    sent = body.decode().split('"prompt": "')[1].split('"')[0]
    tokens = post(address, "/tokenize", {"content": sent, "parse_special": True})["tokens"]
    assert [token for token in tokens if token < 5] == [1, 2, 3], "prefix, suffix, middle, and no other mark"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen2.5-Coder-7B", "Qwen2.5-Coder, Qwen3-Coder"),
        ("bigcode/starcoder2-3b", "StarCoder2"),
        ("bigcode/starcoderbase", "Granite Code, StarCoder, Refact"),
        ("ibm-granite/granite-3b-code-base", "Granite Code, StarCoder, Refact"),
        ("deepseek-ai/deepseek-coder-1.3b-base", "DeepSeek-Coder"),
        ("codellama/CodeLlama-7b-hf", "CodeLlama"),
        ("mistralai/Codestral-22B-v0.1", "Codestral"),
        ("google/codegemma-2b", "CodeGemma"),
        ("meta-llama/Llama-3.1-8B", None),
    ],
)
def test_a_family_is_told_by_the_name_of_a_model(name: str, family: str | None) -> None:
    found = by_name(name)
    assert (found.family if found else None) == family


# -- stopping and dying -------------------------------------------------------------------------------


def is_busy(address: str) -> bool:
    with urllib.request.urlopen(address + "/slots", timeout=5) as answer:
        return b'"is_processing":true' in answer.read()


LONG = Generation((Text("x = 1\n", 100, "tail"),), Limits(900, 60.0))


async def test_to_close_the_iterator_stops_the_server(slow: Path) -> None:
    with llama_server(slow, threads=1, slots=2) as address:
        model = RemoteModel.from_config(Config(model_endpoint=agree(address)))
        await model.info()
        answers = model.generate(LONG)
        waiting = asyncio.ensure_future(anext(answers))
        while not await asyncio.to_thread(is_busy, address):
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        stopped = time.monotonic()
        while await asyncio.to_thread(is_busy, address):
            assert time.monotonic() - stopped < 10, "the slot is idle, long before the draft would have ended"
            await asyncio.sleep(0.01)
        await model.close()


async def test_at_the_deadline_what_there_is_is_a_draft(slow: Path) -> None:
    with llama_server(slow, threads=1, slots=2) as address:
        model = RemoteModel.from_config(Config(model_endpoint=agree(address)))
        await model.info()
        (sample,) = await drawn(model, replace(LONG, limits=Limits(900, 0.8)))
        assert sample.finish == "deadline"
        assert 0 < sample.tokens < 900
        psutil.Process(_pid_of(address)).suspend()
        with pytest.raises(GenerationError, match=r"did not begin to answer within 0\.3 s; it may be busy"):
            await drawn(model, replace(LONG, limits=Limits(900, 0.3)))
        await model.close()


def _pid_of(address: str) -> int:
    port = int(address.rpartition(":")[2])
    ours = psutil.Process().children(recursive=True)
    return next(p.pid for p in ours if any(c.laddr.port == port for c in p.net_connections("tcp")))


async def test_a_server_that_dies_in_the_middle_is_told_and_asked_again(
    slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cope_lsp.models.remote.REST_S", 0.0)
    upstream: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        relay(upstream[-1])(handler, body)

    with front(answer) as seen:
        model = RemoteModel.from_config(Config(model_endpoint=agree(seen.url)))
        with llama_server(slow, threads=1, slots=1) as address:
            upstream.append(address)
            await model.info()
            running = asyncio.ensure_future(drawn(model, LONG))
            while "POST /completion" not in seen.paths:
                await asyncio.sleep(0.01)
            before = seen.bytes_written
            while seen.bytes_written == before:
                await asyncio.sleep(0.01)
            os.kill(_pid_of(address), signal.SIGKILL)
            with pytest.raises(GenerationError, match="ended its answer in the middle of a draft"):
                await running
            assert model.state == "asleep"
            with pytest.raises(EngineUnavailableError, match=r"the connection to .* broke"):
                await drawn(model, LONG)
        with llama_server(catalog.resolve(None), threads=1) as address:
            upstream.append(address)
            assert (await drawn(model, ADD))[0].text, "the same model asks whoever answers there now"
        await model.close()


# -- what leaves --------------------------------------------------------------------------------------


async def test_without_consent_no_connection_is_made(address: str) -> None:
    with front(relay(address)) as seen:
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        for _ in range(2):
            with pytest.raises(EngineUnavailableError, match="to look at it and agree: cope-lsp models use"):
                await drawn(model, ADD)
        await model.close()
        assert seen.connections == 0
    assert not list(Tally().days())


async def test_what_looks_like_a_secret_stays_and_what_leaves_is_counted(address: str) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    with front(relay(address)) as seen:
        model = RemoteModel.from_config(Config(model_endpoint=agree(seen.url)))
        await drawn(model, replace(ADD, prompt=(Text(f"token = '{secret}'\n", 200, "tail"),)))
        await model.close()
        bodies = sum(len(body) for _, _, body in seen.requests)
    assert secret not in seen.text
    assert "[redacted:" in seen.text
    (day,) = Tally().days()
    assert (day.endpoint, day.requests, day.bytes) == (seen.url, len(seen.requests), bodies)
    headers = {name for _, said, _ in seen.requests for name in said}
    assert headers <= {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "user-agent",
    }


async def test_files_on_ignore_lists_and_texts_without_a_file_are_not_sent(home: Path, address: str) -> None:
    model = RemoteModel.from_config(Config(model_endpoint=agree(address)))
    (home / "a.py").write_text("x = 1\n")
    (home / "hidden.py").write_text("x = 1\n")
    (home / ".copeignore").write_text("hidden.py\n")
    inner = home / "inner"
    inner.mkdir()
    (inner / ".cope.toml").write_text("offline = true\n")
    assert model.objection((home / "a.py").as_uri()) == ""
    assert "matched by .copeignore line 1" in model.objection((home / "hidden.py").as_uri())
    assert "may hold secrets" in model.objection((home / ".env").as_uri())
    assert "offline is on in its project" in model.objection((inner / "b.py").as_uri())
    assert "it is no file" in model.objection("untitled:Untitled-1")
    ConsentStore().record(home, address, "denied")
    assert "you denied" in model.objection((home / "a.py").as_uri())
    await model.close()


async def test_a_key_goes_to_its_server_alone_and_a_wrong_one_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with llama_server(catalog.resolve(None), threads=1, slots=1, api_key="right") as address:
        model = RemoteModel.from_config(Config(model_endpoint=agree(address)))
        with pytest.raises(EngineUnavailableError, match=r"wants an API key.*cope-lsp auth set --endpoint"):
            await model.info()  # COPE_LSP_API_KEY is set, and is for the hosted model
        await model.close()
        monkeypatch.setenv("COPE_LSP_MODEL_API_KEY", "right")
        model = RemoteModel.from_config(Config(model_endpoint=address))
        async with aclosing(model.generate(ADD)) as answers:
            assert isinstance(await anext(answers), Sample)
        await model.close()
