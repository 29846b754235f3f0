"""The real SDK and a real server with a real model: llama.cpp's own, which speaks the Messages API."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cope_lsp.assistant import Assistant
from cope_lsp.cascade.planner import Brief, guideline_question
from cope_lsp.config import Config
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.errors import HostedFailedError, HostedRefusedError
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.prices import Price, Rates, remember
from cope_lsp.models import catalog
from tests.benchmarks.peers import llama_server
from tests.models.provider import write_prices

PASSAGE = 'def merge(first, second):\n    """Merge two sorted lists."""\n'


KEY = "key-for-the-test"  # what `home` says is the user's


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with llama_server(catalog.resolve(None), threads=1, slots=1, api_key=KEY) as url:
        yield url


async def test_a_plan_is_asked_and_charged_exactly(home: Path, address: str) -> None:
    write_prices(home / "config" / "cope-lsp" / "prices.toml", address)
    ConsentStore().record(home, address, "allowed")
    assistant = Assistant.from_config(Config(hosted_endpoint=address, hosted_output_tokens_max=40))
    question = guideline_question(Brief(PASSAGE, "keep the order"), home, home / "merge.py")
    quote = await assistant.quote(question)
    answer = await assistant.ask(question)
    await assistant.close()
    assert answer.text
    assert 0 < answer.input_tokens <= quote.input_tokens_max
    assert 0 < answer.output_tokens <= 40
    with Ledger() as ledger:
        (call,) = ledger.history()
        report = ledger.verify(lambda price, usage: Price.from_json(price).cost_nusd(usage))
    assert (call.state, call.basis, call.spent_nusd) == ("settled", "usage", answer.cost_nusd)
    assert 0 < answer.cost_nusd < quote.bound_nusd
    assert (report.findings, report.recomputed) == ((), 1)


async def test_a_key_that_the_server_does_not_know_is_told_and_costs_nothing(
    home: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prices(home / "config" / "cope-lsp" / "prices.toml", address)
    ConsentStore().record(home, address, "allowed")
    monkeypatch.setenv("COPE_LSP_API_KEY", "key-of-somebody-else")
    assistant = Assistant.from_config(Config(hosted_endpoint=address))
    with pytest.raises(HostedFailedError, match="cope-lsp auth set") as failed:
        await assistant.ask(guideline_question(Brief(PASSAGE), home, home / "merge.py"))
    budget = await assistant.budget()
    await assistant.close()
    assert failed.value.reason == "key-rejected"
    assert (budget.day.spent_nusd, budget.calls) == (0, 1)


@pytest.mark.parametrize(
    ("is_priced", "is_allowed", "reason"), [(1, 0, "no-consent"), (0, 1, "price-unknown")]
)
async def test_a_server_on_this_machine_is_neither_free_nor_agreed_to_by_itself(
    home: Path, address: str, is_priced: int, is_allowed: int, reason: str
) -> None:
    if is_priced:
        write_prices(home / "config" / "cope-lsp" / "prices.toml", address)
    if is_allowed:
        ConsentStore().record(home, address, "allowed")
    assistant = Assistant.from_config(Config(hosted_endpoint=address))
    with pytest.raises(HostedRefusedError) as refused:
        await assistant.ask(guideline_question(Brief(PASSAGE), home, home / "merge.py"))
    await assistant.close()
    assert refused.value.reason == reason
    with Ledger() as ledger:
        assert ledger.summary().calls == 0


async def test_a_price_of_zero_is_taken_when_it_is_written_down(home: Path, address: str) -> None:
    table = home / "config" / "cope-lsp" / "prices.toml"
    remember(Price(address, "*", datetime.now(UTC).date(), "the user", Rates(0, 0, 0, 0, 0)), table)
    ConsentStore().record(home, address, "allowed")
    assistant = Assistant.from_config(Config(hosted_endpoint=address, hosted_output_tokens_max=10))
    answer = await assistant.ask(guideline_question(Brief(PASSAGE), home, home / "merge.py"))
    budget = await assistant.budget()
    await assistant.close()
    assert (answer.cost_nusd, budget.day.spent_nusd, budget.calls) == (0, 0, 1)
