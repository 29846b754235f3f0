"""The process that reads syntax for `SyntaxReader`: grammars are native code, which may crash or never end.

It ends itself when a file takes too long, whatever native code does then, and when its client is gone.
"""

import faulthandler
from functools import lru_cache

from cope_lsp.checks.syntax.errors import Original
from cope_lsp.checks.syntax.frames import receive, send
from cope_lsp.checks.syntax.tree import Untold
from cope_lsp.stdio import claim_stdio

FAULTS_MAX = 20
READ_TIMEOUT_S = 1.5
_ORIGINALS = 4
"""How many files stay parsed. A tree takes some 30 times the memory of its text."""

_original = lru_cache(_ORIGINALS)(Original)


def main() -> None:
    """Serve one client until it closes the stream."""
    frames_in, frames_out = claim_stdio()
    while question := receive(frames_in):
        # Its watch is a thread that needs no lock of the interpreter's.
        faulthandler.dump_traceback_later(READ_TIMEOUT_S, exit=True)
        found = _original(question["language"], question["before"]).new_errors(question["after"])
        faulthandler.cancel_dump_traceback_later()
        if isinstance(found, Untold):
            send(frames_out, {"untold": found.reason})
        else:
            send(frames_out, {"faults": [[fault.line, fault.what] for fault in found[:FAULTS_MAX]]})


if __name__ == "__main__":
    main()
