"""What all children that run a model have in common: their environment, and how they are ended."""

import asyncio
import contextlib
import os
import signal

WORKER_ENVIRONMENT = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
"""By default OpenMP's threads spin at barriers. Beside any other busy process (a compiler, say) each barrier
then lasts a time slice of the system: measured 10 to 15 times slower than with threads that go to sleep."""

KILL_SIGNAL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows has but the latter, and it kills."""


def kill_child(process: asyncio.subprocess.Process) -> None:
    """Kill a child that may be dead already.

    `Process.kill` would reap a dead one behind asyncio's back, which then complains and invents a status.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, KILL_SIGNAL)
