"""The other engines of this user: what they hold in memory, and which of them ends to make room."""

import contextlib
import os
from pathlib import Path

from cope_lsp.engine.local_socket import connect
from cope_lsp.engine.wire import EngineStatus, Inquire, Leaving, Message, Unload, encode, read_message
from cope_lsp.errors import FrameError

SOCKET_SUFFIX = ".socket"
ANSWER_S = 0.5
"""An engine answers between two batches; one that is loading its model does not, and is left alone."""


def engines(folder: Path) -> dict[Path, EngineStatus]:
    """Return the engines whose sockets lie in a folder, and what each does."""
    asked = ((path, _ask(path, Inquire())) for path in sorted(folder.glob(f"*{SOCKET_SUFFIX}")))
    return {path: answer for path, answer in asked if isinstance(answer, EngineStatus)}


def make_room(mine: Path, model_path: Path, memory_bytes_max: int) -> None:
    """Let engines end, the least recently used first, until a model fits beside those that are left.

    One that is at work is left alone, and a model that is too large alone is loaded all the same.

    Args:
        mine: the socket of the engine that is going to load it.
        model_path: the model.
        memory_bytes_max: what all engines may hold; 0: no limit.
    """
    if not memory_bytes_max:
        return
    others = {path: status for path, status in engines(mine.parent).items() if path != mine}
    held = sum(status.memory_bytes for status in others.values())
    with contextlib.suppress(OSError):  # of a file that is not there llama.cpp says more
        held += model_path.stat().st_size
    for path, status in sorted(others.items(), key=lambda other: other[1].idle_s, reverse=True):
        if held <= memory_bytes_max:
            return
        if not status.generations and isinstance(_ask(path, Unload()), Leaving):
            held -= status.memory_bytes


def resident_bytes() -> int:
    """Return what this process holds in memory."""
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource  # noqa: PLC0415  # Windows has none
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # the most it ever held: bytes on macOS


def _ask(path: Path, question: Inquire | Unload) -> Message | None:
    """Return what an engine answers; None: it is not there, or busy."""
    with contextlib.suppress(OSError, FrameError), connect(path, ANSWER_S) as connection:
        connection.sendall(encode(question))
        with connection.makefile("rb") as stream:
            return read_message(stream)
    return None
