"""Real servers, each in a folder and with settings of its own."""

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.server.wire_client import COMMAND, Json, WireClient


class StartServer(Protocol):
    """Starts a server, which is killed in the end; keywords are variables of its environment."""

    def __call__(
        self, *arguments: str, command: Sequence[str] = COMMAND, **environment: str
    ) -> WireClient: ...


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    with servers_in(tmp_path) as start:
        yield start


@pytest.fixture
def client(start_server: StartServer) -> WireClient:
    """Return an editor with ghost text whose session is open."""
    client = start_server()
    client.initialize()
    return client


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireClient]:
    """Return one like `client` for all tests of a module that leave their server as it was."""
    with servers_in(tmp_path_factory.mktemp("shared")) as start:
        client = start()
        client.initialize()
        yield client
        assert client.process.poll() is None, "the server lives through everything"


@contextmanager
def servers_in(folder: Path) -> Iterator[StartServer]:
    """Start servers in `folder`, and look at all that they said in the end."""
    started: list[WireClient] = []

    def start(*arguments: str, command: Sequence[str] = COMMAND, **environment: str) -> WireClient:
        client = WireClient([*command, *arguments], clean_environment(folder) | environment, folder)
        started.append(client)
        return client

    try:
        yield start
    finally:
        for client in started:
            client.kill()
    for client in started:
        assert client.not_lsp == b"", "nothing but LSP comes on standard output"
        for answer in itertools.chain.from_iterable(client.responses.values()):
            assert_tells_no_secrets(answer)


def assert_tells_no_secrets(answer: Json) -> None:
    """Tracebacks and paths stay in the log: editors show errors, and users post them."""
    if error := answer.get("error"):
        assert set(error) == {"code", "message"}
        assert not re.search(r"Traceback|File |\n|\\|(?:/[^/\s]+){2}", error["message"]), error


def clean_environment(home: Path) -> dict[str, str]:
    """Return the environment without this machine's settings of cope-lsp."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COPE_LSP_")}
    return kept | {"XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home / "data")}
