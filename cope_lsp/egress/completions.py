"""HTTP to a completion server: a few requests of JSON, and answers that come as events.

No redirect is followed, nothing is read from the environment, and every answer is bounded: a line, a body, a
stream. How long an answer may take is known to who asks: cancelling hangs up. What goes wrong becomes a
sentence about the server that was asked.
"""

import asyncio
import copy
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from cope_lsp.egress.gate import texts_in
from cope_lsp.egress.permit import Permit
from cope_lsp.egress.reply import NoStreamError, Reply
from cope_lsp.errors import EngineUnavailableError, causes
from cope_lsp.version import __version__

CONNECT_S = 5.0
REQUEST_BYTES_MAX = 4_000_000
BODY_BYTES_MAX = 8_000_000
LINE_BYTES_MAX = 1_000_000
STREAM_BYTES_MAX = 64_000_000

_HEADERS = frozenset({"accept", "connection", "content-length", "content-type", "host", "transfer-encoding"})


class Completions:
    """Speaks to one server, at a URL with leave, or on a socket of our own."""

    def __init__(
        self, url: str, *, permit: Permit | None = None, socket: Path | None = None, key: str = ""
    ) -> None:
        """Take where the server is; nothing is opened yet.

        Args:
            url: its base; paths are put behind it.
            permit: what must be asked before each request. Only a `socket` of ours needs none.
            socket: a Unix socket that it listens on.
            key: its API key; "": none.
        """
        assert (permit is None) == (socket is not None)
        self.url = url
        self.permit = permit
        self._key = key
        transport = httpx2.AsyncHTTPTransport(
            verify=url.startswith("https:"),  # to read all certificates takes a while
            trust_env=False,
            retries=0,
            uds=None if socket is None else str(socket),
        )
        self._client = httpx2.AsyncClient(
            transport=transport,
            timeout=httpx2.Timeout(None, connect=CONNECT_S),
            follow_redirects=False,
            trust_env=False,
        )

    def about(self, uri: str) -> "Completions":
        """Return the same connections for text of the file at `uri`, which each request asks leave for."""
        bound = copy.copy(self)
        bound.permit = self.permit and self.permit.about(uri)
        return bound

    async def get(self, path: str) -> Reply:
        """Ask for a JSON document.

        Raises:
            EngineUnavailableError: it may not be asked, or gave no answer.
        """
        async with self._sent("GET", path, None) as response:
            return await _reply(response)

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Send a JSON document and return the one that answers it.

        Raises:
            EngineUnavailableError: it may not be sent, or brought no answer.
        """
        async with self._sent("POST", path, body) as response:
            return await _reply(response)

    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        """Send a JSON document and yield the events that answer it. Closing the iterator hangs up.

        Raises:
            EngineUnavailableError: it may not be sent, or the answer broke off or is none that can be read.
            NoStreamError: the server refused.
        """
        async with self._sent("POST", path, body) as response:
            kind = response.headers.get("content-type", "")
            if response.status_code != 200 or not kind.startswith("text/event-stream"):
                raise NoStreamError(await _reply(response))
            async with aclosing(_events(response)) as events:
                async for event in events:
                    yield event

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        if self.permit:
            await asyncio.to_thread(self.permit.close)

    @asynccontextmanager
    async def _sent(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> AsyncIterator[httpx2.Response]:
        content = b"" if body is None else json.dumps(body).encode()
        if len(content) > REQUEST_BYTES_MAX:
            msg = f"the request has {len(content)} bytes of at most {REQUEST_BYTES_MAX}"
            raise EngineUnavailableError(msg)
        if self.permit:
            await asyncio.to_thread(self.permit.record, len(content), [*texts_in(content)], self._key)
        with _told(self.url):
            request = self._client.build_request(method, self.url + path, content=content or None)
            self._set_headers(request.headers, has_body=body is not None)
            if self._client.is_closed:
                raise EngineUnavailableError(f"the connections to {self.url} were closed meanwhile")
            response = await self._answer(request)
            try:
                self._look(response)
                yield response
            finally:
                await response.aclose()

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; to a server of our own once more, where it gave up a connection just then.

        llama-server ends a connection after a hundred requests, and one that was quiet for some seconds.
        """
        try:
            return await self._client.send(request, stream=True)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            if self.permit is not None:
                raise
        return await self._client.send(request, stream=True)

    def _set_headers(self, headers: httpx2.Headers, *, has_body: bool) -> None:
        for name in set(headers) - _HEADERS:
            del headers[name]
        headers["accept-encoding"] = "identity"  # a small answer must not become a large one here
        headers["user-agent"] = f"cope-lsp/{__version__}"
        if has_body:
            headers["content-type"] = "application/json"
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"

    def _look(self, response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise EngineUnavailableError(f"{self.url} compresses its answer, which was not asked for")
        if 300 <= response.status_code < 400:
            msg = f"{self.url} points elsewhere, which is not followed; set model.endpoint to its own address"
            raise EngineUnavailableError(msg)


async def _reply(response: httpx2.Response) -> Reply:
    received = bytearray()
    async for piece in response.aiter_raw():
        received += piece
        if len(received) > BODY_BYTES_MAX:
            raise EngineUnavailableError(f"the server's answer is longer than {BODY_BYTES_MAX} bytes")
    try:
        return Reply(response.status_code, json.loads(bytes(received)))
    except (ValueError, RecursionError):
        return Reply(response.status_code, None)


async def _events(response: httpx2.Response) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield the JSON objects of server-sent events, until `[DONE]` or the end."""
    waiting, received = bytearray(), 0
    async for piece in response.aiter_raw():
        received += len(piece)
        if received > STREAM_BYTES_MAX:
            raise EngineUnavailableError(f"the server's answer is longer than {STREAM_BYTES_MAX} bytes")
        waiting += piece
        *lines, rest = waiting.split(b"\n")
        waiting = bytearray(rest)
        if len(waiting) > LINE_BYTES_MAX:
            raise EngineUnavailableError(
                f"a line of the server's answer is longer than {LINE_BYTES_MAX} bytes"
            )
        for line in lines:
            if line.startswith(b"data:"):
                data = bytes(line[5:]).strip()
                if data == b"[DONE]":
                    return
                yield _object(data)


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, Mapping):
        raise EngineUnavailableError("the server's answer is no JSON object")
    return value


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turn what the transport raises into a sentence about the server."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise EngineUnavailableError(_sentence(url, error)) from error


def _sentence(url: str, error: BaseException) -> str:
    if any(isinstance(cause, ssl.SSLError) for cause in causes(error)):
        return f"the connection to {url} is not secure (TLS failed); is something between you and it?"
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol):
        return f"no server answers at {url}; start it, or choose another model: cope-lsp models use"
    return f"the connection to {url} broke; the next request tries again"
