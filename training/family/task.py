"""A family task: a small function to write, told in words, with its plans, a reference body and tests."""

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "held-out"]
Part = Literal["core", "whole"]
Wording = Literal["explicit", "indirect", "unseen"]


@dataclass(frozen=True, slots=True)
class FamilyTask:
    """One function that a model is to finish."""

    id: str
    """Split, seed and number, such as "held-out:1:17"; the task is a function of it."""
    name: str
    signature: str
    """The `def` line, without its end."""
    preamble: str
    """The imports that body and tests need, with two blank lines behind them; mostly empty."""
    docstring: str
    """The one line between the quotes."""
    goal: str
    """What is wanted, in plain words, one line without a full stop."""
    guideline: str
    """How to do it, one or two sentences on one line."""
    body: str
    """The reference solution: lines indented by four, each with its end."""
    visible_tests: tuple[str, ...]
    """Assert lines that a check may run; empty when the task was drawn without tests."""
    hidden_tests: tuple[str, ...]
    """Assert lines that only the score sees."""
    operations: tuple[str, ...]
    """Names in order of application."""
    wording: Wording
    """"explicit": the two plainest wordings of each operation; "unseen": one that training never shows."""

    @property
    def function(self) -> str:
        """The finished function, without plans."""
        return f'{self.signature}\n    """{self.docstring}"""\n{self.body}'

    @property
    def source(self) -> str:
        """The finished function as a module of its own."""
        return self.preamble + self.function
