"""Whether ghost text is wanted here and now: by its trigger, in this file, and not while it is snoozed."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from cope_lsp.config import Config
from cope_lsp.egress.globs import Glob, globs
from cope_lsp.values import CompletionRequest, Silence

SNOOZE_MINUTES_MAX = 24 * 60

_LANGUAGE = re.compile(r"[A-Za-z][\w+#-]*")


class Trigger:
    """The settings of when, and the snooze, which outlives a change of them."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        """Take the settings.

        Args:
            config: the effective settings.
            clock: the time of day, as `time.time` tells it.
        """
        self._clock = clock
        self._snoozed_until = 0.0
        self.use(config)

    def use(self, config: Config) -> None:
        """Take other settings from now on."""
        self._trigger = config.completion_trigger
        self._idle_s = config.completion_idle_ms / 1000
        self._manual_in = _Area.of(config.completion_manual_in)
        self._off_in = _Area.of(config.completion_off_in)

    def snooze(self, minutes: float) -> None:
        """Offer nothing unasked for some minutes, a day at most; 0 ends it."""
        seconds = 60 * min(max(minutes, 0), SNOOZE_MINUTES_MAX)
        self._snoozed_until = self._clock() + seconds if seconds else 0.0

    @property
    def snoozed_until(self) -> float | None:
        """When the snooze ends, as `time.time` tells it; None: there is none."""
        # A clock that was set back would make it longer than anybody can have asked for.
        left = self._snoozed_until - self._clock()
        return self._snoozed_until if 0 < left <= 60 * SNOOZE_MINUTES_MAX else None

    @property
    def idle_s(self) -> float:
        """How many seconds nobody must have typed before something is offered unasked."""
        return self._idle_s if self._trigger == "idle" else 0.0

    def silence(self, request: CompletionRequest) -> Silence | None:
        """Return why nothing is offered; None: something may be. Who asks by a key meets `off_in` only."""
        if entry := self._off_in.entry(request):
            return Silence("excluded", f"completion.off_in has {entry}")
        if request.explicit:
            return None
        if said := self.snooze_words():
            return Silence("snoozed", said)
        if self._trigger == "manual":
            return Silence("manual", "completion.trigger is manual")
        if entry := self._manual_in.entry(request):
            return Silence("manual", f"completion.manual_in has {entry}")
        return None

    @property
    def snoozed_until_text(self) -> str | None:
        """When the snooze ends, as the user's clock shows it, such as 14:05; None: there is none."""
        until = self.snoozed_until
        return None if until is None else time.strftime("%H:%M", time.localtime(until))

    def snooze_words(self) -> str:
        """Return until when it is snoozed, for people; "" when it is not."""
        until = self.snoozed_until_text
        return "" if until is None else f"snoozed until {until}"


@dataclass(frozen=True, slots=True)
class _Area:
    """Some documents: all of a language, and all whose path fits a glob."""

    languages: frozenset[str]
    globs: tuple[tuple[str, Glob], ...]
    """Each as it was written, and as it is compared with a path from the root of the file system."""

    @classmethod
    def of(cls, entries: tuple[str, ...]) -> "_Area":
        """Return what entries such as `markdown`, `*.env` and `tests/**` name."""
        languages = frozenset(entry for entry in entries if _LANGUAGE.fullmatch(entry))
        found = [(entry, glob) for entry in entries for glob in globs(_anywhere(entry))]
        return cls(languages, tuple(found))

    def entry(self, request: CompletionRequest) -> str:
        """Return the entry that names the document of a request; "" when none does."""
        language = request.document.language
        if language in self.languages:
            return language
        path = _path_in(request.document.uri) if self.globs else ""
        return next((entry for entry, glob in self.globs if _covers(glob, path)), "")


def _path_in(uri: str) -> str:
    """Return the path in an address as globs are compared with it, also of a cell, or without a file.

    A raw `#` may be part of the name of a file; in the address of a cell of a notebook it is not.
    """
    try:
        split = urlsplit(uri)
    except ValueError:
        return ""
    behind = "".join(f"{sign}{part}" for sign, part in (("?", split.query), ("#", split.fragment)) if part)
    path = unquote_to_bytes(split.path + behind * (split.scheme == "file")).decode("latin-1")
    return path.replace("\\", "/").removeprefix("/")


def _anywhere(entry: str) -> str:
    """Return an entry as a line of an ignore file at the root of the file system.

    There a slash in the middle would tie it to the root; here only one at its start does.
    """
    pattern = os.fsencode(_at_home(entry)).decode("latin-1")
    tied = "/" in pattern.removesuffix("/") and not pattern.startswith("/")
    return f"**/{pattern}" if tied else pattern


def _at_home(entry: str) -> str:
    """Return an entry with the user's home in the place of `~`."""
    try:
        return Path.home().as_posix() + entry[1:] if entry.startswith("~/") else entry
    except RuntimeError:  # nobody knows where it is
        return entry


def _covers(glob: Glob, path: str) -> bool:
    """Whether a glob names a file or a folder around it. A name alone means files: `python` is a language."""
    if glob.matches(path, folder=False):
        return True
    if glob.by_name and not glob.folders_only:
        return False
    parts = path.split("/")
    return any(glob.matches("/".join(parts[:n]), folder=True) for n in range(1, len(parts)))
