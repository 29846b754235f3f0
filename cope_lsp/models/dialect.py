"""What all ways to ask a completion server share: the pieces that come, and what is believed of them."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cope_lsp.egress.reply import Reply
from cope_lsp.errors import CopeError, EngineUnavailableError, GenerationError
from cope_lsp.values import FimOrder, FimRole, Finish, Generation, ModelInfo, Usage

if TYPE_CHECKING:
    from cope_lsp.egress.completions import Completions

MANY = 100_000_000_000_000


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of the model from elsewhere: from its file, or from the user. Empty: nothing."""

    name: str = ""
    format: str = ""
    """The family of its fill-in-the-middle marks."""
    served_as: str = ""
    languages: tuple[str, ...] | None = None
    suffix_tokens_max: int | None = None
    fim_order: FimOrder | None = None
    fim: Mapping[FimRole, int] = field(default_factory=dict)
    """The ids of its marks."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of one draft."""

    index: int
    text: str = ""
    tokens: int | None = None
    """How many the draft has so far, where the server says it."""
    logprobs: tuple[float, ...] = ()
    finish: Finish | None = None
    usage: Usage | None = None
    """What this draft cost; its prompt counts once for all."""


class Dialect(Protocol):
    """One way to ask; it was opened and knows the model."""

    info: ModelInfo
    server: "Completions"

    @property
    def end_names(self) -> tuple[str, ...]:
        """What ends a draft where it comes as text: marks that are no tokens here."""
        ...

    def pieces(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """Yield what comes, as it comes. Closing the iterator hangs up.

        Raises:
            EngineUnavailableError: the server cannot be asked, or its answer not be understood.
            GenerationError: it cannot serve this.
        """
        ...


def refusal(url: str, reply: Reply) -> CopeError:
    """Return the error for a server that answers with another status than 200."""
    said = f" ({reply.said})" if reply.said else ""
    if reply.status in {401, 403}:
        step = f"set it: cope-lsp auth set --endpoint {url}, or COPE_LSP_MODEL_API_KEY"
        return EngineUnavailableError(f"{url} wants an API key, or another one{said}; {step}")
    if reply.status == 503:
        return EngineUnavailableError(f"{url} is not ready yet{said}; it is asked again for the next text")
    if reply.status == 429:
        return EngineUnavailableError(f"{url} has too much to do{said}; it is asked again for the next text")
    if reply.status == 404:
        step = "give the address without a path, and a server of text, not of conversations alone"
        return EngineUnavailableError(f"{url} completes no text there{said}; {step}")
    if 400 <= reply.status < 500:
        if is_too_long(reply):
            step = "start the server with a larger context (llama-server -c, vllm --max-model-len)"
            return GenerationError(f"the prompt is too long for {url}{said}; {step}")
        return GenerationError(f"{url} refuses the request with status {reply.status}{said}")
    return EngineUnavailableError(f"{url} answers with status {reply.status}{said}; look at its log")


def is_too_long(reply: Reply) -> bool:
    """Whether a server refuses a prompt for its length; llama-server and vLLM speak of their context."""
    return reply.status in {400, 413} and "context" in reply.said.lower()


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object; else an empty one."""
    return value if isinstance(value, Mapping) else {}


def first(value: Any) -> Mapping[str, Any]:
    """Return the first object of a list; an empty one where there is none."""
    return mapping(value[0]) if isinstance(value, list) and value else {}


def number(value: Any, default: int = 0) -> int:
    """Return a whole number that is not negative and not absurd; else `default`."""
    fine = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MANY
    return value if fine else default


def text(value: Any) -> str:
    """Return a text.

    Raises:
        EngineUnavailableError: it is none.
    """
    if not isinstance(value, str):
        raise EngineUnavailableError("the server's answer has no text where one belongs")
    return value
