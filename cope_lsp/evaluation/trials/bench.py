"""The bench: both models, the product and the sandbox of one process, on which one trial runs at a time.

What it is given and what it tells are plain values, so that it can stand in another process or on another
machine.
"""

import asyncio
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from cope_lsp.assistant import Assistant
from cope_lsp.cascade.plan import Plan
from cope_lsp.checks.cage.sandbox import Sandbox
from cope_lsp.config import Config
from cope_lsp.egress import offline
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.errors import CopeError, HostedFailedError, HostedRefusedError
from cope_lsp.evaluation.trials.purse import Purse
from cope_lsp.evaluation.trials.retry import Retrying
from cope_lsp.evaluation.trials.tape import Identity, Tape, TapedModel
from cope_lsp.ledger.entries import Limits, Period, Summary
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.prices import NUSD_PER_USD, Price, Rates, remember
from cope_lsp.models.local import LocalModel
from cope_lsp.models.question import Answer, Question, Quote
from cope_lsp.models.standin import StandIn

LANES = 17
"""Sequences of an engine: 16 drafts at once, and one that it keeps for interactive requests."""

CONTEXT_TOKENS = 8_192
RESTARTS_MAX = 3
TIMEOUT_S = 600
"""For one answer of a stand-in: a large file on a slow machine is still waited for."""

_NO_PERIOD = Period("", 0, None, None, 0)
_ENOUGH = Summary("open", "", _NO_PERIOD, _NO_PERIOD, (), (), (), Limits(None, None, None), 0, 0)


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """What a bench is made of: plain values, of which `asdict` makes JSON."""

    small: str
    """The path of a GGUF file."""
    small_name: str
    small_digest: str
    large_name: str = ""
    """"" where no method asks one."""
    large_digest: str = ""
    stand_in: str = ""
    """The path of a GGUF file that plays the hosted model; "": the configured one is asked."""
    stand_in_rates: tuple[int, int, int, int, int] | None = None
    """What it is said to cost, as `Rates`."""
    hosted: tuple[tuple[str, str | int], ...] = ()
    """The settings of the configured hosted model that differ from the defaults, by the names of `Config`."""
    workspace: str = ""
    """Whose consent counts for a hosted model."""
    file: str = ""
    """The file of the tasks, whose ignore rules count; a stand-in has none."""
    purse: str = ""
    """The folder of the run's own ledger."""
    home: str = ""
    """A folder for what a stand-in's calls leave behind: the user's own ledger knows nothing of them."""
    budget_nusd: int | None = None
    threads: int = 0
    gpu_layers: int = 0
    is_offline: bool = False
    is_closed: bool = False
    """Whether no model may be asked."""


class Forgetful:
    """Implements `Memory`: a plan that an earlier trial paid for would make a later one look cheaper."""

    def recall(self, _key: str) -> Plan | None:
        """See `Memory`."""
        return None

    def keep(self, key: str, plan: Plan) -> None:
        """See `Memory`."""


class Examined(Assistant):
    """The product, with the tape between it and its models, and without memory of earlier solves."""

    def __init__(self, config: Config, settings: BenchSettings, small: TapedModel, tape: Tape) -> None:
        super().__init__(config, small)
        self._plans = Forgetful()
        self.large = Identity(settings.large_name, settings.large_digest)
        self._settings = settings
        self._tape = tape
        self._player: LocalModel | None = None
        self._standin: StandIn | None = None
        self._purse: Purse | None = None

    async def quote(self, question: Question) -> Quote:
        """See `Assistant`. It costs nothing here: no price and no budget decides what a method does."""
        size = len(question.text.text.encode())
        return Quote("", self.large.name, size, 0, 0, question.text.found)

    async def budget(self) -> Summary:
        """See `Assistant`. What is really left is the purse's to say, and then the whole run stops."""
        return _ENOUGH

    async def ask(self, question: Question) -> Answer:
        """See `Assistant`; from the record where it was asked before."""
        return await self._tape.ask(self.large, question, self._ask_anew)

    async def _ask_anew(self, question: Question) -> Answer:
        purse = await self._opened()
        quote = await super().quote(question)
        reservation = uuid.uuid4().hex
        await purse.reserve(reservation, question, quote)
        try:
            answer = await super().ask(question)
        except HostedRefusedError as error:
            await purse.void(reservation, f"not sent: {error.reason}")
            raise
        except HostedFailedError as error:
            if error.reason != "no-plan":
                raise  # the reservation stays, and counts in full
            answer = await asyncio.to_thread(_without_text, quote, question)
        answer = replace(answer, reservation=reservation)
        await purse.settle(reservation, answer)
        return answer

    async def _opened(self) -> Purse:
        """Make what it takes to ask: the purse, and the stand-in with its price and its consent."""
        if self._purse is not None:
            return self._purse
        settings = self._settings
        if settings.stand_in:
            engine = EngineSettings(threads=settings.threads, gpu_layers=settings.gpu_layers)
            self._player = LocalModel(Path(settings.stand_in), engine, RESTARTS_MAX)
            played, read = Retrying.of(self._player)
            self._standin = StandIn(played, self.large.name, read, TIMEOUT_S)
            try:
                url = await self._standin.start()
            except OSError as error:
                msg = f"the stand-in for the hosted model cannot listen on loopback ({error})"
                raise CopeError(msg) from error
            assert settings.stand_in_rates is not None
            remember(Price(url, "*", datetime.now(UTC).date(), "", Rates(*settings.stand_in_rates)))
            self.consent.record(Path(settings.workspace), url, "allowed")
            with Ledger() as ledger:  # that of the stand-in's own home: the purse is what limits
                ledger.set_limits(Limits(None, None, None))
            self.use(replace(self.config, hosted_endpoint=url, hosted_model=self.large.name))
        self._purse = Purse(Path(settings.purse), settings.budget_nusd)
        return self._purse

    async def close(self) -> None:
        """See `Assistant`; what was sent is waited for before."""
        await self._tape.finish()
        await super().close()
        if self._standin:
            await self._standin.close()
        if self._player:
            await self._player.close()
        if self._purse:
            await self._purse.close()


@dataclass(slots=True)
class Bench:
    """What one process has to try methods with."""

    settings: BenchSettings
    tape: Tape
    small: TapedModel
    assistant: Examined
    sandbox: Sandbox

    @classmethod
    def set_up(cls, settings: BenchSettings, tape: Tape) -> "Bench":
        """Return a bench. No model is loaded yet.

        A stand-in's home becomes the one of this process: make one bench with a stand-in per process.
        """
        offline.switch(on=settings.is_offline)
        if settings.stand_in:
            home = Path(settings.home)
            if not home.is_absolute():
                msg = f"{home} cannot be a home: only an absolute path is one, else the user's own is used"
                raise ValueError(msg)
            for name in [name for name in os.environ if name.startswith("COPE_LSP_")]:
                del os.environ[name]  # such as a key, which is for the user's own server
            os.environ |= {
                "HOME": str(home),
                "XDG_CONFIG_HOME": str(home / "config"),
                "XDG_DATA_HOME": str(home / "data"),
            }
        engine = EngineSettings(
            context_tokens=CONTEXT_TOKENS,
            sequences=LANES,
            threads=settings.threads,
            gpu_layers=settings.gpu_layers,
        )
        model = LocalModel(Path(settings.small), engine, RESTARTS_MAX)
        small = TapedModel(Identity(settings.small_name, settings.small_digest), model, tape)
        assistant = Examined(_config(settings), settings, small, tape)
        return cls(settings, tape, small, assistant, Sandbox())

    async def close(self) -> None:
        """Wait for what was sent, and end all that runs."""
        await self.assistant.close()
        await self.sandbox.close()


def _config(settings: BenchSettings) -> Config:
    plain: Mapping[str, Any] = dict(settings.hosted)
    timeout = {"hosted_timeout_s": TIMEOUT_S} if settings.stand_in else {}
    fixed: Mapping[str, Any] = {"cascade_escalate": "auto"}
    return Config(**{**plain, **timeout, **fixed})


def _without_text(quote: Quote, question: Question) -> Answer:
    """Return what is known of an answer without a text, which was paid for: what the product's ledger says.

    Where several processes ask a hosted model, it may be what another such answer cost.
    """
    with Ledger() as ledger:
        entries = list(ledger.entries())
    ours = {
        each.id
        for each in entries
        if each.kind == "reserve"
        and (each.workspace, each.purpose) == (str(question.workspace), question.purpose)
    }
    settled = [each for each in entries if each.kind == "settle" and each.subject in ours]
    cost = settled[-1].amount_nusd if settled else quote.bound_nusd
    usage = (settled[-1].detail.get("usage") if settled else None) or {}
    tokens = int(usage.get("input_tokens", 0)), int(usage.get("output_tokens", 0))
    return Answer("", quote.model, "", "", cost, quote.bound_nusd, *tokens, 0.0)


def rates_of(input_usd: Decimal, output_usd: Decimal) -> Rates:
    """Return rates for two prices in USD per million tokens; a cache costs what is usual beside them."""
    fresh = int(input_usd * NUSD_PER_USD)
    return Rates(fresh, int(output_usd * NUSD_PER_USD), fresh * 5 // 4, fresh * 2, fresh // 10)
