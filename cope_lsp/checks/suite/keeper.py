"""The first process of a cage in which one command runs on a repository; it watches it, and ends with it.

Started by `tree` with a bare environment. It makes the cage at once and says so; then it waits for one order
on standard input, builds the root, runs the command, and answers on standard output. When the other side
hangs up it ends, and the kernel ends every process of the cage with it.
"""

import contextlib
import json
import os
import select
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from cope_lsp.checks.cage.walls import OWNER_CAPABILITIES, Bounds, drop_privileges, enter, limit
from cope_lsp.checks.suite.root import Layout, View, furnish

READY = b"ready\n"
NOT_CAGED = 3
"""Our exit status where no cage can be made."""

LENGTH = struct.Struct(">I")
"""Of an order and of an answer, which are JSON."""

REPORT, KEY = 3, 4
"""Descriptors of the command: where its report goes, and where it reads the key of the report, once."""

REPORT_BYTES_MAX = 16 << 20
OUTPUT_KEPT_BYTES = 16 << 10
TICK_S = 0.1
"""How often the memory of all processes is added up."""

_CONTROL, _ANSWERS = 0, 1


def main(workspace: str) -> None:
    """Serve one order; when the cage cannot be made, say why on standard error."""
    # The first process of a cage gets no signal that it has no handler for, and Python has one for this.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    given: list[tuple[dict[str, Any], View]] = []

    def furnish_as_ordered() -> None:
        _write(_ANSWERS, READY)
        order = json.loads(_read(_CONTROL, *LENGTH.unpack(_read(_CONTROL, LENGTH.size))))
        given.append((order, furnish(_layout(order))))

    try:
        status = Path(workspace).stat()
        enter(furnish_as_ordered, owner=(status.st_uid, status.st_gid), kept=OWNER_CAPABILITIES)
    except OSError as error:
        _give_up(str(error))
    answer = json.dumps(_run(*given[0])).encode()
    _write(_ANSWERS, LENGTH.pack(len(answer)) + answer)


def _give_up(why: str) -> NoReturn:
    print(why, file=sys.stderr)  # noqa: T201 - read by `tree`
    sys.exit(NOT_CAGED)


def _layout(order: dict[str, Any]) -> Layout:
    return Layout(
        workspace=Path(order["workspace"]),
        writes=order["writes"],
        shown=tuple((Path(path), Path(source)) for path, source in order["shown"]),
        disk_bytes=order["disk_bytes"],
        plugin=order["plugin"],
    )


def _run(order: dict[str, Any], view: View) -> dict[str, Any]:
    """Run the command; when this returns, nothing of it is left but this process."""
    deadline = time.monotonic() + order["timeout_s"]
    (output, printing), (report, reporting), (key, keying) = os.pipe(), os.pipe(), os.pipe()
    os.write(keying, bytes.fromhex(order["key"]))
    os.close(keying)
    nothing = os.open("/dev/null", os.O_RDWR)
    ends = (nothing, printing, printing, reporting, key)
    child = _start(order, ends)
    for end in {*ends}:
        os.close(end)
    watch = _Watch(order, child, output, report)
    ending = watch.until(deadline)
    _end_all(watch.statuses)
    watch.drain()
    return {
        "ending": ending,
        "status": watch.statuses.get(child),
        "report": watch.report.decode("ascii", "replace"),
        "output": watch.output.decode("utf-8", "replace"),
        "changes": view.changes(),
        "is_copy": view.copied is not None,
    }


def _start(order: dict[str, Any], ends: tuple[int, ...]) -> int:
    """Fork a process without privileges that becomes the command; it holds only `ends`, as 0, 1, 2 ..."""
    prepared, preparing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setsid()
            os.chdir(order["workspace"])
            drop_privileges(OWNER_CAPABILITIES)
            limit(Bounds(**order["bounds"]))
            raised = [os.dup(end) for end in ends]
            for number, end in enumerate(raised):
                os.dup2(end, number)  # every other descriptor is closed by the kernel when the command starts
            os.write(preparing, b"1")
            command = order["command"]
            os.execvpe(command[0], command, order["environment"])  # noqa: S606 - no shell is wanted
        except OSError as error:
            with contextlib.suppress(OSError):
                os.write(2, f"{order['command'][0]}: {error.strerror}\n".encode())
        os._exit(127)
    os.close(preparing)
    with os.fdopen(prepared, "rb") as file:
        if not file.read(1):
            _give_up("a process could not be confined")
    return child


class _Watch:
    """What a command says, and what it uses."""

    def __init__(self, order: dict[str, Any], child: int, output: int, report: int) -> None:
        self.statuses: dict[int, int] = {}
        self.report, self.output = bytearray(), bytearray()
        self._printed = 0
        self._child = child
        self._ends = {output: self._take_output, report: self._take_report}
        self._output_bytes_max: int = order["output_bytes"]
        self._memory_bytes_max: int = order["bounds"]["data_bytes"]

    def until(self, deadline: float) -> str:
        """Return how the command ended, at the deadline at the latest."""
        poll = select.poll()
        poll.register(_CONTROL, 0)  # only for the other side's hanging up
        ended = os.pidfd_open(self._child)
        for end in (ended, *self._ends):
            poll.register(end, select.POLLIN)
        weighed = time.monotonic()
        while (now := time.monotonic()) < deadline:
            for end, _ in poll.poll(1_000 * min(TICK_S, deadline - now)):
                if end == _CONTROL:
                    os._exit(0)  # and with the first process all others of the cage
                if end in self._ends and not self._ends[end](os.read(end, 65_536)):
                    poll.unregister(end)
            if self._printed > self._output_bytes_max or len(self.report) > REPORT_BYTES_MAX:
                return "flooded"
            _reap(self.statuses)
            if self._child in self.statuses:
                return "finished"
            if now - weighed > TICK_S:
                weighed = now
                if _memory_bytes() > self._memory_bytes_max:
                    return "too much memory"
        return "timed-out"

    def drain(self) -> None:
        """Take what is still in the pipes, whose other ends are all closed."""
        for end, take in self._ends.items():
            while take(os.read(end, 65_536)):
                pass

    def _take_output(self, piece: bytes) -> bool:
        self._printed += len(piece)
        self.output = (self.output + piece)[-OUTPUT_KEPT_BYTES:]
        return bool(piece)

    def _take_report(self, piece: bytes) -> bool:
        self.report += piece
        return bool(piece)


def _reap(statuses: dict[int, int], options: int = os.WNOHANG) -> None:
    """Note how processes ended, orphans among them."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, options))[0]:
            statuses[found[0]] = os.waitstatus_to_exitcode(found[1])


def _end_all(statuses: dict[int, int]) -> None:
    """Kill every process of the cage but this one, and wait until they are gone."""
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(-1, signal.SIGKILL)
            _reap(statuses, 0)


def _memory_bytes() -> int:
    """Return what all processes of the cage hold in memory that is nobody else's."""
    total = 0
    for number in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - `Path` is slower, ten times a second
        with contextlib.suppress(OSError, ValueError):
            total += _held_bytes(Path("/proc", number, "status").read_text())
    return total


def _held_bytes(status: str) -> int:
    lines = (line.split() for line in status.splitlines() if line.startswith(("RssAnon:", "RssShmem:")))
    return sum(int(kilobytes) for _, kilobytes, _ in lines) << 10


def _read(end: int, size: int) -> bytes:
    """Return exactly `size` bytes; when the other side hangs up, end."""
    data = bytearray()
    while len(data) < size:
        piece = os.read(end, size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return bytes(data)


def _write(end: int, data: bytes) -> None:
    while data:
        data = data[os.write(end, data) :]
