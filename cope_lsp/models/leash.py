"""Holds a program that must not outlive who started us: `python -m cope_lsp.models.leash FOLDER PROGRAM ...`.

FOLDER is made for it, where only the user can enter. We wait for the end of our standard input, which the
parent holds, or for that of the program. Then the folder goes, and with us everything that the program
started: we lead a process group of our own.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path


def main(folder: Path, command: list[str]) -> None:
    """Run `command` until it ends or the parent does; does not return."""
    assert os.getpgrp() == os.getpid(), "the group that ends with us must be our own"
    folder.mkdir(mode=0o700)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  # the point of it
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)  # noqa: T201  # to the parent
        _end(folder)
    threading.Thread(target=_end_with, args=(child, folder), daemon=True).start()
    while sys.stdin.buffer.read(4096):
        pass
    _end(folder)


def _end_with(child: "subprocess.Popen[bytes]", folder: Path) -> None:
    child.wait()
    _end(folder)


def _end(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
