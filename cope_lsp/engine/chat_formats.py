"""How families of models write conversations: our own templates, and the marks by which a file names one.

The template in a file is a program (Jinja). It is looked at for these marks and never run. Marks and turns
are those of llama.cpp (src/llama-chat.cpp), in the order in which it tries them; `alpaca` is the format of
github.com/tatsu-lab/stanford_alpaca (train.py, PROMPT_DICT).
"""

from dataclasses import dataclass

from cope_lsp.engine.fim_formats import FindToken


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """One family. `{}` stands for what is said; `tokens` are written as tokens, the rest as text."""

    name: str
    marks: tuple[str, ...]
    """What the template in the file must contain."""
    tokens: tuple[str, ...]
    """What the vocabulary must have."""
    system: str
    user: str
    assistant: str
    opening: str
    """What comes before the answer that is wanted."""
    system_in_first_turn: bool = False
    """Whether there is no turn for the system's text, so that the first of the user's begins with it."""
    not_with: tuple[str, ...] = ()
    """What the template must not contain, as it would be another family's."""


CHAT_FORMATS = (
    ChatFormat(
        name="chatml",
        marks=("<|im_start|>",),
        tokens=("<|im_start|>", "<|im_end|>"),
        system="<|im_start|>system\n{}<|im_end|>\n",
        user="<|im_start|>user\n{}<|im_end|>\n",
        assistant="<|im_start|>assistant\n{}<|im_end|>\n",
        opening="<|im_start|>assistant\n",
        not_with=("<|im_sep|>", "<end_of_utterance>"),
    ),
    ChatFormat(
        name="mistral-v7",
        marks=("[INST]", "[SYSTEM_PROMPT]"),
        tokens=("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]", "</s>"),
        system="[SYSTEM_PROMPT]{}[/SYSTEM_PROMPT]",
        user="[INST]{}[/INST]",
        assistant="{}</s>",
        opening="",
    ),
    ChatFormat(
        # Vocabularies of SentencePiece imply the space after [INST], those of tekken have none.
        name="mistral-v3",
        marks=("[INST]",),
        tokens=("[INST]", "[/INST]", "</s>"),
        system="{}\n\n",
        user="[INST]{}[/INST]",
        assistant="{}</s>",
        opening="",
        system_in_first_turn=True,
        not_with=("<<SYS>>",),
    ),
    ChatFormat(
        name="llama2",
        marks=("[INST]", "<<SYS>>"),
        tokens=("</s>",),
        system="<<SYS>>\n{}\n<</SYS>>\n\n",
        user="[INST] {} [/INST]",
        assistant=" {} </s>",
        opening="",
        system_in_first_turn=True,
    ),
    ChatFormat(
        name="mistral-v1",
        marks=("[INST]",),
        tokens=("</s>",),
        system="{}\n\n",
        user="[INST] {} [/INST]",
        assistant=" {}</s>",
        opening="",
        system_in_first_turn=True,
        not_with=("<<SYS>>",),
    ),
    ChatFormat(
        name="phi3",
        marks=("<|assistant|>", "<|end|>"),
        tokens=("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        # Its template has a line end after each of these; its tokenizer drops white space there.
        system="<|system|>{}<|end|>",
        user="<|user|>{}<|end|>",
        assistant="<|assistant|>{}<|end|>",
        opening="<|assistant|>",
    ),
    ChatFormat(
        name="gemma",
        marks=("<start_of_turn>",),
        tokens=("<start_of_turn>", "<end_of_turn>"),
        system="{}\n\n",
        user="<start_of_turn>user\n{}<end_of_turn>\n",
        assistant="<start_of_turn>model\n{}<end_of_turn>\n",
        opening="<start_of_turn>model\n",
        system_in_first_turn=True,
    ),
    ChatFormat(
        name="deepseek",  # like Alpaca's
        marks=("### Instruction:", "<|EOT|>"),
        tokens=("<|EOT|>",),
        system="{}\n",
        user="### Instruction:\n{}\n",
        assistant="### Response:\n{}\n<|EOT|>\n",
        opening="### Response:\n",
    ),
    ChatFormat(
        name="alpaca",
        marks=("### Instruction:", "### Response:"),
        tokens=(),
        system="{}\n\n",
        user="### Instruction:\n{}\n\n",
        assistant="### Response:\n{}\n\n",
        opening="### Response:\n",
    ),
    ChatFormat(
        name="llama3",
        marks=("<|start_header_id|>", "<|end_header_id|>"),
        tokens=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        system="<|start_header_id|>system<|end_header_id|>\n\n{}<|eot_id|>",
        user="<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>",
        assistant="<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
        opening="<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    ChatFormat(
        name="deepseek-v3",
        marks=("<｜Assistant｜>", "<｜User｜>", "<｜end▁of▁sentence｜>"),  # noqa: RUF001  # the vocabulary has these bars
        tokens=("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"),  # noqa: RUF001
        system="{}\n\n",
        user="<｜User｜>{}",  # noqa: RUF001
        assistant="<｜Assistant｜>{}<｜end▁of▁sentence｜>",  # noqa: RUF001
        opening="<｜Assistant｜>",  # noqa: RUF001
    ),
    ChatFormat(
        name="granite",
        marks=("<|start_of_role|>",),
        tokens=("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"),
        system="<|start_of_role|>system<|end_of_role|>{}<|end_of_text|>\n",
        user="<|start_of_role|>user<|end_of_role|>{}<|end_of_text|>\n",
        assistant="<|start_of_role|>assistant<|end_of_role|>{}<|end_of_text|>\n",
        opening="<|start_of_role|>assistant<|end_of_role|>",
    ),
)


def recognise(template: str, find: FindToken) -> ChatFormat | None:
    """Return the family of the `template` in a file; None when there is none, or none that we know."""
    if not template:
        return None
    for known in CHAT_FORMATS:
        if _is_written_in(known, template) and all(find(name) is not None for name in known.tokens):
            return known
    return None


def by_name(name: str) -> ChatFormat:
    """Return the format that `ModelInfo.chat` names."""
    return next(known for known in CHAT_FORMATS if known.name == name)


def _is_written_in(known: ChatFormat, template: str) -> bool:
    return all(mark in template for mark in known.marks) and not any(
        mark in template for mark in known.not_with
    )
