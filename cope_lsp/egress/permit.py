"""Leave to send text to a completion server: the switch, the consent, the file that it is from, the record.

Any URL counts as elsewhere, also one of this machine: behind a port there may be a tunnel. The one server
that needs no leave is the one that we started ourselves, on a socket in a folder of ours.
"""

import copy
import os
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from platformdirs import user_data_path

from cope_lsp.egress import offline
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.ignore import IgnoreRules
from cope_lsp.egress.redact import secrets_in
from cope_lsp.egress.tally import Tally
from cope_lsp.errors import EngineUnavailableError
from cope_lsp.loading import is_offline

URI_CHARACTERS_MAX = 4_096

_DRIVE = re.compile(r"/[A-Za-z]:/")


def consent_folder() -> Path:
    """Return the folder under which the agreement to a completion server is recorded, for all projects."""
    return user_data_path("cope-lsp", appauthor=False) / "completions"


class Permit:
    """Decides for one server."""

    def __init__(self, url: str, consent: ConsentStore, tally: Tally) -> None:
        self.url = url
        self.uri = ""
        """Of the file that the text is from; "": it is from none."""
        self.endpoint = endpoint_of(url)
        self._consent = consent
        self._tally = tally
        self._rules: dict[Path, IgnoreRules] = {}

    def about(self, uri: str) -> "Permit":
        """Return the same for text of the file at `uri`: each check then asks for that file, too."""
        bound = copy.copy(self)
        bound.uri = uri
        return bound

    def check(self) -> None:
        """Return if something may be sent now, by what the disk says now.

        Raises:
            EngineUnavailableError: offline is on, the user has not agreed, or the file may not be sent.
        """
        if offline.is_on() or is_offline(Path(consent_folder().anchor)):  # in no project: as the user says
            step = "set offline = false, or use a model of this machine: cope-lsp models use embedded"
            msg = f"offline is on, so {self.endpoint} is not asked, also if it is on this machine; {step}"
            raise EngineUnavailableError(msg)
        if self._consent.answer(consent_folder(), self.endpoint) != "allowed":
            step = f"to look at it and agree: cope-lsp models use {self.url}"
            msg = f"you have not agreed that text is sent to {self.endpoint}, so nothing was; {step}"
            raise EngineUnavailableError(msg)
        if self.uri and (objection := self.objection(self.uri)):
            raise EngineUnavailableError(objection)

    def objection(self, uri: str) -> str:
        """Return why nothing of the file at `uri` may be sent; "" when it may."""
        path = path_of(uri)
        if path is None:
            return f"it is no file that a list could name, so nothing of it goes to {self.endpoint}"
        try:
            places = {path.parent, path.parent.resolve(), path.resolve().parent}
        except (OSError, RuntimeError, ValueError):  # a loop of links; a name that this system cannot hold
            return f"its address cannot be followed, so nothing of it goes to {self.endpoint}"
        folder = path.parent
        if any(map(is_offline, places)):
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


def path_of(uri: str) -> Path | None:
    """Return the file of this machine that a URI names beyond doubt; None: there is none. See `name_of`."""
    name = name_of(uri)
    return None if name is None else Path(name)


def name_of(uri: str) -> str | None:
    """Return the absolute path in a URI as it is written there, byte by byte; None: it is no file of ours.

    Args:
        uri: of a document, as an editor sent it (LSP 3.18, "URI"). Where it holds a raw `?` or `#` nobody can
            tell whether the name goes on there, as that of a folder `C#` does.
    """
    if len(uri) > URI_CHARACTERS_MAX or uri != uri.strip() or not uri.isprintable():
        return None  # `urlsplit` would leave out what the editor may not
    try:
        split = urlsplit(uri)
        name = os.fsdecode(unquote_to_bytes(split.path))
    except ValueError:
        return None
    if split.scheme != "file" or split.netloc or "?" in uri or "#" in uri or "\0" in name:
        return None
    if os.name == "nt":
        return name[1:] if _DRIVE.match(name) else None
    return name if name.startswith("/") else None
