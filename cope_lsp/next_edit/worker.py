"""The process that finds next edits for `NextEdits`: grammars are native code, which may crash or never end.

It ends itself when a file takes too long, whatever native code does then, and when its client is gone.
"""

import faulthandler
import gc

from cope_lsp.checks.syntax.tree import Untold
from cope_lsp.frames import receive, send
from cope_lsp.next_edit.history import Change
from cope_lsp.next_edit.rules import next_edit
from cope_lsp.stdio import claim_stdio

READ_TIMEOUT_S = 1.5


def main() -> None:
    """Serve one client until it closes the stream."""
    frames_in, frames_out = claim_stdio()
    send(frames_out, {"ready": True})
    while question := receive(frames_in):
        # Its watch is a thread that needs no lock of the interpreter's.
        faulthandler.dump_traceback_later(READ_TIMEOUT_S, exit=True)
        changes = [Change(*each) for each in question["changes"]]
        found = next_edit(question["language"], question["text"], changes, question["offset"])
        faulthandler.cancel_dump_traceback_later()
        if isinstance(found, Untold):
            send(frames_out, {"untold": found.reason})
        else:
            send(frames_out, {"proposal": [found.start, found.end, found.text]})
        gc.collect()  # a tree and its paths lie in cycles


if __name__ == "__main__":
    main()
