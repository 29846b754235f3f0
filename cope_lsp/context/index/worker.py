"""The process that builds the index of a workspace for `WorkspaceIndex`, beside all else and last in line.

Questions are answered between two files. It ends when its client is gone, and when native code hangs. Its
standard error is a file of the client's, whose first line says what is being read: who dies of that can say
no more.
"""

import contextlib
import faulthandler
import os
import queue
import sys
import threading
from pathlib import Path
from typing import IO, Any

from cope_lsp.context.index.build import Build
from cope_lsp.engine.neighbours import resident_bytes
from cope_lsp.frames import receive, send
from cope_lsp.stdio import claim_stdio

NICENESS = 10
STEP_TIMEOUT_S = 10.0
"""For native code that cannot be stopped; a parser that can be is, much earlier."""


def main() -> None:
    """Serve one client until it closes the stream."""
    frames_in, frames_out = claim_stdio()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    questions: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(frames_in, questions), daemon=True).start()
    build = Build(Path(sys.argv[1]), skip=sys.argv[2:], reading=_note)
    with contextlib.suppress(OSError):  # nobody reads any more
        while True:
            _serve(build, questions, frames_out)


def _serve(build: Build, questions: "queue.Queue[dict[str, Any]]", frames_out: IO[bytes]) -> None:
    """Answer what was asked; else do a step, and wait when there is none."""
    is_busy = questions.empty() and _watched(build)
    with contextlib.suppress(queue.Empty):
        question = questions.get(block=not is_busy)
        faulthandler.dump_traceback_later(STEP_TIMEOUT_S, exit=True)
        answer = _answer(build, question)
        faulthandler.cancel_dump_traceback_later()
        send(frames_out, answer)


def _watched(build: Build) -> bool:
    # Its watch is a thread that needs no lock of the interpreter's.
    faulthandler.dump_traceback_later(STEP_TIMEOUT_S, exit=True)
    goes_on = build.step()
    faulthandler.cancel_dump_traceback_later()
    return goes_on


def _answer(build: Build, question: dict[str, Any]) -> dict[str, Any]:
    build.changed(question["changed"])
    found = build.find(question["names"], question["modules"], question["path"])
    return {
        "found": [[each.path, each.text] for each in found],
        "status": {
            "files": build.table.files,
            "definitions": build.table.definitions,
            "bytes": build.table.bytes,
            "resident_bytes": resident_bytes(),
            "build_s": build.build_s,
            "complete": build.is_complete,
            "stopped": build.stopped,
        },
    }


def _note(path: str) -> None:
    with contextlib.suppress(OSError):  # a full disk
        os.lseek(2, 0, os.SEEK_SET)
        os.write(2, f"{path}\n".encode())


def _listen(frames_in: IO[bytes], questions: "queue.Queue[dict[str, Any]]") -> None:
    while question := receive(frames_in):
        questions.put(question)
    os._exit(0)  # whatever the other thread does


if __name__ == "__main__":
    main()
