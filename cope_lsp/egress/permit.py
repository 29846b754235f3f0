"""Leave to send text to a completion server: the switch, the consent, the file that it is from, the record.

Any URL counts as elsewhere, also one of this machine: behind a port there may be a tunnel. The one server
that needs no leave is the one that we started ourselves, on a socket in a folder of ours.
"""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from platformdirs import user_data_path

from cope_lsp.config import is_offline
from cope_lsp.egress import offline
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.ignore import IgnoreRules
from cope_lsp.egress.redact import secrets_in
from cope_lsp.egress.tally import Tally
from cope_lsp.errors import EngineUnavailableError


def consent_folder() -> Path:
    """Return the folder under which the agreement to a completion server is recorded, for all projects."""
    return user_data_path("cope-lsp", appauthor=False) / "completions"


class Permit:
    """Decides for one server."""

    def __init__(self, url: str, consent: ConsentStore, tally: Tally) -> None:
        self.url = url
        self.endpoint = endpoint_of(url)
        self._consent = consent
        self._tally = tally
        self._rules: dict[Path, IgnoreRules] = {}

    def check(self) -> None:
        """Return if something may be sent now, by what the disk says now.

        Raises:
            EngineUnavailableError: offline is on, or the user has not agreed.
        """
        if offline.is_on():
            step = "set offline = false, or use a model of this machine: cope-lsp models use embedded"
            msg = f"offline is on, so {self.endpoint} is not asked, also if it is on this machine; {step}"
            raise EngineUnavailableError(msg)
        if self._consent.answer(consent_folder(), self.endpoint) != "allowed":
            step = f"to look at it and agree: cope-lsp models use {self.url}"
            msg = f"you have not agreed that text is sent to {self.endpoint}, so nothing was; {step}"
            raise EngineUnavailableError(msg)

    def objection(self, uri: str) -> str:
        """Return why nothing of the file at `uri` may be sent; "" when it may."""
        path = _path_of(uri)
        if path is None:
            return f"it is no file, so no ignore list could name it; nothing of it goes to {self.endpoint}"
        folder = path.parent
        if is_offline(folder):
            return f"offline is on in its project, so nothing of it goes to {self.endpoint}"
        if self._consent.answer(folder, self.endpoint) == "denied":
            return f"you denied sending text of its project to {self.endpoint}"
        if len(self._rules) > 100:
            self._rules.clear()
        # Ignore files count wherever they stand above a file, so its folder serves as the workspace.
        reason = self._rules.setdefault(folder, IgnoreRules(folder)).may_send(path)
        return f"it is not sent to {self.endpoint}: {reason}" if reason else ""

    def record(self, body_bytes: int, texts: Iterable[str], key: str) -> None:
        """Look once more at what is about to be sent, and count it.

        Raises:
            EngineUnavailableError: it may not be sent, or cannot be counted.
        """
        self.check()
        kinds = {kind for text in texts for kind in secrets_in(text, literals=(key,) if key else ())}
        if kinds:
            shown = ", ".join(sorted(kinds))
            msg = f"the text still holds what looks like a secret ({shown}), so it was not sent"
            raise EngineUnavailableError(msg)
        try:
            self._tally.add(self.endpoint, body_bytes)
        except OSError as error:
            msg = f"the record of what is sent cannot be written ({error}), so nothing is sent"
            raise EngineUnavailableError(msg) from error

    def close(self) -> None:
        """Write down what was counted; what cannot be is lost."""
        try:
            self._tally.write()
        except OSError:
            return


def _path_of(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        return None
    return Path(unquote(parts.path))
