"""The real SDK against a real server on loopback: every POST has its reservation."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.config import Config
from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.gate import Gate
from cope_lsp.egress.redact import redact
from cope_lsp.errors import HostedFailedError, HostedRefusedError
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.prices import Price, PriceTable, Rates, remember
from cope_lsp.ledger.teller import Teller
from cope_lsp.models.claude import Claude
from cope_lsp.models.question import Question
from tests.models.provider import COST_NUSD, Provider, write_prices

STATUSES = {
    400: "bad-request",
    401: "key-rejected",
    402: "payment",
    403: "forbidden",
    404: "not-found",
    413: "too-large",
    429: "rate-limited",
    500: "server-fault",
    504: "timed-out",
    529: "overloaded",
    307: "redirected",
}
UNCHARGED = {400, 401, 402, 403, 404, 413, 429}


class Setting:
    """A hosted model with everything real around it, at Sonnet's prices."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        prices = folder / "prices.toml"
        write_prices(prices, provider.url)
        self.workspace = folder
        self.ledger = Ledger(folder / "ledger")
        self.gate = Gate(ConsentStore(folder / "consent"), Audit(folder / "sent"))
        self.gate.consent.record(folder, provider.url, "allowed")
        config = Config(hosted_endpoint=provider.url, hosted_timeout_s=10)
        self.teller = Teller(self.ledger)
        environment = {"COPE_LSP_API_KEY": "key-for-the-test"}
        self.claude = Claude(
            config, self.gate, self.teller, prices=lambda: PriceTable.load(prices), environment=environment
        )

    def question(self) -> Question:
        return Question("Answer in a sentence.", redact("def f(): ..."), self.workspace, "plan")

    async def spent(self) -> int:
        return (await self.teller.summary()).day.spent_nusd

    async def calls(self) -> int:
        return (await self.teller.summary()).calls


@pytest.fixture
async def setting(tmp_path: Path, provider: Provider) -> Any:
    made = Setting(tmp_path, provider)
    yield made
    await made.claude.close()
    await made.teller.close()


async def test_a_plan_is_asked_and_charged_by_its_usage(setting: Setting, provider: Provider) -> None:
    answer = await setting.claude.ask(setting.question())
    assert answer.text == "Sort first."
    assert answer.cost_nusd == COST_NUSD == await setting.spent()
    assert 0 < answer.cost_nusd < answer.bound_nusd
    assert provider.posts == await setting.calls() == 1
    assert provider.headers[0]["authorization"] == "Bearer key-for-the-test"


@pytest.mark.parametrize("status", STATUSES)
async def test_a_status_has_its_reason_one_post_and_the_right_charge(
    setting: Setting, provider: Provider, status: int
) -> None:
    provider.status = status
    with pytest.raises(HostedFailedError) as failed:
        await setting.claude.ask(setting.question())
    assert failed.value.reason == STATUSES[status]
    assert provider.posts == await setting.calls() == 1
    assert (await setting.spent() == 0) == (status in UNCHARGED)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("error event", "overloaded"),
        ("broken json", "not-understood"),
        ("clean early end", "cut-short"),
        ("html", "not-understood"),
    ],
)
async def test_an_answer_that_is_not_complete_counts_in_full(
    setting: Setting, provider: Provider, mode: str, reason: str
) -> None:
    provider.mode = mode
    with pytest.raises(HostedFailedError) as failed:
        await setting.claude.ask(setting.question())
    assert failed.value.reason == reason
    assert provider.posts == await setting.calls() == 1
    assert await setting.spent() == setting.claude.quote(setting.question()).bound_nusd


async def test_an_answer_without_usage_is_charged_at_its_reservation(
    setting: Setting, provider: Provider
) -> None:
    provider.mode = "null usage"
    answer = await setting.claude.ask(setting.question())
    assert answer.cost_nusd == answer.bound_nusd == await setting.spent()


async def test_three_failures_in_a_row_let_the_service_rest(setting: Setting, provider: Provider) -> None:
    provider.status = 500
    for _ in range(3):
        with pytest.raises(HostedFailedError):
            await setting.claude.ask(setting.question())
    with pytest.raises(HostedRefusedError) as refused:
        await setting.claude.ask(setting.question())
    assert refused.value.reason == "resting"
    assert provider.posts == 3


async def test_nothing_is_sent_when_the_budget_is_spent(setting: Setting, provider: Provider) -> None:
    from cope_lsp.ledger.entries import Limits  # noqa: PLC0415

    await setting.teller._do(lambda: setting.ledger.set_limits(Limits(day_nusd=1)))
    with pytest.raises(HostedRefusedError) as refused:
        await setting.claude.ask(setting.question())
    assert refused.value.reason == "over-budget"
    assert provider.posts == 0


async def test_what_is_quoted_is_what_is_sent(setting: Setting, provider: Provider) -> None:
    quote = setting.claude.quote(setting.question())
    await setting.claude.ask(setting.question())
    assert quote.bytes == len(provider.bodies[0].encode())


async def test_a_count_that_is_said_lower_later_does_not_make_a_call_cheaper(
    setting: Setting, provider: Provider
) -> None:
    provider.last_usage = {"output_tokens": 20, "input_tokens": 0}
    assert (await setting.claude.ask(setting.question())).cost_nusd == COST_NUSD == await setting.spent()


@pytest.mark.parametrize(
    "last_usage",
    [
        {"output_tokens": 20, "input_tokens": "many"},
        {"output_tokens": 20, "server_tool_use": "abc"},
        {"output_tokens": 20, "units_of_the_future": 3},
    ],
)
async def test_a_usage_that_cannot_be_priced_counts_in_full_and_the_plan_is_kept(
    setting: Setting, provider: Provider, last_usage: dict[str, Any]
) -> None:
    provider.last_usage = last_usage
    answer = await setting.claude.ask(setting.question())
    assert (answer.text, answer.cost_nusd) == ("Sort first.", answer.bound_nusd)
    assert await setting.spent() == answer.bound_nusd


async def test_an_absurd_cost_closes_the_budget(setting: Setting, provider: Provider) -> None:
    provider.last_usage = {"output_tokens": 10**13}
    await setting.claude.ask(setting.question())
    assert (await setting.teller.summary()).state == "closed"
    with pytest.raises(HostedRefusedError) as refused:
        await setting.claude.ask(setting.question())
    assert refused.value.reason == "over-budget"
    assert provider.posts == 1


async def test_an_answer_without_a_text_is_charged_and_told(setting: Setting, provider: Provider) -> None:
    provider.text = "\u200b\n"
    with pytest.raises(HostedFailedError, match="holds no text") as failed:
        await setting.claude.ask(setting.question())
    assert failed.value.reason == "no-plan"
    assert await setting.spent() == COST_NUSD


async def test_a_plan_is_plain_text_for_terminal_and_editor(setting: Setting, provider: Provider) -> None:
    provider.text = "Sort\x1b]0;owned\x07 \u202efirst\u2066.\U000e0041"
    assert (await setting.claude.ask(setting.question())).text == "Sort]0;owned first."


async def test_a_price_that_the_user_sets_meanwhile_counts(setting: Setting, provider: Provider) -> None:
    before = setting.claude.quote(setting.question()).bound_nusd
    rates = Rates(*(rate * 100 for rate in (2 * 10**9, 10 * 10**9, 10**9, 10**9, 10**9)))
    price = Price(provider.url, "*", datetime.now(UTC).date(), "the user", rates)
    remember(price, setting.workspace / "prices.toml")
    assert setting.claude.quote(setting.question()).bound_nusd > 50 * before


async def test_what_the_user_has_to_mend_does_not_let_the_service_rest(
    setting: Setting, provider: Provider
) -> None:
    provider.status = 401
    for _ in range(5):
        with pytest.raises(HostedFailedError):
            await setting.claude.ask(setting.question())
    provider.status = 200
    assert (await setting.claude.ask(setting.question())).text == "Sort first."
