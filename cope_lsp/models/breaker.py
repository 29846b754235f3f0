"""The circuit breaker: a service that failed several times in a row is left alone for a while."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cope_lsp.errors import HostedRefusedError


@dataclass(slots=True)
class Breaker:
    """Counts failures in a row; `failures_max` of them open it for `rest_s` seconds."""

    failures_max: int = 3
    rest_s: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _failures: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)

    def check(self) -> None:
        """Return if a call may be made.

        Raises:
            HostedRefusedError: it rests; the message says for how long.
        """
        left = self._until - self.clock()
        if left > 0:
            msg = f"the hosted model failed {self.failures_max} times in a row; next try in {left:.0f} s"
            raise HostedRefusedError("resting", msg)

    def succeeded(self) -> None:
        """Forget the failures."""
        self._failures = 0

    def failed(self) -> None:
        """Count a failure."""
        self._failures += 1
        if self._failures >= self.failures_max:
            self._failures = 0
            self._until = self.clock() + self.rest_s
