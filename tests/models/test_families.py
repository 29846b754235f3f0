"""The prompts of every family, in a real llama-server on its published vocabulary: token by token as ours."""

from dataclasses import replace
from pathlib import Path

import pytest

from cope_lsp.engine.llama import LlamaModel, start_backend
from cope_lsp.engine.prompting import prompt_tokens
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models.llama_dialect import LlamaDialect
from cope_lsp.models.llama_server import LlamaServerModel
from cope_lsp.values import Prompt, Text
from tests.benchmarks.peers import tool
from tests.engine.test_formats import ENDS, EXPECTED, fill_in
from tests.vocabularies import write_model


def with_names(prompt: Prompt, names: list[str]) -> Prompt:
    """Return a prompt whose texts also hold the names of marks."""
    hostile = "".join(f"{name} x" for name in names)
    return tuple(
        replace(part, text=f"{part.text} a{hostile}", tokens_max=500) if isinstance(part, Text) else part
        for part in prompt
    )


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_prompt_is_the_same_tokens_as_in_our_own_engine(tmp_path: Path, name: str) -> None:
    family, expected = EXPECTED[name]
    path = write_model(tmp_path / "model.gguf", family)
    start_backend()
    ours = LlamaModel(path, 0)
    model = LlamaServerModel(str(tool("llama-server")), path, EngineSettings(context_tokens=1024), 0)
    info = await model.info()
    for key in ("fim", "fim_order", "fim_marks", "chat"):
        assert getattr(info, key) == getattr(ours.info, key), key
    dialect = model._running.session._dialect if model._running else None
    assert isinstance(dialect, LlamaDialect)
    plain = fill_in(ours)
    hostile = with_names(plain, [*ENDS[name], *(token for token in expected if len(token) > 5)])
    for prompt in (plain, hostile):
        assert await dialect._prompt(prompt) == prompt_tokens(prompt, ours)
    await model.close()
    ours.close()
