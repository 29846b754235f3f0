"""A measured number, beside the same number of a peer from the same run."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured; `peer_value` is what `peer` needed or reached for the same work."""

    what: str
    unit: str
    value: float
    peer: str = ""
    peer_value: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our value over the peer's."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def is_better(self) -> bool:
        """Whether ours is as good as the peer's: as much of what comes in a second, as little of all else."""
        ratio = self.ratio or 1.0
        return ratio >= 1 if self.unit.endswith("/s") else ratio <= 1


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """Return the value that 95 of 100 do not exceed."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
