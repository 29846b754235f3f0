"""The one gate for outgoing bytes: no request leaves this machine but through a client made here.

A client is good for one request to one endpoint under one reservation. The switch, the consent and the final
bytes are looked at when the request is about to be sent, whatever was checked before.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2

from cope_lsp.egress import offline
from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.redact import secrets_in
from cope_lsp.errors import HostedRefusedError
from cope_lsp.loading import is_offline
from cope_lsp.version import __version__

_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "anthropic-version",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
    }
)
"""All that a request says besides its body. The SDK would add the machine's system, Python and versions, and
whatever ANTHROPIC_CUSTOM_HEADERS holds; so the key is set here, too, whatever stands there already."""

REQUEST_BYTES_MAX = 1_000_000
ANSWER_BYTES_MAX = 200_000
PIECE_BYTES_MAX = 16_000
"""What is handed on at once of an answer, so that reading it never holds the event loop for long."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to leave: under which reservation, for which project, where to, what for."""

    reservation: str
    workspace: Path
    endpoint: str
    purpose: str
    answer_bytes_max: int = ANSWER_BYTES_MAX
    is_wanted: Callable[[], bool] = lambda: True
    """Whether whoever asked still waits for an answer."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Deadlines of one request in seconds: to connect, and between two pieces of the answer."""

    connect_s: float = 5.0
    read_s: float = 30.0


class Gate:
    """Lets a request out, or refuses it with the reason and the next step."""

    def __init__(self, consent: ConsentStore, audit: Audit, *, proxy: str = "") -> None:
        self.consent = consent
        self.audit = audit
        self._proxy = proxy

    async def check(self, workspace: Path, endpoint: str) -> None:
        """Return if something of `workspace` may be sent to `endpoint` now, by what the disk says now.

        Raises:
            HostedRefusedError: offline is on, or the user has not agreed.
        """
        await asyncio.to_thread(self._check, workspace, endpoint)

    def _check(self, workspace: Path, endpoint: str) -> None:
        if offline.is_on() or is_offline(workspace.resolve()):
            step = "switch it off in the settings (offline = false) or mend what cope-lsp doctor names there"
            msg = f"offline is on; to ask a hosted model, {step}"
            raise HostedRefusedError("offline", msg)
        if self.consent.answer(workspace, endpoint) != "allowed":
            # Editors show this and people post it, so it names no path.
            step = "to allow it, in its folder: cope-lsp consent allow"
            msg = f"nothing of this project may be sent to {endpoint}; {step}"
            raise HostedRefusedError("no-consent", msg)
        _trusted()  # here, in a thread, and not when the client is made

    def client(self, parcel: Parcel, waits: Waits, *, key: str = "") -> httpx2.AsyncClient:
        """Return a client for one request. It follows no redirect and reads nothing of the environment.

        Args:
            parcel: what the request is for.
            waits: its deadlines.
            key: the endpoint's API key, which goes into its header and must not be in the body; "": none.
        """
        inner = httpx2.AsyncHTTPTransport(
            verify=_trusted(), trust_env=False, retries=0, proxy=self._proxy or None
        )
        return httpx2.AsyncClient(
            transport=_OneRequest(inner, self, parcel, key),
            timeout=httpx2.Timeout(waits.read_s, connect=waits.connect_s),
            follow_redirects=False,
            trust_env=False,
        )


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom clients trust. To read the certificates takes 30 ms, in which no key would be answered."""
    return httpx2.create_ssl_context(trust_env=False)


class _OneRequest(httpx2.AsyncBaseTransport):
    """Sends one request, after a last look at it."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, gate: Gate, parcel: Parcel, key: str) -> None:
        self._inner = inner
        self._gate = gate
        self._parcel = parcel
        self._key = key
        self._used = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._look(request)
        body = await request.aread()
        await asyncio.to_thread(self._look_inside, body)
        await self._look(request)  # the user may have changed their mind meanwhile
        self._used = True
        self._set_headers(request.headers)
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.DecodingError("the answer is compressed, which was not asked for", request=request)
        response.stream = _Bounded(response.stream, self._parcel.answer_bytes_max)
        return response

    def _set_headers(self, headers: httpx2.Headers) -> None:
        for name in set(headers) - _HEADERS:
            del headers[name]
        headers.pop("authorization", None)
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        headers["accept-encoding"] = "identity"  # a small answer must not become a large one here
        headers["user-agent"] = f"cope-lsp/{__version__}"

    async def _look(self, request: httpx2.Request) -> None:
        parcel = self._parcel
        if self._used:
            raise HostedRefusedError("unreserved", "a second request under one reservation was stopped")
        if not parcel.is_wanted():
            raise HostedRefusedError("cancelled", "cancelled before anything was sent")
        if endpoint_of(str(request.url)) != parcel.endpoint:
            msg = f"a request for {parcel.endpoint} was about to go to {request.url.host}"
            raise HostedRefusedError("no-consent", msg)
        await self._gate.check(parcel.workspace, parcel.endpoint)

    def _look_inside(self, body: bytes) -> None:
        if len(body) > REQUEST_BYTES_MAX:
            msg = f"the request has {len(body)} bytes of at most {REQUEST_BYTES_MAX}"
            raise HostedRefusedError("too-large", f"{msg}; ask for a smaller definition")
        kinds = {kind for text in texts_in(body) for kind in secrets_in(text, literals=(self._key,))}
        if kinds:
            shown = ", ".join(sorted(kinds))
            step = "take it out of the code or the instruction, or put the file on an ignore list"
            msg = f"the request still holds what looks like a secret ({shown}), so it was not sent; {step}"
            raise HostedRefusedError("secret", msg)
        parcel = self._parcel
        try:
            self._gate.audit.record(
                parcel.reservation, parcel.endpoint, str(parcel.workspace), parcel.purpose, body
            )
        except OSError as error:
            msg = f"the record of what is sent cannot be written ({error.strerror}); so nothing is sent"
            raise HostedRefusedError("unrecorded", msg) from error

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    """The bytes of an answer, up to a limit: a server that never ends must not fill the memory."""

    def __init__(self, stream: Any, bytes_max: int) -> None:
        self._stream = stream
        self._bytes_max = bytes_max

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for piece in self._stream:
            received += len(piece)
            if received > self._bytes_max:
                msg = f"the answer is longer than {self._bytes_max} bytes"
                raise httpx2.RemoteProtocolError(msg)
            for start in range(0, len(piece), PIECE_BYTES_MAX):
                yield piece[start : start + PIECE_BYTES_MAX]
                await asyncio.sleep(0)

    async def aclose(self) -> None:
        await self._stream.aclose()


def texts_in(body: bytes) -> Iterator[str]:
    """Yield every text in a JSON body as the receiver will read it; of anything else, the bytes."""
    try:
        yield from _leaves(json.loads(body))
    except ValueError:
        yield body.decode("utf-8", "replace")


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
