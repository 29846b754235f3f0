"""Every exception of the SDK and its transport has a place in our own few words."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import get_args

import anthropic
import httpx2
import pytest

from cope_lsp.errors import FailureReason
from cope_lsp.models.faults import Fault, fault_of

REQUEST = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")

STATUSES = {
    anthropic.BadRequestError: (400, "bad-request"),
    anthropic.AuthenticationError: (401, "key-rejected"),
    anthropic.PaymentRequiredError: (402, "payment"),
    anthropic.RequestTimeoutError: (408, "timed-out"),
    anthropic.PreconditionFailedError: (412, "bad-request"),
    anthropic.RequestHeaderFieldsTooLargeError: (431, "bad-request"),
    anthropic.ClientClosedRequestError: (499, "bad-request"),
    anthropic.PermissionDeniedError: (403, "forbidden"),
    anthropic.NotFoundError: (404, "not-found"),
    anthropic.ConflictError: (409, "bad-request"),
    anthropic.RequestTooLargeError: (413, "too-large"),
    anthropic.UnprocessableEntityError: (422, "bad-request"),
    anthropic.RateLimitError: (429, "rate-limited"),
    anthropic.InternalServerError: (500, "server-fault"),
    anthropic.ServiceUnavailableError: (503, "server-fault"),
    anthropic.DeadlineExceededError: (504, "timed-out"),
    anthropic.OverloadedError: (529, "overloaded"),
    anthropic.APIStatusError: (418, "bad-request"),
}
"""Named one by one: a class that a later SDK adds must be looked at."""

OTHERS = {
    anthropic.APIConnectionError: "not-understood",
    anthropic.APITimeoutError: "timed-out",
    anthropic.APIResponseValidationError: "not-understood",
    anthropic.APIWebhookValidationError: "not-understood",
    anthropic.APIError: "not-understood",
    anthropic.AnthropicError: "not-understood",
}

TRANSPORT = {
    "ConnectError": "unreachable",
    "ConnectTimeout": "unreachable",
    "PoolTimeout": "unreachable",
    "UnsupportedProtocol": "unreachable",
    "ProxyError": "unreachable",
    "ReadTimeout": "timed-out",
    "WriteTimeout": "timed-out",
    "TimeoutException": "timed-out",
    "ReadError": "cut-short",
    "WriteError": "cut-short",
    "CloseError": "cut-short",
    "NetworkError": "cut-short",
    "ProtocolError": "cut-short",
    "LocalProtocolError": "cut-short",
    "RemoteProtocolError": "cut-short",
    "SSEError": "cut-short",
    "TransportError": "cut-short",
}
"""The transport's exceptions; all others of its package are about decoding, redirects and misuse."""


def subclasses(kind: type) -> Iterator[type]:
    child: type
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def of_package(kind: type, package: str) -> set[type]:
    return {k for k in {kind, *subclasses(kind)} if k.__module__.split(".")[0] == package}


def test_every_exception_of_the_sdk_is_known() -> None:
    statuses = tuple(STATUSES.keys() - {anthropic.APIStatusError})
    found = of_package(anthropic.APIError, "anthropic")
    strangers = {kind for kind in found if not issubclass(kind, statuses)} - STATUSES.keys() - OTHERS.keys()
    assert strangers == set()


@pytest.mark.parametrize(("kind", "reason"), OTHERS.items(), ids=str)
def test_what_has_no_status_proves_nothing(kind: type[Exception], reason: str) -> None:
    fault = fault_of(kind.__new__(kind))
    assert (fault.reason, fault.proof) == (reason, "")


@pytest.mark.parametrize(("kind", "expected"), STATUSES.items(), ids=str)
def test_a_status_means_one_thing(kind: type[anthropic.APIStatusError], expected: tuple[int, str]) -> None:
    status, reason = expected
    response = httpx2.Response(status, request=REQUEST)
    assert fault_of(kind("m", response=response, body=None)).reason == reason


def test_every_exception_of_the_transport_is_known() -> None:
    found = {kind.__name__ for kind in of_package(httpx2.TransportError, "httpx2")}
    assert found == set(TRANSPORT)


@pytest.mark.parametrize("name", TRANSPORT)
def test_an_exception_of_the_transport_means_the_same_inside_the_sdks(name: str) -> None:
    kind = getattr(httpx2, name)
    wrapped = anthropic.APIConnectionError(request=REQUEST)
    wrapped.__cause__ = kind("m")
    for error in (kind("m"), wrapped):
        fault = fault_of(error)
        assert fault.reason == TRANSPORT[name]
        assert bool(fault.proof) == (TRANSPORT[name] == "unreachable" and name != "ProxyError")


def test_a_reason_always_has_a_sentence_and_a_next_step() -> None:
    for reason in get_args(FailureReason):
        message = Fault(reason).message("https://api.anthropic.com")
        assert message.startswith("https://api.anthropic.com: ")
        assert len(message.split()) > 5


class StallingTls:
    """A server with a certificate of its own that reads a request and never answers."""

    def __init__(self) -> None:
        certificate = Path(__file__).with_name("localhost.pem")
        self.trust = ssl.create_default_context(cafile=str(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listener = socket.create_server(("127.0.0.1", 0))
        self._listener = context.wrap_socket(listener, server_side=True)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError), self._listener, self._listener.accept()[0] as connection:
            while connection.recv(4096):
                pass


async def test_a_stall_behind_tls_is_no_proof_that_nothing_was_charged() -> None:
    server = StallingTls()
    transport = httpx2.AsyncHTTPTransport(verify=server.trust, trust_env=False)
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        with pytest.raises(TimeoutError) as stalled:
            async with asyncio.timeout(0.5):
                await client.post(f"https://127.0.0.1:{server.port}/v1/messages", content=b"{}")
    fault = fault_of(stalled.value)
    assert (fault.reason, fault.proof) == ("timed-out", "")


async def test_a_certificate_that_nobody_vouches_for_is_insecure() -> None:
    server = StallingTls()
    transport = httpx2.AsyncHTTPTransport(trust_env=False)
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        with pytest.raises(httpx2.ConnectError) as refused:
            await client.post(f"https://127.0.0.1:{server.port}/v1/messages", content=b"{}")
    fault = fault_of(refused.value)
    assert fault.reason == "insecure"
    assert fault.proof
