"""Drafts that try to get out of the cage of a repository: what they reach, seen from outside."""

import asyncio
import contextlib
import ctypes
import os
import platform
import shutil
import socket
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from cope_lsp.checks.suite.check import Suite
from cope_lsp.checks.suite.tree import TreeLimits
from tests.checks.cage.escapes import PREAMBLE, TOO_MUCH, TRIED, Expected
from tests.checks.conftest import running
from tests.checks.suite.repository import MODULE, TESTS, build_python, snapshot, suite, write

SECRET = "the canary sings"
NAME = f"cope-lsp-canary-{os.getpid()}"
SECRETS = (
    *(".ssh/id", ".aws/credentials", ".netrc", ".local/share/cope-lsp/ledger.sqlite"),
    *(".local/share/keyrings/login.keyring", ".config/gh/hosts.yml", "linked"),
)

OUR_MISTAKES = ("NameError", "AttributeError", "TypeError", "SyntaxError", "ImportError")


@dataclass
class Outside:
    """A home with secrets, a repository in it, and servers that nobody may call."""

    home: Path
    port: int
    canary: int
    """A descriptor of ours, open for writing, that programs which we start could inherit."""
    called: list[str] = field(default_factory=list)

    @property
    def work(self) -> Path:
        return self.home / "work"

    def draft(self, body: str) -> str:
        names = {"home": str(self.home), "port": self.port, "name": NAME}
        values = names | {"parent": os.getpid(), "canary": self.canary}
        return PREAMBLE.format(**values) + textwrap.indent(textwrap.dedent(body), "    ") + "\n"


def furnish(home: Path) -> None:
    for name in SECRETS:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(SECRET)
    work = write(home / "work", calc=MODULE, conftest="", tests__test_calc=TESTS)
    for name in (".git/hooks/pre-commit", ".git/config", ".vscode/tasks.json", "pytest.ini", "data.txt"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("[pytest]\n" if name == "pytest.ini" else "kept")
    (work / "large.bin").write_bytes(b"kept" * 5_000)
    os.link(home / "linked", work / "linked.txt")
    (work / "out").symlink_to(home / ".ssh" / "id")
    (work / "outside").symlink_to(home)


@contextlib.contextmanager
def key_of_the_kernel() -> Iterator[None]:
    """Keep a key for the user, as a login does."""
    add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    key = libc.syscall(ctypes.c_long(add), b"user", NAME.encode(), SECRET.encode(), len(SECRET), -4)
    yield
    libc.syscall(ctypes.c_long(control), 3, key)


@contextlib.asynccontextmanager
async def servers(outside: Outside) -> AsyncIterator[None]:
    """Listen wherever a draft could call."""

    def accept(name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            outside.called.append(name)
            writer.close()

        return accepted

    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, address: object) -> None:  # noqa: ARG002
            outside.called.append("udp")

    loop = asyncio.get_running_loop()
    paths = (f"\0{NAME}", str(outside.home / "agent"), str(outside.work / "agent"))
    started = [await asyncio.start_unix_server(accept(path), path) for path in paths]
    started.append(await asyncio.start_server(accept("tcp"), ("127.0.0.1", "::1"), outside.port))
    udp, _ = await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", outside.port))
    yield
    udp.close()
    for server in started:
        server.close()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_python(tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    home = Path("/tmp", NAME)  # a path that is short enough for a socket
    furnish(home)
    with socket.create_server(("127.0.0.1", 0)) as end:
        port = end.getsockname()[1]
    canary = os.open(home / ".netrc", os.O_RDWR)
    os.set_inheritable(canary, True)  # noqa: FBT003
    with pytest.MonkeyPatch.context() as patch, key_of_the_kernel():
        patch.setenv("HOME", str(home))
        patch.setenv("CANARY_TOKEN", SECRET)
        patch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
        yield Outside(home, port, canary)
    os.close(canary)
    shutil.rmtree(home)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def check(outside: Outside, python: Path) -> AsyncIterator[Suite]:
    async with servers(outside):
        made = suite(outside.work, python)
        assert (await made.prepare()).tests
        yield made
        await made.close()


CASES = [
    pytest.param(expected, body, id=f"{kind} {name}")
    for kind, table in TRIED.items()
    for name, (expected, body) in table.items()
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("expected", "body"), CASES)
async def test_a_draft_reaches_nothing_outside(
    outside: Outside, check: Suite, expected: Expected, body: str
) -> None:
    before = snapshot(outside.home)
    verdict = await check.judge(outside.draft(body))
    _, tried, said = verdict.evidence.partition("tried ")
    assert tried, verdict.evidence
    attempts = [attempt.strip() for attempt in said.split(" | ")]
    assert all(": " in attempt for attempt in attempts), "each says what became of it"
    assert not any(attempt.endswith(OUR_MISTAKES) for attempt in attempts)
    done = [attempt for attempt in attempts if "DONE" in attempt]
    if expected == "refused":
        assert not done
    if expected == "harmless":
        assert done == attempts
    assert verdict.judgement == "failed"
    assert SECRET not in verdict.evidence
    assert snapshot(outside.home) == before
    assert not outside.called
    assert not running("61803")
    assert not Path("/tmp", NAME + "-x").exists()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tight(outside: Outside, python: Path) -> AsyncIterator[Suite]:
    limits = TreeLimits(
        memory_bytes=600 << 20, processes=16, output_bytes=1 << 20, disk_bytes=64 << 20, file_bytes=1 << 30
    )
    made = suite(outside.work, python, limits=limits, timeout_s=20.0)
    assert (await made.prepare()).tests
    yield made
    await made.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("expected", "body"), TOO_MUCH.values(), ids=TOO_MUCH)
async def test_a_draft_gets_so_much_and_no_more(
    outside: Outside, tight: Suite, expected: str, body: str
) -> None:
    verdict = await tight.judge(outside.draft(body))
    assert verdict.judgement == "failed"
    assert expected in verdict.evidence
    assert verdict.milliseconds < 20_000


def test_the_attempts_are_as_many_as_promised() -> None:
    assert len(CASES) + len(TOO_MUCH) >= 40
