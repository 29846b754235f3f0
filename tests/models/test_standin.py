"""A local model behind the Messages API: the real SDK, a real socket, the embedded model in its engine."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from cope_lsp.cascade import planner, prompts, understudy
from cope_lsp.cascade.code import CodeFamily, CodeTask
from cope_lsp.cascade.plan import Plans
from cope_lsp.config import Config
from cope_lsp.context.passage import passage
from cope_lsp.context.target import target_named
from cope_lsp.egress import offline
from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.gate import Gate
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.prices import PriceTable
from cope_lsp.ledger.teller import Teller
from cope_lsp.models.catalog import embedded_path
from cope_lsp.models.claude import Claude
from cope_lsp.models.local import LocalModel
from cope_lsp.models.standin import Asked, StandIn
from cope_lsp.values import Generation, Limits, Sample, Text, Usage
from tests.models.provider import write_prices

QUESTION = "import json\nimport"  # the model goes on for longer than is asked for
STUB = '''class Log:
    def peak(self, readings):
        """Return how high the readings
        ever climbed.

        More of it.
        """
        ...
'''


@pytest.fixture
async def model() -> AsyncIterator[LocalModel]:
    made = LocalModel.from_config(Config())
    yield made
    await made.close()


@pytest.fixture
async def standin(model: LocalModel) -> AsyncIterator[StandIn]:
    made = StandIn(model, "nano-large", understudy.read)
    yield made
    await made.close()


@pytest.fixture
async def url(standin: StandIn) -> str:
    return await standin.start()


@pytest.fixture
async def sdk(url: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    made = anthropic.AsyncAnthropic(api_key="none", base_url=url, max_retries=0)
    yield made
    await made.close()


async def drawn(model: LocalModel, text: str, tokens: int) -> tuple[Sample, Usage]:
    wanted = Generation((Text(text, 2_000, "tail"),), Limits(tokens, 30.0))
    sample, usage = [answer async for answer in model.generate(wanted)]
    assert isinstance(sample, Sample)
    assert isinstance(usage, Usage)
    return sample, usage


def asked(text: str = QUESTION, **more: Any) -> dict[str, Any]:
    return {"model": "any", "max_tokens": 20, "messages": [{"role": "user", "content": text}], **more}


async def test_the_answer_is_the_models_own_with_its_own_counts(
    sdk: anthropic.AsyncAnthropic, model: LocalModel
) -> None:
    message = await sdk.messages.create(**asked())
    sample, usage = await drawn(model, QUESTION, 20)
    assert message.content[0].text == sample.text
    assert message.usage.input_tokens == usage.prompt_tokens > 3
    assert message.usage.output_tokens == usage.output_tokens == 20
    assert (message.stop_reason, message.model, message.role) == ("max_tokens", "nano-large", "assistant")


async def test_a_stream_brings_the_same_text_in_pieces(sdk: anthropic.AsyncAnthropic) -> None:
    whole = await sdk.messages.create(**asked())
    async with sdk.messages.stream(**asked()) as stream:
        pieces = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == whole.content[0].text
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.usage.input_tokens == whole.usage.input_tokens
    assert final.stop_reason == whole.stop_reason


async def test_instructions_and_all_messages_are_read(sdk: anthropic.AsyncAnthropic) -> None:
    block = [{"type": "text", "text": "def add(a, b):"}]
    messages = [{"role": "user", "content": block}, {"role": "assistant", "content": "    return a"}]
    short = await sdk.messages.create(**asked())
    long = await sdk.messages.create(**asked(messages=messages, system="# Sums"))
    assert long.usage.input_tokens > short.usage.input_tokens


async def test_a_stop_sequence_ends_the_answer(sdk: anthropic.AsyncAnthropic) -> None:
    text = (await sdk.messages.create(**asked())).content[0].text
    stopped = await sdk.messages.create(**asked(stop_sequences=[text[4]]))
    assert stopped.content[0].text == text[: text.index(text[4])]
    assert stopped.stop_reason == "end_turn"


NONSENSE: dict[str, dict[str, Any]] = {
    "model": {"model": 3},
    "max_tokens": {"max_tokens": 0},
    "messages": {"messages": []},
    "messages.0.role": {"messages": [{"role": "system", "content": "x"}]},
    "messages.0.content": {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
    "temperature": {"temperature": 2},
    "stop_sequences": {"stop_sequences": [1]},
    "system": {"system": 1},
    "tools": {"tools": [{"name": "x", "input_schema": {"type": "object"}}]},
}


@pytest.mark.parametrize("field", NONSENSE)
async def test_nonsense_is_refused_with_the_field_that_is_wrong(
    sdk: anthropic.AsyncAnthropic, standin: StandIn, field: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as error:
        await sdk.messages.create(**asked(), extra_body=NONSENSE[field])
    body: Any = error.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"].startswith(f"{field}:")
    assert standin.requests == 0


async def test_a_question_that_does_not_fit_is_a_bad_request(sdk: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError):
        await sdk.messages.create(**asked("word " * 20_000))
    assert (await sdk.messages.create(**asked())).usage.output_tokens == 20


async def test_there_is_nothing_else_to_be_had(sdk: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        await sdk.models.list()


async def exchanged(url: str, request: str) -> tuple[str, dict[str, Any]]:
    """Return the status line and the body that come for a request in so many words."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(request.replace("\n", "\r\n").encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head.partition("\r\n")[0], json.loads(body) if body else {}


@pytest.mark.parametrize(
    ("request_text", "status", "kind"),
    [
        ("POST /v1/messages HTTP/1.1\nHost: evil.example:80\n\n", 403, "permission_error"),
        ("POST /v1/messages HTTP/1.1\nHost: 127.0.0.1.evil.example:80\n\n", 403, "permission_error"),
        (
            "POST /v1/messages HTTP/1.1\nHost: localhost:1\nOrigin: http://localhost\n\n",
            403,
            "permission_error",
        ),
        ("GET / HTTP/1.1\nHost: localhost:1\n\n", 404, "not_found_error"),
        (
            "POST /v1/messages HTTP/1.1\nHost: localhost:1\nContent-Length: 1\n\n{",
            400,
            "invalid_request_error",
        ),
        (
            "POST /v1/messages HTTP/1.1\nHost: localhost:1\nContent-Length: 2\n\n[]",
            400,
            "invalid_request_error",
        ),
        ("nonsense\n\n", 400, "invalid_request_error"),
    ],
)
async def test_what_is_no_question_from_this_machine_is_refused(
    url: str, request_text: str, status: int, kind: str
) -> None:
    line, body = await exchanged(url, request_text)
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert body["error"]["type"] == kind


async def test_a_body_without_end_is_cut_off(url: str) -> None:
    body = "x" * 1_100_000
    head = f"POST /v1/messages HTTP/1.1\nHost: localhost:1\nContent-Length: {len(body)}\n\n"
    line, answer = await exchanged(url, head + body)
    assert line.startswith("HTTP/1.1 413 ")
    assert answer["error"]["type"] == "request_too_large"


async def test_it_listens_on_loopback_only(standin: StandIn, url: str) -> None:
    assert url.startswith("http://127.0.0.1:")
    server = standin._server._server
    assert server is not None
    assert [socket.getsockname()[0] for socket in server.sockets] == ["127.0.0.1"]


async def test_a_client_that_hangs_up_leaves_nothing_running(
    standin: StandIn, url: str, sdk: anthropic.AsyncAnthropic
) -> None:
    body = json.dumps(asked(max_tokens=1_000))
    head = f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write((head.replace("localhost", "localhost:1") + body).encode())
    await writer.drain()
    while not standin._server._tasks:
        await asyncio.sleep(0.01)
    writer.close()
    while standin._server._tasks:
        await asyncio.sleep(0.01)
    assert standin.requests == 0
    assert (await sdk.messages.create(**asked())).usage.output_tokens == 20


async def test_offline_forbids_it(standin: StandIn) -> None:
    offline.switch(on=True)
    try:
        with pytest.raises(PermissionError):
            await standin.start()
    finally:
        offline.switch(on=False)


async def test_a_plan_is_asked_for_charged_and_answered_in_the_plain_format(
    standin: StandIn, url: str, model: LocalModel, tmp_path: Path
) -> None:
    """The product's own client, gate and ledger, from the planner's question to the model's own guideline."""
    write_prices(tmp_path / "prices.toml", url)
    gate = Gate(ConsentStore(tmp_path / "consent"), Audit(tmp_path / "sent"))
    gate.consent.record(tmp_path, url, "allowed")
    teller = Teller(Ledger(tmp_path / "ledger"))
    claude = Claude(
        Config(hosted_endpoint=url),
        gate,
        teller,
        prices=lambda: PriceTable.load(tmp_path / "prices.toml"),
        environment={"COPE_LSP_API_KEY": "k"},
    )
    question = planner.guideline_question(planner.Brief(passage(STUB, 1)), tmp_path, tmp_path / "log.py")
    answer = await claude.ask(question)
    shown = (
        "class Log:\n    def peak(self, readings):\n"
        '        """Return how high the readings ever climbed."""\n        # Guideline:'
    )
    sample, usage = await drawn(model, shown, 200)
    assert answer.text == sample.text.partition("\n")[0].strip() != ""
    assert answer.input_tokens == usage.prompt_tokens
    assert answer.cost_nusd == 2_000 * answer.input_tokens + 10_000 * answer.output_tokens
    assert standin.requests == 1
    await claude.close()
    await teller.close()


def reading(text: str, system: str = planner.SYSTEM) -> str:
    return understudy.read(Asked(system, text, 100, 0.0, ())).text


def test_what_the_user_wants_stands_where_the_docstring_would() -> None:
    assert reading("Task: Add them.\n\ndef add(a, b):\n    ...") == (
        'def add(a, b):\n    """Add them."""\n    # Guideline:'
    )


@pytest.mark.parametrize("text", ["func add(a int) {\n}", "class A:\n    pass", "", "def broken(:"])
def test_a_passage_without_a_function_of_python_is_read_as_it_stands(text: str) -> None:
    assert reading(text) == "\n\n".join(filter(None, (planner.SYSTEM, text)))


def test_other_questions_are_read_as_they_stand() -> None:
    assert reading("def f(): ...", system="") == "def f(): ..."


def test_a_guideline_is_asked_for_as_if_it_were_alone() -> None:
    told = "Task: Add them.\n\nGoal: the sum\n\nNow it fails: assert add(1, 2)\n\nBeside it: def f(): ...\n\n"
    assert (
        reading(f"{told}def add(a, b):\n    ...") == 'def add(a, b):\n    """Add them."""\n    # Guideline:'
    )


def test_a_draft_is_asked_for_under_the_plans() -> None:
    told = "Goal: the sum\n\nGuideline: Use plus.\n\n"
    asked = Asked(planner.DRAFT_SYSTEM, f'{told}def add(a, b):\n    """Add them."""\n    ...', 100, 0.0, ())
    read = understudy.read(asked)
    assert read.text == (
        'def add(a, b):\n    """Add them."""\n    # Goal: the sum\n    # Guideline: Use plus.\n'
    )
    assert read.opening == "def add(a, b):\n"


def test_the_planner_and_the_understudy_agree_on_every_section(tmp_path: Path) -> None:
    brief = planner.Brief(
        "def add(a, b):\n    ...",
        "Add\n\nthem.",
        "the sum",
        "Use plus.",
        "assert 1 == 2\n\n\nno",
        "def f(): ...",
    )
    question = planner.draft_question(brief, tmp_path, tmp_path / "a.py")
    assert (question.purpose, question.system) == ("draft", planner.DRAFT_SYSTEM)
    assert question.text.text == (
        "Task: Add\nthem.\n\nGoal: the sum\n\nGuideline: Use plus.\n\nNow it fails: assert 1 == 2\nno\n\n"
        "Beside it: def f(): ...\n\ndef add(a, b):\n    ..."
    )
    assert reading(question.text.text, planner.DRAFT_SYSTEM) == (
        'def add(a, b):\n    """Add\nthem."""\n    # Goal: the sum\n    # Guideline: Use plus.\n'
    )


def test_both_models_are_shown_the_same_of_a_file(tmp_path: Path) -> None:
    """What is imported too: who does not know it writes worse, and would be compared unfairly."""
    text = 'import math\n\n\ndef f(): ...\n\n\ndef area(r):\n    """Return the area."""\n    ...\n'
    task = CodeTask(target_named(text, "area"), text, tmp_path / "a.py", tmp_path)
    model = LocalModel(embedded_path(), EngineSettings(), 0)
    family = CodeFamily(task, model, ())
    asked = family.draft_question(Plans(), "")
    assert "import math" in asked.text.text
    small = prompts.plain(family._parts(Plans()), "code")
    assert reading(asked.text.text, planner.DRAFT_SYSTEM) == small
