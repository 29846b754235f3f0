"""What a check is, and the verdict that it gives on a draft."""

from dataclasses import dataclass
from typing import Literal, Protocol

Judgement = Literal["passed", "failed", "unknown"]
"""`unknown`: the check could not tell, as when a test compares what no other process can look at."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says of one draft, and what it took, in milliseconds."""

    check: str
    judgement: Judgement
    evidence: str
    """What a person would want to read: the first test that failed and what came instead; or ""."""
    milliseconds: float


class Check(Protocol):
    """One way to judge a draft."""

    @property
    def name(self) -> str:
        """The name under which its verdicts are known."""
        ...

    async def judge(self, draft: str) -> Verdict:
        """Judge the text of a draft, as the executor wrote it.

        Raises:
            SandboxUnavailableError: the check runs drafts, and there is no safe place for that.
        """
        ...
