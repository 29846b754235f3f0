"""A small HTTP server on this machine's loopback, for a model that plays a hosted one.

It lives behind the gate with all else that opens sockets: one place to look at, one switch (`offline`) that
forbids it. It listens on 127.0.0.1 and takes no other address. What comes from a web page is refused: a
browser says in `Origin` or `Host` where the page is from.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

import h11

from cope_lsp.egress import offline
from cope_lsp.version import __version__

ADDRESS = "127.0.0.1"
REQUEST_BYTES_MAX = 1_000_000
REQUEST_TIMEOUT_S = 10.0
CONNECTIONS_MAX = 32
LINGER_S = 2.0

_HOSTS = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a client wants."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What it gets: a whole body, or pieces of one as they come."""

    status: int
    content_type: str
    body: bytes | AsyncIterator[bytes]


class RefusedError(Exception):
    """A request that is answered with a status and a sentence, and with nothing else."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Answer = Callable[[Request], Awaitable[Response]]
Complain = Callable[[int, str], Response]


class LoopbackServer:
    """Hands each request to `answer`; one request to a connection."""

    def __init__(self, answer: Answer, complain: Complain) -> None:
        self._answer = answer
        self._complain = complain
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> str:
        """Listen, and return the URL; port 0 is any free one.

        Raises:
            OSError: the port is taken, or offline is on.
        """
        if offline.is_on():  # asyncio would keep the refused socket to itself
            raise PermissionError("offline is on: no server is started, not even on loopback")
        self._server = await asyncio.start_server(self._accept, ADDRESS, port)
        return f"http://{ADDRESS}:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stop listening, and end what is being answered."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._tasks) >= CONNECTIONS_MAX:
            writer.close()
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(ConnectionError, TimeoutError, h11.RemoteProtocolError):
                await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the server closes
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                request = await _request(connection, reader)
        except RefusedError as refusal:
            await _send(connection, writer, self._complain(refusal.status, str(refusal)))
            await _linger(reader, writer)
            return
        except h11.RemoteProtocolError as error:
            if connection.our_state is h11.IDLE:
                await _send(connection, writer, self._complain(error.error_status_hint, "no HTTP request"))
            return
        await self._while_connected(reader, self._reply(connection, writer, request))

    async def _reply(
        self, connection: h11.Connection, writer: asyncio.StreamWriter, request: Request
    ) -> None:
        await _send(connection, writer, await self._answer(request))

    async def _while_connected(self, reader: asyncio.StreamReader, replying: Awaitable[None]) -> None:
        """Answer for as long as somebody listens: a client that hangs up cancels what it asked for."""
        reply = asyncio.ensure_future(replying)
        gone = asyncio.ensure_future(_hung_up(reader))
        try:
            await asyncio.wait({reply, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            unfinished = [task for task in (reply, gone) if not task.done()]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if reply.done() and not reply.cancelled():
            reply.result()


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> Request:
    """Read one request.

    Raises:
        RefusedError: it is not for us.
        RemoteProtocolError: it is no HTTP.
    """
    head = await _next(connection, reader)
    if not isinstance(head, h11.Request):
        raise h11.RemoteProtocolError("the connection ended")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    if headers.get("host", "").rpartition(":")[0] not in _HOSTS or "origin" in headers:
        raise RefusedError(HTTPStatus.FORBIDDEN, "this server answers programs of this machine only")
    body = bytearray()
    while isinstance(event := await _next(connection, reader), h11.Data):
        body += event.data
        if len(body) > REQUEST_BYTES_MAX:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {REQUEST_BYTES_MAX} bytes"
            )
    return Request(head.method.decode(), head.target.decode("latin-1").partition("?")[0], bytes(body))


async def _hung_up(reader: asyncio.StreamReader) -> None:
    """Return when the client is gone; what it says meanwhile is not heard."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(65_536):
            pass


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let a client read its refusal: to close while it still sends would take it away."""
    writer.write_eof()
    async with asyncio.timeout(LINGER_S):
        await _hung_up(reader)


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        if connection.they_are_waiting_for_100_continue:
            raise RefusedError(HTTPStatus.EXPECTATION_FAILED, "send the request at once")
        connection.receive_data(await reader.read(65_536))
    return event


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, response: Response) -> None:
    headers = [
        ("content-type", response.content_type),
        ("connection", "close"),
        ("server", f"cope-lsp/{__version__}"),
        ("cache-control", "no-store"),
    ]
    if isinstance(response.body, bytes):
        headers.append(("content-length", str(len(response.body))))
    writer.write(_bytes(connection, h11.Response(status_code=response.status, headers=headers)))
    async for piece in _pieces(response.body):
        writer.write(_bytes(connection, h11.Data(data=piece)))
        await writer.drain()
    writer.write(_bytes(connection, h11.EndOfMessage()))
    await writer.drain()


async def _pieces(body: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    async for piece in body:
        yield piece


def _bytes(connection: h11.Connection, event: h11.Event) -> bytes:
    return connection.send(event) or b""
