"""The system's keyring, asked in a child process with a deadline.

Keyrings hang: a D-Bus that is started for the occasion, a dialogue on a screen that nobody sees. They load
what their settings name, and print. None of it may happen here.
"""

import json
import os
import signal
import subprocess
import sys
from typing import Any

from cope_lsp.egress import offline
from cope_lsp.errors import KeyStoreError

ANSWER_TIMEOUT_S = 5.0

_STEP = "store the key in a file (cope-lsp auth set --file), or set COPE_LSP_API_KEY in the environment"

_FAULTS = {
    "NoKeyringError": "this system has no keyring that could be used",
    "KeyringLocked": "the system's keyring is locked; unlock it and try again",
    "InitError": "the system's keyring cannot be opened; unlock it and try again",
    "PasswordSetError": "the system's keyring does not take the key",
    "PasswordDeleteError": "the system's keyring does not let go of the key",
    "NotKept": "the system's keyring takes the key but does not keep it (is it switched off?)",
}


def get(endpoint: str) -> str | None:
    """Return the key that the keyring holds for `endpoint`, or None.

    Raises:
        KeyStoreError: the keyring cannot be used now; so for all functions here, which block meanwhile.
    """
    secret = _ask("get", endpoint).get("secret")
    return secret if isinstance(secret, str) else None


def put(endpoint: str, secret: str) -> None:
    """Keep `secret` for `endpoint`, and see that it is kept."""
    _ask("put", endpoint, secret)


def drop(endpoint: str) -> None:
    """Forget the key for `endpoint`, if there is one."""
    _ask("drop", endpoint)


def _ask(action: str, endpoint: str, secret: str = "") -> dict[str, Any]:
    # The secret goes through a pipe: arguments and environments can be read by others.
    question = {"action": action, "endpoint": endpoint, "secret": secret, "offline": offline.is_on()}
    try:
        answer = json.loads(_said_by_child(json.dumps(question).encode()))
    except subprocess.TimeoutExpired:
        raise _error(f"the system's keyring did not answer within {ANSWER_TIMEOUT_S:.0f} s") from None
    except (OSError, ValueError):  # it could not be started, or died before it had answered
        raise _error("the system's keyring cannot be asked") from None
    if fault := answer.get("error"):
        raise _error(_FAULTS.get(fault, f"the system's keyring failed ({fault})"))
    return dict(answer)


def _said_by_child(question: bytes) -> bytes:
    command = [sys.executable, "-P", "-m", "cope_lsp.egress.keyring_child"]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
        command, stdin=pipe, stdout=pipe, stderr=nowhere, start_new_session=True
    ) as child:
        try:
            return child.communicate(question, timeout=ANSWER_TIMEOUT_S)[0]
        finally:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and what it started, whether it answered or not."""
    if os.name == "posix" and child.returncode is None:
        os.killpg(child.pid, signal.SIGKILL)
    elif child.returncode is None:
        child.kill()


def _error(fault: str) -> KeyStoreError:
    return KeyStoreError(f"{fault}; {_STEP}")
