"""How families of models write fill-in-the-middle prompts: the names of their tokens, and in which order.

A vocabulary says which family it is by the tokens it has. What a file names itself in its metadata
(`tokenizer.ggml.fim_pre_token_id` and its like) wins over this table. Whether BOS comes first is the file's
own word, too (`tokenizer.ggml.add_bos_token`, or what llama.cpp supposes for the kind of vocabulary).
"""

from collections.abc import Callable
from dataclasses import dataclass

from cope_lsp.values import FimOrder, FimRole

FindToken = Callable[[str], int | None]
"""Returns the special token with exactly this name; None when the vocabulary has none."""


@dataclass(frozen=True, slots=True)
class FimFormat:
    """One family. An empty name: the family has no such token."""

    family: str
    prefix: str
    suffix: str
    middle: str
    repository: str
    file: str
    ends: tuple[str, ...]
    """What ends a draft beside the tokens above and those that llama.cpp knows to end a text."""
    order: FimOrder
    source: str

    def names(self) -> dict[FimRole, str]:
        """Return the name of the token for each role that the family has one for."""
        named: dict[FimRole, str] = {
            "prefix": self.prefix,
            "suffix": self.suffix,
            "middle": self.middle,
            "repository": self.repository,
            "file": self.file,
        }
        return {role: name for role, name in named.items() if name}


FIM_FORMATS = (
    FimFormat(
        family="Qwen2.5-Coder, Qwen3-Coder",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        repository="<|repo_name|>",
        file="<|file_sep|>",
        ends=("<|fim_pad|>", "<|endoftext|>", "<|im_end|>"),
        order="prefix-suffix-middle",
        source="github.com/QwenLM/Qwen3-Coder, README.md and examples/Qwen2.5-Coder-repolevel-fim.py",
    ),
    FimFormat(
        family="CodeGemma",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        repository="",
        file="<|file_separator|>",
        ends=("<eos>", "<end_of_turn>"),
        order="prefix-suffix-middle",
        source="ai.google.dev/gemma/docs/codegemma/prompt-structure",
    ),
    FimFormat(
        family="StarCoder2",
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        repository="<repo_name>",
        file="<file_sep>",
        ends=("<fim_pad>", "<|endoftext|>"),
        order="prefix-suffix-middle",
        source="llama.cpp, models/ggml-vocab-starcoder.gguf; order: huggingface.co/bigcode/tiny_starcoder_py",
    ),
    FimFormat(
        family="Granite Code, StarCoder, Refact",
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        repository="<reponame>",
        file="<filename>",
        ends=("<fim_pad>", "<|endoftext|>", "<|end_of_text|>"),
        order="prefix-suffix-middle",
        source="llama.cpp, models/ggml-vocab-refact.gguf; src/llama-vocab.cpp says which are Granite's",
    ),
    FimFormat(
        family="DeepSeek-Coder",
        prefix="<｜fim▁begin｜>",  # noqa: RUF001  # the vocabulary has these wide bars
        suffix="<｜fim▁hole｜>",  # noqa: RUF001
        middle="<｜fim▁end｜>",  # noqa: RUF001
        repository="",
        file="",
        ends=("<|EOT|>", "<｜end▁of▁sentence｜>"),  # noqa: RUF001
        order="prefix-suffix-middle",
        source="llama.cpp, models/ggml-vocab-deepseek-coder.gguf and src/llama-vocab.cpp",
    ),
    FimFormat(
        family="CodeLlama",
        prefix="▁<PRE>",
        suffix="▁<SUF>",
        middle="▁<MID>",
        repository="",
        file="",
        ends=("▁<EOT>",),
        order="prefix-suffix-middle",  # trained on both orders
        source="github.com/meta-llama/codellama, infilling_prompt_tokens in llama/generation.py",
    ),
    FimFormat(
        family="Codestral",
        prefix="[PREFIX]",
        suffix="[SUFFIX]",
        middle="",
        repository="",
        file="",
        ends=("[MIDDLE]", "</s>"),
        order="suffix-prefix",
        source="github.com/mistralai/mistral-common, encode_fim in tokens/tokenizers/instruct.py",
    ),
    FimFormat(
        family="Seed-Coder",
        prefix="<[fim-prefix]>",
        suffix="<[fim-suffix]>",
        middle="<[fim-middle]>",
        repository="",
        file="",
        ends=("<[end▁of▁sentence]>",),
        order="suffix-prefix-middle",
        source="Seed-Coder: Let the Code Model Curate Data for Itself (2025), on fill-in-the-middle",
    ),
)

NEEDED_MARKS: dict[FimOrder, set[FimRole]] = {
    "prefix-suffix-middle": {"prefix", "suffix", "middle"},
    "suffix-prefix-middle": {"prefix", "suffix", "middle"},
    "suffix-prefix": {"prefix", "suffix"},
}


def recognise(find: FindToken) -> FimFormat | None:
    """Return the family that a vocabulary speaks: of those whose marks it has, the one with most of them."""
    scored = [(_tokens_found(known, find), known) for known in FIM_FORMATS]
    score, best = max(scored, key=lambda pair: pair[0])
    return best if score else None


def _tokens_found(known: FimFormat, find: FindToken) -> int:
    """Return how many of a family's tokens there are; 0 when a mark is missing that its prompts need."""
    needed = [name for name in (known.prefix, known.suffix, known.middle) if name]
    if any(find(name) is None for name in needed):
        return 0
    return len(needed) + sum(find(name) is not None for name in (known.repository, known.file) if name)
