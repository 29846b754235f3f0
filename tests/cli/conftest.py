"""The real commands, each in a process of its own, with a home of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

COPE_LSP = Path(sys.executable).with_name("cope-lsp")
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `cope-lsp` in a folder of its own, as somebody who has no settings yet."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Ours with another home and a wide screen without colours, and with nothing that we are set to."""
        unwanted = ("COPE_LSP_", "PYTHONUNBUFFERED")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        home = str(self.folder.parent / "home")
        temporary = str(self.folder.parent / "temporary")
        mine = {"HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_DATA_HOME": f"{home}/data"}
        return kept | mine | {"TMPDIR": temporary, "COLUMNS": "200", "NO_COLOR": "1", **self.variables}

    @property
    def temporary(self) -> Path:
        """Where the commands make temporary files."""
        return self.folder.parent / "temporary"

    def run(
        self, *arguments: str | Path, stdin: bytes = b"", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [COPE_LSP, *arguments],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment | variables,
            timeout=TIMEOUT_S,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def json(self, *arguments: str | Path, code: int = 0, **variables: str) -> Any:
        """Run a command that prints one JSON document and nothing else."""
        done = self.run(*arguments, "--json", stdin=b"", **variables)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def started(self, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
        """Start a command in a process group of its own, as a terminal does."""
        with subprocess.Popen(
            [COPE_LSP, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    for name in ("folder", "home", "temporary"):
        (tmp_path / name).mkdir()
    return Shell(tmp_path / "folder")


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the children of a process, and theirs."""
    return psutil.Process(process.pid).children(recursive=True)


def interrupt(process: subprocess.Popen[str], *, group: bool) -> None:
    """Press Ctrl-C: a terminal tells the whole group, others tell the one process."""
    (os.killpg if group else os.kill)(process.pid, signal.SIGINT)


def are_gone(processes: list[psutil.Process], timeout_s: float) -> bool:
    """Wait until none of the processes runs; one that only its new parent has yet to collect does not."""
    deadline = time.monotonic() + timeout_s
    while any(map(_runs, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_clean(text: str) -> bool:
    """Whether standard error has no trace of an exception."""
    return not any(word in text for word in ("Traceback", "Exception", "Error:"))
