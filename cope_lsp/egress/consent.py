"""Consent: which project's text may go to which endpoint, as the user said once.

Every answer is a file of its own in the user's data directory, so that windows need no lock and no repository
can write one. A project is its real path: a copy or a link elsewhere is asked for anew.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path

from cope_lsp.egress.private import write_private
from cope_lsp.errors import HostedRefusedError

Answer = Literal["allowed", "denied"]


@dataclass(frozen=True, slots=True)
class Consent:
    """One answer of the user. `at` is a time of UTC in ISO 8601."""

    workspace: str
    endpoint: str
    answer: Answer
    at: str


class ConsentStore:
    """The answers on disk, in `folder`."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or user_data_path("cope-lsp", appauthor=False) / "consent"

    def answer(self, workspace: Path, endpoint: str) -> Answer | None:
        """Return what the user said; None when not asked yet, or when the answer cannot be read.

        What was denied for a folder is denied for all below it; what was allowed is so for itself alone.
        """
        real = workspace.resolve()
        if any(self._said(folder, endpoint) == "denied" for folder in real.parents):
            return "denied"
        return self._said(real, endpoint)

    def _said(self, real: Path, endpoint: str) -> Answer | None:
        name = str(real)
        consent = _read(self._path(name, endpoint))
        # The name of the file is only a hash; what it says must match, too.
        if consent is None or (consent.workspace, consent.endpoint) != (name, endpoint):
            return None
        return consent.answer

    def record(self, workspace: Path, endpoint: str, answer: Answer) -> Consent:
        """Remember an answer.

        Raises:
            HostedRefusedError: it cannot be written; then nothing changed.
        """
        consent = Consent(_real(workspace), endpoint, answer, datetime.now(UTC).isoformat(timespec="seconds"))
        try:
            write_private(self._path(consent.workspace, endpoint), json.dumps(asdict(consent)))
        except OSError as error:
            step = "make the directory of cope-lsp's data yours and writable"
            msg = f"your answer cannot be kept ({(error.strerror or '').lower()}), so nothing is sent; {step}"
            raise HostedRefusedError("no-consent", msg) from error
        return consent

    def forget(self, workspace: Path, endpoint: str) -> bool:
        """Take an answer back, so that the user is asked again; False when there was none."""
        path = self._path(_real(workspace), endpoint)
        existed = path.exists()
        path.unlink(missing_ok=True)
        return existed

    def all(self) -> Iterator[Consent]:
        """Yield every answer, by project."""
        found = (_read(path) for path in self._folder.glob("*.json"))
        yield from sorted((c for c in found if c), key=lambda c: (c.workspace, c.endpoint))

    def _path(self, workspace: str, endpoint: str) -> Path:
        name = hashlib.sha256(f"{workspace}\0{endpoint}".encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / f"{name}.json"


def _real(workspace: Path) -> str:
    return str(workspace.resolve())


def _read(path: Path) -> Consent | None:
    try:
        value = json.loads(path.read_text("utf-8"))
        consent = Consent(**value)
    except (OSError, ValueError, TypeError):
        return None
    return consent if consent.answer in {"allowed", "denied"} else None
