"""Prices: exact to the nano-USD, never guessed, never below the bill."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cope_lsp.errors import PriceFileError
from cope_lsp.ledger.prices import AGE_DAYS_MAX, Price, PriceGap, PriceTable, Rates, UsageError, remember

ANTHROPIC = "https://api.anthropic.com"
SOME_DAY = date(2026, 12, 1)
TOKENS = st.integers(0, 400_000)


def price(model: str, today: date = SOME_DAY, table: PriceTable | None = None) -> Price:
    found = (table or PriceTable.load(Path("/nowhere/prices.toml"))).find(ANTHROPIC, model, today)
    assert isinstance(found, Price), found
    return found


def usage(fresh: int, output: int, *, written: int = 0, hour: int = 0, read: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": fresh,
        "output_tokens": output,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_1h_input_tokens": hour, "ephemeral_5m_input_tokens": written - hour},
        "cache_read_input_tokens": read,
        "service_tier": "standard",
    }


@pytest.mark.parametrize(
    ("model", "used", "cost_nusd"),
    [
        # Sonnet 5.5: 2 and 10 USD per million tokens, so 2,000 and 10,000 nano-USD per token.
        ("claude-sonnet-5-5", usage(1000, 50), 1000 * 2_000 + 50 * 10_000),
        ("claude-sonnet-5-5", usage(0, 0, written=10, hour=4), 6 * 2_500 + 4 * 4_000),
        ("claude-sonnet-5-5", usage(0, 0, read=1000), 1000 * 100),
        ("claude-opus-5-5", usage(3, 7, read=1000), 3 * 4_000 + 7 * 20_000 + 1000 * 200),
        ("claude-haiku-5-5", usage(100_000, 1), 100_000 * 100 + 500),
        # A prompt above 100,000 tokens costs more, and what was read from the cache counts for that.
        ("claude-haiku-5-5", usage(60_000, 1, read=40_001), 60_000 * 500 + 2_500 + 40_001 * 50),
        ("claude-sonnet-5-5", {"input_tokens": 1, "output_tokens": 1}, 12_000),
        # The parts of what was written to the cache count also where their sum is missing or too small.
        (
            "claude-sonnet-5-5",
            usage(0, 0) | {"cache_creation": {"ephemeral_1h_input_tokens": 5000}},
            5000 * 4_000,
        ),
        (
            "claude-sonnet-5-5",
            usage(1, 1) | {"inference_geo": "global", "output_tokens_details": {"thinking_tokens": 1}},
            12_000,
        ),
        ("claude-sonnet-5-5", usage(1, 1) | {"of_the_future": {"units": [], "more": 0}}, 12_000),
    ],
)
def test_a_cost_is_what_one_computes_by_hand(model: str, used: dict[str, Any], cost_nusd: int) -> None:
    assert price(model).cost_nusd(used) == cost_nusd


@pytest.mark.parametrize(
    "used",
    [
        {},
        {"input_tokens": 1},
        {"input_tokens": -1, "output_tokens": 1},
        {"input_tokens": 1.5, "output_tokens": 1},
        usage(1, 1) | {"inference_geo": "us"},
        usage(1, 1) | {"service_tier": ["standard"]},
        usage(1, 1) | {"server_tool_use": "abc"},
        usage(1, 1) | {"cache_creation": 3},
        usage(1, 1) | {"of_the_future": {"units": 7}},
        usage(1, 1) | {"iterations": [{"input_tokens": 1}]},
        usage("many", 1),  # type: ignore[arg-type]  # as a server may say it
        {"input_tokens": True, "output_tokens": 1},
        {"input_tokens": "1", "output_tokens": 1},
        {"input_tokens": 1, "output_tokens": 1, "service_tier": "priority"},
        {"input_tokens": 1, "output_tokens": 1, "speed": "fast"},
        {"input_tokens": 1, "output_tokens": 1, "server_tool_use": {"web_search_requests": 1}},
    ],
)
def test_a_usage_that_cannot_be_priced_is_an_error(used: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        price("claude-sonnet-5-5").cost_nusd(used)


@given(
    st.sampled_from(["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"]),
    st.tuples(TOKENS, TOKENS, TOKENS, TOKENS),
    st.integers(0, 20_000),
)
def test_no_usage_costs_more_than_its_bound(
    model: str, prompt: tuple[int, int, int, int], output: int
) -> None:
    fresh, five, hour, read = prompt
    cost_nusd = price(model).cost_nusd(usage(fresh, output, written=five + hour, hour=hour, read=read))
    assert cost_nusd <= price(model).bound_nusd(sum(prompt), output)


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"])
def test_a_price_is_read_back_as_it_was_kept(model: str) -> None:
    assert Price.from_json(price(model).to_json()) == price(model)


def test_a_default_plan_costs_a_fraction_of_a_cent() -> None:
    cent_nusd = 10_000_000
    assert price("claude-sonnet-5-5").cost_nusd(usage(600, 60)) < cent_nusd / 4


def test_a_model_without_a_price_is_a_gap_with_a_next_step() -> None:
    gap = PriceTable.load(Path("/nowhere/prices.toml")).find(ANTHROPIC, "claude-9", SOME_DAY)
    assert isinstance(gap, PriceGap)
    assert "claude-9" in gap.reason
    assert f"cope-lsp budget price --endpoint {ANTHROPIC} --model 'claude-9'" in gap.next_step


def test_an_old_price_is_a_gap() -> None:
    as_of = price("claude-sonnet-5-5").as_of
    table = PriceTable.load(Path("/nowhere/prices.toml"))
    last_day = as_of + timedelta(days=AGE_DAYS_MAX)
    assert isinstance(table.find(ANTHROPIC, "claude-sonnet-5-5", last_day), Price)
    gap = table.find(ANTHROPIC, "claude-sonnet-5-5", last_day + timedelta(days=1))
    assert isinstance(gap, PriceGap)
    assert "180 days" in gap.reason


def test_a_price_of_the_future_is_a_gap() -> None:
    as_of = price("claude-sonnet-5-5").as_of
    gap = PriceTable.load(Path("/nowhere/prices.toml")).find(
        ANTHROPIC, "claude-sonnet-5-5", as_of - timedelta(days=2)
    )
    assert isinstance(gap, PriceGap)
    assert "in the future" in gap.reason


OWN = """
[[price]]
endpoint = "https://api.anthropic.com"
model = "claude-sonnet-5-5"
as_of = 2026-11-30
input = "3"
output = "15"
cache_write_5m = "3.75"
cache_write_1h = "6"
cache_read = "0.000000003"
"""


def test_a_price_that_is_remembered_counts_and_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text("# mine\n" + OWN)
    before = price("claude-sonnet-5-5", table=PriceTable.load(file))
    later = replace(before, rates=Rates(1, 2, 3, 4, 10**15), source='a "quoted" source')
    other = replace(before, model="*", as_of=SOME_DAY)
    assert remember(later, file) == remember(other, file) == file
    table = PriceTable.load(file)
    assert price("claude-sonnet-5-5", table=table) == later
    assert price("claude-of-tomorrow", table=table) == other
    assert file.read_text().startswith("# mine\n" + OWN.rstrip())


@pytest.mark.parametrize("text", ["[[price", "price = 1", '[[price]]\nendpoint = "x"\n', "\0"])
def test_a_broken_table_is_not_written_to(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(PriceFileError, match="mend or remove it"):
        remember(price("claude-sonnet-5-5"), file)
    assert file.read_text() == text


def test_the_users_price_comes_before_ours(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(OWN)
    own = price("claude-sonnet-5-5", table=PriceTable.load(file))
    assert (own.rates.input, own.rates.cache_read) == (3_000_000_000, 3)
    assert price("claude-opus-5-5", table=PriceTable.load(file)).rates.input == 4_000_000_000


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"3"', '"-3"'),
        ('"3"', '"three"'),
        ('"3"', '"0.0000000001"'),
        ('"3"', '"nan"'),
        ("2026-11-30", '"yesterday"'),
        ("2026-11-30", "2026-11-30T10:00:00"),
        (OWN, "price = [1]"),
        ('output = "15"\n', ""),
        ("[[price]]", "[[price"),
    ],
)
def test_a_broken_table_makes_every_price_unknown_and_says_where(
    tmp_path: Path, right: str, wrong: str
) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(OWN.replace(right, wrong, 1))
    gap = PriceTable.load(file).find(ANTHROPIC, "claude-opus-5-5", SOME_DAY)
    assert isinstance(gap, PriceGap)
    assert str(file) in gap.reason
