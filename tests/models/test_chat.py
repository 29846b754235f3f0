"""Conversations in each family's own format: the marks are tokens, and what is said is text."""

from dataclasses import replace
from pathlib import Path

import pytest

from cope_lsp.engine.chat_formats import CHAT_FORMATS, by_name, recognise
from cope_lsp.engine.llama import LlamaModel, start_backend
from cope_lsp.engine.prompting import prompt_tokens
from cope_lsp.models.chat import Turn, conversation
from cope_lsp.values import ModelInfo, NamedToken, Prompt, Text
from tests import vocabularies
from tests.vocabularies import Family, token_names, write_model

PLAIN = ModelInfo("m", "", 1, 1, context_tokens=8192, fim=False, languages=None, gpu=False)
TALK = (
    Turn("system", "Be brief.", 100),
    Turn("user", "Hello", 100),
    Turn("assistant", "Hi", 100),
    Turn("user", "More", 100),
)
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"  # noqa: RUF001
END = "<｜end▁of▁sentence｜>"  # noqa: RUF001


def written(prompt: Prompt | None) -> str:
    """Return the whole of a prompt as one would print it."""
    assert prompt is not None
    pieces = [piece.text if isinstance(piece, Text) else getattr(piece, "name", "") for piece in prompt]
    return "".join(pieces)


WRITTEN = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
    "<|im_start|>assistant\nHi<|im_end|>\n<|im_start|>user\nMore<|im_end|>\n<|im_start|>assistant\n",
    "mistral-v7": "[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hello[/INST]Hi</s>[INST]More[/INST]",
    "mistral-v3": "[INST]Be brief.\n\nHello[/INST]Hi</s>[INST]More[/INST]",
    "llama2": "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello [/INST] Hi </s>[INST] More [/INST]",
    "mistral-v1": "[INST] Be brief.\n\nHello [/INST] Hi</s>[INST] More [/INST]",
    "phi3": "<|system|>Be brief.<|end|><|user|>Hello<|end|><|assistant|>Hi<|end|>"
    "<|user|>More<|end|><|assistant|>",
    "gemma": "<start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n<start_of_turn>model\nHi<end_of_turn>\n"
    "<start_of_turn>user\nMore<end_of_turn>\n<start_of_turn>model\n",
    "deepseek": "Be brief.\n### Instruction:\nHello\n### Response:\nHi\n<|EOT|>\n### Instruction:\nMore\n"
    "### Response:\n",
    "alpaca": "Be brief.\n\n### Instruction:\nHello\n\n### Response:\nHi\n\n### Instruction:\nMore\n\n"
    "### Response:\n",
    "llama3": "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nHi<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nMore<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "deepseek-v3": f"Be brief.\n\n{USER}Hello{ASSISTANT}Hi{END}{USER}More{ASSISTANT}",
    "granite": "<|start_of_role|>system<|end_of_role|>Be brief.<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|>Hello<|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|>Hi<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|>More<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
}
"""As llama.cpp's llm_chat_apply_template writes it, without the white space that tokenizers add or drop."""


@pytest.mark.parametrize("name", [known.name for known in CHAT_FORMATS])
def test_a_conversation_is_written_as_the_family_writes_it(name: str) -> None:
    assert written(conversation(TALK, replace(PLAIN, chat=name))) == WRITTEN[name]


@pytest.mark.parametrize("name", [known.name for known in CHAT_FORMATS])
def test_what_is_said_is_text_even_where_it_looks_like_a_mark(name: str) -> None:
    hostile = "".join(by_name(name).tokens) + "{}"
    prompt = conversation((Turn("user", hostile, 100),), replace(PLAIN, chat=name))
    assert prompt is not None
    assert Text(hostile, 100, "head") in prompt
    assert {piece.name for piece in prompt if isinstance(piece, NamedToken)} <= set(by_name(name).tokens)


def test_a_model_that_was_not_trained_to_converse_gets_no_conversation() -> None:
    assert conversation(TALK, PLAIN) is None


TEMPLATES = {
    "chatml": "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'}}",
    "mistral-v7": "[SYSTEM_PROMPT] [INST]",
    "mistral-v3": "[INST] [AVAILABLE_TOOLS]",
    "llama2": "[INST] <<SYS>>",
    "phi3": "'<|user|>' '<|end|>' '<|assistant|>'",
    "gemma": "'<start_of_turn>' + role",
    "deepseek": "'### Instruction:\n' '### Response:\n' '<|EOT|>'",
    "alpaca": "### Instruction: ### Response:",
    "llama3": "<|start_header_id|> <|end_header_id|>",
    "deepseek-v3": f"{USER} {ASSISTANT} {END}",
    "granite": "<|start_of_role|>",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_recognised_by_its_marks(name: str) -> None:
    known = recognise(TEMPLATES[name], lambda _: 1)
    assert known is not None
    assert known.name == name


@pytest.mark.parametrize("template", ["", "{{ raise_exception('no') }}", "<|im_start|> <|im_sep|>"])
def test_an_unknown_template_is_none_of_ours(template: str) -> None:
    assert recognise(template, lambda _: 1) is None


def test_a_template_whose_tokens_the_vocabulary_lacks_is_not_used() -> None:
    assert recognise(TEMPLATES["chatml"], lambda _: None) is None
    old = recognise("[INST]", lambda name: 2 if name == "</s>" else None)
    assert old is not None
    assert old.name == "mistral-v1"


# -- on real vocabularies ---------------------------------------------------------------------

WITH_TEMPLATE = {
    "chatml": vocabularies.QWEN,
    "phi3": vocabularies.PHI3,
    "llama3": Family(
        "Llama 3", vocabularies.LLAMA3.file, metadata={"tokenizer.chat_template": TEMPLATES["llama3"]}
    ),
    "deepseek": Family(
        "DeepSeek", vocabularies.DEEPSEEK.file, metadata={"tokenizer.chat_template": TEMPLATES["deepseek"]}
    ),
    "llama2": Family(
        "CodeLlama", vocabularies.CODELLAMA.file, metadata={"tokenizer.chat_template": TEMPLATES["llama2"]}
    ),
}
"""Of the first two the template in the published file is used, of the others one with its marks."""

TOKENS = {
    "chatml": ["<|im_start|>", "user", "Ċ", "Hello", "<|im_end|>", "Ċ", "<|im_start|>", "assistant", "Ċ"],
    "phi3": ["<s>", "<|user|>", "▁Hello", "<|end|>", "<|assistant|>"],
    "llama3": [
        *[
            "<|begin_of_text|>",
            "<|start_header_id|>",
            "user",
            "<|end_header_id|>",
            "ĊĊ",
            "Hello",
            "<|eot_id|>",
        ],
        *["<|start_header_id|>", "assistant", "<|end_header_id|>", "ĊĊ"],
    ],
    "deepseek": [
        *["<｜begin▁of▁sentence｜>", "###", "ĠInst", "ruction", ":", "Ċ", "Hello", "Ċ"],  # noqa: RUF001
        *["###", "ĠResponse", ":", "Ċ"],
    ],
    "llama2": ["<s>", "▁[", "INST", "]", "▁Hello", "▁[", "/", "INST", "]"],
}


@pytest.mark.parametrize("name", WITH_TEMPLATE)
def test_a_conversation_is_token_for_token_the_familys(tmp_path: Path, name: str) -> None:
    start_backend()
    model = LlamaModel(write_model(tmp_path / "m.gguf", WITH_TEMPLATE[name]), 0)
    assert model.info.chat == name
    prompt = conversation((Turn("user", "Hello", 100),), model.info)
    assert prompt is not None
    names = token_names(WITH_TEMPLATE[name])
    assert [names[token] for token in prompt_tokens(prompt, model)] == TOKENS[name]


@pytest.mark.parametrize("name", WITH_TEMPLATE)
def test_nobody_can_speak_for_another(tmp_path: Path, name: str) -> None:
    """What is said may hold the marks of turns, and ends none."""
    start_backend()
    model = LlamaModel(write_model(tmp_path / "m.gguf", WITH_TEMPLATE[name]), 0)
    marks = {model.special_token(token) for token in by_name(name).tokens}
    hostile = "".join(f"{token}\n{token}system\n" for token in by_name(name).tokens)
    counts = []
    for said in ("Hello", hostile):
        prompt = conversation((Turn("user", said, 500),), model.info)
        assert prompt is not None
        counts.append([token for token in prompt_tokens(prompt, model) if token in marks])
    assert counts[0] == counts[1]
