"""The values that pass between the parts: immutable, without behaviour of their own."""

from dataclasses import dataclass, field
from typing import Literal

FimRole = Literal["prefix", "suffix", "middle", "repository", "file"]
FimOrder = Literal["prefix-suffix-middle", "suffix-prefix-middle", "suffix-prefix"]
Finish = Literal["eog", "stop", "lines", "length", "deadline", "cancelled"]
Priority = Literal["interactive", "batch"]


CUT_STEPS = 8
"""Up to an eighth of what could be shown is given up for a beginning that stays."""


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of a prompt: at most `tokens_max` tokens of `text`, taken from its `keep` end.

    A text that is cut at its head begins at every so many tokens only: while somebody types at its end its
    beginning stays the same, and with it the memory of all that follows.
    """

    text: str
    tokens_max: int
    keep: Literal["head", "tail"]
    joined: bool = False
    """Whether it goes on where a text was cut: some vocabularies would put a space before it otherwise."""

    def cut(self, tokens: list[int]) -> list[int]:
        """Return those of all tokens of the text that are shown."""
        if self.keep == "head":
            return tokens[: self.tokens_max]
        step = max(1, self.tokens_max // CUT_STEPS)
        steps = -(-max(0, len(tokens) - self.tokens_max) // step)
        return tokens[steps * step :]


@dataclass(frozen=True, slots=True)
class FimMark:
    """The token that a model reserves for one role in fill-in-the-middle prompts."""

    role: FimRole


@dataclass(frozen=True, slots=True)
class NamedToken:
    """The one special token that has this name in the model's vocabulary, such as the start of a turn."""

    name: str


Segment = Text | FimMark | NamedToken
Prompt = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn; temperature 0 means greedy, and then nothing else counts."""

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """The block that a text stays in: it ends before the first line that leaves it, or that says nothing new.

    The first line, which goes on from the cursor, is in it wherever it begins.
    """

    indent: int
    """In columns, as `text.columns_of` counts them: a line that is indented less leaves it."""
    closes: bool = False
    """Whether a line that leaves it by a closing bracket is its last one."""
    ends_at_blank: bool = False
    """Whether a blank line ends it, as where no indentation does."""
    below: str = ""
    """The line that stands below it in the document, from which on the text would repeat that."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a sample ends at the latest."""

    output_tokens_max: int
    deadline_s: float
    lines_max: int | None = None
    stop: tuple[str, ...] = ()
    patience_s: float | None = None
    """How long somebody likes to wait, on a slow machine too: of a prompt that takes longer to read, less is
    shown, and no more tokens are drawn than fit. None: everything is shown, whatever it takes."""
    scope: Scope | None = None
    """The block that it stays in; None: any."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One request to a model: `samples` drafts of one prompt."""

    prompt: Prompt
    limits: Limits
    sampling: Sampling = field(default_factory=Sampling)
    samples: int = 1
    priority: Priority = "interactive"
    logprobs: bool = False
    """Whether each sample comes with the log-probabilities of its tokens, which takes time to compute."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One text that a model drew, and why it ended there."""

    index: int
    text: str
    tokens: int
    finish: Finish
    logprobs: tuple[float, ...] | None = None
    """Natural logarithms, one per token, of the model's own distribution before any sampling setting."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a generation cost: tokens, and seconds of the engine.

    `prompt_tokens` includes the `cached_tokens` that were not evaluated again.
    """

    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    prefill_s: float
    decode_s: float


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model file says of itself, read by the engine."""

    name: str
    description: str
    parameters: int
    bytes: int
    context_tokens: int
    fim: bool
    languages: tuple[str, ...] | None
    """LSP language ids that the model is good for; None: any."""
    gpu: bool
    """Whether this build of llama.cpp can offload to a GPU."""
    suffix_tokens_max: int | None = None
    """How many tokens after the cursor help the model; None: as many as there is room for."""
    fim_order: FimOrder = "prefix-suffix-middle"
    """In which order the marks and texts of a fill-in-the-middle prompt come, where `fim` is true."""
    fim_marks: tuple[FimRole, ...] = ()
    """The roles for which the model has a token, also those that show it other files of a repository."""
    chat: str | None = None
    """The format of its conversations (engine/chat_formats.py); None: it knows none, or none of ours."""
    notes: tuple[str, ...] = ()
    """What its user should know of how it runs, one sentence each: that its draft model cannot be used."""


ModelState = Literal["asleep", "loading", "ready", "unavailable"]
"""Whether a model is loaded: not yet, soon, yes, or never again with these settings."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text in an editor or a file. `language` is an LSP language id, such as "python"."""

    uri: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of code from elsewhere that a model is shown beside the text around the cursor."""

    path: str
    """Of its file, relative to the workspace and with slashes, as a comment or a file mark shows it."""
    text: str
    uri: str = ""
    """Of its file; "": it is from none that could be asked about."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """Where ghost text is wanted: `offset` is a code-point offset into the document's text."""

    document: Document
    offset: int
    explicit: bool = False
    """The user asked by a key: more time, more lines."""
    hurried: bool = False
    """Whether an automatic request is answered as soon as it can be, not when its user pauses."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text to insert at the place of the request."""

    text: str
    seconds: float = 0.0
    from_cache: bool = False
    others: tuple[str, ...] = ()
    """What else could stand there, the best first; only for who asked by a key."""


SilenceReason = Literal[
    "language",
    "large-document",
    "inside-word",
    "disabled",
    "model-unavailable",
    "superseded",
    "empty",
    "repeats-suffix",
    "repeats-prefix",
    "repeats-itself",
    "too-short",
    "unfinished",
    "slow",
    "marks-in-text",
    "not-sent",
    "resting",
    "adds-error",
    "manual",
    "excluded",
    "snoozed",
]


@dataclass(frozen=True, slots=True)
class Silence:
    """No suggestion, and the reason that status and log can give for it."""

    reason: SilenceReason
    detail: str = ""
    offers_solve: bool = False
    """Whether the function around the cursor could be written by the cascade instead: somebody asked by a
    key, and nothing that the model wrote is sound."""


Completion = Suggestion | Silence
