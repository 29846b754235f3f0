"""Holes of a repository: cut in its files, filled, and judged by its own tests in a sandbox.

A hole counts when the tests that touch its function pass with the original, twice, and fail with a wrong
text: otherwise they would say the same of any text. The repository itself is never written to.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cope_lsp.checks.suite import files, interpreter
from cope_lsp.checks.suite.check import Suite, SuiteSettings
from cope_lsp.context.target import CHARACTERS_MAX
from cope_lsp.errors import CopeError
from cope_lsp.evaluation.holes.cut import cut, in_rounds
from cope_lsp.evaluation.holes.fill import Filler, Filling, Way
from cope_lsp.evaluation.holes.hole import KINDS, Hole, Kind
from cope_lsp.evaluation.holes.scored import Record, Tell, refused, scored

FILES_MAX = 2_000
"""As many files are read at most; they are drawn, so that a large repository is seen as a whole."""

_NOT_STARTED = "the tests could not be started"
"""So a suite begins to say that its program is missing."""

_SKIPPED = frozenset(
    {"__pycache__", "build", "dist", "doc", "docs", "examples", "node_modules", "site-packages"}
)
_OF_TESTS = frozenset({"test", "testing", "tests"})
"""Folders in which no hole is cut."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which holes of which repository are wanted."""

    workspace: Path
    kinds: tuple[Kind, ...] = KINDS
    limit: int = 100
    """So many holes of use are looked for."""
    seed: int = 0
    settings: SuiteSettings = field(default_factory=SuiteSettings)


def holes(plan: Plan) -> list[list[Hole]]:
    """Return all holes of a repository in the order in which they are tried, function by function.

    Raises:
        CopeError: there is no such folder, no code in it, no tests, or no Python that could run them.
    """
    workspace = plan.workspace.resolve()
    if not workspace.is_dir():
        raise CopeError(f"{plan.workspace} is not a folder; name that of a repository")
    found = interpreter.find(workspace, plan.settings.python)
    if isinstance(found, str):
        raise CopeError(f"the tests cannot be run: {found} (tests.python)")
    code, has_tests = _look(workspace)
    if not has_tests:
        patterns = " or ".join(files.TESTS)
        raise CopeError(f"{workspace} has no tests ({patterns}), and only they can say what is right")
    dice = random.Random(plan.seed)  # noqa: S311 - a sample, not a secret
    drawn = sorted(dice.sample(code, min(FILES_MAX, len(code))))
    cuts = [hole for path in drawn for hole in _holes_of(path, workspace, plan.kinds)]
    if not cuts:
        raise CopeError(f"{workspace} has no function of Python in which a hole could be cut")
    return in_rounds(cuts, plan.seed)


def _look(workspace: Path) -> tuple[list[Path], bool]:
    """Return the files of code, and whether there are tests. Links are not followed."""
    code: list[Path] = []
    has_tests = False
    for folder, names, entries in os.walk(workspace):
        here = Path(folder)
        names[:] = sorted(name for name in names if _is_own(here / name))
        has_tests = has_tests or any(map(files.is_test, entries))
        if _OF_TESTS.isdisjoint(here.relative_to(workspace).parts):
            code += [here / name for name in sorted(entries) if _is_code(here / name)]
    return code, has_tests


def _is_own(folder: Path) -> bool:
    """Whether a folder is the repository's own: no environment, nothing that tools made."""
    name = folder.name
    return not (name.startswith(".") or name in _SKIPPED or (folder / "pyvenv.cfg").exists())


def _is_code(path: Path) -> bool:
    if path.suffix != ".py" or files.is_protected(path.name) or path.is_symlink():
        return False
    return path.is_file() and path.stat().st_size <= CHARACTERS_MAX


def _holes_of(path: Path, workspace: Path, kinds: Sequence[Kind]) -> Iterator[Hole]:
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return
    yield from cut(text, path.relative_to(workspace).as_posix(), path.as_uri(), kinds)


class Testbed:
    """Fills the holes of a repository and has its tests judge them."""

    __test__ = False  # the name is no invitation to pytest

    def __init__(self, plan: Plan, filler: Filler, ways: Sequence[Way], record: Record, tell: Tell) -> None:
        self._plan = plan
        self._filler = filler
        self._ways = ways
        self._record = record
        self._tell = tell
        self.used: list[Hole] = []
        """The holes that count, as they were found."""
        self.reasons: Counter[str] = Counter()
        """Why others do not, and how many."""

    async def run(self, rounds: Sequence[Sequence[Hole]]) -> None:
        """Fill and score holes until there are enough. Whoever cancels this finds all rows in the record.

        Raises:
            CopeError: the model, the tests or the sandbox cannot be used, or no hole is of any use.
        """
        await self._filler.model.info()  # it is loaded before anything is measured
        for function in rounds:
            if len(self.used) >= self._plan.limit:
                return
            await self._function(function)
        if not self.used:
            (why, count), *_ = self.reasons.most_common(1)
            raise CopeError(f"no hole could be used; of most ({count}): {why}")

    async def _function(self, function: Sequence[Hole]) -> None:
        """Fill the holes of one function; its tests are run only when something of them is not known."""
        if all(map(self._is_known, function)):
            for hole in function:
                self._count(hole)
            return
        suite = Suite(self._plan.workspace, Path(function[0].file), function[0].symbol, self._plan.settings)
        try:
            objection = await _objection(suite, function[0])
            for hole in function:
                if len(self.used) < self._plan.limit:
                    await self._hole(suite, hole, objection)
                    self._count(hole)
        finally:
            await suite.close()

    def _count(self, hole: Hole) -> None:
        refusal = self._record.refusal(hole)
        if refusal is not None:
            self.reasons[refusal] += 1
        elif len(self.used) < self._plan.limit:
            self.used.append(hole)
        self._tell(len(self.used), self.reasons.total())

    def _is_known(self, hole: Hole) -> bool:
        return self._record.refusal(hole) is not None or not self._missing(hole)

    def _missing(self, hole: Hole) -> list[Way]:
        filler = self._filler
        return [way for way in self._ways if self._record.get(hole, filler.label(way), filler.digest) is None]

    async def _hole(self, suite: Suite, hole: Hole, objection: str) -> None:
        if self._is_known(hole):
            return
        if not objection and (await suite.judge(hole.filled(hole.wrong))).judgement == "passed":
            objection = "its tests pass with a wrong text, too"
        if objection:
            self._record.add(refused(hole, objection))
            return
        fillings = {way: await self._filler.fill(hole, way) for way in self._missing(hole)}
        verdicts = {hole.original.rstrip(): True, hole.wrong: False}
        for way, filling in fillings.items():
            passed = await _passes(suite, hole, filling, verdicts)
            row = scored(hole, self._filler.label(way), self._filler.digest, filling, passed=passed)
            self._record.add(row)


async def _objection(suite: Suite, hole: Hole) -> str:
    """Return why the tests of a function cannot judge anything; "" when they can."""
    prepared = await suite.prepare()
    if prepared.evidence.startswith(_NOT_STARTED):
        raise CopeError(f"{prepared.evidence}; is pytest installed for the Python of these tests?")
    if not prepared.tests:
        return _without_name(prepared.evidence)
    if prepared.failing:
        return "its tests fail as it is"
    again = await suite.judge(hole.filled(hole.original))
    return "" if again.judgement == "passed" else "its tests do not pass a second time"


def _without_name(evidence: str) -> str:
    """Return a reason that many functions have in common."""
    return "no test touches its function" if evidence.startswith("no test ") else evidence


async def _passes(suite: Suite, hole: Hole, filling: Filling, verdicts: dict[str, bool]) -> bool:
    """Return whether the tests pass with a text; equal texts are run once."""
    if filling.text is None:
        return False
    text = filling.text.rstrip()
    if text not in verdicts:
        verdict = await suite.judge(hole.filled(text))
        if verdict.judgement == "unknown":
            raise CopeError(f"{hole.id}: {verdict.evidence}")
        verdicts[text] = verdict.judgement == "passed"
    return verdicts[text]
