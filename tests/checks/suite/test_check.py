"""What a user's own tests say of drafts: real pytest on real repositories, in a real cage."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cope_lsp.checks.suite.check import Suite, SuiteSettings
from cope_lsp.errors import SandboxUnavailableError
from tests.checks.suite.repository import MODULE, RIGHT, TESTS, WRONG, build_python, snapshot, suite, write


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_python(tmp_path_factory.mktemp("python"))


@pytest.fixture
async def calc(tmp_path: Path, python: Path) -> AsyncIterator[Suite]:
    """A repository in which `total` is to be written, with two test files."""
    write(tmp_path / "work", calc=MODULE, tests__test_calc=TESTS, tests__test_more=TESTS)
    made = suite(tmp_path / "work", python)
    yield made
    await made.close()


async def test_a_right_draft_passes_and_a_wrong_one_fails_with_what_it_gave(
    calc: Suite, tmp_path: Path
) -> None:
    before = snapshot(tmp_path)
    passed, failed = await calc.judge(RIGHT), await calc.judge(WRONG)
    assert (passed.check, passed.judgement, passed.evidence) == ("tests", "passed", "4 tests passed")
    assert failed.judgement == "failed"
    assert failed.evidence == "tests/test_calc.py::test_some: assert 2 == 3\n +  where 2 = total([1, 2])"
    assert failed.milliseconds > 0
    assert snapshot(tmp_path) == before, "not even a cache of the interpreter was written"


async def test_before_there_is_a_draft_it_is_known_which_tests_there_are_and_which_fail(calc: Suite) -> None:
    prepared = await calc.prepare()
    assert prepared.tests[:2] == ("tests/test_calc.py::test_some", "tests/test_calc.py::test_none")
    assert prepared.failing == prepared.tests
    assert prepared.evidence == "tests/test_calc.py::test_some: NotImplementedError"
    assert prepared.milliseconds > 0
    assert await calc.prepare() is prepared, "the tests run once"


LEAVES = (
    "import os, sys, pytest, _pytest, gc, builtins, atexit, pathlib\nHERE = pathlib.Path(__file__).parent\n"
)

NEVER_PASSES = {
    "wrong syntax": "def total(numbers) return 1",
    "no such function": "def other(): pass",
    "an exception": "def total(numbers): raise ValueError(numbers)",
    "os._exit(0) while it is loaded": "os._exit(0)",
    "os._exit(0) in the function": "def total(numbers): os._exit(0)",
    "os._exit(0) at the end": "atexit.register(os._exit, 0)\ndef total(numbers): return 1",
    "sys.exit(0) while it is loaded": "sys.exit(0)",
    "sys.exit(0) in the function": "def total(numbers): sys.exit(0)",
    "pytest.exit with status 0": "def total(numbers): pytest.exit('done', returncode=0)",
    "the words of pytest": "def total(numbers):\n    os.write(1, b'\\n4 passed in 0.01s\\n')\n    os._exit(0)",
    "skipping the module": "pytest.skip('later', allow_module_level=True)",
    "skipping the test": "def total(numbers): pytest.skip('later')",
    "expecting to fail": "def total(numbers): pytest.xfail('known')",
    "another exit status": (
        "import _pytest.main as main\ndef wrapped(config, doit): return 0\nmain.wrap_session = wrapped\n"
        "def total(numbers): return 1"
    ),
    "a status that is set from inside": (
        "def total(numbers):\n    for s in gc.get_objects():\n        if type(s) is pytest.Session:\n"
        "            s.testsfailed = 0\n            s.exitstatus = 0\n    return 1"
    ),
    "fewer tests": (
        "def total(numbers):\n    for s in gc.get_objects():\n        if type(s) is pytest.Session:\n"
        "            del s.items[1:]\n    return 3"
    ),
    "its own runner": (
        "import _pytest.runner as runner\nwas = runner.TestReport.from_item_and_call\n"
        "def always(item, call):\n    call.excinfo = None\n    return was(item, call)\n"
        "runner.TestReport.from_item_and_call = always\ndef total(numbers): return 1"
    ),
    "its own body of pytest's runner": (
        "import _pytest.python as p\ndef nothing(pyfuncitem): return True\n"
        "p.pytest_pyfunc_call.__code__ = nothing.__code__\ndef total(numbers): return 1"
    ),
    "its own built-in": "builtins.hex = sum\ndef total(numbers): return hex(numbers)",
    "a hook of its own": (
        "class Hook:\n    @pytest.hookimpl(tryfirst=True)\n    def pytest_pyfunc_call(self): return True\n"
        "for one in gc.get_objects():\n    if type(one).__name__ == 'PytestPluginManager':\n"
        "        one.register(Hook())\ndef total(numbers): return 1"
    ),
    "garbage in the report": (
        'def total(numbers):\n    for n in range(3, 64):\n        try: os.write(n, b\'{"kind": "end"} 00\\n\')\n'
        "        except OSError: pass\n    return sum(numbers)"
    ),
    "a closed report": (
        "def total(numbers):\n    for n in range(3, 64):\n        try: os.close(n)\n"
        "        except OSError: pass\n    return sum(numbers)"
    ),
    "a child that goes on in its place": (
        "def total(numbers):\n    if os.fork(): os._exit(0)\n    return sum(numbers)"
    ),
    "a signal to itself": "def total(numbers): os.kill(os.getpid(), 9)",
    "a signal to everybody": "def total(numbers): os.kill(-1, 9)",
    "another test": "(HERE / 'tests/test_more.py').write_text('def test_some(): pass\\ndef test_none(): pass')\n"
    + RIGHT,
    "a test that is put back": (
        "test = HERE / 'tests/test_more.py'\ntext = test.read_text()\ntest.write_text('')\ntest.write_text(text)\n"
        + RIGHT
    ),
    "a test that is put back by its name": (
        "test = HERE / 'tests/test_more.py'\nos.rename(test, HERE / 'x')\nos.rename(HERE / 'x', test)\n"
        + RIGHT
    ),
    "a conftest": "(HERE / 'tests/conftest.py').write_text('')\n" + RIGHT,
    "a setting of pytest": "(HERE / 'pytest.ini').write_text('[pytest]')\n" + RIGHT,
    "a compiled test": (
        "(HERE / 'tests/__pycache__').mkdir()\n"
        "(HERE / 'tests/__pycache__/test_more.cpython-311-pytest-9.2.0.pyc').write_text('')\n" + RIGHT
    ),
    "other tests in the place of the folder": (
        "import shutil\nshutil.copytree(HERE / 'tests', HERE / 'old')\nshutil.rmtree(HERE / 'tests')\n"
        "os.mkdir(HERE / 'tests')\nfor p in (HERE / 'old').iterdir(): os.link(p, HERE / 'tests' / p.name)\n"
        + RIGHT
    ),
    "what lies beside the tests": "(HERE / 'tests/data.txt').write_text('3')\n" + RIGHT,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(
    tmp_path_factory: pytest.TempPathFactory, python: Path
) -> AsyncIterator[tuple[Suite, Path]]:
    """A repository that many drafts are judged in, one after the other."""
    folder = tmp_path_factory.mktemp("attacked")
    write(folder, calc=MODULE, tests__test_calc=TESTS, tests__test_more=TESTS)
    (folder / "tests" / "data.txt").write_text("2")
    made = suite(folder, python)
    yield made, folder
    assert (await made.judge(RIGHT)).judgement == "passed", "what is right still passes"
    await made.close()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("source", NEVER_PASSES.values(), ids=NEVER_PASSES)
async def test_what_is_not_right_never_passes(attacked: tuple[Suite, Path], source: str) -> None:
    check, folder = attacked
    before = snapshot(folder)
    verdict = await check.judge(LEAVES + source)
    assert verdict.judgement == "failed", verdict.evidence
    assert verdict.evidence
    assert snapshot(folder) == before


async def test_a_test_that_hangs_is_named(tmp_path: Path, python: Path) -> None:
    check = suite(write(tmp_path, calc=MODULE, test_calc=TESTS), python, timeout_s=5.0)
    verdict = await check.judge("def total(numbers):\n    while True: pass\n")
    assert verdict.evidence == "test_calc.py::test_some: did not end within 5 s"
    await check.close()


async def test_what_the_tests_collect_must_stay_the_same(tmp_path: Path, python: Path) -> None:
    tests = (
        "import calc, pytest\n\n\n@pytest.mark.parametrize('n', calc.CASES)\n"
        "def test_each(n):\n    assert calc.total([n]) == n\n"
    )
    check = suite(write(tmp_path, calc="CASES = [1, 2]\n" + RIGHT, test_calc=tests), python)
    assert (await check.judge("CASES = [1, 2]\n" + RIGHT)).judgement == "passed"
    fewer, more = (
        await check.judge("CASES = [1]\n" + RIGHT),
        await check.judge("CASES = [1, 2, 3]\n" + RIGHT),
    )
    assert fewer.evidence == "test_calc.py::test_each[2]: this test was not run"
    assert more.evidence.startswith("test_calc.py::test_each[3]: there is no such test without the draft")
    await check.close()


MIXED = """
import calc
import pytest


def test_total():
    assert calc.total([2]) == 2


def test_needs_something_that_is_not_here():
    import no_such_dependency


@pytest.mark.skip(reason="only on Mondays")
def test_skipped():
    assert calc.total([1]) == 1


@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    assert False


def test_breaks_when_touched():
    assert calc.LIMIT == 3
"""


async def test_what_failed_before_for_other_reasons_is_excused_and_what_passed_is_not(
    tmp_path: Path, python: Path
) -> None:
    check = suite(write(tmp_path, calc="LIMIT = 3\n" + MODULE, test_calc=MIXED), python)
    prepared = await check.prepare()
    assert prepared.tests == ("test_calc.py::test_total", "test_calc.py::test_breaks_when_touched")
    assert prepared.failing == ("test_calc.py::test_total",)
    passed = await check.judge("LIMIT = 3\n" + RIGHT)
    assert (passed.judgement, passed.evidence) == (
        "passed",
        "2 tests passed; 3 did not pass before either",
    )
    broken = await check.judge("LIMIT = 4\n" + RIGHT)
    assert broken.evidence.startswith("test_calc.py::test_breaks_when_touched: assert 4 == 3")
    await check.close()


async def test_tests_of_a_symbol_that_is_not_there_yet_are_known(tmp_path: Path, python: Path) -> None:
    other = "import no_such_dependency\nfrom calc import total\n\n\ndef test_other(): pass\n"
    check = suite(write(tmp_path, calc="", test_calc=TESTS, test_other=other), python)
    prepared = await check.prepare()
    assert prepared.tests == prepared.failing == ("test_calc.py::test_some", "test_calc.py::test_none")
    assert (await check.judge(RIGHT)).judgement == "passed"
    assert (await check.judge(WRONG)).judgement == "failed"
    assert (await check.judge("")).judgement == "failed"
    await check.close()


async def test_a_file_that_is_not_there_yet_can_be_judged(tmp_path: Path, python: Path) -> None:
    write(tmp_path, tests__test_new="from pack.new import f\n\n\ndef test_f():\n    assert f() == 1\n")
    settings = SuiteSettings(python=str(python))
    check = Suite(tmp_path, Path("pack/new.py"), "f", settings)
    assert (await check.judge("def f():\n    return 1\n")).judgement == "passed"
    assert (await check.judge("def f():\n    return 2\n")).judgement == "failed"
    assert not (tmp_path / "pack").exists()
    await check.close()


@pytest.mark.parametrize(
    ("texts", "settings", "reason"),
    [
        ({"calc": MODULE, "test_other": "def test(): pass\n"}, {}, "no test names total or imports calc.py"),
        ({"calc": MODULE, "test_calc": TESTS}, {"python": "no/such/python"}, "there is no Python at no/such/python"),
        ({"calc": MODULE, "test_calc": TESTS}, {"python": "/bin/true"}, "does not lead to an installation"),
        ({"calc": MODULE, "test_calc": TESTS}, {"python": ""}, "has no .venv or venv"),
        ({"calc": "import nothing_like_it\n", "test_calc": TESTS}, {}, "No module named 'nothing_like_it'"),
        ({"calc": MODULE, "test_calc": "# total\n"}, {}, "no test of total was found by pytest"),
        ({"calc": MODULE, "test_calc": TESTS, "conftest": "import nothing_like_it\n"}, {}, "nothing_like_it"),
        ({"calc": "while True: pass", "test_calc": TESTS}, {"timeout_s": 2.0}, "did not end within 2 s"),
        (
            {"calc": RIGHT, "test_calc": "import pytest\n@pytest.mark.skip\ndef test_total(): total\n"},
            {},
            "no test of total can be run here: test_calc.py::test_total: skipped",
        ),
    ],
)  # fmt: skip
async def test_where_tests_say_nothing_it_is_unknown_and_said_why(
    tmp_path: Path, python: Path, texts: dict[str, str], settings: dict[str, Any], reason: str
) -> None:
    check = suite(write(tmp_path, **texts), python=settings.pop("python", python), **settings)
    prepared, verdict = await check.prepare(), await check.judge(RIGHT)
    assert not prepared.tests
    assert verdict.judgement == "unknown"
    assert reason in prepared.evidence
    assert verdict.evidence == prepared.evidence
    await check.close()


async def test_an_interpreter_without_pytest_is_told(tmp_path: Path) -> None:
    write(tmp_path, calc=MODULE, test_calc=TESTS)
    os.system(f"{sys.executable} -m venv --without-pip {tmp_path}/.venv")
    check = Suite(tmp_path, Path("calc.py"), "total", SuiteSettings())
    assert "No module named pytest" in (await check.prepare()).evidence
    await check.close()


async def test_the_environment_of_the_workspace_is_found_and_cannot_be_changed(tmp_path: Path) -> None:
    write(tmp_path, calc=MODULE, test_calc=TESTS)
    build_python(tmp_path / ".venv")
    check = Suite(tmp_path, Path("calc.py"), "total", SuiteSettings())
    assert (await check.judge(RIGHT)).judgement == "passed"
    for text in (
        "open(os.__file__, 'a')",
        "open(pytest.__file__, 'a')",
        "os.rename(HERE / '.venv', HERE / 'x')",
    ):
        verdict = await check.judge(f"{LEAVES}{RIGHT}{text}")
        assert verdict.judgement == "failed"
        assert "Read-only file system" in verdict.evidence or "resource busy" in verdict.evidence
    await check.close()


@pytest.mark.parametrize(
    "file",
    ["test_calc.py", "calc_test.py", "conftest.py", "pyproject.toml", "a/pytest.ini", "sitecustomize.py"],
)
def test_what_decides_on_tests_cannot_be_a_draft(tmp_path: Path, file: str) -> None:
    with pytest.raises(ValueError, match="decides which tests there are"):
        Suite(tmp_path, Path(file), "f", SuiteSettings())


def test_a_draft_of_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "link.py").symlink_to(tmp_path / "other.py")
    for file in ("../other.py", "/etc/passwd", "link.py"):
        with pytest.raises(ValueError, match="is not in"):
            Suite(tmp_path / "work", Path(file), "f", SuiteSettings())


async def test_an_environment_may_be_a_link(tmp_path: Path, python: Path) -> None:
    work = write(tmp_path / "work", calc=MODULE, test_calc=TESTS)
    (work / ".venv").symlink_to(python.parent.parent)
    check = Suite(work, Path("calc.py"), "total", SuiteSettings())
    assert (await check.judge(RIGHT)).judgement == "passed"
    await check.close()


async def test_test_files_that_cannot_be_loaded_are_left_out(tmp_path: Path, python: Path) -> None:
    broken = "import no_such_dependency\n"
    work = write(tmp_path / "work", calc=MODULE, test_calc=TESTS, other__test_a=broken + TESTS)
    write(work, pack__deep__test_b=TESTS)
    (work / "pack" / "__init__.py").write_text(broken)
    (work / "pack" / "deep" / "__init__.py").touch()
    check = suite(work, python)
    prepared = await check.prepare()
    assert prepared.tests == ("test_calc.py::test_some", "test_calc.py::test_none"), prepared.evidence
    assert (await check.judge(RIGHT)).judgement == "passed"
    await check.close()


async def test_a_workspace_that_holds_the_whole_home_is_refused(
    tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for folder in (tmp_path, tmp_path / "home"):
        check = suite(write(folder, calc=MODULE, test_calc=TESTS), python)
        with pytest.raises(SandboxUnavailableError, match="holds your home"):
            await check.judge(RIGHT)


async def test_a_command_of_the_users_counts_by_its_exit_status(tmp_path: Path, python: Path) -> None:
    write(tmp_path, calc=MODULE)
    command = ("python", "-c", "import calc; assert calc.total([1, 2]) == 3, 'not 3'")
    check = suite(tmp_path, python, command=command)
    prepared = await check.prepare()
    assert prepared.tests == prepared.failing == (" ".join(command),)
    assert prepared.evidence.endswith("NotImplementedError")
    passed, failed = await check.judge(RIGHT), await check.judge(WRONG)
    assert passed.judgement == "passed"
    assert passed.evidence.endswith("ended with status 0; that is all that is known")
    assert failed.judgement == "failed"
    assert failed.evidence.endswith("AssertionError: not 3")
    cheat = f"{LEAVES}{RIGHT}\n(HERE / 'pytest.ini').write_text('')\n"
    assert "pytest.ini: the run changed this file" in (await check.judge(cheat)).evidence
    await check.close()


async def test_a_command_that_is_not_there_says_nothing_of_drafts(tmp_path: Path, python: Path) -> None:
    check = suite(write(tmp_path, calc=MODULE), python, command=("no-such-program", "x"))
    verdict = await check.judge(RIGHT)
    assert (verdict.judgement, verdict.evidence) == ("unknown", "no-such-program: No such file or directory")
    await check.close()


ORDINARY = """
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from calc import total


def test_files_and_folders_can_be_made_in_the_repository_and_elsewhere(tmp_path):
    (tmp_path / "x").write_text("x")
    (Path(__file__).parent / "made").mkdir()
    (Path(__file__).parent / "made" / "x").write_text("x")
    with open(Path(__file__).parent / "kept.txt", "a") as file:
        file.write("more")
    tempfile.TemporaryFile().write(b"x")
    assert total([1]) == 1


def test_programs_can_be_started():
    program = [sys.executable, "-c", "import calc; print(calc.total([1, 2]))"]
    assert subprocess.check_output(program, text=True, cwd=Path(__file__).parent) == "3\\n"


def test_a_server_on_loopback_can_be_reached():
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(("localhost", server.getsockname()[1])).close()


def test_processes_share_memory_and_queues():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(total, [[1], [2]]) == [1, 2]


def test_the_draft_is_at_its_path():
    assert "return sum" in Path({path!r}).read_text()


def test_the_users_name_and_home_are_known():
    assert Path.home() == Path("/tmp")
    assert os.path.expanduser("~nobody") == "/tmp"
    assert sorted(os.environ) == {names!r}
"""


async def test_what_ordinary_tests_do_works(tmp_path: Path, python: Path) -> None:
    names = "CI HOME LANG LC_CTYPE LOGNAME PATH PYTEST_CURRENT_TEST PYTEST_VERSION PYTHONDONTWRITEBYTECODE"
    names += " PYTHONHASHSEED PYTHONPATH TMPDIR USER VIRTUAL_ENV"
    path = str(tmp_path / "calc.py")
    tests = ORDINARY.replace("{path!r}", repr(path)).replace("{names!r}", repr(names.split()))
    (tmp_path / "kept.txt").write_text("kept")
    check = suite(write(tmp_path, calc=MODULE, test_calc=tests), python)
    before = snapshot(tmp_path)
    verdict = await check.judge(RIGHT)
    assert verdict.judgement == "passed", verdict.evidence
    assert snapshot(tmp_path) == before
    await check.close()


async def test_a_folder_elsewhere_can_be_let_in_to_be_read(tmp_path: Path, python: Path) -> None:
    write(tmp_path / "shared", base="def base(): return 0\n")
    path = str(tmp_path / "shared")
    tests = f"import sys\nsys.path.append({path!r})\nimport base\n{TESTS}"
    check = suite(write(tmp_path / "work", calc=MODULE, test_calc=tests), python, readable=(Path(path),))
    assert (await check.judge(RIGHT)).judgement == "passed"
    verdict = await check.judge(f"{RIGHT}open({path!r} + '/base.py', 'a')\n")
    assert "Read-only file system" in verdict.evidence
    await check.close()
