"""Downloads: GET requests without a body, to a hub that the user agreed to and to where it points.

A download is another kind of parcel than a question: nothing of a project is in it, so there is no
reservation and nothing to redact. The rest holds as it does for questions: the switch, the consent, the
record and the few headers are looked at when a request is about to be sent.
"""

import ipaddress
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2

from cope_lsp.egress import offline
from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.gate import Waits
from cope_lsp.errors import DownloadError, causes
from cope_lsp.version import __version__

REDIRECTS_MAX = 5
RATE_BYTES_MIN = 1_000
"""Bytes per second below which nobody would wait for a model, so that a dripping server is not waited for."""

_HEADERS = frozenset({"accept", "accept-encoding", "connection", "host", "range"})
_SAID = ("x-linked-etag", "x-linked-size", "x-repo-commit")
"""What a hub says of a file in the answer that points to the server which holds it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and its body piece by piece."""

    status: int
    headers: Mapping[str, str]
    said: Mapping[str, str]
    """What the hub said of the file, wherever it then pointed to; names in lower case."""
    pieces: Iterator[bytes]

    def body(self, bytes_max: int) -> bytes:
        """Return the whole body.

        Raises:
            DownloadError: it is longer than `bytes_max`, or did not come in time.
        """
        received = bytearray()
        for piece in self.pieces:
            received += piece
            if len(received) > bytes_max:
                msg = f"the answer of the hub is longer than {bytes_max} bytes"
                raise DownloadError("not-understood", msg)
        return bytes(received)


class Downloads:
    """Fetches from one hub, into one folder. The consent is for that pair."""

    def __init__(
        self,
        hub: str,
        folder: Path,
        consent: ConsentStore,
        audit: Audit,
        *,
        proxy: str = "",
        waits: Waits | None = None,
    ) -> None:
        self.hub = endpoint_of(hub)
        self.folder = folder
        self.consent = consent
        self._audit = audit
        self._proxy = proxy
        self._waits = waits or Waits()

    @cached_property
    def _transport(self) -> httpx2.HTTPTransport:
        """Made once, because it reads all certificates; it keeps no connection open between requests."""
        limits = httpx2.Limits(max_keepalive_connections=0)
        return httpx2.HTTPTransport(trust_env=False, retries=0, proxy=self._proxy or None, limits=limits)

    def check(self) -> None:
        """Return if something may be fetched now.

        Raises:
            DownloadError: offline is on, or the user has not agreed.
        """
        if offline.is_on():
            msg = "offline is on; set offline = false to fetch a model, or carry it here: --by-hand tells how"
            raise DownloadError("offline", msg)
        answer = self.consent.answer(self.folder, self.hub)
        if answer == "denied":
            change = f"cope-lsp consent allow --workspace {self.folder} --endpoint {self.hub}"
            raise DownloadError("no-consent", f"you denied fetching from {self.hub}; to allow it: {change}")
        if answer is None:
            msg = f"nothing was fetched: you have not agreed to requests to {self.hub}; --yes agrees to them"
            raise DownloadError("no-consent", msg)

    @contextmanager
    def get(self, url: str, *, first_byte: int = 0, elsewhere: bool = False) -> Iterator[Answer]:
        """Ask for `url`, which must be at the hub, and give the answer whose body is then read.

        Args:
            url: where to ask.
            first_byte: from where on the body is wanted; the server may give all of it.
            elsewhere: whether the hub may point to another server, as it does for large files.

        Raises:
            DownloadError: it may not be asked, cannot be reached, or broke off.
        """
        headers = {"accept": "*/*", "accept-encoding": "identity"}  # sizes and sums are those of the file
        if first_byte:
            headers["range"] = f"bytes={first_byte}-"
        timeout = httpx2.Timeout(self._waits.read_s, connect=self._waits.connect_s)
        transport = _Watched(self._transport, self)
        with (
            _told(self.hub),
            httpx2.Client(
                transport=transport, timeout=timeout, follow_redirects=False, trust_env=False
            ) as client,
        ):
            response, said = self._follow(client, url, headers, elsewhere=elsewhere)
            try:
                pieces = _paced(response.iter_raw(), self._waits.read_s)
                yield Answer(response.status_code, response.headers, said, pieces)
            finally:
                response.close()

    def _follow(
        self, client: httpx2.Client, url: str, headers: dict[str, str], *, elsewhere: bool
    ) -> tuple[httpx2.Response, dict[str, str]]:
        said: dict[str, str] = {}
        for _ in range(REDIRECTS_MAX + 1):
            response = client.send(client.build_request("GET", url, headers=headers), stream=True)
            said = {name: response.headers[name] for name in _SAID if name in response.headers} | said
            if not response.has_redirect_location:
                return response, said
            response.close()
            url = self._next(url, response.headers.get("location", ""), elsewhere=elsewhere)
        msg = f"{self.hub} points on more than {REDIRECTS_MAX} times; set another models.hub"
        raise DownloadError("redirected", msg)

    def _next(self, url: str, location: str, *, elsewhere: bool) -> str:
        """Return where a redirect leads.

        A public hub may not lead to a service on the user's own machine, and nobody may lead to a
        connection that can be read on the way.
        """
        target = urljoin(url, location)
        try:
            origin = endpoint_of(target)
        except ValueError:
            origin = ""
        is_safe = origin.startswith("https://") or self._both_here(origin)
        if origin == self.hub or (elsewhere and is_safe):
            return target
        msg = f"{self.hub} points to {origin or 'no server'}, which is not followed; set another models.hub"
        raise DownloadError("redirected", msg)

    def _both_here(self, origin: str) -> bool:
        return _is_loopback(origin) and _is_loopback(self.hub)

    def record(self, request: httpx2.Request) -> None:
        """Write down that `request` is sent now.

        Raises:
            DownloadError: it cannot be written down, so nothing may be sent.
        """
        line = f"GET {request.url.path}".encode()
        origin = endpoint_of(str(request.url))
        try:
            self._audit.record(uuid.uuid4().hex, origin, str(self.folder), "download", line)
        except OSError as error:
            msg = f"the record of what is sent cannot be written ({error.strerror}); so nothing is fetched"
            raise DownloadError("unrecorded", msg) from error


class _Watched(httpx2.BaseTransport):
    """Sends a request after a last look at it."""

    def __init__(self, inner: httpx2.BaseTransport, downloads: Downloads) -> None:
        self._inner = inner
        self._downloads = downloads

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self._downloads.check()
        for name in set(request.headers) - _HEADERS:
            del request.headers[name]
        request.headers["user-agent"] = f"cope-lsp/{__version__}"
        self._downloads.record(request)
        return self._inner.handle_request(request)


def _is_loopback(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _paced(pieces: Iterator[bytes], window_s: float) -> Iterator[bytes]:
    """Yield the pieces while at least `RATE_BYTES_MIN` come per second, looked at once in `window_s`."""
    since, received = time.monotonic(), 0
    for piece in pieces:
        received += len(piece)
        yield piece
        if (elapsed := time.monotonic() - since) >= window_s:
            if received < RATE_BYTES_MIN * elapsed:
                msg = f"only {received} bytes came in {elapsed:.0f} s; run the command again to go on"
                raise DownloadError("timed-out", msg)
            since, received = time.monotonic(), 0


@contextmanager
def _told(hub: str) -> Iterator[None]:
    """Turn what the transport raises into errors of ours."""
    try:
        yield
    except httpx2.ConnectError as error:
        if any(isinstance(cause, ssl.SSLError) for cause in causes(error)):
            msg = f"the connection to {hub} is not secure (TLS failed); is something between you and it?"
            raise DownloadError("insecure", msg) from error
        msg = f"{hub} cannot be reached; check the network, models.hub and models.proxy"
        raise DownloadError("unreachable", msg) from error
    except (httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol) as error:
        msg = f"{hub} cannot be reached; check the network, models.hub and models.proxy"
        raise DownloadError("unreachable", msg) from error
    except httpx2.TimeoutException as error:
        msg = "nothing came for too long; run the command again to go on, or raise models.timeout_s"
        raise DownloadError("timed-out", msg) from error
    except httpx2.TransportError as error:
        msg = "the connection broke; run the command again to go on"
        raise DownloadError("cut-short", msg) from error
    except (httpx2.InvalidURL, httpx2.StreamError) as error:
        raise DownloadError("not-understood", f"{hub} gave no answer that can be read") from error
