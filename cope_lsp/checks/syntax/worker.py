"""The process that reads syntax for `SyntaxReader`: grammars are native code, which may crash or never end.

It ends itself when a file takes too long, whatever native code does then, and when its client is gone.
"""

import faulthandler
from collections.abc import Callable
from dataclasses import asdict, astuple
from functools import lru_cache
from typing import Any

from cope_lsp.checks.syntax.errors import Original
from cope_lsp.checks.syntax.insertion import fits
from cope_lsp.checks.syntax.scene import scene
from cope_lsp.checks.syntax.tree import Untold
from cope_lsp.frames import receive, send
from cope_lsp.stdio import claim_stdio

FAULTS_MAX = 20
READ_TIMEOUT_S = 1.5
_ORIGINALS = 4
"""How many files stay parsed. A tree takes some 30 times the memory of its text."""

_original = lru_cache(_ORIGINALS)(Original)
_stretch = lru_cache(_ORIGINALS)(Original)
"""Apart, so that keys do not push out the file of which drafts are judged."""

Message = dict[str, Any]


def main() -> None:
    """Serve one client until it closes the stream."""
    frames_in, frames_out = claim_stdio()
    while question := receive(frames_in):
        # Its watch is a thread that needs no lock of the interpreter's.
        faulthandler.dump_traceback_later(READ_TIMEOUT_S, exit=True)
        answer = _ANSWERS[question["ask"]](question)
        faulthandler.cancel_dump_traceback_later()
        send(frames_out, answer)


def _new_errors(question: Message) -> Message:
    found = _original(question["language"], question["before"]).new_errors(question["after"])
    if isinstance(found, Untold):
        return {"untold": found.reason}
    return {"faults": [[fault.line, fault.what] for fault in found[:FAULTS_MAX]]}


def _scene(question: Message) -> Message:
    original = _stretch(question["language"], question["text"])
    if isinstance(original.parsed, Untold):
        return {"scene": None}
    found = scene(original.parsed, original.language, original.text, question["offset"])
    return {"scene": asdict(found)}


def _fits(question: Message) -> Message:
    original = _stretch(question["language"], question["text"])
    if question["if_sound"] and not original.is_sound:
        return {}
    return {"fits": [astuple(fit) for fit in fits(original, question["offset"], question["candidates"])]}


_ANSWERS: dict[str, Callable[[Message], Message]] = {
    "new_errors": _new_errors,
    "scene": _scene,
    "fits": _fits,
}


if __name__ == "__main__":
    main()
