"""The first process of a cage: it runs one program after the other, each in new processes, and ends them all.

A program is a draft and its tests. They never meet: the draft runs in one process (`subject`), the tests in
another (`judge`), which asks the first for nothing but plain values. The judge alone holds the pipe of the
report, so whatever a draft does (leave with status 0, print, patch `print` or the interpreter itself) it
cannot say that it passed; it can only return right values. The judge reads the tests from the request itself:
their text is never in the memory of a draft's process.

Started by `sandbox` with a bare environment; it speaks in `frames` on standard input and output.
"""

import contextlib
import fcntl
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cope_lsp.checks.cage import judge, subject
from cope_lsp.checks.cage.frames import ANSWER, ENDINGS, READY, REQUEST
from cope_lsp.checks.cage.walls import Bounds, confine, enter

OUTPUT_KEPT_BYTES = 4_096
OUTPUT_BYTES_MAX = 1_000_000
REPORT_BYTES_MAX = 4_000_000
PREPARATION_S = 10.0
"""To fork and to confine a process, on a machine with much else to do."""

WARM = (
    *("bisect", "cmath", "collections", "copy", "datetime", "decimal", "fractions", "functools", "heapq"),
    *("itertools", "math", "operator", "random", "re", "statistics", "string", "typing"),
)
"""What programs import most; it is loaded once, before they are."""

_CONTROL, _ANSWERS = 0, 1


def main() -> None:
    """Serve a cage until the other side hangs up; when it cannot be entered, say why on standard error."""
    # The first process of a cage gets no signal that it has no handler for, and Python has one for this.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in WARM:
        __import__(name)
    try:
        enter()
    except OSError as error:
        sys.exit(str(error))
    gc.freeze()
    _write(_ANSWERS, READY)
    while header := _read(_CONTROL, REQUEST.size):
        ending, report, output = _run(*REQUEST.unpack(header))
        _write(_ANSWERS, ANSWER.pack(ENDINGS.index(ending), len(report), len(output)) + report + output)


def _run(draft_bytes: int, tests_bytes: int, timeout_ms: int) -> tuple[str, bytes, bytes]:
    """Run one program; when this returns, nothing of it is left."""
    deadline = time.monotonic() + timeout_ms / 1_000
    bounds = Bounds(cpu_s=timeout_ms // 1_000 + 1)
    (ask, asked), (told, tell), (output, printing) = os.pipe(), os.pipe(), os.pipe()
    ends = [ask, asked, told, tell, output, printing]
    try:
        nothing = os.open("/dev/null", os.O_RDWR)
        ends.append(nothing)
        _start(bounds, draft_bytes, subject.serve, (nothing, printing, printing, ask, tell), may_write=True)
        # Made only now, so that the draft's process cannot have it.
        report, reporting = os.pipe()
        ends += [report, reporting]
        _start(bounds, tests_bytes, judge.serve, (nothing, nothing, nothing, told, asked, reporting))
        for end in (ask, asked, told, tell, printing, reporting):
            os.close(end)
            ends.remove(end)
        return _watch(report, output, deadline)
    finally:
        _end_all()
        for end in ends:
            os.close(end)


def _start(
    bounds: Bounds, size: int, serve: Callable[[str], None], ends: Sequence[int], *, may_write: bool = False
) -> None:
    """Fork a confined process that serves a text of the request; it holds only `ends`, as 0, 1, 2 ..."""
    prepared, preparing = os.pipe()
    if os.fork() == 0:
        with contextlib.suppress(BaseException):
            confine(bounds, may_write=may_write)
            text = _read(_CONTROL, size).decode()
            preparing = fcntl.fcntl(preparing, fcntl.F_DUPFD, 2 * len(ends) + 20)
            _hold(ends)
            os.write(preparing, b"1")
            os.close(preparing)
            serve(text)
        os._exit(0)
    os.close(preparing)
    with os.fdopen(prepared, "rb") as file:
        done = select.select([file], [], [], PREPARATION_S)[0] and file.read(1)
    if not done:
        sys.exit("a process could not be confined")


def _hold(ends: Sequence[int]) -> None:
    """Make `ends` the descriptors 0, 1, 2 ...; the next one that is open is above 20."""
    raised = [fcntl.fcntl(end, fcntl.F_DUPFD, len(ends) + 20) for end in ends]
    for number, end in enumerate(raised):
        os.dup2(end, number)
    os.closerange(len(ends), len(ends) + 20)
    for end in raised:
        os.close(end)


@dataclass(slots=True)
class _Collected:
    """The first bytes of what came through a pipe, and how many there were."""

    kept_max: int
    kept: bytearray = field(default_factory=bytearray)
    size: int = 0

    def read(self, end: int) -> bool:
        """Take what has come; return False at the end."""
        piece = os.read(end, 65_536)
        self.size += len(piece)
        self.kept += piece[: self.kept_max - len(self.kept)]
        return bool(piece)


def _watch(report: int, output: int, deadline: float) -> tuple[str, bytes, bytes]:
    """Collect what comes until the judge is done, the time is up, or the draft prints without end."""
    pipes = {report: _Collected(REPORT_BYTES_MAX), output: _Collected(OUTPUT_KEPT_BYTES)}
    poll = select.poll()
    poll.register(_CONTROL, 0)  # only for the other side's hanging up
    for end in pipes:
        poll.register(end, select.POLLIN)
    ending = "timed-out"
    while (left := deadline - time.monotonic()) > 0 and ending == "timed-out":
        for end, _ in poll.poll(left * 1_000):
            if end == _CONTROL:
                os._exit(0)  # and with the first process all others of the cage
            if not pipes[end].read(end):
                poll.unregister(end)
                ending = "finished" if end == report else ending
        if pipes[output].size > OUTPUT_BYTES_MAX:
            ending = "flooded"
    return ending, bytes(pipes[report].kept), bytes(pipes[output].kept)


def _end_all() -> None:
    """Kill every process of the cage but this one, and wait until they are gone, orphans among them."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _read(end: int, size: int) -> bytes:
    """Return exactly `size` bytes; at the end of the stream nothing."""
    data = bytearray()
    while len(data) < size:
        piece = os.read(end, size - len(data))
        if not piece:
            return b""
        data += piece
    return bytes(data)


def _write(end: int, data: bytes) -> None:
    while data:
        data = data[os.write(end, data) :]
