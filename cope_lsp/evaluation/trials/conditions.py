"""Conditions of a record: code and prices must be the same for all trials that stand in one table."""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cope_lsp.errors import CopeError
from cope_lsp.evaluation.record import Conditions, Record, Row

_PACKAGE = Path(__file__).parents[2]
_DECIDES = ("cascade", "checks", "context/target.py", "context/passage.py", "evaluation/trials")
_DECIDES_TOO = ("evaluation/score.py", "evaluation/tasks.py")
_READS = ("cascade/understudy.py", "cascade/prompts.py", "evaluation/trials/retry.py", "models/standin.py")


@cache
def code() -> str:
    """Return a digest of the code that decides what comes of a trial."""
    return _digest((*_DECIDES, *_DECIDES_TOO))


@cache
def reading() -> str:
    """Return a digest of how a stand-in reads a question: the same question may become another prompt."""
    return _digest(_READS)


def _digest(names: tuple[str, ...]) -> str:
    found = hashlib.sha256()
    for path in _files(names):
        found.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def _files(names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        path = _PACKAGE / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else (path,)


def hold(record: Record, now: Conditions) -> None:
    """Write down under which conditions a record is made.

    Raises:
        CopeError: it was begun under others.
    """
    if record.conditions is None and not record.trials and not record.calls:
        record.add(Row(conditions=now))
        return
    if record.conditions is None or record.conditions.code != now.code:
        msg = (
            f"{record.path} was begun by another version of cope-lsp, and its trials cannot stand beside "
            f"those of this one; choose another --out, and take the calls that are still the same: "
            f"--calls {record.path}"
        )
        raise CopeError(msg)
    if now.rates is None:
        return
    if record.conditions.rates not in {None, now.rates}:
        msg = f"{record.path} was begun at other prices of the large model; name these, or another --out"
        raise CopeError(msg)
    record.add(Row(conditions=now))


def take_calls(record: Record, other: Record, now: Conditions) -> None:
    """Write the calls of another record down in this one, so that it can be repeated by itself.

    Raises:
        CopeError: they were made at other prices.
    """
    theirs = other.conditions.rates if other.conditions else None
    if now.rates is not None and theirs not in {None, now.rates}:
        msg = f"the calls of {other.path} were made at other prices for the large model; name the same ones"
        raise CopeError(msg)
    for entrant in other.entrants.values():
        record.add(Row(entrant=entrant))
    for call in other.calls.values():
        record.add(Row(call=call))
