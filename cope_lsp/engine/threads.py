"""How many threads a model runs on."""

import os

ONE_THREAD_PARAMETERS_MAX = 30_000_000


def thread_count(wanted: int, parameters: int) -> int:
    """Return `wanted`, or for 0 a number that suits this machine and a model of so many `parameters`.

    A tiny model spends more time at the barriers between threads than at work. Above four logical cores
    half of them: decoding is bound by memory, and hyper-threads only wait.
    """
    if wanted > 0:
        return wanted
    if parameters < ONE_THREAD_PARAMETERS_MAX:
        return 1
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity mask
        cores = os.cpu_count() or 1
    return cores if cores <= 4 else cores // 2
