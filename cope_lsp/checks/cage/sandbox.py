"""Runs drafts against their tests in cages of Linux namespaces; nowhere else, and never without one.

One cage serves one program at a time, in some ten milliseconds. Whoever stops waiting ends the cage with all
that runs in it; the next program gets a new one.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.checks.base import Judgement
from cope_lsp.checks.cage.frames import ANSWER, ENDINGS, READY, REQUEST
from cope_lsp.checks.cage.held import hang_up, last_words, undisturbed
from cope_lsp.errors import SandboxUnavailableError

START_TIMEOUT_S = 30.0
ANSWER_GRACE_S = 15.0
"""How long after a program's time is up its cage may stay silent before it counts as broken."""

_TEXT_BYTES_MAX = 1_000_000

_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from cope_lsp.checks.cage.keeper import main; main()"
_PACKAGE_FOLDER = str(Path(__file__).parents[3])

ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - the cage's own
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",  # a draft that iterates over a set gives the same every time
    "TMPDIR": "/tmp",  # noqa: S108
}
"""All that a program's environment holds."""


@dataclass(frozen=True, slots=True)
class Program:
    """A draft and what it must satisfy."""

    source: str
    """The whole module, imports included."""
    tests: tuple[str, ...]
    """Statements, most often an `assert` each, that use the draft's functions."""
    name: str = ""
    """The function that is tested; only this one may have the name of a built-in."""
    setup: str = ""
    """Run before the tests, apart from the draft: the imports that they need."""
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test."""

    test: str
    judgement: Judgement
    evidence: str


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a program."""

    results: tuple[Result, ...]
    """One for each test, in order."""
    output: str
    """The beginning of what the draft printed."""
    milliseconds: float

    @property
    def passed(self) -> bool:
        """Whether there were tests and all passed."""
        return bool(self.results) and all(result.judgement == "passed" for result in self.results)

    @property
    def judgement(self) -> Judgement:
        """The judgement of all tests together."""
        if any(result.judgement == "failed" for result in self.results):
            return "failed"
        return "passed" if self.passed else "unknown"

    @property
    def evidence(self) -> str:
        """What the first test that did not pass says."""
        return next((result.evidence for result in self.results if result.judgement != "passed"), "")


class Sandbox:
    """Runs programs in up to `cages_max` cages at once, which are kept for the next ones."""

    def __init__(self, cages_max: int | None = None) -> None:
        self._free: list[_Cage] = []
        self._all: set[_Cage] = set()
        self._turns = asyncio.Semaphore(cages_max or os.cpu_count() or 1)
        self._unavailable: SandboxUnavailableError | None = None
        self._closed = False

    async def probe(self) -> None:
        """Return if programs can be run safely here.

        Raises:
            SandboxUnavailableError: they cannot, and none will be.
        """
        report = await self.run(Program("def one():\n    return 1\n", ("assert one() == 1",), "one"))
        if not report.passed:
            self._unavailable = SandboxUnavailableError(_message(report.evidence))
            raise self._unavailable

    async def run(self, program: Program) -> Report:
        """Run a program; when this returns or is cancelled, nothing of it is left.

        Raises:
            SandboxUnavailableError: there is no safe place to run it, so it was not run.
        """
        started = time.monotonic()
        if fault := _too_large(program):
            results, output = _all(program, "failed", fault), b""
        else:
            async with self._turns:
                results, output = await self._run(program)
        return Report(results, output.decode("utf-8", "replace"), 1_000 * (time.monotonic() - started))

    async def run_all(self, programs: Sequence[Program]) -> list[Report]:
        """Run many programs, as many at once as there are cages; the reports are in their order."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.run(program)) for program in programs]
        return [task.result() for task in tasks]

    async def close(self) -> None:
        """End every cage and all that runs in it."""
        self._closed = True
        cages, self._all, self._free = self._all, set(), []
        await asyncio.gather(*(cage.close() for cage in cages))

    async def _run(self, program: Program) -> tuple[tuple[Result, ...], bytes]:
        """Return the results, and what was printed; a cage that breaks says nothing about its program."""
        cage = await self._cage()
        try:
            ending, report, output = await cage.run(program)
        except BaseException as error:
            await undisturbed(cage.close())
            self._all.discard(cage)
            if isinstance(error, _CageBrokenError):
                return _all(program, "unknown", f"the cage of this draft broke: {error}"), b""
            raise
        self._free.append(cage)
        return _results(program, ending, report), output

    async def _cage(self) -> "_Cage":
        if self._closed:
            raise SandboxUnavailableError("the sandbox was closed")
        if self._unavailable:
            raise self._unavailable
        while self._free:
            cage = self._free.pop()
            if cage.process.returncode is None:
                return cage
            self._all.discard(cage)
        try:
            cage = await _Cage.start()
        except SandboxUnavailableError as error:
            self._unavailable = error
            raise
        self._all.add(cage)
        return cage


class _CageBrokenError(Exception):
    """A cage ended or fell silent while a program ran in it."""


class _Cage:
    """A keeper process and the cage around it, from outside."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls) -> "_Cage":
        if sys.platform != "linux":
            raise SandboxUnavailableError(_message("only Linux has what is needed so far"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-s", "-S", "-P", "-c", _PROGRAM, _PACKAGE_FOLDER,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=ENVIRONMENT, cwd="/", start_new_session=True,
        )  # fmt: skip
        cage = cls(process)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(START_TIMEOUT_S):
                await process.stdout.readexactly(len(READY))
        except (asyncio.IncompleteReadError, TimeoutError):
            reason = await last_words(cage.process)
            await cage.close()
            raise SandboxUnavailableError(_message(reason)) from None
        except BaseException:
            await undisturbed(cage.close())
            raise
        return cage

    async def run(self, program: Program) -> tuple[str, bytes, bytes]:
        """Return how the program ended, the report of its tests, and what it printed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        draft = program.source.encode("utf-8", "replace")
        tests = json.dumps({"name": program.name, "setup": program.setup, "tests": program.tests}).encode()
        timeout_ms = round(program.timeout_s * 1_000)
        try:
            async with asyncio.timeout(program.timeout_s + ANSWER_GRACE_S):
                self.process.stdin.write(REQUEST.pack(len(draft), len(tests), timeout_ms) + draft + tests)
                await self.process.stdin.drain()
                ending, report_bytes, output_bytes = ANSWER.unpack(
                    await self.process.stdout.readexactly(ANSWER.size)
                )
                report = await self.process.stdout.readexactly(report_bytes)
                return ENDINGS[ending], report, await self.process.stdout.readexactly(output_bytes)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            silent = isinstance(error, TimeoutError)
            raise _CageBrokenError("no answer" if silent else await last_words(self.process)) from error

    async def close(self) -> None:
        """End the cage with all that runs in it."""
        await hang_up(self.process)


def _results(program: Program, ending: str, report: bytes) -> tuple[Result, ...]:
    """Return a result for each test; those that were not reported failed."""
    found = [
        Result(test, *json.loads(line))
        for test, line in zip(program.tests, report.splitlines(), strict=False)
        if line.endswith(b"]")
    ]
    why = {
        "timed-out": f"it did not end within {program.timeout_s:g} s",
        "flooded": "it printed without end",
        "finished": "the tests ended before this one",
    }[ending]
    missing = program.tests[len(found) :]
    return (
        *found,
        *(Result(test, "failed", f"{test.strip().rpartition(chr(10))[2]}: {why}") for test in missing),
    )


def _too_large(program: Program) -> str:
    size = len(program.source) + sum(map(len, program.tests)) + len(program.setup)
    return f"a program of {size} characters is too large to be run" if size > _TEXT_BYTES_MAX else ""


def _all(program: Program, judgement: Judgement, evidence: str) -> tuple[Result, ...]:
    return tuple(Result(test, judgement, evidence) for test in program.tests)


def _message(reason: str) -> str:
    return (
        f"drafts cannot be run in a sandbox on this system ({reason}), so they are not run; "
        "Linux with unprivileged user namespaces is needed"
    )
