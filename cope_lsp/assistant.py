"""The product behind every surface: server, command line, demo and evaluation ask the `Assistant`."""

import asyncio
import shlex
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from cope_lsp.cascade.code import CodeFamily, CodeTask
from cope_lsp.cascade.decide import STAGES, Policy, Stage
from cope_lsp.cascade.memory import PlanMemory
from cope_lsp.cascade.outcome import Event
from cope_lsp.cascade.plan import Plans
from cope_lsp.cascade.run import NO_PLANS, Agree, Memory, run
from cope_lsp.checks.base import Check
from cope_lsp.checks.suite.check import Suite, SuiteSettings
from cope_lsp.checks.syntax.check import Syntax
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.completion.back_off import BackOff
from cope_lsp.completion.completer import Completer
from cope_lsp.completion.note import Note, unheard
from cope_lsp.completion.pace import Pace
from cope_lsp.completion.prompt import shows_elsewhere
from cope_lsp.completion.trigger import Trigger
from cope_lsp.config import Config
from cope_lsp.context.related import Related
from cope_lsp.egress.audit import Audit
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.engine.wire import EngineStatus
from cope_lsp.errors import CopeError
from cope_lsp.ledger.entries import Summary
from cope_lsp.ledger.ledger import Ledger
from cope_lsp.ledger.teller import Teller
from cope_lsp.models.base import TextModel
from cope_lsp.models.elsewhere import about
from cope_lsp.models.local import LocalModel, model_from, same_model
from cope_lsp.models.question import Answer, Question, Quote
from cope_lsp.models.remote import RemoteModel
from cope_lsp.values import Completion, CompletionRequest, Excerpt, ModelInfo, ModelState, Silence

if TYPE_CHECKING:
    from cope_lsp.models.claude import Claude

FAREWELL_S = 1.0
"""How long hosted calls may go on when the program ends; what is not settled by then counts in full."""


class Assistant:
    """Wires the parts from the settings. Nothing is loaded before the first question."""

    def __init__(self, config: Config, model: TextModel) -> None:
        self.config = config
        self.consent = ConsentStore()
        self.audit = Audit(keep_text=config.hosted_keep_sent)
        self.trigger = Trigger(config)
        self.pace = Pace()
        self.related = Related(is_on=False)  # until it is known whether the model has room for it
        self._model = model
        self._looks_elsewhere = False
        self._syntax = SyntaxReader()
        self._completer = self._completer_of(model)
        self._back_off = BackOff()
        self._plans: Memory = PlanMemory()
        self._teller = Teller(Ledger())
        self._hosted: Claude | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    @classmethod
    def from_config(cls, config: Config) -> "Assistant":
        """Return an assistant with the model that the settings name."""
        return cls(config, model_from(config))

    def use(self, config: Config) -> None:
        """Take other settings from now on; another model replaces the one that is loaded."""
        if not same_model(config, self.config):
            self._retire(self._model.close())
            self._model = model_from(config)
            self._completer = self._completer_of(self._model)
        if config != self.config and self._hosted is not None:
            self._retire(self._hosted.close(self.config.hosted_timeout_s))
            self._hosted = None
        self.config = config
        self.trigger.use(config)
        if not config.context_related:
            self._looks_elsewhere = False
            self.related.switch(on=False)
        self.audit.keep_text = config.hosted_keep_sent

    def _completer_of(self, model: TextModel) -> Completer:
        return Completer(model, self._syntax, self.pace, self._gather)

    async def _gather(self, request: CompletionRequest, model: ModelInfo) -> tuple[Excerpt, ...]:
        self._suit(model)
        return await self.related.excerpts(request)

    def _suit(self, model: ModelInfo) -> None:
        """Look at other files if the model is shown any of them."""
        wanted = self.config.context_related and shows_elsewhere(model)
        if wanted != self._looks_elsewhere:
            self._looks_elsewhere = wanted
            self.related.switch(on=wanted)

    async def complete(self, request: CompletionRequest, note: Note = unheard) -> Completion:
        """Return ghost text, or the reason why there is none.

        The text leaves the machine only where the model is a server that the user agreed to.

        Args:
            request: where.
            note: is told what happens on the way.
        """
        if not self.config.completion_enabled:
            return Silence("disabled", "completion.enabled is false")
        if silence := self.trigger.silence(request):
            # What somebody asked for by a key goes on to be shown while they type it.
            return (silence.reason == "manual" and self._completer.typed_on(request)) or silence
        if not request.explicit and (reason := self._back_off.reason(self.config.completion_back_off)):
            return Silence("resting", f"{reason}; completion.back_off = {self.config.completion_back_off}")
        if objection := await self._objection(request.document.uri):
            return Silence("not-sent", objection)
        return await self._completer.complete(request, idle_s=self.trigger.idle_s, note=note)

    async def quote(self, question: Question) -> Quote:
        """Return what asking the hosted model would send, where to, and cost at most. Sends nothing.

        Raises:
            HostedRefusedError: it cannot be asked: no price is known, or a file may not leave.
        """
        hosted = await self._hosted_model()
        return await asyncio.to_thread(hosted.quote, question)

    async def ask(self, question: Question) -> Answer:
        """Ask the hosted model, if the user has agreed and the budget allows it.

        Raises:
            HostedRefusedError: nothing was sent; the message says why and what to do.
            HostedFailedError: it was tried; the ledger knows what it may have cost.
        """
        return await (await self._hosted_model()).ask(question)

    @asynccontextmanager
    async def checks(self, task: CodeTask, *, with_tests: bool) -> AsyncGenerator[list[Check], None]:
        """Prepare the checks of a task's file, the cheapest first, and free what they hold at the end.

        Args:
            task: the function.
            with_tests: whether the project's own tests are run, in a sandbox. Only for a project that the
                user trusts.

        Raises:
            CopeError: the file cannot be judged by tests, since it is one itself.
        """
        syntax = Syntax(self._syntax, "python", task.text)
        if not with_tests:
            yield [syntax]
            return
        try:
            suite = Suite(task.workspace, task.file, task.target.symbol, self._suite_settings())
        except ValueError as error:
            raise CopeError(str(error)) from error
        try:
            yield [syntax, suite]
        finally:
            await suite.close()

    def _suite_settings(self) -> SuiteSettings:
        try:
            command = tuple(shlex.split(self.config.tests_command))
        except ValueError as error:
            msg = f"tests.command cannot be read ({error}): {self.config.tests_command}"
            raise CopeError(msg) from error
        config = self.config
        return SuiteSettings(command, config.tests_python, timeout_s=float(config.tests_timeout_s))

    async def solve(
        self,
        task: CodeTask,
        checks: Sequence[Check],
        agree: Agree,
        plans: Plans = NO_PLANS,
        *,
        stages: Sequence[Stage] = STAGES,
        seed: int = 0,
        hand_on: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """Write or mend a function; yield what happens, and the `Outcome` at the end.

        Closing the iterator stops everything at once; the user's files are never written.

        Args:
            task: the function.
            checks: of whole files, the cheapest first; the caller closes what they hold.
            agree: asks the user before text leaves or money is spent, where they must be asked.
            plans: to begin with, such as the user's own.
            stages: see `run`, as are the next ones.
            seed: of all drafts.
            hand_on: whether a stage's goal goes on to the next.

        Raises:
            CopeError: there is no small model, or the file may not be sent to the server that runs it.
        """
        uri = task.file.absolute().as_uri()
        if objection := await self._objection(uri):
            raise CopeError(f"{task.file.name}: {objection}")
        family = CodeFamily(task, about(self._model, uri), checks)
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        work = asyncio.create_task(
            run(
                family,
                self,
                self._plans,
                self._policy(),
                report=events.put_nowait,
                agree=agree,
                plans=plans,
                stages=stages,
                seed=seed,
                hand_on=hand_on,
            )
        )
        work.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _objection(self, uri: str) -> str:
        """Return why the file at `uri` may not be shown to the small model; "" when it may."""
        if not isinstance(self._model, RemoteModel):
            return ""
        return await asyncio.to_thread(self._model.objection, uri)

    def _policy(self) -> Policy:
        config = self.config
        return Policy(config.cascade_escalate, config.cascade_when_hopeless, config.cascade_extra_rounds)

    async def budget(self) -> Summary:
        """Return the state of the budget.

        Raises:
            LedgerError: the ledger cannot be used; hosted models are then not asked.
        """
        return await self._teller.summary()

    @property
    def model_state(self) -> ModelState:
        """Whether the local model is loaded. To ask does not load it."""
        return self._model.state

    async def engine_status(self) -> EngineStatus | None:
        """Return what our own engine does; None when it does not run, or something else runs the model."""
        return await self._model.status() if isinstance(self._model, LocalModel) else None

    async def warm(self, uri: str) -> None:
        """Load the small model for the file at `uri`, unless text of it may not go to where the model runs.

        Raises:
            CopeError: there is no model; the message says why.
        """
        if not await self._objection(uri):
            await asyncio.gather(self.model_info(), self._syntax.scene("python", "", 0))

    async def model_info(self) -> ModelInfo:
        """Return what is known of the local model, loading it first.

        Raises:
            CopeError: there is no model; the message says why.
        """
        info = await self._model.info()
        self._suit(info)
        return info

    async def close(self) -> None:
        """End the engine and what still waits for a hosted model."""
        await self._model.close()
        await self._syntax.close()
        await self.related.close()
        if self._hosted is not None:
            await self._hosted.close(FAREWELL_S)
        if retiring := set(self._retiring):  # an engine that was replaced a moment ago must still be ended
            await asyncio.wait(retiring, timeout=FAREWELL_S)
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self._teller.close()

    async def _hosted_model(self) -> "Claude":
        while self._hosted is None:
            config = self.config
            made = await asyncio.to_thread(_hosted_from, config, self._teller, self.consent, self.audit)
            self._adopt(made, config)
        return self._hosted

    def _adopt(self, made: "Claude", config: Config) -> None:
        """Keep a hosted model, unless another question made one meanwhile, or the settings are others."""
        if self._hosted is None and config is self.config:
            self._hosted = made

    def _retire(self, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(ending)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _hosted_from(config: Config, teller: Teller, consent: ConsentStore, audit: Audit) -> "Claude":
    # The SDK takes a second to import, and most sessions never ask a hosted model.
    from cope_lsp.egress.gate import Gate  # noqa: PLC0415
    from cope_lsp.models.claude import Claude  # noqa: PLC0415

    return Claude(config, Gate(consent, audit, proxy=config.hosted_proxy), teller)
