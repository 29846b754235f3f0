"""The record of what left the machine: a line per request, and its text only where the user keeps it."""

import hashlib
import json
import logging
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_data_path

_TALKATIVE = ("anthropic", "httpx2", "httpcore2")
"""Libraries that log whole requests and answers, as soon as somebody asks for the level DEBUG."""

KEPT_MAX = 20
RECORD_BYTES_MAX = 5_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that left, or was about to. It names no file and quotes no text."""

    id: str
    """The reservation that it was sent under."""
    at: str
    endpoint: str
    workspace: str
    purpose: str
    bytes: int
    sha256: str


class Audit:
    """Writes the record in `folder`; with `keep_text` also the bodies of the last requests.

    The bodies of this process's last requests are remembered in any case, and end with it. Where there is
    an audit, there is no other record: the libraries that send keep none of their own from then on.
    """

    def __init__(self, folder: Path | None = None, *, keep_text: bool = False) -> None:
        self._folder = folder or user_data_path("cope-lsp", appauthor=False) / "sent"
        self.keep_text = keep_text
        self._bodies: deque[tuple[str, str]] = deque(maxlen=KEPT_MAX)
        _hush()

    def record(self, sent_id: str, endpoint: str, workspace: str, purpose: str, body: bytes) -> Sent:
        """Write down a request before it is sent.

        Raises:
            OSError: it cannot be written; then nothing may be sent.
        """
        at = datetime.now(UTC).isoformat(timespec="seconds")
        digest = hashlib.sha256(body).hexdigest()
        sent = Sent(sent_id, at, endpoint, workspace, purpose, len(body), digest)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rotate()
        # The line before may be a torn one; an empty line is left out when the record is read.
        _write(self._record_path, b"\n" + json.dumps(asdict(sent)).encode() + b"\n", os.O_APPEND)
        self._bodies.append((sent_id, body.decode("utf-8", "replace")))
        if self.keep_text:
            _write(self._folder / f"{sent_id}.json", body, os.O_TRUNC)
            self._forget_old_texts()
        return sent

    def entries(self) -> Iterator[Sent]:
        """Yield what was sent, oldest first; a damaged line is left out."""
        for path in (self._older_path, self._record_path):
            if path.exists():
                yield from filter(None, map(_parsed, path.read_text("utf-8", "replace").split("\n")))

    def text_of(self, sent_id: str) -> str | None:
        """Return the body of a request of this process, or one that was kept on disk; None without either."""
        for known, text in self._bodies:
            if known == sent_id:
                return text
        path = self._folder / f"{sent_id}.json"
        is_ours = sent_id.isalnum() and path.is_file()
        return path.read_text("utf-8", "replace") if is_ours else None

    @property
    def _record_path(self) -> Path:
        return self._folder / "sent.jsonl"

    @property
    def _older_path(self) -> Path:
        return self._folder / "sent.1.jsonl"

    def _rotate(self) -> None:
        if self._record_path.exists() and self._record_path.stat().st_size > RECORD_BYTES_MAX:
            self._record_path.replace(self._older_path)

    def _forget_old_texts(self) -> None:
        kept = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[KEPT_MAX:]:
            path.unlink(missing_ok=True)


def _hush() -> None:
    """Keep what the libraries log from every handler.

    Their levels would not do: ANTHROPIC_LOG in the environment sets them when the SDK is imported.
    """
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers[:] = [logging.NullHandler()]


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _parsed(line: str) -> Sent | None:
    try:
        return Sent(**json.loads(line))
    except (ValueError, TypeError):
        return None
