"""Plain values as JSON: all that passes between a draft's process and the one that judges it.

JSON, because its reader makes nothing but plain values, whatever the bytes are. A value of another type is
refused; a draft's own subclass of a plain type travels as that type. Numbers, texts, None, truth values and
lists are written as they are, everything else as an object with one key, which is its type.
"""

import json
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any

ITEMS_MAX = 100_000
"""Of an iterator, which may have no end."""

_INT_DIGITS_SAFE = 10**4_000  # Python refuses to write longer ones in decimal


class NotPlainError(Exception):
    """A value that only its own process can make sense of."""


def dumps(value: Any) -> bytes:
    """Return `value` as bytes.

    Raises:
        NotPlainError: it, or something in it, is not plain.
    """
    try:
        return json.dumps(_encode(value)).encode()
    except RecursionError:
        raise NotPlainError("a value that is nested too deeply") from None


def loads(data: bytes) -> Any:
    """Return the value in `data`, whoever wrote it.

    Raises:
        NotPlainError: there is none.
    """
    try:
        return _decode(json.loads(data))
    except NotPlainError:
        raise
    except Exception:  # noqa: BLE001 - there are many ways to be no value
        raise NotPlainError("bytes that are no plain value") from None


def _encode(value: Any) -> Any:
    kind = type(value)
    if kind in _BARE:
        return value
    if kind is int:
        return value if -_INT_DIGITS_SAFE < value < _INT_DIGITS_SAFE else {"int": hex(value)}
    if kind is list:
        return [_encode(item) for item in value]
    for name, (base, write, _) in _KINDS.items():
        if isinstance(value, base):
            return {name: write(value)}
    if hasattr(kind, "__next__"):
        return {"iterator": _some(value)}
    msg = f"a value of type {kind.__name__}"
    raise NotPlainError(msg)


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    (name, inner) = next(iter(value.items()))
    return iter(_decode(inner)) if name == "iterator" else _KINDS[name][2](inner)


_BARE = frozenset({type(None), bool, float, str})


def _some(values: Iterator[Any]) -> list[Any]:
    items = [_encode(item) for item in islice(values, ITEMS_MAX + 1)]
    if len(items) > ITEMS_MAX:
        msg = f"an iterator of more than {ITEMS_MAX} items"
        raise NotPlainError(msg)
    return items


def _items(value: Any) -> list[Any]:
    return [_encode(item) for item in value]


def _pairs(value: Any) -> list[Any]:
    return [[_encode(key), _encode(item)] for key, item in value.items()]


def _of(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a reader that makes its value from a decoded list."""
    return lambda inner: make(_decode(inner))


def _delta(inner: list[int]) -> timedelta:
    return timedelta(*inner)


_KINDS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    # name: (type, how it is written, how it is read); a type stands before those that it derives from
    "Counter": (Counter, _pairs, _of(lambda pairs: Counter(dict(pairs)))),
    "OrderedDict": (OrderedDict, _pairs, _of(OrderedDict)),
    "defaultdict": (defaultdict, _pairs, _of(lambda pairs: defaultdict(None, pairs))),
    "dict": (dict, _pairs, _of(dict)),
    "keys": (type({}.keys()), _items, _of(lambda items: dict.fromkeys(items).keys())),
    "values": (type({}.values()), _items, _of(lambda items: dict(enumerate(items)).values())),
    "items": (type({}.items()), _items, _of(lambda items: dict(items).items())),
    "tuple": (tuple, _items, _of(tuple)),
    "set": (set, _items, _of(set)),
    "frozenset": (frozenset, _items, _of(frozenset)),
    "deque": (deque, _items, _of(deque)),
    "range": (range, lambda r: [r.start, r.stop, r.step], lambda inner: range(*inner)),
    "bytes": (bytes, lambda data: data.hex(), bytes.fromhex),
    "bytearray": (bytearray, lambda data: data.hex(), bytearray.fromhex),
    "complex": (complex, lambda z: [z.real, z.imag], lambda inner: complex(*inner)),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "timedelta": (timedelta, lambda d: [d.days, d.seconds, d.microseconds], _delta),
    "Decimal": (Decimal, str, Decimal),
    "Fraction": (Fraction, str, Fraction),
    "list": (list, _items, _decode),  # a draft's own kinds of the simple types
    "str": (str, str.__str__, str),
    "int": (int, lambda number: hex(int(number)), lambda inner: int(inner, 16)),
    "float": (float, float.__float__, float),
}
