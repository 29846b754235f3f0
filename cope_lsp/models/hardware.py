"""The machine: what it has that a model needs, and which model of the catalogue suits it."""

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cope_lsp.models.catalog import UNKNOWN, Recommended

MEMORY_SHARE_MAX = 0.5
"""Of all memory, so that an editor, a browser and a build fit beside the model."""

PARAMETERS_PER_CORE_MAX = 800_000_000
"""Without a GPU. Measured with llama-bench: 2 cores read 564 tokens/s of a prompt with 0.365e9 parameters, so
one reads 1e11 parameters times tokens per second. A first prompt of 600 tokens in 5 s needs 120 tokens/s."""

PARAMETERS_ON_CPU_MAX = 4_000_000_000
"""However many cores: a new token reads all weights, and the memory's bandwidth does not grow with cores."""

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found; None where it could not be."""

    memory_bytes: int | None
    cores: int
    gpu: bool | None
    """Whether this build of llama.cpp can use a GPU. How much memory that has is not known."""


def look(gpu: bool | None) -> Machine:  # noqa: FBT001  # it is a finding, not a switch
    """Look at the machine; what the engine said of a GPU is handed in."""
    return Machine(_memory_bytes(), _cores(), gpu)


def objection(entry: Recommended, machine: Machine) -> str:
    """Return why the model does not suit ghost text on this machine; "" when it does."""
    if entry.memory_bytes is None or machine.memory_bytes is None:
        return "size unknown"
    if entry.memory_bytes > machine.memory_bytes * MEMORY_SHARE_MAX:
        return "too large here"
    limit = min(machine.cores * PARAMETERS_PER_CORE_MAX, PARAMETERS_ON_CPU_MAX)
    return "" if machine.gpu or entry.parameters <= limit else "too slow here"


def best(entries: Iterable[Recommended], machine: Machine) -> Recommended | None:
    """Return the largest model that suits the machine and whose licence is open; None when none does."""
    usable = [entry for entry in entries if entry.is_open and entry.fim != UNKNOWN]
    fitting = [entry for entry in usable if not objection(entry, machine)]
    return max(fitting, key=lambda entry: (entry.parameters, entry.bytes_about or 0), default=None)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux can say which of them are ours
        return os.cpu_count() or 1


def _memory_bytes() -> int | None:
    """Return all memory of the machine, or the limit of the container that this runs in."""
    total = _windows_memory_bytes() if os.name == "nt" else _posix_memory_bytes()
    limit = _container_bytes()
    return min(filter(None, (total, limit)), default=None)


def _posix_memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _container_bytes() -> int | None:
    try:
        return int(_CGROUP_LIMIT.read_text("ascii"))
    except (OSError, ValueError):  # no such limit, or "max"
        return None


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("others", ctypes.c_uint64 * 6),
    )


def _windows_memory_bytes() -> int | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    library = getattr(ctypes, "windll", None)
    if library is None or not library.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.total)
