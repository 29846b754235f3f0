"""What hosted models cost: one dated table, which the user may override, in exact integers.

Rates are nano-USD per million tokens. An unknown, broken or stale price is a `PriceGap`, never a guess.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from cope_lsp.egress.private import write_private
from cope_lsp.errors import PriceFileError

AGE_DAYS_MAX = 180
FILE_BYTES_MAX = 200_000
NUSD_PER_USD = 10**9
_RATES = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
_BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, InvalidOperation, RecursionError)
"""What reading a table of the user's can raise."""


class UsageError(ValueError):
    """A usage object that cannot be priced."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-USD per million tokens."""

    input: int
    output: int
    cache_write_5m: int
    cache_write_1h: int
    cache_read: int


@dataclass(frozen=True, slots=True)
class Price:
    """What one model at one endpoint costs; `above` holds from `over` prompt tokens on."""

    endpoint: str
    model: str
    as_of: date
    source: str
    rates: Rates
    above: Rates | None = None
    over: int = 0

    def bound_nusd(self, input_tokens_max: int, output_tokens_max: int) -> int:
        """Return the most that a call can cost: every input token at the dearest kind, in the dearest tier."""
        tiers = [self.rates] + ([self.above] if self.above and input_tokens_max > self.over else [])
        dearest = max(max(asdict(t)[n] for n in _RATES if n != "output") for t in tiers)
        output = max(tier.output for tier in tiers)
        return _rounded_up(input_tokens_max * dearest + output_tokens_max * output)

    def cost_nusd(self, usage: Mapping[str, Any]) -> int:
        """Return what a `usage` object of the Messages API comes to.

        Raises:
            UsageError: a count is missing or no count, or it names a service that this table has no price for.
        """
        _refuse_without_price(usage)
        fresh, output = _count(usage, "input_tokens"), _count(usage, "output_tokens")
        read = _optional(usage, "cache_read_input_tokens")
        by_age = _mapping(usage, "cache_creation")
        hour = _optional(by_age, "ephemeral_1h_input_tokens")
        parts = hour + _optional(by_age, "ephemeral_5m_input_tokens")
        written = max(_optional(usage, "cache_creation_input_tokens"), parts)
        rates = self.above if self.above and fresh + written + read > self.over else self.rates
        return _rounded_up(
            fresh * rates.input
            + output * rates.output
            + (written - hour) * rates.cache_write_5m
            + hour * rates.cache_write_1h
            + read * rates.cache_read
        )

    def to_json(self) -> dict[str, Any]:
        """Return the price as the ledger keeps it beside a reservation."""
        return asdict(self) | {"as_of": self.as_of.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Price":
        """Return the price that `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        above = value["above"]
        parts = {
            "as_of": date.fromisoformat(value["as_of"]),
            "rates": Rates(**value["rates"]),
            "above": Rates(**above) if above else None,
        }
        return cls(**{**value, **parts})


@dataclass(frozen=True, slots=True)
class PriceGap:
    """Why there is no price to count with, and what to do about it."""

    reason: str
    next_step: str


class PriceTable:
    """The shipped prices, and the user's before them."""

    def __init__(self, prices: tuple[Price, ...], problem: str = "") -> None:
        self._prices = prices
        self._problem = problem

    @classmethod
    def load(cls, user_file: Path | None = None) -> "PriceTable":
        """Read both tables; a broken file of the user's makes every price unknown, and says why."""
        path = user_file or user_prices()
        shipped = (resources.files("cope_lsp.ledger") / "prices.toml").read_text("utf-8")
        try:
            own = _parsed(_text_of(path))
        except _BROKEN as error:
            return cls((), f"{path} cannot be used: {error}")
        return cls((*reversed(own), *_parsed(shipped)))

    def find(self, endpoint: str, model: str, today: date) -> Price | PriceGap:
        """Return the price of a model; the user's own first, a model's own before "*", a later row before."""
        if self._problem:
            return PriceGap(self._problem, "mend or remove that file")
        if price := self.known(endpoint, model):
            return _if_fresh(price, today)
        step = f"set it: {_command(endpoint, model)}"
        return PriceGap(f"the price of {model} at {endpoint} is not known", step)

    def known(self, endpoint: str, model: str) -> Price | None:
        """Return the price that counts, however old it is."""
        for name in (model, "*"):
            for price in self._prices:
                if (price.endpoint, price.model) == (endpoint, name):
                    return price
        return None


def _if_fresh(price: Price, today: date) -> Price | PriceGap:
    age_days = (today - price.as_of).days
    if -1 <= age_days <= AGE_DAYS_MAX:  # a day ahead is another time zone's today
        return price
    when = f"more than {AGE_DAYS_MAX} days old" if age_days > 0 else "which is in the future"
    fact = f"the price of {price.model} is of {price.as_of}, {when}"
    if price.above:
        return PriceGap(
            fact, f"look it up, and write it into {user_prices()}, with its tier for long prompts"
        )
    return PriceGap(fact, f"look it up, and set it: {_command(price.endpoint, price.model)}")


def _command(endpoint: str, model: str) -> str:
    return f"cope-lsp budget price --endpoint {endpoint} --model '{model}' --input USD --output USD"


def user_prices() -> Path:
    """Return the path of the user's own table."""
    return user_config_path("cope-lsp", appauthor=False) / "prices.toml"


def remember(price: Price, user_file: Path | None = None) -> Path:
    """Add a price to the user's table, where it counts before all that were there; return the table's path.

    Raises:
        PriceFileError: the table is broken, or cannot be written; then it is as it was.
    """
    path = user_file or user_prices()
    try:
        text = _text_of(path)
        _parsed(text)
        write_private(path.resolve(), f"{text.rstrip()}\n\n{_toml(price)}".lstrip())
    except _BROKEN as error:
        raise PriceFileError(f"{path} cannot be used: {error}; mend or remove it") from error
    return path


def _text_of(path: Path) -> str:
    if not path.exists():
        return ""
    if path.stat().st_size > FILE_BYTES_MAX:
        msg = f"it is larger than {FILE_BYTES_MAX} bytes"
        raise ValueError(msg)
    return path.read_text("utf-8")


def _toml(price: Price) -> str:
    text = {"endpoint": price.endpoint, "model": price.model, "source": price.source}
    rates = {name: f"{Decimal(rate) / NUSD_PER_USD:f}" for name, rate in asdict(price.rates).items()}
    lines = [f"{name} = {json.dumps(value)}" for name, value in (text | rates).items()]
    return "\n".join(["[[price]]", f"as_of = {price.as_of.isoformat()}", *lines]) + "\n"


def _parsed(text: str) -> tuple[Price, ...]:
    return tuple(_price(entry) for entry in tomllib.loads(text).get("price", []))


def _price(entry: Mapping[str, Any]) -> Price:
    above = entry.get("above")
    as_of = entry["as_of"]
    if type(as_of) is not date:  # a time of day is a date, too
        msg = "as_of takes a date such as 2026-11-23"
        raise TypeError(msg)
    return Price(
        endpoint=str(entry["endpoint"]),
        model=str(entry["model"]),
        as_of=as_of,
        source=str(entry.get("source", "the user")),
        rates=_rates(entry),
        above=_rates(above) if above else None,
        over=int(above["prompt_tokens_over"]) if above else 0,
    )


def _rates(entry: Mapping[str, Any]) -> Rates:
    return Rates(*(_nusd(entry[name]) for name in _RATES))


def _nusd(text: object) -> int:
    amount = Decimal(str(text)) * NUSD_PER_USD
    if not amount.is_finite() or amount < 0 or amount != int(amount):
        msg = f"{text} is no amount of USD with at most nine decimals"
        raise ValueError(msg)
    return int(amount)


def _rounded_up(per_million: int) -> int:
    return -(-per_million // 1_000_000)


_PRICED = frozenset(
    {
        *("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
        "cache_creation",
        "output_tokens_details",  # parts of `output_tokens`, which includes them
    }
)
_STANDARD: Mapping[str, frozenset[object]] = {
    "service_tier": frozenset({None, "standard"}),
    "speed": frozenset({None, "standard"}),
    "inference_geo": frozenset({None, "global", "not_available"}),
}
"""What may vary a price, with the values that do not."""


def _refuse_without_price(usage: Mapping[str, Any]) -> None:
    for name, value in usage.items():
        if name in _STANDARD:
            if not isinstance(value, str | None) or value not in _STANDARD[name]:
                msg = f"{name} {value!r} has no price"
                raise UsageError(msg)
        elif name not in _PRICED and _is_something(value):
            msg = f"{name} has no price"
            raise UsageError(msg)


def _is_something(value: object) -> bool:
    """Whether a field that nobody knows could be something to pay for."""
    if isinstance(value, Mapping):
        return any(map(_is_something, value.values()))
    return bool(value)


def _mapping(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = usage.get(name)
    if not isinstance(value, Mapping | None):
        msg = f"{name} is {value!r}"
        raise UsageError(msg)
    return value or {}


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        msg = f"{name} is {value!r}"
        raise UsageError(msg)
    return value


def _optional(usage: Mapping[str, Any], name: str) -> int:
    return 0 if usage.get(name) is None else _count(usage, name)
