"""Keyrings for the tests: real backends of the `keyring` package, chosen through PYTHON_KEYRING_BACKEND."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


def chosen(name: str) -> str:
    """Return what PYTHON_KEYRING_BACKEND must say for the class called `name`."""
    return f"tests.egress.keyrings.{name}"


class InFile(KeyringBackend):
    """Keeps passwords in the file that TEST_KEYRING names, and prints while it does."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        sys.stdout.write("Content-Length: 7\r\n\r\nnoise")
        os.write(1, b"noise")
        return self._all().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._path.write_text(json.dumps(self._all() | {f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        kept = self._all()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError(username)
        self._path.write_text(json.dumps(kept))

    @property
    def _path(self) -> Path:
        return Path(os.environ["TEST_KEYRING"])

    def _all(self) -> dict[str, str]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}


class Forgetful(InFile):
    """Takes everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Do nothing."""


class Locked(InFile):
    """Cannot be opened, and quotes what it was given."""

    def get_password(self, _service: str, username: str) -> str | None:
        raise KeyringLocked(username)

    def set_password(self, _service: str, _username: str, password: str) -> None:
        raise KeyringLocked(password)


class Hanging(InFile):
    """Starts a process that inherits its streams, writes its id to TEST_KEYRING, and never answers."""

    def get_password(self, _service: str, _username: str) -> str | None:
        waiting = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self._path.write_text(str(waiting.pid))
        while True:
            time.sleep(600)


class Dying(InFile):
    """Ends the process, as native code may."""

    def get_password(self, _service: str, _username: str) -> str | None:
        os._exit(3)
