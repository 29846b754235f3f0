"""`cope-lsp budget price`: what a hosted model costs per million tokens, looked up or set."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from cope_lsp.cli.money import NONE, amount_nusd
from cope_lsp.config import Config
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.key import ANTHROPIC
from cope_lsp.errors import CopeError
from cope_lsp.ledger.entries import usd
from cope_lsp.ledger.prices import Price, PriceGap, PriceTable, Rates, remember, user_prices

_WRITE_5M, _WRITE_1H = (5, 4), (2, 1)
"""What the provider of the shipped prices asks for cache writes: 1.25 and 2 times the input's price."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `budget price` takes; without an amount it only shows."""
    parser.add_argument("--endpoint", metavar="URL", help="whose price; default: the server of the settings")
    parser.add_argument(
        "--model", metavar="NAME", help="default: the model of the settings; '*': every model there"
    )
    amounts = parser.add_argument_group("amounts in USD per million tokens, to set the price")
    amounts.add_argument("--input", type=_rate, metavar="USD")
    amounts.add_argument("--output", type=_rate, metavar="USD")
    amounts.add_argument("--cache-write-5m", type=_rate, metavar="USD", help="default: 1.25 times the input")
    amounts.add_argument("--cache-write-1h", type=_rate, metavar="USD", help="default: 2 times the input")
    amounts.add_argument(
        "--cache-read", type=_rate, metavar="USD", help="default: the input, which is never too little"
    )
    amounts.add_argument("--free", action="store_true", help="the server is yours: it costs nothing")


def run(arguments: argparse.Namespace, config: Config) -> int:
    """Show the price that counts, or set it; exit 1 when there is none."""
    try:
        endpoint = endpoint_of(arguments.endpoint or config.hosted_endpoint)
    except ValueError as error:
        raise CopeError(str(error)) from error
    model = arguments.model or config.hosted_model
    rates = _rates(arguments)
    if rates is not None:
        _refuse_doubtful(arguments, endpoint, model)
        path = remember(Price(endpoint, model, datetime.now(UTC).date(), "the user", rates))
        if not arguments.json:
            print(f"Kept in {path}.")
    found = PriceTable.load().find(endpoint, model, datetime.now(UTC).date())
    _tell(found, as_json=arguments.json)
    return int(isinstance(found, PriceGap))


def _refuse_doubtful(arguments: argparse.Namespace, endpoint: str, model: str) -> None:
    """Refuse a price that would be too low without anybody having meant it."""
    if arguments.free and not arguments.endpoint:
        raise CopeError("--free takes --endpoint: name the server that is yours")
    if arguments.free and endpoint == ANTHROPIC:
        raise CopeError(f"{endpoint} is not free; give its prices with --input and --output")
    known = PriceTable.load().known(endpoint, model)
    if known and known.above:
        step = f"write both prices into {user_prices()}, as in the shipped table"
        raise CopeError(f"{model} costs more for long prompts; {step}")


def _rates(arguments: argparse.Namespace) -> Rates | None:
    """Return the rates that were given; None when none was."""
    given = [arguments.input, arguments.output]
    more = [arguments.cache_write_5m, arguments.cache_write_1h, arguments.cache_read]
    if arguments.free:
        if any(rate is not None for rate in given + more):
            raise CopeError("--free means no other amount")
        return Rates(0, 0, 0, 0, 0)
    if all(rate is None for rate in given + more):
        return None
    if None in given:
        raise CopeError("a price has both --input and --output")
    fresh, output = given
    defaults = (_times(fresh, _WRITE_5M), _times(fresh, _WRITE_1H), fresh)
    cache = [own if own is not None else default for own, default in zip(more, defaults, strict=True)]
    return Rates(fresh, output, *cache)


def _times(rate: int, factor: tuple[int, int]) -> int:
    over, under = factor
    return -(-rate * over // under)


def _rate(text: str) -> int:
    amount = amount_nusd(text)
    if amount is None:
        msg = f"a price is an amount of USD, not {NONE}; for a server of your own: --free"
        raise argparse.ArgumentTypeError(msg)
    return amount


def _tell(found: Price | PriceGap, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_as_json(found)))
    elif isinstance(found, PriceGap):
        print(f"{found.reason}; {found.next_step}")
    else:
        console = Console()
        name = f"[bold]{escape(found.model)}[/] at {escape(found.endpoint)}"
        console.print(f"{name}, as of {found.as_of} ({escape(found.source)})", highlight=False)
        _print_rates(console, "per million tokens", found.rates)
        if found.above:
            _print_rates(console, f"for prompts above {found.over:,} tokens", found.above)


def _print_rates(console: Console, when: str, rates: Rates) -> None:
    parts = (
        f"{usd(rates.input)} in",
        f"{usd(rates.output)} out",
        f"cache written {usd(rates.cache_write_5m)} (5 min), {usd(rates.cache_write_1h)} (1 h)",
        f"read {usd(rates.cache_read)}",
    )
    console.print(f"  {when}: {'; '.join(parts)}", highlight=False)


def _as_json(found: Price | PriceGap) -> dict[str, Any]:
    if isinstance(found, PriceGap):
        return {"price": None, "reason": found.reason, "next_step": found.next_step}
    return {"price": found.to_json(), "reason": "", "next_step": ""}
