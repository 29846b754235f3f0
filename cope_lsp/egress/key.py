"""API keys: from the environment, the system's keyring, or a file that only the user can read.

A key belongs to one endpoint and is never handed to another. For every stored key there is a small private
file that names its endpoint and says where the key lies; without one the keyring is not even asked, so that
a machine without a keyring, or with one that hangs, waits for nothing.
"""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

from platformdirs import user_data_path

from cope_lsp.egress import keyring
from cope_lsp.egress.private import NotPrivateError, read_private, write_private
from cope_lsp.errors import KeyStoreError

ANTHROPIC = "https://api.anthropic.com"
OWN_VARIABLE = "COPE_LSP_API_KEY"
ANTHROPIC_VARIABLE = "ANTHROPIC_API_KEY"
MODEL_VARIABLE = "COPE_LSP_MODEL_API_KEY"
"""For the server of the small model: the key of the hosted one must not go there."""

Where = Literal["keyring", "file"]

_SENDABLE = re.compile(r"[!-~]{1,4000}")
"""What a header can carry: no blank, no control character, nothing but ASCII."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key and where it was found; its text is not part of its `repr`."""

    secret: str = field(repr=False)
    origin: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the key of an endpoint lies, and the file that says so."""

    endpoint: str
    where: Where
    path: Path


@dataclass(frozen=True, slots=True)
class _Note:
    endpoint: str
    where: Where
    secret: str = field(default="", repr=False)
    """The key itself, where `where` is "file"."""


async def find_key(endpoint: str, environment: Mapping[str, str], own: str = OWN_VARIABLE) -> Key | None:
    """Return the key for `endpoint`, or None when there is none. The event loop does not wait.

    `own` is the variable for the configured endpoint; `ANTHROPIC_API_KEY` is for Anthropic's alone.

    Raises:
        KeyStoreError: one was stored but cannot be read, or a variable holds what cannot be one.
    """
    names = [own] + ([ANTHROPIC_VARIABLE] if endpoint == ANTHROPIC else [])
    for name in names:
        if secret := environment.get(name, "").strip():
            if not _SENDABLE.fullmatch(secret):
                raise KeyStoreError(f"{name} holds no API key, which is one word of ASCII; copy it once more")
            return Key(secret, name)
    return await asyncio.to_thread(_stored_key, endpoint)


def store_key(endpoint: str, secret: str, where: Where) -> Stored:
    """Keep `secret` as the key for `endpoint`, in place of any other. It may block for some seconds.

    Raises:
        KeyStoreError: it cannot be kept there, or it cannot be a key; then the one before stays.
    """
    secret = secret.strip()
    if not _SENDABLE.fullmatch(secret):
        msg = "this is no API key: a key is one word of up to 4000 ASCII characters; copy it once more"
        raise KeyStoreError(msg)
    was_in_keyring = _may_be_in_keyring(endpoint)
    if where == "keyring":
        keyring.put(endpoint, secret)
        _write(_Note(endpoint, where))
    else:
        _write(_Note(endpoint, where, secret))
        if was_in_keyring:
            # What hangs may be the reason for the move; what stays there is never used.
            with contextlib.suppress(KeyStoreError):
                keyring.drop(endpoint)
    return Stored(endpoint, where, _path(endpoint))


def remove_key(endpoint: str) -> bool:
    """Forget the stored key for `endpoint`; False when there was none. It may block for some seconds.

    Raises:
        KeyStoreError: the keyring does not let go of it.
    """
    path = _path(endpoint)
    existed = path.exists() or path.is_symlink()
    if _may_be_in_keyring(endpoint):
        keyring.drop(endpoint)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        msg = f"{path} cannot be removed ({error.strerror}); remove it yourself"
        raise KeyStoreError(msg) from None
    return existed


def stored(endpoint: str) -> Stored | None:
    """Return where the key for `endpoint` lies; None when none was stored. The keyring is not asked.

    Raises:
        KeyStoreError: a file is there but cannot be trusted.
    """
    note = _note(endpoint)
    return Stored(endpoint, note.where, _path(endpoint)) if note else None


def _stored_key(endpoint: str) -> Key | None:
    note = _note(endpoint)
    if note is None:
        return None
    if note.where == "file":
        return Key(note.secret, str(_path(endpoint)))
    secret = keyring.get(endpoint)
    if not secret:
        msg = f"the system's keyring has lost the key for {endpoint}; set it again: cope-lsp auth set"
        raise KeyStoreError(msg)
    return Key(secret, "the system's keyring")


def _note(endpoint: str) -> _Note | None:
    path = _path(endpoint)
    step = f"remove {path} and set the key again: cope-lsp auth set"
    try:
        note = _Note(**json.loads(read_private(path)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except NotPrivateError as error:
        msg = f"the key in {path} is not used: {error}; give up that key at the provider, {step}"
        raise KeyStoreError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}); {step}"
        raise KeyStoreError(msg) from None
    except (ValueError, TypeError):  # what is wrong with the text is not told: it may hold the key
        msg = f"{path} is damaged; {step}"
        raise KeyStoreError(msg) from None
    # The name of the file is only a hash; what it says must match, too.
    if note.endpoint != endpoint or note.where not in get_args(Where) or not _is_whole(note):
        msg = f"{path} does not hold the key for {endpoint}; {step}"
        raise KeyStoreError(msg)
    return note


def _is_whole(note: _Note) -> bool:
    return note.where == "keyring" or bool(_SENDABLE.fullmatch(str(note.secret)))


def _may_be_in_keyring(endpoint: str) -> bool:
    try:
        note = _note(endpoint)
    except KeyStoreError:
        return False  # what cannot be trusted is replaced or removed, and leads nowhere
    return note is not None and note.where == "keyring"


def _write(note: _Note) -> None:
    path = _path(note.endpoint)
    try:
        write_private(path, json.dumps(asdict(note)))
    except OSError as error:
        step = f"mend that, or set {OWN_VARIABLE} in the environment"
        msg = f"the key cannot be stored in {path.parent} ({error.strerror}); {step}"
        raise KeyStoreError(msg) from None


def _path(endpoint: str) -> Path:
    folder = user_data_path("cope-lsp", appauthor=False) / "keys"
    return folder / f"{hashlib.sha256(endpoint.encode()).hexdigest()}.json"
