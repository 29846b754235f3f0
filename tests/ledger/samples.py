"""Attempts, settlements and a clock for the tests of the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cope_lsp.ledger.budget import day_start_ms, month_start_ms
from cope_lsp.ledger.entries import Attempt, Entry, Limits, OverBudget, Reserved, Settlement
from cope_lsp.ledger.ledger import Ledger

USD = 10**9
CENT = 10**7
DAY_S = 86_400
NOON = 1_800_014_400.0
"""2027-01-15 12:00:00 UTC."""

UNLIMITED = Limits(call_nusd=None, day_nusd=None, month_nusd=None)
USAGE = {"input_tokens": 12, "output_tokens": 34}


@dataclass(slots=True)
class Clock:
    """A clock that a test sets."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def attempt(bound_nusd: int = CENT, **more: Any) -> Attempt:
    values: dict[str, Any] = {
        "id": uuid4().hex,
        "endpoint": "https://api.anthropic.com",
        "model": "claude-small",
        "workspace": "/home/user/project",
        "purpose": "plan",
        "price": {"rates": {"input": 1_000_000_000, "output": 5_000_000_000}},
    }
    return Attempt(bound_nusd=bound_nusd, **{**values, **more})


def reserved(ledger: Ledger, bound_nusd: int = CENT, **more: Any) -> str:
    """Reserve, and return the id of what must have been admitted."""
    answer = ledger.reserve(attempt(bound_nusd, **more))
    assert isinstance(answer, Reserved), answer
    return answer.id


def refused(ledger: Ledger, bound_nusd: int = CENT, **more: Any) -> OverBudget:
    answer = ledger.reserve(attempt(bound_nusd, **more))
    assert isinstance(answer, OverBudget), answer
    return answer


def cost(amount_nusd: int) -> Settlement:
    return Settlement(amount_nusd, "usage", USAGE, "Fri, 15 Jan 2027 12:00:01 GMT", "req_1")


def breaches(entries: Iterable[Entry], limits: Limits) -> list[str]:
    """Return the reservations that were above a limit when they were made, in the order of the rows."""
    found = []
    made: dict[str, tuple[int, int]] = {}
    for entry in entries:
        if entry.kind == "reserve":
            day = sum(amount for at_ms, amount in made.values() if at_ms >= day_start_ms(entry.at_ms))
            month = sum(amount for at_ms, amount in made.values() if at_ms >= month_start_ms(entry.at_ms))
            for spent, limit in ((day, limits.day_nusd), (month, limits.month_nusd)):
                if limit is not None and spent + entry.amount_nusd > limit:
                    found.append(f"{entry.id}: {spent} + {entry.amount_nusd} > {limit}")
            made[entry.id] = (entry.at_ms, entry.amount_nusd)
        elif entry.subject:
            made[entry.subject] = (made[entry.subject][0], entry.amount_nusd)
    return found


def lost(folder: Path, said: Iterable[str]) -> list[str]:
    """Return what was acknowledged as "ID AMOUNT" and does not stand in the ledger, or that it is damaged."""
    with Ledger(folder) as ledger:
        report = ledger.verify()
        amounts = {entry.id: entry.amount_nusd for entry in ledger.entries()}
    missing = [line for line in said if amounts.get(line.split()[0]) != int(line.split()[1])]
    return missing + [finding.fact for finding in report.findings if finding.severity == "error"]
