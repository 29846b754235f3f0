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
from typing import NoReturn

from cope_lsp.engine.connection import Letter
from cope_lsp.engine.service import Service
from cope_lsp.engine.wire import WIRE_VERSION, EngineSettings, Finished, Generate, Message, Open
from cope_lsp.errors import ModelFileError
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


class _Client:
    """Wants two generations, and reports what comes of them; then this process ends."""

    def __init__(self, writing: int) -> None:
        self._writing = writing
        self._left = 2

    def send(self, message: Message) -> None:
        self._left -= isinstance(message, Finished)
        if not self._left:
            self.report(f"works {message}")

    def report(self, text: str) -> NoReturn:
        os.write(self._writing, text.encode()[:4000])
        os._exit(0)


def _load(path: Path, writing: int) -> NoReturn:
    """Serve two generations and leave."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for printing in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), printing)
    client = _Client(writing)
    inbox: queue.Queue[Letter] = queue.Queue()
    for number, prompt in enumerate((PROMPT, FILL_IN)):
        inbox.put(Letter(client, Generate(number, Generation(prompt, Limits(8, 5.0)))))
    opening = Open(WIRE_VERSION, str(path), EngineSettings(context_tokens=512))
    try:
        Service(opening, lambda: 1).run(Letter(client, opening), inbox, client.report)
    except ModelFileError as error:
        client.report(f"refused {error}")
    except BaseException as error:  # noqa: BLE001  # an error that leaves the service ends a worker, too
        client.report(f"died {error!r}")


if __name__ == "__main__":
    main()
