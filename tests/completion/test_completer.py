"""Completion from end to end: the assistant, the real engine, the embedded model."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion.completer import DOCUMENT_BYTES_MAX, Completer
from cope_lsp.completion.pace import Pace
from cope_lsp.config import Config
from cope_lsp.models.local import LocalModel
from cope_lsp.values import (
    Completion,
    CompletionRequest,
    Document,
    Generation,
    Limits,
    Sampling,
    Silence,
    Suggestion,
    Text,
)

MakeAssistant = Callable[..., Assistant]

CLASS = "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        self.y = ‸\n"


AREA = "def area(width, height):\n    return ‸\n"


@pytest.fixture
async def make_assistant() -> AsyncIterator[MakeAssistant]:
    """Return a maker of assistants that are closed when the test ends."""
    made: list[Assistant] = []

    def make(config: Config | None = None) -> Assistant:
        made.append(Assistant.from_config(config or Config()))
        return made[-1]

    yield make
    for assistant in made:
        await assistant.close()


@pytest.fixture
def assistant(make_assistant: MakeAssistant) -> Assistant:
    return make_assistant()


def running() -> set[psutil.Process]:
    """Return our children, without those that have ended and that nobody has buried yet."""
    return {each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE}


def request_at(marked: str, *, explicit: bool = False, language: str = "python") -> CompletionRequest:
    """Return a request at ‸."""
    before, after = marked.split("‸")
    return CompletionRequest(Document("file:///a.py", language, before + after), len(before), explicit)


def reason(completion: Completion) -> str:
    return completion.reason if isinstance(completion, Silence) else "none"


async def test_a_place_in_python_gets_a_suggestion(assistant: Assistant) -> None:
    completion = await assistant.complete(request_at(CLASS, explicit=True))
    assert isinstance(completion, Suggestion), completion
    assert completion.text.strip()
    assert completion.text == completion.text.rstrip()
    assert completion.seconds > 0
    assert not completion.from_cache


async def test_the_second_request_for_a_place_needs_no_engine(assistant: Assistant) -> None:
    first = await assistant.complete(request_at(CLASS, explicit=True))
    assert isinstance(first, Suggestion), first
    await assistant.close()
    again = await assistant.complete(request_at(CLASS, explicit=True))
    assert isinstance(again, Suggestion)
    assert again.from_cache
    assert again.text == first.text


async def test_a_suggestion_goes_on_while_it_is_typed(assistant: Assistant) -> None:
    first = await assistant.complete(request_at(CLASS, explicit=True))
    assert isinstance(first, Suggestion), first
    await assistant.close()
    typed = CLASS.replace("‸", f"{first.text[0]}‸")
    left = await assistant.complete(request_at(typed, explicit=True))
    if len(first.text) == 1:
        assert reason(left) == "model-unavailable"
    else:
        assert isinstance(left, Suggestion)
        assert left.text == first.text[1:]


async def test_who_asks_for_more_gets_more_than_was_offered_unasked(assistant: Assistant) -> None:
    """A line that was suggested to somebody who typed does not stand for the block that a key asks for."""
    marked = "class Point:\n    def __init__(self, x, y):\n        self.x = x\n        ‸"
    await assistant.complete(request_at(marked))
    fresh = await assistant.complete(request_at(marked, explicit=True))
    assert not (isinstance(fresh, Suggestion) and fresh.from_cache)


async def test_by_hand_only_what_was_asked_for_and_begun_to_be_typed_goes_on(
    make_assistant: MakeAssistant,
) -> None:
    assistant = make_assistant()
    unasked = await assistant.complete(request_at(AREA))
    assistant.use(replace(assistant.config, completion_trigger="manual"))
    assert reason(await assistant.complete(request_at(AREA))) == "manual", "what came unasked is over"
    asked = await assistant.complete(request_at(AREA, explicit=True))
    assert isinstance(asked, Suggestion), (asked, unasked)
    assert reason(await assistant.complete(request_at(AREA))) == "manual", "it may have been dismissed"
    typed = AREA.replace("‸", f"{asked.text[0]}‸")
    left = await assistant.complete(request_at(typed))
    assert isinstance(left, Suggestion)
    assert left.text == asked.text[1:]


async def test_nothing_is_offered_when_it_is_switched_off(make_assistant: MakeAssistant) -> None:
    assistant = make_assistant(Config(completion_enabled=False))
    completion = await assistant.complete(request_at(CLASS, explicit=True))
    assert completion == Silence("disabled", "completion.enabled is false")


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("language", ["cobol", "plaintext", ""])
async def test_the_embedded_model_keeps_to_its_language(
    assistant: Assistant, language: str, *, explicit: bool
) -> None:
    completion = await assistant.complete(request_at(CLASS, language=language, explicit=explicit))
    assert isinstance(completion, Silence)
    assert completion.reason == "language"
    assert completion.detail.endswith(f"was trained on python only, not on {language}")


async def test_inside_a_word_nothing_is_offered_unasked(assistant: Assistant) -> None:
    marked = CLASS.replace("self.x", "self.‸x").replace(" ‸\n", "\n")
    assert reason(await assistant.complete(request_at(marked))) == "inside-word"
    assert reason(await assistant.complete(request_at(marked, explicit=True))) != "inside-word"


async def test_a_large_document_is_not_completed(assistant: Assistant) -> None:
    """The limit is in bytes of UTF-8, as in the editor's file."""
    too_large = "é" * (DOCUMENT_BYTES_MAX // 2) + "\nx = ‸"
    completion = await assistant.complete(request_at(too_large, explicit=True))
    assert completion == Silence("large-document", "the document is above 2000000 bytes")


async def test_a_document_just_below_the_limit_is_completed(assistant: Assistant) -> None:
    line = "value = compute(value)\n"
    marked = line * (DOCUMENT_BYTES_MAX // len(line) - 9) + CLASS
    assert reason(await assistant.complete(request_at(marked, explicit=True))) != "large-document"


@pytest.mark.parametrize(
    "text",
    ["‸", "\n\n‸", "x = '\ud83d‸", "x = '\x00‸", "# 👩\u200d💻 \u202e‸", "x" * 5000 + "‸", "(" * 3000 + "‸"],
    ids=["empty", "blank", "lone-surrogate", "nul", "emoji", "one-long-line", "brackets"],
)
async def test_any_text_is_answered(assistant: Assistant, text: str) -> None:
    completion = await assistant.complete(request_at(text, explicit=True))
    assert reason(completion) != "model-unavailable", completion


NO_MODELS: dict[str, Callable[[Path], object]] = {
    "missing": lambda _: None,
    "directory": lambda path: path.mkdir(),
    "text": lambda path: path.write_text("this is no model\n"),
}


@pytest.mark.parametrize("kind", NO_MODELS)
async def test_a_file_that_is_no_model_is_named(
    make_assistant: MakeAssistant, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "model.gguf"
    NO_MODELS[kind](path)
    assistant = make_assistant(Config(model_path=path))
    completion = await assistant.complete(request_at(CLASS))
    assert isinstance(completion, Silence)
    assert completion.reason == "model-unavailable"
    assert str(path) in completion.detail


async def complete_while_the_engine_dies(assistant: Assistant) -> Completion:
    """Return what comes of a request whose engine dies before it could answer."""
    before = running()
    await assistant.model_info()
    (engine,) = running() - before
    engine.suspend()
    dying = asyncio.create_task(assistant.complete(request_at(CLASS, explicit=True)))
    await asyncio.sleep(0)  # the request is sent
    engine.kill()
    return await dying


async def test_an_engine_that_dies_is_replaced_while_somebody_waits(assistant: Assistant) -> None:
    completion = await complete_while_the_engine_dies(assistant)
    assert reason(completion) != "model-unavailable", completion


async def test_an_engine_that_dies_too_often_is_a_reason(make_assistant: MakeAssistant) -> None:
    completion = await complete_while_the_engine_dies(make_assistant(Config(restarts_max=0)))
    assert isinstance(completion, Silence)
    assert completion.reason == "model-unavailable"
    assert completion.detail.startswith("the engine ")


async def test_a_request_that_waits_too_long_for_others_says_so() -> None:
    """The newest request has the engine first: an older one may reach its deadline without a token."""
    model, syntax = LocalModel.from_config(Config()), SyntaxReader()
    await model.info()
    long = Generation(
        (Text("import os\n", 100, "tail"),),
        Limits(300, 4.0),
        Sampling(temperature=1.5),
        samples=1000,
    )
    try:
        marked = "value = compute(value)\n" * 500 + "x = ‸"
        completer = Completer(model, syntax, Pace())
        status = await model.status()
        assert status is not None
        await syntax.scene("python", "", 0)
        os.kill(status.pid, signal.SIGSTOP)  # so that both are there when it goes on
        waiting = asyncio.create_task(completer.complete(request_at(marked)))
        await asyncio.sleep(1.0)
        async with aclosing(model.generate(long)) as answers:
            overtaking = asyncio.create_task(_drain(answers))
            await asyncio.sleep(0.2)
            os.kill(status.pid, signal.SIGCONT)
            completion = await waiting
            overtaking.cancel()
            await asyncio.gather(overtaking, return_exceptions=True)
    finally:
        await model.close()
        await syntax.close()
    assert completion == Silence("empty", "the model had no time to answer")


async def _drain(answers: AsyncIterator[object]) -> None:
    async for _ in answers:
        pass


async def until_left(processes: set[psutil.Process]) -> None:
    """Wait until no others run: an engine that windows share ends by itself, after the last of them."""
    async with asyncio.timeout(10):
        while not running() <= processes:
            await asyncio.sleep(0.01)


async def test_other_settings_keep_the_engine_of_the_same_model(assistant: Assistant) -> None:
    await assistant.warm("file:///a.py")
    engines = running()
    assistant.use(replace(assistant.config, completion_enabled=False))
    assert reason(await assistant.complete(request_at(CLASS))) == "disabled"
    assistant.use(replace(assistant.config, completion_enabled=True))
    assert reason(await assistant.complete(request_at(CLASS, explicit=True))) != "disabled"
    assert running() == engines


async def test_another_model_replaces_the_one_that_was_loaded(assistant: Assistant, tmp_path: Path) -> None:
    before = running()
    first = await assistant.complete(request_at(CLASS, explicit=True))
    assert isinstance(first, Suggestion), first
    assistant.use(Config(model_path=tmp_path / "no.gguf"))
    assert reason(await assistant.complete(request_at(CLASS, explicit=True))) == "model-unavailable"
    await assistant.close()
    await until_left(before)


async def test_no_process_is_left_behind(make_assistant: MakeAssistant) -> None:
    before = running()
    assistant = make_assistant(replace(Config(), threads=1))
    await assistant.complete(request_at(CLASS))
    await assistant.close()
    await until_left(before)
