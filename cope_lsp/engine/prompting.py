"""The tokens of a prompt: marks by their ids, and text that never turns into a mark."""

import itertools

from cope_lsp.engine.llama import LlamaModel
from cope_lsp.values import FimMark, NamedToken, Prompt, Text


def prompt_tokens(prompt: Prompt, model: LlamaModel) -> list[int]:
    """Return the tokens of `prompt`, of which there is one at least.

    Raises:
        ValueError: the model has no token for one of the marks.
    """
    tokens = model.opening_tokens()
    for is_text, segments in itertools.groupby(prompt, lambda segment: isinstance(segment, Text)):
        if is_text:
            tokens += _text_tokens([text for text in segments if isinstance(text, Text)], model)
        else:
            tokens += [_mark(mark, model) for mark in segments if not isinstance(mark, Text)]
    return tokens or [model.closing_token()]


def _text_tokens(texts: list[Text], model: LlamaModel) -> list[int]:
    """Return the tokens of texts that follow one another: of all together, unless one has to be cut."""
    parts = [model.tokenize(text.text, joined=text.joined or n > 0) for n, text in enumerate(texts)]
    whole = all(len(tokens) <= text.tokens_max for tokens, text in zip(parts, texts, strict=True))
    if whole and len(texts) > 1:
        return model.tokenize("".join(text.text for text in texts), joined=texts[0].joined)
    return [token for tokens, text in zip(parts, texts, strict=True) for token in text.cut(tokens)]


def _mark(mark: FimMark | NamedToken, model: LlamaModel) -> int:
    if isinstance(mark, FimMark):
        token, what = model.fim_token(mark.role), f"fill-in-the-middle token for {mark.role!r}"
    else:
        token, what = model.special_token(mark.name), f"special token {mark.name!r}"
    if token is None:
        msg = f"the model has no {what}"
        raise ValueError(msg)
    return token
