"""A conversation as a prompt, in the format of the model that is asked."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from cope_lsp.engine.chat_formats import ChatFormat, by_name
from cope_lsp.values import ModelInfo, NamedToken, Prompt, Segment, Text

_FIXED_TOKENS_MAX = 64
"""The texts between the turns are ours and short."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said; of a text that is too long, its beginning or its end is kept."""

    role: Literal["system", "user", "assistant"]
    text: str
    tokens_max: int
    keep: Literal["head", "tail"] = "head"


def conversation(turns: Sequence[Turn], model: ModelInfo) -> Prompt | None:
    """Return the prompt for the model's next turn; None for a model that was not trained to converse.

    Marks between the turns are tokens; whatever the turns say is text, even where it looks like a mark.
    """
    if model.chat is None:
        return None
    known = by_name(model.chat)
    written = chain.from_iterable(_turns(turns, known))
    return (*written, *_pieces(known.opening, known, ()))


def _turns(turns: Sequence[Turn], known: ChatFormat) -> Iterator[Iterator[Segment]]:
    waiting: tuple[Segment, ...] = ()
    for turn in turns:
        said: tuple[Segment, ...] = (Text(turn.text, turn.tokens_max, turn.keep),)
        if turn.role == "system" and known.system_in_first_turn:
            waiting += tuple(_pieces(known.system, known, said))
            continue
        if turn.role == "user":
            said, waiting = (*waiting, *said), ()
        yield _pieces(_template(known, turn.role), known, said)


def _template(known: ChatFormat, role: str) -> str:
    return {"system": known.system, "user": known.user, "assistant": known.assistant}[role]


def _pieces(template: str, known: ChatFormat, said: tuple[Segment, ...]) -> Iterator[Segment]:
    """Yield the parts of one of our own templates, with what is said in its place."""
    splitting = "|".join(re.escape(part) for part in ("{}", *known.tokens))
    for piece in re.split(f"({splitting})", template):
        if piece == "{}":
            yield from said
        elif piece in known.tokens:
            yield NamedToken(piece)
        elif piece:
            yield Text(piece, _FIXED_TOKENS_MAX, "head")
