"""Loads one model file after another with the engine's own code, each in a fork of one warm process.

A worker of the product takes half a second to start, most of it to import; a fork takes milliseconds and is
just as mortal. On standard input come lines of a path and a deadline in seconds, split by a tab. The answers,
one line each: "works", "refused", "died" or "hung", a tab, and what is known of it.
"""

import os
import queue
import resource
import select
import signal
import sys
from pathlib import Path

from cope_lsp.engine.service import serve
from cope_lsp.engine.wire import WIRE_VERSION, EngineSettings, Finished, Generate, Message, Open, Refused
from cope_lsp.values import FimMark, Generation, Limits, Text

MEMORY_BYTES_MAX = 8 * 1024**3
PROMPT = (Text("def add(a, b):\n    return", 200, "tail"),)
FILL_IN = (
    FimMark("prefix"),
    Text("a = ", 50, "tail"),
    FimMark("suffix"),
    Text("b", 50, "head"),
    FimMark("middle"),
)


def main() -> None:
    for line in sys.stdin:
        path, deadline_s = line.rstrip("\n").split("\t")
        sys.stdout.write("\t".join(_try(Path(path), float(deadline_s))) + "\n")
        sys.stdout.flush()


def _try(path: Path, deadline_s: float) -> tuple[str, str]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _load(path, writing)
    os.close(writing)
    ended = select.select([reading], [], [], deadline_s)[0]
    said = os.read(reading, 4096).decode("utf-8", "replace") if ended else ""
    os.close(reading)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not ended:
        return "hung", f"no answer in {deadline_s} s"
    if said:
        kind, _, more = said.partition(" ")
        return kind, " ".join(more.split())
    return "died", f"status {os.waitstatus_to_exitcode(status)}"


def _load(path: Path, writing: int) -> None:
    """Serve two generations and leave; does not return."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for printing in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), printing)
    left = 2

    def send(message: Message) -> None:
        nonlocal left
        left -= isinstance(message, Finished)
        if isinstance(message, Refused) or not left:
            os.write(
                writing, f"{'refused' if isinstance(message, Refused) else 'works'} {message}".encode()[:4000]
            )
            os._exit(0)

    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    for number, prompt in enumerate((PROMPT, FILL_IN)):
        inbox.put(Generate(number, Generation(prompt, Limits(8, 5.0))))
    try:
        serve(Open(WIRE_VERSION, str(path), EngineSettings(context_tokens=512)), inbox, send)
    except BaseException as error:  # noqa: BLE001  # an error that leaves `serve` ends a worker, too
        os.write(writing, f"died {error!r}".encode()[:4000])
    os._exit(70)


if __name__ == "__main__":
    main()
