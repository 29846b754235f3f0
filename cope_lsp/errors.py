"""Every exception of cope-lsp, each with a message written for the person who reads it.

CopeError
├── FrameError              a peer sent bytes that are not a frame of ours
├── ModelFileError          the file cannot be loaded as a model
├── DownloadError           a model could not be fetched
├── EngineUnavailableError  there is no engine that could answer now
├── GenerationError         the engine is well but cannot serve this request
├── LedgerError             the ledger cannot be used now, so no hosted model is asked
├── PriceFileError          the user's table of prices cannot be read or written
├── SandboxUnavailableError there is no safe place to run a draft
├── TaskFileError           a file holds no tasks that could be evaluated
├── KeyStoreError           an API key cannot be stored or read
└── HostedError             no answer of the hosted model
    ├── HostedRefusedError  we did not send; nothing left the machine
    └── HostedFailedError   the attempt was made and failed
"""

from collections.abc import Iterator
from typing import Literal

RefusalReason = Literal[
    "offline",
    "no-consent",
    "no-key",
    "over-budget",
    "price-unknown",
    "ledger-unavailable",
    "secret",
    "ignored-file",
    "too-large",
    "resting",
    "unreserved",
    "unrecorded",
    "cancelled",
]
"""Why a hosted model was not asked. "resting": it failed several times in a row and is left alone a while."""

FailureReason = Literal[
    "key-rejected",
    "forbidden",
    "payment",
    "spend-cap",
    "rate-limited",
    "overloaded",
    "not-found",
    "too-large",
    "bad-request",
    "server-fault",
    "unreachable",
    "insecure",
    "timed-out",
    "cut-short",
    "not-understood",
    "redirected",
    "no-plan",
]
"""What became of an attempt: one class for each thing that a person would do about it."""


DownloadReason = Literal[
    "offline",
    "no-consent",
    "unrecorded",
    "busy",
    "not-found",
    "gated",
    "rate-limited",
    "server-fault",
    "unreachable",
    "insecure",
    "redirected",
    "timed-out",
    "cut-short",
    "not-understood",
    "wrong-size",
    "wrong-sum",
    "disk-full",
    "unwritable",
]
"""Why a model was not fetched. For the first three no request was made."""


class CopeError(Exception):
    """Base of all errors that cope-lsp raises on purpose."""


class FrameError(CopeError):
    """A stream does not carry the frames of `cope_lsp.engine.wire`."""


class ModelFileError(CopeError):
    """A file is missing, unreadable, or not a model that llama.cpp can load."""


class DownloadError(CopeError):
    """A model could not be fetched; what came so far is kept where it can be gone on with."""

    def __init__(self, reason: DownloadReason, message: str) -> None:
        super().__init__(message)
        self.reason: DownloadReason = reason


class EngineUnavailableError(CopeError):
    """The engine is off or died; the message says why and what to do next."""


class GenerationError(CopeError):
    """A prompt does not fit, or llama.cpp failed on it; other requests are not touched."""


class LedgerError(CopeError):
    """The ledger is corrupt, newer than this program, read-only, or busy for too long; local work goes on."""


class PriceFileError(CopeError):
    """The user's own table of prices is broken or cannot be written; no hosted model is asked meanwhile."""


class SandboxUnavailableError(CopeError):
    """Drafts cannot be run in isolation here, so they are not run at all; the message says why."""


class TaskFileError(CopeError):
    """A file of tasks or of answers cannot be read; the message names it and what is wrong."""


class KeyStoreError(CopeError):
    """An API key cannot be stored or read; the message says where it was tried."""


class HostedError(CopeError):
    """The hosted model gave no answer."""


class HostedRefusedError(HostedError):
    """Nothing was sent, for a reason of our own."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason: RefusalReason = reason


class HostedFailedError(HostedError):
    """A request was sent, or tried, and brought no complete answer."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason: FailureReason = reason


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error`, then from the last to the first the errors that led to it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
