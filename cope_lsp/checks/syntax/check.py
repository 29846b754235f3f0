"""The check that asks whether an edit brings new syntax errors into its file."""

from dataclasses import dataclass
from time import perf_counter

from cope_lsp.checks.base import Verdict
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.checks.syntax.tree import Untold


@dataclass(frozen=True, slots=True)
class Syntax:
    """Implements `Check`: an edit must bring no new error; those that were there before do not count."""

    reader: SyntaxReader
    language: str
    """The LSP language id of the file."""
    before: str
    """The whole text of the file before the edit."""
    name: str = "syntax"

    async def judge(self, draft: str) -> Verdict:
        """See `Check`; the draft is the whole text of the file after the edit."""
        started = perf_counter()
        found = await self.reader.new_errors(self.language, self.before, draft)
        milliseconds = (perf_counter() - started) * 1000
        if isinstance(found, Untold):
            return Verdict(self.name, "unknown", found.reason, milliseconds)
        evidence = str(found[0]) if found else ""
        return Verdict(self.name, "failed" if found else "passed", evidence, milliseconds)
