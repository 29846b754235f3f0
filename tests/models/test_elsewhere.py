"""Text for a server: no half of a secret leaves, wherever the text is cut, and each request asks again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal

import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.cascade.code import CodeTask
from cope_lsp.cascade.outcome import EscalationAsked
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion.completer import Completer
from cope_lsp.completion.pace import Pace
from cope_lsp.config import Config
from cope_lsp.context.target import target_at
from cope_lsp.context.window import CHARACTERS_PER_TOKEN
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.excerpt import without_secrets
from cope_lsp.egress.permit import consent_folder
from cope_lsp.egress.redact import redact
from cope_lsp.errors import CopeError, EngineUnavailableError
from cope_lsp.models.elsewhere import about
from cope_lsp.models.local import LocalModel
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import CompletionRequest, Document, Generation, Limits, Sample, Suggestion, Text
from tests.models.fronts import Answer, Front, front, say_json
from tests.models.test_remote_hostile import event, scripted, stream

pytestmark = pytest.mark.usefixtures("home")

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
LINE = f'TOKEN = "{SECRET}"\n'
HALF = 8
"""Characters of a secret in a row that must not leave."""

FORMATS = ["Qwen2.5-Coder", ""]
"""With marks for the middle, and left to right."""


def complete(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    stream(handler, event(index=0, text="12", finish_reason="stop"), b"data: [DONE]\n\n")


def llama(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer as a llama-server with a token for each character, and the marks of a family."""
    said = json.loads(body) if body else {}
    if handler.path == "/tokenize":
        marks = said["content"].split("\n") if said.get("with_pieces") else []
        rows: list[Any] = [{"id": 900_000 + n, "piece": mark} for n, mark in enumerate(marks)]
        say_json(handler, {"tokens": rows or list(map(ord, said["content"]))})
    elif handler.path == "/completion":
        stream(handler, b'data: {"content": "12", "stop": false}\n\ndata: {"content": "", "stop": true}\n\n')
    else:
        say_json(handler, {"default_generation_settings": {"n_ctx": 4096}, "data": [{"id": "small"}]})


@pytest.fixture(params=["text", "llama"])
def seen(request: pytest.FixtureRequest) -> Iterator[Front]:
    answer: Answer = llama if request.param == "llama" else scripted(complete)
    with front(answer) as made:
        ConsentStore().record(consent_folder(), made.url, "allowed")
        yield made


@pytest.fixture(params=FORMATS)
async def model(seen: Front, request: pytest.FixtureRequest) -> AsyncIterator[RemoteModel]:
    made = RemoteModel.from_config(Config(model_endpoint=seen.url, model_format=request.param))
    yield made
    await made.close()


def all_that_left(seen: Front) -> str:
    """Return every text that came in; tokens, each of which is a character here, too."""
    said: list[str] = []
    for _, _, body in seen.requests:
        value = json.loads(body) if body else {}
        prompt = value.get("prompt", "")
        said.append(prompt if isinstance(prompt, str) else "".join(map(chr, prompt)))
        said.append(value.get("content", ""))
    return "\n".join(said)


def assert_nothing_of_it_left(seen: Front) -> None:
    text = all_that_left(seen)
    halves = [SECRET[at : at + HALF] for at in range(len(SECRET) - HALF + 1)]
    assert not [half for half in halves if half in text], text
    seen.requests.clear()


async def ask(model: RemoteModel, text: str, offset: int, home: Path) -> None:
    """Ask for ghost text and see that an answer came, not a refusal."""
    document = Document((home / "a.py").as_uri(), "python", text)
    syntax = SyntaxReader()
    request = CompletionRequest(document, offset, explicit=True)
    completion = await Completer(model, syntax, Pace()).complete(request)
    await syntax.close()
    written = isinstance(completion, Suggestion) or completion.detail.startswith("the model wrote")
    assert written, completion


async def test_no_half_of_a_secret_leaves_wherever_the_cursor_is(
    model: RemoteModel, seen: Front, home: Path
) -> None:
    text = f"import os\n{LINE}x = 1\n"
    start = text.index(SECRET)
    for offset in range(start - 2, start + len(SECRET) + 3):
        await ask(model, text, offset, home)
        assert_nothing_of_it_left(seen)


@pytest.mark.parametrize("side", ["before", "after"])
async def test_no_half_of_a_secret_leaves_wherever_the_window_ends(
    model: RemoteModel, seen: Front, home: Path, side: str
) -> None:
    info = await model.info()
    tokens = min(1024, info.context_tokens - 128)
    shares = {"before": tokens * 3 // 4 if info.fim else tokens, "after": tokens // 4}
    for characters_per_token in (1, 3, CHARACTERS_PER_TOKEN):  # of the window, and of each way to cut
        border = shares[side] * characters_per_token
        for inside in range(0, len(LINE), 3):
            distance = border - inside
            if side == "before":  # one line, so that it is cut by characters
                text = LINE.strip() + "; " + "y" * (distance - 2)
                await ask(model, text, len(text), home)
            else:
                text = "x = \n" + "y" * (distance - 2) + "\n" + LINE + "z\n" * 200
                await ask(model, text, 4, home)
            assert_nothing_of_it_left(seen)


@pytest.mark.parametrize("keep", ["head", "tail"])
async def test_of_a_long_text_only_what_is_shown_is_sent_to_be_cut_by_tokens(
    file: Path, keep: Literal["head", "tail"]
) -> None:
    text = "".join(f"line {n}\n" for n in range(10_000))
    wanted = Generation((Text(text, 100, keep),), Limits(20, 20.0))
    with front(llama) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        await model.info()
        seen.requests.clear()
        async for _ in about(model, file.as_uri()).generate(wanted):
            pass
        await model.close()
    sent = [json.loads(body)["content"] for path, _, body in seen.requests if path == "POST /tokenize"]
    assert sent
    assert all(text.startswith(part) if keep == "head" else text.endswith(part) for part in sent)
    assert max(map(len, sent)) <= 100 * CHARACTERS_PER_TOKEN


def test_an_offset_moves_along_and_one_inside_of_a_secret_goes_behind_it() -> None:
    text = f"a = 1\n{LINE}{LINE}b = 2\n"
    clean = redact(text).text
    marker = clean.split('"')[1]
    for offset in range(len(text) + 1):
        shown, moved = without_secrets(text, offset)
        assert shown == clean
        inside = [text.find(SECRET), text.rfind(SECRET)]
        reached = [at for at in inside if at < offset]
        behind = max([offset, *(at + len(SECRET) for at in reached)])
        assert moved == behind + len(reached) * (len(marker) - len(SECRET))


async def test_a_model_of_this_machine_is_shown_the_text_as_it_is() -> None:
    local = LocalModel.from_config(Config())
    assert about(local, "file:///a.py") is local
    await local.close()


# -- leave --------------------------------------------------------------------------------------------

Change = Callable[[Path, str], object]

CHANGES: dict[str, tuple[Change, str]] = {
    "offline in the settings": (
        lambda home, _: (home / "config" / "cope-lsp" / "config.toml").write_text("offline = true\n"),
        "offline is on",
    ),
    "offline in the project": (
        lambda home, _: (home / "project" / ".cope.toml").write_text("offline = true\n"),
        "offline is on in its project",
    ),
    "an ignore list": (
        lambda home, _: (home / "project" / ".copeignore").write_text("*.py\n"),
        "matched by .copeignore line 1",
    ),
    "the consent is taken back": (
        lambda _, url: ConsentStore().forget(consent_folder(), url),
        "you have not agreed",
    ),
    "the project is denied": (
        lambda home, url: ConsentStore().record(home / "project", url, "denied"),
        "you denied sending text of its project",
    ),
}


@pytest.fixture
def file(home: Path) -> Path:
    (home / "project").mkdir()
    return home / "project" / "a.py"


async def draw(model: RemoteModel, file: Path, samples: int = 1) -> int:
    wanted = Generation((Text("x = 1\n", 100, "tail"),), Limits(20, 20.0), samples=samples, priority="batch")
    bound = about(model, file.as_uri())
    return len([answer async for answer in bound.generate(wanted) if isinstance(answer, Sample)])


@pytest.mark.parametrize("change", CHANGES)
async def test_each_batch_of_drafts_asks_for_leave_again(
    model: RemoteModel, seen: Front, home: Path, file: Path, change: str
) -> None:
    assert await draw(model, file) == 1
    seen.requests.clear()
    make, sentence = CHANGES[change]
    make(home, seen.url)
    with pytest.raises(EngineUnavailableError, match=sentence):
        await draw(model, file)
    with pytest.raises(EngineUnavailableError, match=sentence):
        await about(model, file.as_uri()).info()
    assert not seen.requests


async def test_of_one_batch_each_request_asks_for_leave(file: Path) -> None:
    """A server with one slot draws two drafts in two rounds; between them the user changes their mind."""
    rounds: list[bytes] = []

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.path == "/completion":
            rounds.append(body)
            (file.parent / ".copeignore").write_text("*.py\n")
        llama(handler, body)

    with front(answer) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        with pytest.raises(Exception, match=r"matched by \.copeignore line 1"):
            await draw(model, file, samples=2)
        await model.close()
    assert len(rounds) == 1


async def test_a_file_that_may_not_be_sent_opens_no_connection(file: Path) -> None:
    (file.parent / ".cope.toml").write_text("offline = true\n")
    with front(scripted(complete)) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        model = RemoteModel.from_config(Config(model_endpoint=seen.url))
        with pytest.raises(EngineUnavailableError, match="offline is on in its project"):
            await about(model, file.as_uri()).info()
        with pytest.raises(EngineUnavailableError, match="offline is on in its project"):
            await draw(model, file)
        await model.close()
        assert seen.connections == 0


async def test_ghost_text_of_an_ignored_file_is_silence(seen: Front, file: Path) -> None:
    (file.parent / ".copeignore").write_text("*.py\n")
    assistant = Assistant.from_config(Config(model_endpoint=seen.url))
    request = CompletionRequest(Document(file.as_uri(), "python", "x = "), 4)
    silence = await asyncio.wait_for(assistant.complete(request), 20)
    await assistant.close()
    assert "matched by .copeignore line 1" in str(silence)
    assert seen.connections == 0


async def test_each_batch_of_a_solve_asks_for_leave_again(file: Path) -> None:
    """After the first batch, which no check accepts, the user puts the file on a list."""
    text = 'def add(a, b):\n    """Return the sum."""\n    ...\n'
    file.write_text(text)
    batches: list[bytes] = []

    def refuse(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        batches.append(body)
        (file.parent / ".copeignore").write_text("*.py\n")
        drafts = (event(index=n, text="    return (", finish_reason="stop") for n in range(32))
        stream(handler, *list(drafts)[: json.loads(body).get("n", 1)])

    with front(scripted(refuse)) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        assistant = Assistant.from_config(Config(model_endpoint=seen.url))
        task = CodeTask(target_at(text, 0), text, file, file.parent, "")
        with pytest.raises(CopeError, match=r"matched by \.copeignore line 1"):
            await _solve(assistant, task)
        await assistant.close()
    assert len(batches) == 1


async def _solve(assistant: Assistant, task: CodeTask) -> None:
    async with assistant.checks(task, with_tests=False) as checks:
        async for _ in assistant.solve(task, checks, _disagree):
            pass


async def _disagree(_asked: EscalationAsked) -> bool:
    return False


async def test_a_file_that_is_opened_warms_no_server_that_it_may_not_go_to(file: Path) -> None:
    (file.parent / ".cope.toml").write_text("offline = true\n")
    with front(scripted(complete)) as seen:
        ConsentStore().record(consent_folder(), seen.url, "allowed")
        assistant = Assistant.from_config(Config(model_endpoint=seen.url))
        await assistant.warm(file.as_uri())
        assert seen.connections == 0
        (file.parent / ".cope.toml").unlink()
        await assistant.warm(file.as_uri())
        assert assistant.model_state == "ready"
        await assistant.close()
