"""Cages of whole repositories from outside: what is left of them, where there are none, and what they cost."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cope_lsp.checks.cage import calls
from cope_lsp.checks.suite import interpreter
from cope_lsp.checks.suite.tree import Order, Tree, TreeLimits
from cope_lsp.errors import SandboxUnavailableError
from tests.checks.conftest import running
from tests.checks.suite.repository import (
    ENVIRONMENT,
    MODULE,
    RIGHT,
    TESTS,
    WRONG,
    build_python,
    snapshot,
    write,
    write_many_files,
)

ROOT = Path(__file__).parents[3]

SHELL_DAEMON = "setsid sh -c 'trap \"\" HUP TERM; touch started; exec sleep {word}' & while ! test -e started; do :; done"


def order(*command: str, timeout_s: float = 30.0) -> Order:
    return Order(command, ENVIRONMENT, timeout_s=timeout_s)


async def gone(word: str, within_s: float) -> bool:
    """Whether no process with that word is left within a time."""
    deadline = time.monotonic() + within_s
    while running(word):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def test_what_a_run_changed_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    write(tmp_path, a="1", pack__b="2", pack__c="3")
    before = snapshot(tmp_path)
    tree = Tree(tmp_path)
    script = "cat a.py; echo new > pack/new; echo more >> pack/b.py; rm pack/c.py; mkdir empty; exit 3"
    outcome = await tree.run(Order(("sh", "-c", script), ENVIRONMENT, {"a.py": "draft", "new/d.py": "x"}))
    assert (outcome.ending, outcome.status, outcome.output) == ("finished", 3, "draft")
    assert sorted(outcome.changes) == ["pack/b.py", "pack/c.py", "pack/new"]
    assert not outcome.is_copy
    assert snapshot(tmp_path) == before
    await tree.close()


async def test_runs_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    script = "echo $0 > own; sleep 0.2; cat own; ls | wc -l"
    outcomes = await asyncio.gather(*(tree.run(order("sh", "-c", script, str(n))) for n in range(4)))
    assert [outcome.output for outcome in outcomes] == [f"{n}\n1\n" for n in range(4)]
    await tree.close()


async def test_nothing_is_left_of_runs_whose_time_is_up(
    tmp_path: Path, scale: Callable[[int, int], int]
) -> None:
    tree = Tree(tmp_path)
    script = SHELL_DAEMON.format(word="27183") + "; sleep 27183"
    for _ in range(scale(5, 200)):
        outcome = await tree.run(order("sh", "-c", script, timeout_s=0.5))
        assert outcome.ending == "timed-out"
        assert await gone("27183", 1.0)
    await tree.close()


async def test_nothing_is_left_of_a_run_that_ended(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    outcome = await tree.run(order("sh", "-c", SHELL_DAEMON.format(word="31416")))
    assert (outcome.ending, outcome.status) == ("finished", 0)
    assert not running("31416")
    await tree.close()


async def test_nothing_is_left_of_a_run_that_was_cancelled(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    task = asyncio.create_task(tree.run(order("sleep", "16181")))
    while not running("16181"):
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not running("16181")
    assert (await tree.run(order("true"))).status == 0
    await tree.close()
    with pytest.raises(SandboxUnavailableError, match="closed"):
        await tree.run(order("true"))


PARENT = """
import asyncio, sys
from pathlib import Path
from cope_lsp.checks.suite.tree import *
command = ("sh", "-c", sys.argv[2])
asyncio.run(Tree(Path(sys.argv[1])).run(Order(command, {"PATH": "/usr/bin:/bin"}, timeout_s=60)))
"""


async def test_a_killed_parent_leaves_nothing_behind(tmp_path: Path) -> None:
    script = SHELL_DAEMON.format(word="14143") + "; sleep 14143"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, tmp_path, script], cwd=ROOT)
    while not running("14143"):
        await asyncio.sleep(0.02)
    parent.kill()
    parent.wait()
    assert await gone("14143", 5.0)
    assert await gone(str(tmp_path), 5.0), "the cage that was made ahead is gone, too"


async def test_output_without_end_is_ended(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    limits = TreeLimits(output_bytes=1_000_000)
    outcome = await tree.run(Order(("yes", "again"), ENVIRONMENT, limits=limits))
    assert outcome.ending == "flooded"
    assert outcome.output.endswith("again\n")
    assert len(outcome.output) <= 16 << 10
    await tree.close()


FORBIDDING = """
import asyncio, ctypes, errno, os, sys
from pathlib import Path
from cope_lsp.checks.cage import calls
from cope_lsp.checks.suite.check import *

how, workspace, python = sys.argv[1:]
libc = ctypes.CDLL(None)
if how.startswith("max_"):
    users = (0, 65534) if os.geteuid() == 0 else (os.geteuid(),)
    own, (go, going) = Path("/proc", str(os.getpid())), os.pipe()
    if (child := os.fork()) == 0:
        os.read(go, 1)
        lines = "".join(f"{user} {user} 1\\n" for user in users)
        if len(users) == 1:
            (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(lines)
        (own / "gid_map").write_text(lines if len(users) == 2 else f"{os.getegid()} {os.getegid()} 1")
        os._exit(0)
    assert libc.unshare(0x10000000) == 0
    os.write(going, b"1")
    assert os.waitpid(child, 0)[1] == 0
    if how != "max_nothing":
        Path("/proc/sys/user", how).write_text("0")
else:
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, int(how)), (0x06, 0, 0, 0x50000 | errno.ENOSYS), (0x06, 0, 0, 0x7FFF0000)]
    calls._install(steps)

async def main():
    check = Suite(Path(workspace), Path("calc.py"), "total", SuiteSettings(python=python))
    for attempt in (check.prepare, lambda: check.judge("x = 1"), lambda: check.judge("x = 1")):
        try: print("RAN", await attempt())
        except SandboxUnavailableError as error: print(error)
    await check.close()

asyncio.run(main())
"""

SYSTEM_CALLS = {
    "unshare": (272, 97),
    "mount": (165, 40),
    "pivot_root": (155, 41),
    "mount_setattr": (442, 442),
}
WITHOUT = [f"max_{kind}_namespaces" for kind in ("user", "mnt", "pid", "net", "ipc", "uts")] + [*SYSTEM_CALLS]


@pytest.mark.parametrize("without", WITHOUT)
def test_where_no_cage_can_be_made_nothing_is_run(tmp_path: Path, without: str) -> None:
    """Systems that forbid a kind of namespace, or one system call, as containers and old kernels do."""
    lines = judged_without(tmp_path, without)
    assert all("tests cannot be run in a sandbox on this system" in line for line in lines)


def test_in_the_same_way_without_that_tests_are_run(tmp_path: Path) -> None:
    """What the test above forbids is all that keeps its tests from running."""
    assert all(line.startswith("RAN") for line in judged_without(tmp_path, "max_nothing"))


def judged_without(tmp_path: Path, without: str) -> list[str]:
    """Return what came of preparing and of judging twice; the tests must not have run outside of a cage."""
    python = build_python(tmp_path / "python")
    trace = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    work = write(tmp_path / "work", calc=trace + MODULE, conftest=trace, test_calc=trace + TESTS)
    how = str(SYSTEM_CALLS[without][os.uname().machine == "aarch64"]) if without in SYSTEM_CALLS else without
    program = [sys.executable, "-c", FORBIDDING, how, str(work), str(python)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, cwd=ROOT)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert not (tmp_path / "ran").exists()
    return lines


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can get to."""
    folder = Path(tempfile.mkdtemp(prefix="cope-lsp-test-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


JUDGING = """
import asyncio, json, os, sys
sys.path.append(sys.argv[1])
from pathlib import Path
from cope_lsp.checks.suite.check import *

async def main():
    check = Suite(Path(sys.argv[2]), Path("calc.py"), "total", SuiteSettings(python=sys.argv[3]))
    verdicts = [await check.judge(draft) for draft in json.loads(sys.argv[4])]
    print(json.dumps([(verdict.judgement, verdict.evidence) for verdict in verdicts]))
    outcome = await check._tree.run(Order(("true",), {"PATH": "/usr/bin"}))
    print(json.dumps(outcome.is_copy))
    await check.close()

asyncio.run(main())
"""
CHANGING = RIGHT + (
    "\n\nimport os, shutil\nfrom pathlib import Path\nhere = Path(__file__).parent\n"
    "for path in ('data.txt', 'made/by/us.txt'):\n    (here / path).parent.mkdir(parents=True, exist_ok=True)\n"
    "    (here / path).write_text('x')\n(here / 'deep' / 'x').write_text('x')\nos.chmod(here / 'deep', 0o700)\n"
)
FORBIDDEN = RIGHT + "import os\nos.chmod('/dev/null', 0)\n"
TAMPERING = RIGHT + "open(__file__.replace('calc.py', 'test_calc.py'), 'w').write('def test_some(): pass')\n"


def judge_apart(
    program: list[str], base: str, folder: Path, **options: object
) -> tuple[list[list[str]], bool]:
    """Return verdicts on several drafts, and whether the repository was copied, from another process."""
    drafts = json.dumps([RIGHT, WRONG, CHANGING, FORBIDDEN, TAMPERING])
    arguments = [
        base,
        "-c",
        JUDGING,
        str(ROOT),
        str(folder / "work"),
        str(folder / "python/bin/python"),
        drafts,
    ]
    done = subprocess.run(  # type: ignore[call-overload]
        [*program, *arguments], capture_output=True, text=True, check=False, cwd="/", **options
    )
    assert done.returncode == 0, done.stderr
    verdicts, is_copy = map(json.loads, done.stdout.splitlines())
    return verdicts, is_copy


def check_verdicts(verdicts: list[list[str]]) -> None:
    assert [judgement for judgement, _ in verdicts] == ["passed", "failed", "passed", "failed", "failed"]
    assert verdicts[1][1].startswith("test_calc.py::test_some: assert 2 == 3")
    assert "'/dev/null'" in verdicts[3][1]
    assert verdicts[4][1].startswith("test_calc.py: the run changed this file")


def repository(folder: Path) -> Path:
    write(folder / "work", calc=MODULE, test_calc=TESTS)
    (folder / "work" / "deep").mkdir()
    (folder / "work" / "data.txt").write_text("kept")
    return folder


def other_python() -> str:
    """Return a Python of the system that every user may run and that is new enough for us."""
    found = shutil.which("python3", path="/usr/bin:/usr/local/bin") or pytest.skip("the system has no Python")
    check = "import sys, venv, ctypes; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run([found, "-c", check], check=False).returncode:
        pytest.skip("the Python of the system is too old")
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("owner", ["the caller's", "somebody else's"])
def test_another_user_than_root_can_do_the_same(open_folder: Path, owner: str) -> None:
    base, user = other_python(), 54_321
    folder = repository(open_folder)
    build_python(folder / "python", base)
    (folder / "home").mkdir()
    if owner == "the caller's":
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)
    else:
        for path in (folder / "work", folder / "work" / "deep"):
            path.chmod(0o777)
        (folder / "work" / "data.txt").chmod(0o666)
    before = snapshot(folder / "work")
    options = {"user": user, "group": user, "extra_groups": [], "env": {"HOME": str(folder / "home")}}
    verdicts, is_copy = judge_apart([], base, folder, **options)
    if owner == "the caller's":
        check_verdicts(verdicts)
    else:
        assert [judgement for judgement, _ in verdicts[:2]] == ["passed", "failed"]
    assert not is_copy
    assert snapshot(folder / "work") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have files of several users")
def test_root_can_judge_drafts_of_a_repository_of_somebody_else(open_folder: Path) -> None:
    folder = repository(open_folder)
    build_python(folder / "python")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 54_321, 54_321, follow_symlinks=False)
    before = snapshot(folder / "work")
    verdicts, is_copy = judge_apart([], sys.executable, folder)
    check_verdicts(verdicts)
    assert not is_copy
    assert snapshot(folder / "work") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount something into the repository")
def test_where_an_overlay_is_refused_a_copy_takes_its_place(tmp_path: Path) -> None:
    """The kernel refuses one over a repository into which something was mounted from outside."""
    folder = repository(tmp_path)
    build_python(folder / "python")
    (folder / "work" / "link").symlink_to("data.txt")
    (folder / "work" / "mounted").mkdir()
    before = snapshot(folder / "work")
    program = mounted("mount -t tmpfs none {0}/mounted", folder / "work")
    verdicts, is_copy = judge_apart(program, sys.executable, folder)
    check_verdicts(verdicts)
    assert is_copy
    assert snapshot(folder / "work") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide a part of /proc")
def test_where_a_container_hides_parts_of_proc_drafts_see_no_proc_at_all(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    build_python(folder / "python")
    tests = "import os\nfrom calc import total\n\n\ndef test_proc():\n    assert os.listdir('/proc') == []\n"
    write(folder / "work", test_proc=tests)
    program = mounted("mount --bind /dev/null /proc/keys", folder / "work")
    verdicts, is_copy = judge_apart(program, sys.executable, folder)
    check_verdicts(verdicts)
    assert verdicts[0][1] == "3 tests passed"
    assert not is_copy


def mounted(command: str, folder: Path) -> list[str]:
    """Return the beginning of a command that runs where something was mounted before."""
    script = command.format('"$0"') + ' && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(folder)]


async def test_a_cage_for_10_000_files_needs_no_copy(tmp_path: Path) -> None:
    write_many_files(tmp_path)
    tree, found = Tree(tmp_path), interpreter.find(tmp_path, sys.executable)
    assert isinstance(found, interpreter.Interpreter)
    command = (str(found.path), "-c", "import pathlib; print(pathlib.Path('0/0.py').read_text())")
    outcome = await tree.run(Order(command, ENVIRONMENT, {"0/0.py": "X = 'changed'\n"}, found.folders))
    await tree.close()
    assert (outcome.status, outcome.is_copy) == (0, False)
    assert "changed" in outcome.output
    assert (tmp_path / "0/0.py").read_text() == "X = 0\n"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_of_system_calls_is_known_for_both_machines(machine: str) -> None:
    program = calls.program(machine)
    assert len(program) < 64
    for at, (operation, if_true, if_false, _) in enumerate(program):
        is_last = operation == calls._RETURN
        assert is_last or at + 1 + max(if_true, if_false) < len(program), "no step leads out of the program"
