"""Addresses of model files at a hub: what a user asks for, and the one file of one commit that it means."""

import re
from dataclasses import dataclass

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
FILE = re.compile(r"(?:[A-Za-z0-9_][\w.+-]{0,120}/){0,4}[A-Za-z0-9_][\w.+-]{0,200}\.gguf")
REVISION = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Address:
    """Which file is wanted; `file` may be "" where the repository has one model only."""

    repository: str
    file: str = ""
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class Remote:
    """One file of one commit, as the hub describes it."""

    repository: str
    file: str
    revision: str
    """The full name of the commit."""
    sha256: str
    bytes: int
