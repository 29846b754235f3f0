"""The prompt for ghost text, in the format that the model's own vocabulary asks for."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

from cope_lsp.context.window import around
from cope_lsp.values import CompletionRequest, Excerpt, FimMark, FimOrder, ModelInfo, Prompt, Segment, Text

PROMPT_TOKENS_MAX = 1024
"""Enough for the surroundings of a cursor, and what a CPU can evaluate while somebody waits."""

SUFFIX_SHARE = 0.25

EXCERPTS_SHARE = 0.3
"""Of the prompt, where there is anything to show of other places."""

EXCERPTS_CONTEXT_MIN = 2048
"""A model with less has no tokens to spare for other places."""

EXCERPT_TOKENS_MIN = 12
"""Less of one is not worth its tokens."""
NAME_TOKENS_MAX = 32
CHARACTERS_PER_TOKEN_MIN = 3
"""Code has more."""

_COMMENTS = {"python": "#", "ruby": "#", "shellscript": "#", "lua": "--"}
_COMMENT_ELSEWHERE = "//"


def build(
    request: CompletionRequest, model: ModelInfo, output_tokens_max: int, excerpts: Sequence[Excerpt] = ()
) -> Prompt:
    """Return a fill-in-the-middle prompt, or a left-to-right one for a model without the tokens for it.

    Excerpts stand in front of everything, so that what the engine remembers of them stays good.
    """
    tokens = max(16, min(PROMPT_TOKENS_MAX, model.context_tokens - output_tokens_max - 8))
    elsewhere = tuple(_elsewhere(request, model, excerpts, int(tokens * EXCERPTS_SHARE)))
    tokens -= sum(each.tokens_max if isinstance(each, Text) else 1 for each in elsewhere)
    suffix_tokens = _suffix_tokens(tokens, model) if model.fim else 0
    prefix_tokens = tokens - suffix_tokens
    window = around(
        request.document.text,
        request.offset,
        prefix_tokens_max=prefix_tokens,
        suffix_tokens_max=suffix_tokens,
    )
    prefix = Text(_plain(window.prefix), prefix_tokens, "tail")
    if not model.fim:
        return (*elsewhere, prefix)
    suffix = Text(_plain(window.suffix), suffix_tokens, "head", joined=True)
    return (*elsewhere, *_in_order(prefix, suffix, model.fim_order))


def shows_elsewhere(model: ModelInfo) -> bool:
    """Whether a model is shown anything of other places."""
    return model.context_tokens >= EXCERPTS_CONTEXT_MIN


def _elsewhere(
    request: CompletionRequest, model: ModelInfo, excerpts: Sequence[Excerpt], tokens: int
) -> Iterator[Segment]:
    """Yield what a model is shown of other places: as files of a repository, or else as comments say.

    How much of one is shown depends on itself alone: what is remembered of it stays good when others come
    behind it.
    """
    if not excerpts or not shows_elsewhere(model):
        return
    as_files = "file" in model.fim_marks
    head = "" if as_files else f"{_COMMENTS.get(request.document.language, _COMMENT_ELSEWHERE)} "
    for each in excerpts:
        text = f"{head}{each.path}\n{_plain(each.text)}\n"
        whole = len(text) // CHARACTERS_PER_TOKEN_MIN + 1
        own = min(whole, tokens)
        if own < min(whole, EXCERPT_TOKENS_MIN):
            return
        tokens -= own + as_files
        if as_files:
            yield FimMark("file")
        yield Text(text, own, "head")
    if as_files:
        yield FimMark("file")
        yield Text(f"{_name(request.document.uri)}\n", NAME_TOKENS_MAX, "head")


def _name(uri: str) -> str:
    return PurePosixPath(unquote(uri)).name


def _suffix_tokens(tokens: int, model: ModelInfo) -> int:
    share = int(tokens * SUFFIX_SHARE)
    return share if model.suffix_tokens_max is None else min(share, model.suffix_tokens_max)


def _in_order(prefix: Text, suffix: Text, order: FimOrder) -> Prompt:
    """Return marks and texts as the model was trained to see them."""
    before, after = (FimMark("prefix"), prefix), (FimMark("suffix"), suffix)
    match order:
        case "prefix-suffix-middle":
            return (*before, *after, FimMark("middle"))
        case "suffix-prefix-middle":
            return (*after, *before, FimMark("middle"))
        case "suffix-prefix":
            return (*after, *before)


def _plain(text: str) -> str:
    """Models know one line end; a document's own would only distract them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
