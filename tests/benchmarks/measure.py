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


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)
