"""The check that runs the user's own tests on a draft, on a view of the repository that is thrown away.

Which tests: those in files that name the symbol, then those in files that import its module. They run once on
the unchanged repository; that says which there are and how they do. A draft passes when the same tests run
again, no more and no fewer, and all that are required pass (`report.expect` says which are), pytest
comes to its end with the status that goes with that, and nothing was changed that decides on tests: test
files and what lies beside them, configuration, pytest itself.

What remains possible, since a test and the code that it tests share an interpreter: a draft that was written
to find in its own memory the reporting plugin, and to speak in its name, or the tests, and to put others in
their place; one that knows the tests and returns what they expect; one that makes objects equal to
everything. Whoever reads a draft that passed sees such things.

With a command of the user's own (`SuiteSettings.command`) all that is known is its exit status, and the
evidence says so.

Only a workspace that the user trusts may be checked: its tests and its environment are run, in the cage, with
all that they can read there. The caller sees to that.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from cope_lsp.checks.base import Judgement, Verdict
from cope_lsp.checks.suite import files, interpreter
from cope_lsp.checks.suite.interpreter import Interpreter
from cope_lsp.checks.suite.report import (
    Expectation,
    Run,
    bounded,
    expect,
    first_failure,
    judge_run,
    mentions,
    read_report,
    shown,
)
from cope_lsp.checks.suite.tree import CageBrokenError, Order, Outcome, Tree, TreeLimits
from cope_lsp.errors import SandboxUnavailableError

_PYTEST = ("-m", "pytest", "-p", "cope_lsp_report", "-q", "--tb=auto", "--color=no")
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_TOO_MUCH = "the tests of the unchanged workspace cannot be used"
_NOT_STARTED = 127
"""The exit status of a program that is not there, as shells have it."""

_ENVIRONMENT = {
    "CI": "1",  # tools that draw lots or measure time, as hypothesis does, leave that here
    "HOME": "/tmp",  # noqa: S108 - the cage's own
    "LANG": "C.UTF-8",
    "LOGNAME": "nobody",
    "PATH": _SYSTEM_PATH,
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",  # what iterates over a set does the same every time
    "TMPDIR": "/tmp",  # noqa: S108
    "USER": "nobody",
}
"""All that the environment of the tests holds, but for where their interpreter is."""


@dataclass(frozen=True, slots=True)
class SuiteSettings:
    """How the tests of a workspace are run; from the user, never from the repository."""

    command: tuple[str, ...] = ()
    """A program and its arguments, run in the workspace; none: pytest, on the tests that touch the symbol."""
    python: str = ""
    """The interpreter of the tests: a path, or the name of a program; "": `interpreter.find` says which."""
    timeout_s: float = 60.0
    limits: TreeLimits = field(default_factory=TreeLimits)
    readable: tuple[Path, ...] = ()
    """Folders outside of the workspace that the tests need; they are seen read-only."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of the tests before there is a draft."""

    tests: tuple[str, ...] = ()
    """Ids of the tests that a draft has to satisfy, in the order in which they run; or the command."""
    failing: tuple[str, ...] = ()
    """Those of them that fail without a draft."""
    evidence: str = ""
    """What the first of these says; or, where `tests` is empty, why nothing can be said of any draft."""
    milliseconds: float = 0.0


class Suite:
    """Implements `Check` with the user's tests; one for each symbol that is worked on."""

    name = "tests"

    def __init__(self, workspace: Path, file: Path, symbol: str, settings: SuiteSettings) -> None:
        """Look at nothing yet but paths.

        Raises:
            ValueError: the file is not in the workspace, or it is a test or configuration of tests.
        """
        self._workspace = workspace.resolve()
        path = (self._workspace / file).resolve()
        if not path.is_relative_to(self._workspace):
            msg = f"{file} is not in {workspace}"
            raise ValueError(msg)
        self._file = path.relative_to(self._workspace).as_posix()
        if files.is_protected(self._file):
            msg = f"{self._file} decides which tests there are, so no draft of it can be judged by them"
            raise ValueError(msg)
        self._symbol = symbol
        self._settings = settings
        self._tree = Tree(self._workspace)
        self._lock = asyncio.Lock()
        self._prepared: Prepared | None = None
        self._selected: tuple[str, ...] = ()
        self._expected = Expectation()
        self._own_changes: frozenset[str] = frozenset()
        self._interpreter: Interpreter | None = None

    async def prepare(self) -> Prepared:
        """Find the tests that touch the symbol, and run them once on the unchanged workspace.

        Raises:
            SandboxUnavailableError: there is no safe place to run them, so they were not run.
        """
        async with self._lock:
            if self._prepared is None:
                started = time.monotonic()
                self._refuse_homes()
                prepared = await (
                    self._prepare_command() if self._settings.command else self._prepare_tests()
                )
                spent = 1_000 * (time.monotonic() - started)
                self._prepared = Prepared(prepared.tests, prepared.failing, prepared.evidence, spent)
            return self._prepared

    async def judge(self, draft: str) -> Verdict:
        """See `Check`; the draft is the whole text of the file after the edit."""
        started = time.monotonic()
        prepared = await self.prepare()
        if not prepared.tests:
            return Verdict(self.name, "unknown", prepared.evidence, 1_000 * (time.monotonic() - started))
        try:
            outcome = await self._run({self._file: draft}, stops=not self._expected.excused)
        except CageBrokenError as error:
            evidence = f"the cage of the tests broke: {error}"
            return Verdict(self.name, "unknown", evidence, 1_000 * (time.monotonic() - started))
        verdict = self._judged(outcome)
        return Verdict(self.name, *verdict, 1_000 * (time.monotonic() - started))

    async def close(self) -> None:
        """End every run; nothing of them is left."""
        await self._tree.close()

    def _refuse_homes(self) -> None:
        if Path.home().resolve().is_relative_to(self._workspace):
            msg = f"{self._workspace} holds your home, so drafts would see all of it; open a project's folder"
            raise SandboxUnavailableError(msg)

    async def _prepare_command(self) -> Prepared:
        command = " ".join(self._settings.command)
        found = interpreter.find(self._workspace, self._settings.python)
        self._interpreter = found if isinstance(found, Interpreter) else None
        try:
            outcome = await self._run({})
        except CageBrokenError as error:
            return Prepared(evidence=f"the cage of the tests broke: {error}")
        if outcome.status == _NOT_STARTED:
            return Prepared(evidence=_last(outcome.output))
        self._own_changes = frozenset(outcome.changes)
        judgement, evidence = self._judged_by_status(outcome)
        is_passed = judgement == "passed"
        return Prepared((command,), () if is_passed else (command,), "" if is_passed else evidence)

    async def _prepare_tests(self) -> Prepared:
        found = await asyncio.to_thread(interpreter.find, self._workspace, self._settings.python)
        if isinstance(found, str):
            return Prepared(evidence=found)
        self._interpreter = found
        naming, importing = await asyncio.to_thread(
            files.find_tests, self._workspace, self._file, self._symbol
        )
        if not naming and not importing:
            return Prepared(evidence=f"no test names {self._symbol} or imports {self._file}")
        try:
            run = await self._first_run((*naming, *importing))
            if run.fault.startswith(_TOO_MUCH) and naming and importing:
                run = await self._first_run(tuple(naming))
            return await self._prepared_from(run)
        except CageBrokenError as error:
            return Prepared(evidence=f"the cage of the tests broke: {error}")

    async def _prepared_from(self, run: Run) -> Prepared:
        """Return what the first run says; if tests could not be loaded without the symbol, after another."""
        if run.fault:
            return Prepared(evidence=run.fault)
        name = self._symbol.partition(".")[0]
        new: frozenset[str] = frozenset()
        if any(mentions(f"{one.message}\n{one.text}", name) for one in run.uncollected.values()):
            text = await asyncio.to_thread(self._text)
            stub = f"\n\ndef {name}(*args, **kwargs):\n    raise NotImplementedError({name!r})\n"
            second = await self._first_run(self._selected, {self._file: text + stub})
            if second.fault:
                return Prepared(evidence=second.fault)
            new = frozenset(second.collected) - frozenset(run.collected)
            run = _merged(run, second)
        run = self._without_unloadable(run)
        if not run.collected:
            first = next(iter(run.uncollected.items()), None)
            return Prepared(
                evidence=shown(*first) if first else f"no test of {self._symbol} was found by pytest"
            )
        self._expected = expect(run, self._symbol, all_required=new)
        tests = tuple(test for test in run.collected if test in self._expected.required)
        failing = tuple(test for test in tests if run.results[test].outcome != "passed")
        if not tests:
            test, result = next(iter(self._expected.excused.items()))
            return Prepared(evidence=f"no test of {self._symbol} can be run here: {shown(test, result)}")
        return Prepared(tests, failing, shown(failing[0], run.results[failing[0]]) if failing else "")

    def _without_unloadable(self, run: Run) -> Run:
        """Return a run without the test files that cannot be loaded, which are left out from now on."""
        broken = {test.partition("::")[0] for test in run.uncollected}
        self._selected = tuple(path for path in self._selected if not _is_among(path, broken))
        kept = tuple(test for test in run.collected if not _is_among(test.partition("::")[0], broken))
        results = {test: run.results[test] for test in kept if test in run.results}
        return replace(run, collected=kept, results=results)

    async def _first_run(self, files: tuple[str, ...], writes: dict[str, str] | None = None) -> Run:
        """Run test files on the unchanged workspace; a run that says nothing of a draft has a fault."""
        self._selected = files
        outcome = await self._run(writes or {})
        self._own_changes |= frozenset(outcome.changes)
        if outcome.ending != "finished":
            return Run(fault=f"{_TOO_MUCH}: {self._overrun(outcome)}")
        run = read_report(outcome.report, outcome.key)
        if run.status is None and not run.fault:
            return Run(fault=f"the tests could not be started: {_last(outcome.output)}")
        if set(run.collected) - run.results.keys():
            return Run(fault=f"pytest ended before its last test: {_last(outcome.output)}")
        return run

    async def _run(self, writes: dict[str, str], *, stops: bool = False) -> Outcome:
        """Run the tests with other texts in some files; `stops` at the first test that fails."""
        settings = self._settings
        python = self._interpreter
        command = settings.command
        environment = dict(_ENVIRONMENT)
        if python is not None:
            environment["PATH"] = f"{python.path.parent}:{_SYSTEM_PATH}"
            environment["VIRTUAL_ENV"] = str(python.path.parent.parent)
        if not command:
            assert python is not None
            how = ("-x",) if stops else ("--continue-on-collection-errors",)
            command = (str(python.path), *_PYTEST, *how, "--", *self._selected)
            environment["PYTHONPATH"] = "/cope"  # where `root` puts the plugin
        readable = tuple((path.absolute(), path.resolve()) for path in settings.readable)
        return await self._tree.run(
            Order(
                command=command,
                environment=environment,
                writes={path: text.encode("utf-8", "replace").decode() for path, text in writes.items()},
                shown=(*(python.folders if python else ()), *readable),
                timeout_s=settings.timeout_s,
                limits=settings.limits,
            )
        )

    def _judged(self, outcome: Outcome) -> tuple[Judgement, str]:
        if self._settings.command:
            judgement, evidence = self._judged_by_status(outcome)
        elif outcome.ending != "finished":
            run = read_report(outcome.report, outcome.key)
            judgement, evidence = "failed", first_failure(run, self._expected) or self._overrun(outcome)
        else:
            run = read_report(outcome.report, outcome.key)
            judgement, evidence = judge_run(run, self._expected, outcome.status)
        if judgement == "passed":
            changes = set(outcome.changes) - self._own_changes
            for path in files.tampered(sorted(changes), self._selected, self._workspace):
                return "failed", f"{path}: the run changed this file, which the verdict rests on"
        return judgement, evidence

    def _judged_by_status(self, outcome: Outcome) -> tuple[Judgement, str]:
        command = " ".join(self._settings.command)
        if outcome.ending != "finished":
            return "failed", self._overrun(outcome)
        if outcome.status == 0:
            return "passed", f"`{command}` ended with status 0; that is all that is known"
        return "failed", bounded(f"`{command}` ended with status {outcome.status}: {_last(outcome.output)}")

    def _overrun(self, outcome: Outcome) -> str:
        """Return which limit a run hit, and in which test if that is known."""
        run = read_report(outcome.report, outcome.key)
        test = next((test for test in run.collected if test not in run.results), "")
        what = {
            "timed-out": f"did not end within {self._settings.timeout_s:g} s",
            "flooded": "printed without end",
        }.get(outcome.ending, f"took more than {self._settings.limits.memory_bytes >> 20} MiB of memory")
        return f"{test or 'the tests'}: {what}"

    def _text(self) -> str:
        path = self._workspace / self._file
        return path.read_text("utf-8", "replace") if path.exists() else ""


def _merged(first: Run, second: Run) -> Run:
    """Return a run of the tests of the second, which were also in the first as they were there."""
    known = {test: result for test, result in first.results.items() if test in second.results}
    return replace(second, results=second.results | known, marks=first.marks | second.marks)


def _is_among(path: str, names: set[str]) -> bool:
    """Whether a path is one of these files, or in one of these folders; both may be relative to others."""
    return any(name and f"/{name}/" in f"/{path}/" for name in names)


def _last(output: str) -> str:
    """Return the last lines of an output, where most programs say what is wrong."""
    return (
        bounded("\n".join([line for line in output.splitlines() if line.strip()][-6:]))
        or "it printed nothing"
    )
