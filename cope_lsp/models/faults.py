"""What went wrong with a hosted call: every exception of the SDK and its transport, in our own few words."""

import json
import ssl
from dataclasses import dataclass

import anthropic
import httpx2

from cope_lsp.errors import FailureReason, causes

SPEND_CAP_CODE = "enforced_spend_limit_reached"

_BY_STATUS: dict[int, FailureReason] = {
    400: "bad-request",
    401: "key-rejected",
    402: "payment",
    403: "forbidden",
    404: "not-found",
    408: "timed-out",
    413: "too-large",
    429: "rate-limited",
    504: "timed-out",
    529: "overloaded",
}

_BY_TYPE: dict[str, FailureReason] = {
    "authentication_error": "key-rejected",
    "billing_error": "payment",
    "permission_error": "forbidden",
    "not_found_error": "not-found",
    "request_too_large": "too-large",
    "rate_limit_error": "rate-limited",
    "overloaded_error": "overloaded",
    "timeout_error": "timed-out",
    "api_error": "server-fault",
    "invalid_request_error": "bad-request",
}
"""Error events inside a stream, whose status was 200."""

_REFUSED_UNREAD = frozenset({400, 401, 402, 403, 404, 413, 429})
"""Statuses with which a server turns a request down before a model runs."""

_STEPS: dict[FailureReason, str] = {
    "key-rejected": "the API key is not accepted; set another: cope-lsp auth set",
    "forbidden": "the API key may not use this model; choose another (hosted.model) or another key",
    "payment": "the account has a billing problem; look at the provider's console",
    "spend-cap": "the account's own spend limit is reached; raise it at the provider or wait",
    "rate-limited": "too many requests; wait a little and try again",
    "overloaded": "the service is overloaded; try again later, local work goes on",
    "not-found": "there is no such model or path; check hosted.model and hosted.endpoint",
    "too-large": "the request is too large for the service; select less code",
    "bad-request": "the service does not accept the request; check hosted.model and hosted.effort",
    "server-fault": "the service failed; try again later",
    "unreachable": "the service cannot be reached; check the network, or set offline = true",
    "insecure": "the connection is not secure (TLS failed); is something between you and the service?",
    "timed-out": "no complete answer in time; try again later or raise hosted.timeout_s",
    "cut-short": "the answer ended before it was complete; try again",
    "not-understood": "no answer of the Messages API; check hosted.endpoint, or this network's sign-in page",
    "no-plan": "the answer holds no text; ask again, or choose another model (hosted.model)",
    "redirected": "the service points elsewhere, which is not followed; set hosted.endpoint to that",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure, and whether there is proof that no model ran for it."""

    reason: FailureReason
    proof: str = ""
    """Why nothing can have been charged; "" when it may have been."""
    retry_after_s: str = ""

    def message(self, endpoint: str) -> str:
        """Return a sentence for the user with the next step."""
        wait = f" (the service asks to wait {self.retry_after_s} s)" if self.retry_after_s else ""
        return f"{endpoint}: {_STEPS[self.reason]}{wait}"


class CutShortError(Exception):
    """A stream ended without its last event."""


class NotAStreamError(Exception):
    """An answer with success that is no event stream."""


def fault_of(error: BaseException) -> Fault:
    """Return what `error`, raised by a call of the SDK, means."""
    if isinstance(error, anthropic.APIStatusError):
        return _of_status(error)
    chain = list(causes(error))
    unsent = any(isinstance(cause, httpx2.ConnectError) for cause in chain)
    # Later on a TLS error proves nothing: to wait for bytes is one too (SSLWantReadError).
    if unsent and any(isinstance(cause, ssl.SSLError) for cause in chain):
        return Fault("insecure", "TLS failed before the request was sent")
    for cause in chain:
        if (fault := _of_transport(cause)) is not None:
            return fault
    return Fault("not-understood")


def _of_status(error: anthropic.APIStatusError) -> Fault:
    status = error.status_code
    proof = f"turned down with status {status}" if status in _REFUSED_UNREAD else ""
    if error.error_code == SPEND_CAP_CODE:
        return Fault("spend-cap", proof)
    if 300 <= status < 400:
        return Fault("redirected")
    if 200 <= status < 300:
        return Fault(_BY_TYPE.get(str(error.type), "server-fault"))
    reason = _BY_STATUS.get(status, "server-fault" if status >= 500 else "bad-request")
    return Fault(reason, proof, _seconds(error.response.headers.get("retry-after", "")))


def _of_transport(error: BaseException) -> Fault | None:
    unsent = httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.UnsupportedProtocol
    if isinstance(error, unsent):
        return Fault("unreachable", "no connection was made")
    if isinstance(error, httpx2.ProxyError):
        return Fault("unreachable")
    if isinstance(error, httpx2.TimeoutException | anthropic.APITimeoutError | TimeoutError):
        return Fault("timed-out")
    if isinstance(error, httpx2.TransportError | CutShortError):
        return Fault("cut-short")
    if isinstance(error, json.JSONDecodeError | NotAStreamError | anthropic.APIResponseValidationError):
        return Fault("not-understood")
    return None


def _seconds(text: str) -> str:
    return text if text.isdigit() and len(text) < 8 else ""
