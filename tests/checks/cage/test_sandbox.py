"""What drafts can and cannot do: real programs in a real cage."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from cope_lsp.checks.assertions import Assertions
from cope_lsp.checks.cage.sandbox import Program, Sandbox
from cope_lsp.errors import SandboxUnavailableError
from tests.checks.conftest import program, running

RIGHT = "def f(x):\n    return x + 1\n"


async def test_a_right_draft_passes(sandbox: Sandbox) -> None:
    report = await sandbox.run(program(RIGHT, "assert f(1) == 2", "assert f(2) != 2"))
    assert report.passed
    assert report.judgement == "passed"
    assert report.evidence == ""


async def test_a_wrong_draft_fails_with_what_it_gave_instead(sandbox: Sandbox) -> None:
    report = await sandbox.run(program(RIGHT, "assert f(1) == 2", "assert f(x=2) == 9", "assert f(3) == 4"))
    assert [result.judgement for result in report.results] == ["passed", "failed", "passed"]
    assert report.evidence == "assert f(x=2) == 9: f(x=2) gave 3"


async def test_a_check_gives_the_verdict_of_its_tests(sandbox: Sandbox) -> None:
    check = Assertions(sandbox, ("assert f(1) == 2",), "f")
    passed, failed = await check.judge(RIGHT), await check.judge("def f(x): return x\n")
    assert (passed.check, passed.judgement, passed.evidence) == ("tests", "passed", "")
    assert (failed.judgement, failed.evidence) == ("failed", "assert f(1) == 2: f(1) gave 1")
    assert failed.milliseconds > 0


async def test_of_a_long_test_the_last_line_is_shown(sandbox: Sandbox) -> None:
    test = "def check(candidate):\n    assert candidate(1) == 3\n\ncheck(f)\n"
    assert (await sandbox.run(program(RIGHT, test))).evidence == "check(f): f(1) gave 2"
    endless = program("while True: pass", test, timeout_s=0.5)
    assert (await sandbox.run(endless)).evidence == "check(f): it did not end within 0.5 s"


async def test_without_tests_nothing_is_known(sandbox: Sandbox) -> None:
    assert (await sandbox.run(Program(RIGHT, ()))).judgement == "unknown"


NEVER_PASSES = {
    "wrong syntax": "def f(x) return 2",
    "no such function": "def g(x): return 2",
    "an exception": "def f(x): raise ValueError(x)",
    "an exception while it is loaded": "1 / 0",
    "sys.exit(0) while it is loaded": "import sys\nsys.exit(0)",
    "os._exit(0) while it is loaded": "import os\nos._exit(0)",
    "sys.exit(0) in the function": "import sys\ndef f(x): sys.exit(0)",
    "os._exit(0) in the function": "import os\ndef f(x): os._exit(0)",
    "a signal": "import os\ndef f(x): os.kill(os.getpid(), 9)",
    "a signal to every process": "import os\ndef f(x): os.kill(-1, 9)",
    "a signal to every process, again and again": (
        "import os\nfor n in range(10**5):\n    for number in (2, 15, 9):\n        try: os.kill(-1, number)\n"
        "        except OSError: pass\ndef f(x): return 0"
    ),
    "all its processes stopped": "import os\ndef f(x): os.kill(-1, 19)",
    "a crash": "import ctypes\ndef f(x): ctypes.string_at(0)",
    "endless recursion": "def f(x): return f(x)",
    "an endless loop": "def f(x):\n    while True: pass",
    "an endless loop that catches everything": (
        "def f(x):\n    while True:\n        try:\n            f(x)\n        except BaseException: pass"
    ),
    "an endless sleep": "import time\ndef f(x): time.sleep(1e6)",
    "endless printing": "def f(x):\n    while True: print('x' * 1000)",
    "an endless iterator": "import itertools\ndef f(x): return itertools.count()",
    "too much memory": "def f(x): return [x] * 10**10",
    "a great number": "def f(x): return 10 ** 10 ** 6",
    "a large file": "def f(x): open('big', 'wb').write(b'x' * (1 << 28))",
    "a value that equals everything": (
        "class E:\n    def __eq__(self, other): return True\ndef f(x): return E()"
    ),
    "a number that equals everything": (
        "class E(int):\n    def __eq__(self, other): return True\ndef f(x): return E(7)"
    ),
    "its own print": "import builtins\nbuiltins.print = lambda *a: None\ndef f(x): return print('ok')",
    "its own equality": "import operator\noperator.eq = lambda a, b: True\ndef f(x): return 0",
    "its own json": "import json\njson.dumps = lambda v: '[\"value\", 2, 3]'\ndef f(x): return 2",
    "the judge's words, printed": 'def f(x):\n    print(\'["passed", ""]\')\n    return 0',
    "the judge's words, on every descriptor": (
        'import os\ndef f(x):\n    for n in range(3, 64):\n        try: os.write(n, b\'["passed", ""]\\n\')\n'
        "        except OSError: pass\n    return 0"
    ),
    "the judge's module, patched": (
        "from cope_lsp.checks.cage import judge\njudge._fault_of = lambda *a: None\ndef f(x): return 0"
    ),
    "a frame of the caller": (
        "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
        "        frame.f_globals['AssertionError'] = None\n        frame = frame.f_back\n    return 0"
    ),
}


@pytest.mark.parametrize("source", NEVER_PASSES.values(), ids=NEVER_PASSES)
async def test_what_is_not_right_never_passes(sandbox: Sandbox, source: str) -> None:
    report = await sandbox.run(program(source, timeout_s=1.0))
    assert not report.passed
    assert report.judgement == ("unknown" if "cannot be compared" in report.evidence else "failed")
    assert report.milliseconds < 15_000
    assert (await sandbox.run(program(RIGHT))).passed, "the next program is not disturbed"


async def test_what_no_other_process_can_look_at_is_unknown(sandbox: Sandbox) -> None:
    report = await sandbox.run(program("class A: pass\ndef f(x): return A()"))
    assert report.judgement == "unknown"
    assert "type A" in report.evidence


async def test_of_any_value_it_is_known_whether_it_counts_as_true(sandbox: Sandbox) -> None:
    source = "import re\ndef f(x): return re.search('a', x)"
    assert (await sandbox.run(program(source, "assert f('ba')", "assert not f('b')"))).passed
    assert (await sandbox.run(program(source, "assert f('ba').group() == 'a'"))).judgement == "unknown"


async def test_only_the_function_that_is_tested_may_hide_a_builtin(sandbox: Sandbox) -> None:
    cheat = "def set(x): return 1\ndef f(x): return x"
    assert not (await sandbox.run(program(cheat, "assert set([f(1)]) == set([2])"))).passed
    honest = Program("def sum(a, b): return a + b", ("assert sum(1, 2) == 3",), "sum")
    assert (await sandbox.run(honest)).passed


async def test_tests_see_the_other_names_of_a_draft_and_their_own_imports(sandbox: Sandbox) -> None:
    source = "import string\nLIMIT = 3\ndef g(x): return f(x) * 2\ndef f(x): return x + 1\n"
    tests = ("assert g(1) == 4", "assert LIMIT == 3", "assert string.digits[0] == '0'", "assert inf > f(1)")
    assert (await sandbox.run(program(source, *tests, setup="from math import inf"))).passed


async def test_plain_values_of_all_kinds_come_through(sandbox: Sandbox) -> None:
    setup = (
        "from collections import *\nfrom datetime import *\nfrom decimal import Decimal\n"
        "from fractions import Fraction\nfrom math import nan"
    )
    values = """
        None | True | -3 | 10**5000 | 1.5 | 2j | 'é\\ud800' | b'\\x00' | bytearray(b'a') | [1, [2]] | (1, (2,)) | {1, 2} | range(3)
        frozenset({1}) | {'a': {(1, 2): [3]}} | Counter('aab') | OrderedDict(a=1) | deque([1]) | date(2024, 2, 29)
        datetime(2024, 1, 2, 3, 4, 5, 6) | time(1, 2) | timedelta(days=-1, seconds=5) | Decimal('1.10') | Fraction(1, 3)
    """
    tests = [
        f"assert (f({value}), type(f({value}))) == ({value}, type({value}))"
        for line in values.strip().splitlines()
        for value in line.strip().split(" | ")
    ]
    report = await sandbox.run(program("def f(x): return x", *tests, "assert f(nan) != f(nan)", setup=setup))
    assert len(tests) > 20
    assert report.passed, report.evidence


async def test_iterators_are_read_to_their_end(sandbox: Sandbox) -> None:
    source = "def f(x):\n    yield from range(x)\ndef g(x): return map(str, x)\ndef h(x): return x.items()\n"
    tests = ("assert list(f(3)) == [0, 1, 2]", "assert next(f(3)) == 0", "assert [*g([1])] == ['1']")
    report = await sandbox.run(program(source, *tests, "assert ('a', 1) in h({'a': 1})"))
    assert report.passed, report.evidence


async def test_a_test_may_expect_an_exception(sandbox: Sandbox) -> None:
    test = (
        "try:\n    f('x')\nexcept ValueError as error:\n    assert 'x' in str(error)\nelse:\n    assert False"
    )
    assert (await sandbox.run(program("def f(x): return int(x)", test))).passed


async def test_50_processes_are_harmless_and_gone(sandbox: Sandbox) -> None:
    source = (
        "import os\ndef f(x):\n    for _ in range(50):\n        if os.fork() == 0:\n"
        "            os.execv('/bin/sleep', ['sleep', '31415'])\n"
    )
    report = await sandbox.run(program(source))
    assert "BlockingIOError" in report.evidence
    assert not running("31415")


async def test_a_daemon_does_not_survive_its_program(sandbox: Sandbox) -> None:
    source = (
        "import os, time\ndef f(x):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        "            open('started', 'w').close()\n            os.execv('/bin/sleep', ['sleep', '27182'])\n"
        "        os._exit(0)\n    while not os.path.exists('started'): time.sleep(0.01)\n    return 2\n"
    )
    assert (await sandbox.run(program(source))).passed
    assert not running("27182")


OUTSIDE = {
    "the network": "import socket\ndef f(x): return socket.create_connection(('127.0.0.1', {port}), 1) and 2",
    "the network, by datagrams": (
        "import socket\ndef f(x):\n    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    return s.sendto(b'x', ('127.0.0.1', {port})) and 2"
    ),
    "an abstract socket": (
        "import socket\ndef f(x):\n    s = socket.socket(socket.AF_UNIX)\n    s.connect('\\0{name}')\n    return 2"
    ),
    "reading home": "def f(x): return open({canary!r}).read() and 2",
    "reading home by a process of its own": "import os\ndef f(x): return os.system('cat {canary}') or 2",
    "writing home": "def f(x): return open({target!r}, 'w').write('x') and 2",
    "writing the interpreter": "import os\ndef f(x): return open(os.__file__, 'a') and 2",
    "writing the system": "def f(x): return open('/usr/lib/written', 'w') and 2",
    "writing the root": "import os\ndef f(x): return os.mkdir('/written') or 2",
    "other processes": "def f(x): return open('/proc/1/environ').read() and 2",
    "a name space of its own": (
        "import ctypes\ndef f(x): return 2 if ctypes.CDLL(None).unshare(0x10000000) == 0 else 0"
    ),
    "a mount": "import ctypes\ndef f(x): return 2 if ctypes.CDLL(None).mount(b'a', b'/tmp', b'tmpfs', 0, 0) == 0 else 0",
    "another user": "import os\ndef f(x): return os.setuid(0) or 2",
    "another process with a debugger": (
        "import ctypes, os\ndef f(x):\n    others = [pid for pid in range(1, 200) if pid != os.getpid()]\n"
        "    return 2 if any(ctypes.CDLL(None).ptrace(16, pid, 0, 0) == 0 for pid in others) else 0"
    ),
    "the first process": "import os\ndef f(x):\n    os.kill(1, 9)\n    return 2 if os.path.exists('/etc/passwd') else 0",
    "the environment": "import os\ndef f(x): return 2 if 'CANARY' in os.environ or 'SHELL' in os.environ else 0",
    "standard input": "def f(x): return input() and 2",
    "more limits": "import resource\ndef f(x): return resource.setrlimit(resource.RLIMIT_NPROC, (-1, -1)) or 2",
}


@pytest.mark.parametrize("source", OUTSIDE.values(), ids=OUTSIDE)
async def test_a_draft_cannot_reach(
    sandbox: Sandbox, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "sings")
    canary, target = tmp_path / "secret", tmp_path / "written"
    canary.write_text("sings")
    accepted: list[object] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        writer.close()

    name = f"cope-lsp-test-{os.getpid()}"
    tcp = await asyncio.start_server(accept, "127.0.0.1", 0)
    unix = await asyncio.start_unix_server(accept, f"\0{name}")
    async with tcp, unix:
        names = {
            "port": tcp.sockets[0].getsockname()[1],
            "name": name,
            "canary": str(canary),
            "target": str(target),
        }
        report = await sandbox.run(program(source.format(**names)))
    assert report.judgement == "failed", report.evidence
    assert not accepted
    assert canary.read_text() == "sings"
    assert not target.exists()


async def test_one_draft_leaves_nothing_to_the_next(sandbox: Sandbox) -> None:
    source = "import os\ndef f(x):\n    seen = os.listdir()\n    open('left', 'w').close()\n    return 2 + len(seen)"
    assert [report.passed for report in await sandbox.run_all([program(source)] * 3)] == [True] * 3


async def test_a_draft_runs_the_same_way_every_time(sandbox: Sandbox) -> None:
    source = "import random\ndef f(x): return list({'a', 'b', 'c', 'd'}), random.random()"
    reports = await sandbox.run_all([program(source, "assert f(1) is None")] * 3)
    assert len({report.evidence for report in reports}) == 1


async def test_cancelling_leaves_nothing_behind(sandbox: Sandbox) -> None:
    source = "import os\ndef f(x): return os.system('exec sleep 16180')"
    task = asyncio.create_task(sandbox.run(program(source, timeout_s=60)))
    while not running("16180"):
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not running("16180")
    assert (await sandbox.run(program(RIGHT))).passed


async def test_a_killed_parent_leaves_nothing_behind(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio\nfrom cope_lsp.checks.cage.sandbox import *\n"
        "asyncio.run(Sandbox().run(Program('import os\\nos.system(\"exec sleep 14142\")', ('x',), timeout_s=60)))"
    )
    parent = subprocess.Popen([sys.executable, script])
    while not running("14142"):
        await asyncio.sleep(0.02)
    parent.kill()
    parent.wait()
    while running("14142"):
        await asyncio.sleep(0.02)


async def test_where_no_cage_can_be_made_nothing_is_run(tmp_path: Path) -> None:
    """A process whose system allows no user namespaces, as some are set up."""
    script, trace = tmp_path / "forbidden.py", tmp_path / "ran"
    script.write_text(
        "import asyncio, ctypes, pathlib, sys\nfrom cope_lsp.checks.cage.sandbox import *\n"
        "assert ctypes.CDLL(None).unshare(0x10000000) == 0\n"
        "pathlib.Path('/proc/sys/user/max_user_namespaces').write_text('0')\n"
        "async def main():\n    sandbox = Sandbox()\n    for _ in range(2):\n"
        "        try: await sandbox.run(Program(f'open({sys.argv[1]!r}, \"w\")', ('pass',)))\n"
        "        except SandboxUnavailableError as error: print(error)\n"
        "asyncio.run(main())"
    )
    done = subprocess.run([sys.executable, script, trace], capture_output=True, text=True, check=False)
    first, second = done.stdout.splitlines()
    assert first == second
    assert "cannot be run in a sandbox on this system" in first
    assert not trace.exists()


async def test_a_closed_sandbox_runs_nothing(sandbox: Sandbox) -> None:
    await sandbox.probe()
    await sandbox.close()
    with pytest.raises(SandboxUnavailableError, match="closed"):
        await sandbox.run(program(RIGHT))


async def test_a_program_takes_milliseconds(sandbox: Sandbox) -> None:
    await sandbox.probe()
    started = time.perf_counter()
    reports = await sandbox.run_all([program(RIGHT)] * 50)
    assert median(report.milliseconds for report in reports) > 0
    assert all(report.passed for report in reports)
    assert time.perf_counter() - started < 10
