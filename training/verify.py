"""The last look: the finished file splits texts as the recipe does, and its card is about this very file."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from llama_cpp import Llama
from tokenizers import Tokenizer


class UnfitError(Exception):
    """What was made must not be published; the message says what is wrong with it."""


def verify(model: Path, card: str, tokenizer: Tokenizer, texts: Iterable[str]) -> None:
    """Compare the finished files with what they were made of.

    Args:
        model: the GGUF file.
        card: the text of its card.
        tokenizer: the one of the training.
        texts: where llama.cpp and the tokenizer must agree token by token.

    Raises:
        UnfitError: they do not belong together.
    """
    content = model.read_bytes()
    if hashlib.sha256(content).hexdigest() not in card or f"{len(content):,} bytes" not in card:
        raise UnfitError(f"the card does not name the hash and the size of {model.name}")
    llama = Llama(str(model), vocab_only=True, verbose=False)
    try:
        for number, each in enumerate(texts):
            if llama.tokenize(each.encode(), add_bos=False, special=False) != tokenizer.encode(each).ids:
                raise UnfitError(f"llama.cpp splits text {number} in another way than the tokenizer")
    finally:
        llama.close()
