"""The prompt for ghost text, in the format that the model's own vocabulary asks for."""

from cope_lsp.context.window import Window, around
from cope_lsp.values import CompletionRequest, FimMark, ModelInfo, Prompt, Text

PROMPT_TOKENS_MAX = 1024
"""Enough for the surroundings of a cursor, and what a CPU can evaluate while somebody waits."""

SUFFIX_SHARE = 0.25


def build(request: CompletionRequest, model: ModelInfo, output_tokens_max: int) -> Prompt:
    """Return a fill-in-the-middle prompt, or a left-to-right one for a model without the tokens for it."""
    tokens = max(16, min(PROMPT_TOKENS_MAX, model.context_tokens - output_tokens_max - 8))
    suffix_tokens = _suffix_tokens(tokens, model) if model.fim else 0
    prefix_tokens = tokens - suffix_tokens
    window = around(
        request.document.text,
        request.offset,
        prefix_tokens_max=prefix_tokens,
        suffix_tokens_max=suffix_tokens,
    )
    prefix = Text(_plain(window.prefix), prefix_tokens, "tail")
    return _fill_in(prefix, window, suffix_tokens, model) if model.fim else (prefix,)


def _suffix_tokens(tokens: int, model: ModelInfo) -> int:
    share = int(tokens * SUFFIX_SHARE)
    return share if model.suffix_tokens_max is None else min(share, model.suffix_tokens_max)


def _fill_in(prefix: Text, window: Window, suffix_tokens: int, model: ModelInfo) -> Prompt:
    """Prefix, suffix, middle: the usual order; or suffix first, for a model that was trained so."""
    suffix = Text(_plain(window.suffix), suffix_tokens, "head")
    before, after = (FimMark("prefix"), prefix), (FimMark("suffix"), suffix)
    order = (*after, *before) if model.suffix_first else (*before, *after)
    return (*order, FimMark("middle"))


def _plain(text: str) -> str:
    """Models know one line end; a document's own would only distract them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
