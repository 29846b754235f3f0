"""Offline: everything local works in processes that die the moment they open an internet socket."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.conftest import StartServer, clean_environment, servers_in
from tests.server.places import PLACES, find_offers
from tests.server.wire_client import COMMAND

ROOT = Path(__file__).parents[2]
COPE_LSP = Path(sys.executable).with_name("cope-lsp")
OFFLINE = {"COPE_LSP_OFFLINE": "true"}
TIMEOUT_S = 90
PLAN = "cope.server.plan"


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    with servers_in(tmp_path) as start:
        yield start


def run(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=TIMEOUT_S,
        env=clean_environment(folder) | {"HOME": str(folder), "PYTHONPATH": str(ROOT)} | environment,
        check=False,
    )


DEADLY = {
    "IPv4": "import socket; socket.socket(socket.AF_INET)",
    "IPv6": "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "io_uring": "import ctypes; ctypes.CDLL(None).syscall(425, 1, None)",
    "a child": "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', "
    "'import socket; socket.socket()']).returncode)",
}


@pytest.mark.parametrize("attempt", DEADLY)
def test_the_seal_kills_who_opens_an_internet_socket(sealed: str, tmp_path: Path, attempt: str) -> None:
    """A control: without it the tests below would prove nothing."""
    done = run(sealed, sys.executable, "-c", DEADLY[attempt], folder=tmp_path)
    killed = -signal.SIGSYS
    assert done.returncode == (killed % 256 if attempt == "a child" else killed), done.stderr


def test_the_seal_lets_local_sockets_pass(sealed: str, tmp_path: Path) -> None:
    program = "import socket; a, b = socket.socketpair(); socket.socket(socket.AF_UNIX); a.send(b'x')"
    assert run(sealed, sys.executable, "-c", program, folder=tmp_path).returncode == 0


@pytest.mark.parametrize("command", ["doctor", "complete", "demo", "models"])
def test_local_commands_open_no_internet_socket(sealed: str, tmp_path: Path, command: str) -> None:
    (tmp_path / "some.py").write_text("import os\nimport sys\n\n\ndef main():\n")
    arguments = ["some.py", "--line", "5", "--character", "0"] if command == "complete" else []
    done = run(sealed, COPE_LSP, command, *arguments, folder=tmp_path, **OFFLINE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_a_session_of_an_editor_opens_no_internet_socket(
    sealed: str, start_server: StartServer, tmp_path: Path
) -> None:
    client = start_server(command=(sealed, *COMMAND), **OFFLINE)
    commands = client.initialize(rootUri=tmp_path.as_uri())["executeCommandProvider"]["commands"]
    find_offers(client)
    if PLAN in commands:
        uri = client.open(PLACES[0])
        client.response(client.request("workspace/executeCommand", plan_params(uri)))
    assert client.shut_down() == 0
    assert "Traceback" not in client.errors.decode()


def plan_params(uri: str) -> dict[str, object]:
    """Return the params with which an editor asks for a plan of the first function in a document."""
    return {"command": PLAN, "arguments": [{"uri": uri, "position": {"line": 0, "character": 0}}]}


def test_asking_the_keyring_offline_opens_no_internet_socket(sealed: str, tmp_path: Path) -> None:
    """Not even where the desktop's bus is said to be at an internet address."""
    program = (
        "from cope_lsp.egress import keyring, offline; from cope_lsp.errors import KeyStoreError\n"
        "offline.switch(on=True)\n"
        "try: print(keyring.get('https://api.anthropic.com'))\n"
        "except KeyStoreError as error: print(error)"
    )
    bus = {"DBUS_SESSION_BUS_ADDRESS": "tcp:host=127.0.0.1,port=9"}
    done = run(sealed, sys.executable, "-c", program, folder=tmp_path, **bus)
    assert done.returncode == 0, done.stderr
    assert "cannot be asked" not in done.stdout, "the child died"


SWITCHED = """
import _socket, asyncio, http.client, socket, urllib.request
from cope_lsp.egress import offline

offline.switch(on=True)
offline.switch(on=True)
assert offline.is_on()

def refused(act, *arguments):
    try:
        act(*arguments)
    except (PermissionError, urllib.error.URLError) as error:
        assert "offline is on" in str(error), error
    else:
        raise AssertionError(act)

refused(socket.socket)
refused(_socket.socket)
refused(_socket.socket, int(socket.AF_INET6))
refused(socket.create_connection, ("127.0.0.1", 9))
refused(socket.create_server, ("127.0.0.1", 0))
refused(socket.getaddrinfo, "localhost", 80)
refused(socket.gethostbyname, "localhost")
refused(socket.gethostbyname_ex, "localhost")
refused(socket.gethostbyaddr, "127.0.0.1")
refused(socket.getnameinfo, ("127.0.0.1", 80), 0)
refused(http.client.HTTPConnection("127.0.0.1", 9).connect)
refused(urllib.request.urlopen, "http://127.0.0.1:9/")
refused(asyncio.run, asyncio.wait_for(asyncio.open_connection("127.0.0.1", 9), 5))
for end in socket.socketpair():
    end.close()
socket.socket(socket.AF_UNIX).close()
offline.switch(on=False)
assert not offline.is_on()
socket.socket().close()
print("done")
"""


def test_the_switch_stops_every_way_of_python_to_the_internet_and_nothing_else(tmp_path: Path) -> None:
    """In a process of its own: what watches cannot be taken away again."""
    done = run(sys.executable, "-c", SWITCHED, folder=tmp_path)
    assert done.stdout == "done\n", done.stderr


def test_the_seal_and_the_switch_agree(sealed: str, tmp_path: Path) -> None:
    """Refused by the switch means refused before the system is asked."""
    lines = SWITCHED.split("offline.switch(on=False)", maxsplit=1)[0] + "print('done')"
    done = run(sealed, sys.executable, "-c", lines, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
