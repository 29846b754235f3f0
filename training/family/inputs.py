"""Inputs: values of each type to try a function on, edge cases first."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

from training.family.operation import Kind

PROBES = 24
POOL = 240

Value = object

_WORDS_TEXT = """
    apple river stone green lamp Anna level noon market radar cloud Tom bridge winter paper gold tiny eleven
    banana kayak letter Otto summer salt island moon yellow civic garden bread Ada coffee window
"""
_WORDS = tuple(_WORDS_TEXT.split())
_NAMES = ("Ada", "Ben", "Cleo", "Dov", "Eva", "Finn", "Gus", "Ines")
_TEAMS = ("red", "blue", "green", "gold")
_KEYS = ("apples", "pears", "plums", "figs", "kiwis", "limes", "nuts", "dates")
_FIRST_DAY = date(2022, 12, 20)
_DAYS = 800


@cache
def pool(kind: Kind) -> tuple[Value, ...]:
    """Return the `POOL` different inputs of a type, or all there are; the first `PROBES` hold its edge cases.

    Whoever gets them must not change them. A truth is no input: two cases are no test.
    """
    rng = random.Random(f"inputs of {kind}")
    found = list(EDGES[kind])
    seen = {literal(value) for value in found}
    for _ in range(POOL * 20):
        value = DRAW[kind](rng)
        if len(found) < POOL and literal(value) not in seen:
            seen.add(literal(value))
            found.append(value)
    return tuple(found)


def draw(kind: Kind, rng: random.Random) -> Value:
    """Return any value of a type."""
    return DRAW[kind](rng)


def literal(value: Value) -> str:
    """Return Python source for a value; unlike `repr` it writes days as the preamble imports them."""
    match value:
        case date():
            return f"date({value.year}, {value.month}, {value.day})"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
        case str():
            return _quoted(value)
        case _:
            return repr(value)


def _quoted(text: str) -> str:
    """Write a text in double quotes, as formatters do."""
    return '"' + repr("'" + text)[2:-1].replace('"', '\\"') + '"' if '"' not in text else repr(text)


def _number(rng: random.Random) -> int:
    return rng.choice((rng.randint(-50, 200), rng.randint(-10, 30), rng.randint(0, 12) * 10))


def _numbers(rng: random.Random) -> list[int]:
    """Draw a list of one of several shapes, so that properties such as "in order" are not always false."""
    length = rng.choice((1, 2, 3, 4, 5, 5, 6, 6, 7, 8, 9, 12))
    low, high = rng.choice(((-50, 200), (-9, 9), (0, 20), (1, 9), (50, 150), (-30, -1)))
    values = [rng.randint(low, high) for _ in range(length)]
    return rng.choice(_SHAPES)(rng, values)


def _walk(rng: random.Random, values: list[int]) -> list[int]:
    start = values[0]
    return [start := start + rng.randint(-2, 3) for _ in values]


_SHAPES: tuple[Callable[[random.Random, list[int]], list[int]], ...] = (
    lambda _, values: values,
    lambda _, values: values,
    lambda _, values: values,
    lambda rng, values: [rng.choice(values) for _ in values],
    lambda rng, values: [rng.choice(values[:3]) for _ in values],
    lambda _, values: sorted(values),
    lambda _, values: sorted(values, reverse=True),
    lambda _, values: (values[:4] + values[3::-1])[: len(values)],
    lambda _, values: [value // 2 * 2 for value in values],
    lambda _, values: values[:1] * min(len(values), 5),
    _walk,
)


def _text(rng: random.Random) -> str:
    words = [rng.choice(_WORDS) for _ in range(rng.choice((1, 1, 2, 3, 3, 4, 5)))]
    changed = rng.choice((str, str, str, str.upper, str.title, str.capitalize))(" ".join(words))
    return changed + rng.choice(("", "", "", "", "!", "?", " 7", ", ok", " 42 ", "  ", "-x"))


def _texts(rng: random.Random) -> list[str]:
    words = [rng.choice(_WORDS) for _ in range(rng.choice((1, 2, 3, 4, 5, 6, 8)))]
    words = [_changed(rng, word) for word in words]
    return rng.choice((words, words, sorted(words), [rng.choice(words) for _ in words]))


def _changed(rng: random.Random, word: str) -> str:
    number = str(rng.randint(-9, 150))
    return rng.choice((word, word, word, word.upper(), word.title(), _text(rng), word[:2], number))


def _table(rng: random.Random) -> dict[str, int]:
    keys = rng.sample(_KEYS, rng.choice((1, 2, 3, 4, 5, 6)))
    low, high = rng.choice(((-50, 200), (0, 9), (1, 4), (-9, 30)))
    return {key: rng.randint(low, high) for key in keys}


def _record(rng: random.Random) -> dict[str, object]:
    amount = rng.choice((rng.randint(-50, 200), rng.randint(0, 9), 100))
    return {"name": rng.choice(_NAMES), "team": rng.choice(_TEAMS), "amount": amount, "day": _day(rng)}


def _records(rng: random.Random) -> list[dict[str, object]]:
    return [_record(rng) for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 5)))]


def _day(rng: random.Random) -> date:
    return _FIRST_DAY + timedelta(days=rng.choice((rng.randrange(_DAYS), rng.randrange(60))))


def _days(rng: random.Random) -> list[date]:
    days = [_day(rng) for _ in range(rng.choice((1, 2, 3, 4, 5, 6)))]
    start = days[0]
    run = [start + timedelta(days=n) for n in range(len(days))]
    return rng.choice((days, days, sorted(days), run, [rng.choice(days) for _ in days]))


DRAW: dict[Kind, Callable[[random.Random], Value]] = {
    "number": _number,
    "numbers": _numbers,
    "text": _text,
    "texts": _texts,
    "table": _table,
    "records": _records,
    "day": _day,
    "days": _days,
    "truth": lambda rng: rng.random() < 0.5,
}

EDGES: dict[Kind, tuple[Value, ...]] = {
    "number": (0, 1, -1, 2, 3, 7, 10, 12, -12, 25, 36, 49, 64, 99, 100, 121, 128, 144, 150, 181, 200, -50),
    "numbers": (
        [], [0], [7], [-3], [4, 4], [1, 2, 3], [3, 2, 1], [5, -5, 5, -5], [2, 4, 6, 8], [1, 3, 5, 3, 1],
        [10, 20, 10, 30, 20, 10], [0, 0, 1, 0], [12, 45, 150, 199, -20, 66, 3], [-4, -8, -15, -16],
        [9, 1, 8, 2, 7, 3, 6, 4], [100, 50, 25, 12], [3, 3, 3, 1, 1, 2],
    ),
    "text": (
        "", "a", "Anna", "hello world", "  two  spaces ", "UPPER", "one two three two", "42", "a1b22",
        "level", "What? Yes!", "x-y-z", "mississippi", "The quick brown fox",
    ),
    "texts": (
        [], [""], ["a"], ["b", "a"], ["apple", "Apple", "apple"], ["one two", "three"], ["", "x", ""],
        ["pear", "fig", "kiwi", "plum"], ["aa", "bb", "aa", "cc"], ["noon", "moon", "Otto"],
        ["12", "-7", "x", "30"],
    ),
    "table": (
        {}, {"a": 0}, {"b": 3, "a": 3}, {"x": -1, "y": 5, "z": -1}, {"apples": 3, "pears": 0, "figs": 12},
        {"Zoe": 10, "amy": 20, "Bob": 10},
    ),
    "records": ([],),
    "day": (date(2024, 2, 29), date(2023, 12, 31), date(2024, 1, 1), date(2023, 2, 28), date(2024, 6, 15)),
    "days": (
        [], [date(2024, 2, 29)], [date(2024, 1, 1), date(2024, 1, 1)], [date(2024, 1, 2), date(2023, 12, 31)],
    ),
    "truth": (True, False),
}  # fmt: skip
