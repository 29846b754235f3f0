"""A VS Code of one's own: served on loopback to a browser, with a home, settings and extensions."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from tests.editors.neovim import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

START_S_MAX, INSTALL_S_MAX = 60, 60

QUIET: Mapping[str, Any] = {
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.disableAIFeatures": True,
    "extensions.ignoreRecommendations": True,
    "files.autoSave": "off",
    "git.enabled": False,
    "editor.minimap.enabled": False,
    # What a menu offers, or a bracket that closes itself, would depend on other parts of the editor.
    "editor.quickSuggestions": {"other": "off"},
    "editor.suggestOnTriggerCharacters": False,
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
}
"""Settings that keep the editor's own news, and helpers of other kinds, out of the picture."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What `setup_vscode.sh` made."""

    code_server: Path
    chromium: Path


@dataclass(slots=True)
class CodeServer:
    """One VS Code, which serves windows to a browser."""

    programs: Programs
    home: Path
    url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    """Where it is started; None: where the tests are."""
    pid: int = 0

    @property
    def log(self) -> Path:
        return self.home / "code-server.log"

    @property
    def extensions(self) -> Path:
        return self.home / "extensions"

    @property
    def environments(self) -> list[Path]:
        """The environments in which our extension installed its server."""
        storage = self.home / "data" / "User" / "globalStorage" / "cope-lsp.cope-lsp"
        return list(storage.glob("server-*"))

    def configure(self, **settings: Any) -> None:
        """Write the user's settings; names have underscores for dots."""
        chosen = {name.replace("__", "."): value for name, value in settings.items()}
        file = self.home / "data" / "User" / "settings.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**QUIET, **chosen}, indent=2), "utf-8")

    def install(self, vsix: Path) -> None:
        """Install an extension as a user does from the command line."""
        said = subprocess.run(
            [*self._command(), "--install-extension", vsix],
            check=False, capture_output=True, text=True, env=self.environment, timeout=INSTALL_S_MAX,
        )  # fmt: skip
        assert said.returncode == 0, f"{said.stdout}\n{said.stderr}"
        assert "was successfully installed" in said.stdout, said.stdout

    def installed(self) -> list[str]:
        """Return the extensions that are installed, as `publisher.name@version`."""
        command = [*self._command(), "--list-extensions", "--show-versions"]
        said = subprocess.run(command, check=True, capture_output=True, text=True, env=self.environment)
        return said.stdout.split()

    def page_of(self, folder: Path, file: Path | None = None) -> str:
        """Return the address of a window that shows a folder, and a file of it."""
        host = self.url.removeprefix("http://")
        query = {"folder": str(folder)}
        if file is not None:
            query["payload"] = json.dumps([["openFile", f"vscode-remote://{host}{file}"]])
        return f"{self.url}/?{urllib.parse.urlencode(query)}"

    def language_servers(self) -> list[psutil.Process]:
        """Return the processes of our server that run for its windows, without their own children."""
        family = psutil.Process(self.pid).children(recursive=True)
        mine = [each for each in family if is_language_server(each)]
        return [each for each in mine if each.parent() not in mine]

    def _command(self) -> list[str]:
        data = self.home / "data"
        return [
            str(self.programs.code_server),
            *("--user-data-dir", str(data), "--extensions-dir", str(self.extensions)),
            *("--config", str(self.home / "code-server.yaml")),
        ]

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start to serve, on a port that is free, and wait until it does."""
        arguments = ["--auth", "none", "--bind-addr", "127.0.0.1:0", "--disable-telemetry"]
        arguments += ["--disable-update-check", "--disable-getting-started-override", "--app-name", "VS Code"]
        with self.log.open("wb") as log:
            command = [*self._command(), *arguments, *options]
            process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=self.folder)

        def serves() -> bool:
            assert process.poll() is None, f"code-server ended:\n{self.log.read_text('utf-8')}"
            if found := re.search(r"listening on (http://\S+?)/?\n", self.log.read_text("utf-8")):
                self.url = found[1]
            return bool(self.url) and is_healthy(self.url)

        wait_until("code-server serves", serves, START_S_MAX)
        return process


def is_language_server(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return any(argument.endswith("/cope-lsp") for argument in process.cmdline())
    return False


def is_healthy(url: str) -> bool:
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{url}/healthz", timeout=5):
        return True
    return False


@contextlib.contextmanager
def running(
    programs: Programs, home: Path, *options: str, folder: Path | None = None, **environment: str
) -> Iterator[CodeServer]:
    """Start a code-server whose home is `home`, in a folder; all that it started ends with it."""
    home.mkdir(parents=True, exist_ok=True)
    server = CodeServer(programs, home, environment=environment_of(home, **environment), folder=folder)
    server.configure()
    process = server.start(*options)
    server.pid = process.pid
    try:
        yield server
    finally:
        end_family(process.pid)
        process.wait()


def environment_of(home: Path, **more: str) -> dict[str, str]:
    """Return an environment that tells nothing of the person who runs the tests."""
    return {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        **more,
    }


def end_family(pid: int) -> None:
    """End a process and all below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(family, timeout=10)
