"""A hole in a file of Python: what stands on both sides of it, what stood in it, and how a text fills it."""

import hashlib
import json
import warnings
from dataclasses import asdict, dataclass
from typing import Literal

from cope_lsp.values import CompletionRequest, Document

Kind = Literal["line", "block", "argument"]
KINDS: tuple[Kind, ...] = ("line", "block", "argument")


@dataclass(frozen=True, slots=True)
class Hole:
    """A place where somebody is about to write, and what was written there."""

    id: str
    """For people: the file, the line, and the kind."""
    kind: Kind
    file: str
    """Its path in the repository."""
    uri: str
    symbol: str
    """The function that it is in; its qualified name."""
    before: str
    after: str
    original: str
    wrong: str = ""
    """A text that fits there and is not right: tests that pass with it say nothing of this hole."""

    @property
    def digest(self) -> str:
        """Return what changes when anything of the hole or of its file does, wherever the repository lies."""
        facts = asdict(self) | {"uri": ""}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def lines(self) -> int:
        """How many lines stood in it."""
        return self.original.count("\n") + 1

    def filled(self, text: str) -> str:
        """Return the file with a text in the hole."""
        return f"{self.before}{text}{self.after}"

    def request(self, *, explicit: bool) -> CompletionRequest:
        """Return the request of an editor whose cursor stands in the empty hole."""
        return CompletionRequest(Document(self.uri, "python", self.filled("")), len(self.before), explicit)


def compiles(text: str) -> bool:
    """Whether CPython itself accepts a file. Nothing of it is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "hole.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True
