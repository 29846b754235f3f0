"""The purse of a run: a ledger of its own, in which each question to the large model is reserved and settled.

It makes `--budget` a limit that holds for all processes of a run together, whatever is killed. For a hosted
model the user's own ledger holds beside it.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from cope_lsp.errors import CopeError
from cope_lsp.ledger.entries import Attempt, Limits, OverBudget, Settlement, usd
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.teller import Teller
from cope_lsp.models.question import Answer, Question, Quote

_MONTH = len("2026-11")


class BudgetReachedError(CopeError):
    """The budget of a run has not enough left for the next question."""


class Purse:
    """The ledger in `folder`."""

    def __init__(self, folder: Path, budget_nusd: int | None) -> None:
        """Open the ledger.

        Args:
            folder: where it lies.
            budget_nusd: for the run, in nano-USD; it is the ledger's limit of a month. None: no limit.

        Raises:
            LedgerError: the ledger cannot be used.
        """
        self._ledger = Ledger(folder)
        self._budget_nusd = budget_nusd
        self._month = ""
        self._teller = Teller(self._ledger)
        self._hold()

    def _hold(self) -> None:
        """Let the limit of this month be what earlier ones have left of the budget."""
        month = self._ledger.summary().month
        limit = self._budget_nusd
        if limit is not None:
            earlier = sum(call.spent_nusd for call in self._ledger.history(-1)) - month.spent_nusd
            limit = max(0, limit - earlier)
        limits = Limits(call_nusd=None, day_nusd=None, month_nusd=limit)
        if self._ledger.limits() != limits:
            self._ledger.set_limits(limits)
        self._month = month.start[:_MONTH]

    async def reserve(self, reservation: str, question: Question, quote: Quote) -> None:
        """Take the most that a question can cost out of the purse; nothing may be sent without it.

        Raises:
            BudgetReachedError: it is more than what is left.
        """
        if f"{datetime.now(UTC):%Y-%m}" != self._month:
            await asyncio.to_thread(self._hold)
        attempt = Attempt(
            id=reservation,
            endpoint=quote.endpoint,
            model=quote.model,
            bound_nusd=quote.bound_nusd,
            workspace=str(question.workspace),
            purpose=question.purpose,
            price={"bound_nusd": quote.bound_nusd},
        )
        reserved = await self._teller.reserve(attempt)
        if isinstance(reserved, OverBudget):
            msg = (
                f"the budget of {usd(reserved.limit_nusd)} is reached: {usd(reserved.spent_nusd)} are spent "
                f"or reserved, and the next question can cost {usd(reserved.bound_nusd)}; what was done is "
                "kept, and the same command goes on with a larger --budget"
            )
            raise BudgetReachedError(msg)

    async def settle(self, reservation: str, answer: Answer) -> None:
        """Say what it did cost."""
        usage = {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens}
        await self._teller.settle(reservation, Settlement(answer.cost_nusd, "usage", usage))

    async def void(self, reservation: str, proof: str) -> None:
        """Take it back, since nothing was sent."""
        await self._teller.void(reservation, proof)

    async def close(self) -> None:
        """Close the files."""
        await self._teller.close()
