"""Programs that the tests run as processes of their own: `python -m tests.ledger.programs NAME ARGUMENTS`."""

import ctypes
import errno
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cope_lsp.errors import LedgerError
from cope_lsp.ledger.entries import Limits, Reserved
from cope_lsp.ledger.ledger import Ledger
from tests.ledger.samples import DAY_S, NOON, UNLIMITED, USD, attempt, breaches, cost, lost

Say = Callable[[str], object]


# -- processes that spend at once ------------------------------------------------------------------


def spend(folder: str, tries: str, bound_nusd: str) -> None:
    """Reserve over and over, and print how often that was admitted."""
    with Ledger(Path(folder)) as ledger:
        answers = [ledger.reserve(attempt(int(bound_nusd))) for _ in range(int(tries))]
    _tell(str(sum(isinstance(answer, Reserved) for answer in answers)))


def race(folder: str, first: str, last: str) -> None:
    """For each seed: random processes, limits, amounts, clocks, outcomes. Print breaches and counts."""
    found, admitted, processes = [], 0, 0
    for seed in range(int(first), int(last)):
        chance = random.Random(seed)
        where = Path(folder) / str(seed)
        limits = Limits(None, chance.randint(5, 50) * USD // 10, chance.randint(5, 150) * USD // 10)
        with Ledger(where, clock=lambda: NOON - 60 * DAY_S) as ledger:
            ledger.set_limits(limits)
            # The ledger stays open in this process: what its children inherit of it must do no harm.
            seeds = [chance.random() for _ in range(chance.randint(2, 16))]
            codes = in_children([partial(_gamble, ledger, where, seed) for seed in seeds])
            entries = list(ledger.entries())
        found += breaches(entries, limits) + [f"exit {code}" for code in codes if code]
        admitted += sum(entry.kind == "reserve" for entry in entries)
        processes += len(seeds)
    _tell(json.dumps({"breaches": found, "admitted": admitted, "processes": processes}))


def _gamble(inherited: Ledger, folder: Path, seed: float) -> None:
    chance = random.Random(seed)
    clock = lambda: NOON + chance.uniform(-20, 20) * DAY_S  # noqa: E731  # a clock that nobody can trust
    ledger = inherited if chance.random() < 0.1 else Ledger(folder, clock=clock)
    for _ in range(chance.randint(3, 12)):
        tried = attempt(chance.randint(1, USD))
        if isinstance(ledger.reserve(tried), Reserved):
            outcome = chance.random()
            if outcome < 0.5:
                ledger.settle(tried.id, cost(chance.randint(0, tried.bound_nusd)))
            elif outcome < 0.7:
                ledger.void(tried.id, "refused with 401")


def in_children(jobs: list[Callable[[], None]]) -> list[int]:
    """Run each job in a forked child, all at once, and return their exit codes."""
    children = [_fork(job) for job in jobs]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _fork(job: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        job()
    except BaseException as error:  # noqa: BLE001  # a child must never go on as a second test
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


# -- writers that are killed -------------------------------------------------------------------------


def kill(folder: str, kills: str) -> None:
    """Kill writers over and over; print what was acknowledged, what of it is lost, what else is wrong."""
    where, acks = Path(folder) / "ledger", Path(folder) / "acks"
    chance = random.Random(7)
    with Ledger(where) as ledger:
        ledger.set_limits(UNLIMITED)
    log = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    writers: list[int] = []
    for number in range(int(kills)):
        while len(writers) < 4:
            seed = number * 10 + len(writers)
            writers.append(_fork(partial(_write_for_ever, where, log, seed)))
        time.sleep(chance.uniform(0.005, 0.12))
        _end(writers.pop(chance.randrange(len(writers))))
    for writer in writers:
        _end(writer)
    said = acks.read_text().splitlines()
    _tell(json.dumps({"acknowledged": len(said), "lost": lost(where, said)}))


def _end(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    assert os.WIFSIGNALED(status), f"a writer ended by itself: {status}"


def _write_for_ever(folder: Path, log: int, seed: int) -> None:
    ledger = Ledger(folder)
    chance = random.Random(seed)
    while True:
        _spend_once(ledger, chance, lambda line: os.write(log, f"{line}\n".encode()))


def _spend_once(ledger: Ledger, chance: random.Random, say: Say) -> None:
    """Make one call, and say each row as soon as it is acknowledged."""
    tried = attempt(chance.randint(1, 10**6))
    assert isinstance(ledger.reserve(tried), Reserved)
    say(f"{tried.id} {tried.bound_nusd}")
    outcome, amount = chance.random(), chance.randint(0, tried.bound_nusd)
    if outcome < 0.6:
        ledger.settle(tried.id, cost(amount))
        say(f"{tried.id}.end {amount}")
    elif outcome < 0.8:
        ledger.void(tried.id, "no connection")
        say(f"{tried.id}.end 0")


# -- under the library of disk.c -----------------------------------------------------------------


def record(folder: str, rounds: str) -> None:
    """Use a fresh ledger; now and then a copy disappears, as when a user tidies up."""
    chance = random.Random(3)
    where = Path(folder) / "data" / "ledger"
    ledger = Ledger(where)
    for number in range(int(rounds)):
        _spend_once(ledger, chance, _say)
        if number % 6 == 2:
            (where / chance.choice(("ledger.db", "ledger.jsonl"))).unlink()
        if number % 3 == 1:
            ledger.close()


def record_defaults(folder: str, rounds: str) -> None:
    """Write rows into a table that exists, with SQLite's own settings."""
    connection = sqlite3.connect(Path(folder) / "plain.db", isolation_level=None)
    for number in range(int(rounds)):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO spent VALUES (?)", (number,))
        connection.execute("COMMIT")
        _say(str(number))


def fail(folder: str, stride: str) -> None:
    """Let the calls of a few operations fail, one after the other; print the counts and what went wrong."""
    library = ctypes.CDLL(None)
    counts = {"calls": 0, "refused": 0, "acknowledged": 0}
    wrong: list[str] = []
    for number in (errno.ENOSPC, errno.EIO, errno.EROFS):
        for times in (1, 3, 1000):
            first, calls = 0, 1
            while first < calls:
                where = Path(folder) / f"{number}-{times}-{first}"
                calls, refusals, said = _fail_at(library, where, first, times, number)
                wrong += lost(where, said)
                counts["calls"] += 1
                counts["refused"] += refusals
                counts["acknowledged"] += len(said)
                first += int(stride)
    _tell(json.dumps(counts | {"wrong": wrong}))


def _fail_at(
    library: ctypes.CDLL, where: Path, first: int, times: int, number: int
) -> tuple[int, int, list[str]]:
    """Return (how many calls there were, how many operations were refused, what was acknowledged)."""
    said: list[str] = []
    refusals = 0
    clean = attempt(7)
    with Ledger(where) as before:
        before.reserve(clean)
    ledger = Ledger(where)
    operations: list[Callable[[], object]] = [
        lambda: _reserve(ledger, said),
        lambda: _settle(ledger, clean.id, said),
    ]
    library.disk_fail(first, times, number)
    for operate in operations:
        try:
            operate()
        except LedgerError:
            refusals += 1
    calls: int = library.disk_calls()
    library.disk_fail(-1, 0, 0)
    for operate in operations:  # There is space again.
        operate()
    ledger.close()
    return calls, refusals, said


def _reserve(ledger: Ledger, said: list[str]) -> None:
    tried = attempt(11)
    assert isinstance(ledger.reserve(tried), Reserved)
    said.append(f"{tried.id} 11")


def _settle(ledger: Ledger, reservation_id: str, said: list[str]) -> None:
    ledger.settle(reservation_id, cost(5))
    said.append(f"{reservation_id}.end 5")


def kill_at(folder: str, stride: str) -> None:
    """Kill a process before each of its calls in turn; print how many died and what went wrong."""
    library = ctypes.CDLL(None)
    wrong: list[str] = []
    deaths, first, code = 0, 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        where = Path(folder) / str(first)
        acks = Path(folder).parent / f"{first}.acks"
        (code,) = in_children([partial(_die, library, where, acks, first)])
        deaths += code == -signal.SIGKILL
        wrong += lost(where, acks.read_text().splitlines() if acks.exists() else [])
        first += int(stride)
    _tell(json.dumps({"deaths": deaths, "exit": code, "wrong": wrong}))


def _die(library: ctypes.CDLL, where: Path, acks: Path, first: int) -> None:
    log = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    library.disk_fail(first, 1, 0)
    chance = random.Random(5)
    ledger = Ledger(where)
    for _ in range(3):
        _spend_once(ledger, chance, lambda line: os.write(log, f"{line}\n".encode()))


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _say(line: str) -> None:
    ctypes.CDLL(None).disk_say(line.encode())


PROGRAMS: dict[str, Callable[..., None]] = {
    program.__name__: program for program in (spend, race, kill, record, record_defaults, fail, kill_at)
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
