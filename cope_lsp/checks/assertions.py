"""The check that runs a draft against assert lines."""

from dataclasses import dataclass

from cope_lsp.checks.base import Verdict
from cope_lsp.checks.cage.sandbox import Program, Sandbox


@dataclass(frozen=True, slots=True)
class Assertions:
    """Implements `Check`: every test must pass in the sandbox."""

    sandbox: Sandbox
    tests: tuple[str, ...]
    tested: str
    """The name of the function that the tests call."""
    setup: str = ""
    timeout_s: float = 5.0
    name: str = "tests"

    async def judge(self, draft: str) -> Verdict:
        """See `Check`; the draft is a whole module."""
        report = await self.sandbox.run(Program(draft, self.tests, self.tested, self.setup, self.timeout_s))
        return Verdict(self.name, report.judgement, report.evidence, report.milliseconds)
