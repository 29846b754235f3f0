"""The newest things of a kind by their ids, for clients that come back with one."""

from collections import OrderedDict
from typing import Generic, TypeVar

KEPT_MAX = 200

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Remembers `KEPT_MAX` values; the oldest makes room."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, Value] = OrderedDict()

    def add(self, value_id: str, value: Value) -> None:
        """Remember a value."""
        self._values[value_id] = value
        if len(self._values) > KEPT_MAX:
            self._values.popitem(last=False)

    def get(self, value_id: str) -> Value | None:
        """Return a value; None for an id that is not known (any more)."""
        return self._values.get(value_id)

    def take(self, value_id: str) -> Value | None:
        """Return a value and forget it; None as `get`."""
        return self._values.pop(value_id, None)
