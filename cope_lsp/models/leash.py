"""Runs a program that must not outlive who started us: `python -m cope_lsp.models.leash PARENT PROGRAM ...`.

On Linux the kernel is told to kill the program when its parent ends, and we become it. Elsewhere we stay,
wait for the end of our standard input, which the parent holds, and kill it then.
"""

import ctypes
import os
import platform
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> int:
    """Become or run `command`; return its exit status."""
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was told
            return 1
        os.execv(command[0], command)  # noqa: S606  # the point of it
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  # as above
    threading.Thread(target=_kill_at_the_end_of_input, args=(child,), daemon=True).start()
    return child.wait()


def _kill_at_the_end_of_input(child: "subprocess.Popen[bytes]") -> None:
    while sys.stdin.buffer.read(4096):
        pass
    child.kill()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
