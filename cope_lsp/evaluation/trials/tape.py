"""The tape between the product and its models: what was asked before is answered from the record.

Whatever is asked anew is drawn to its end and written down, also where who asked has heard enough: another
method that asks the same may want the rest. So no call is made twice, and a repeated run needs no model.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from typing import get_args

from cope_lsp.errors import CopeError, HostedFailedError, HostedRefusedError
from cope_lsp.evaluation.record import (
    Call,
    Entrant,
    Record,
    Role,
    Row,
    Said,
    generation_key,
    question_key,
)
from cope_lsp.evaluation.trials.spent import Spent
from cope_lsp.models.base import TextModel
from cope_lsp.models.question import Answer, Question
from cope_lsp.values import Finish, Generation, ModelInfo, ModelState, Sample, Usage

DEADLINE_S = 3_600.0
"""For all drafts of one stage of the small model."""

Ask = Callable[[Question], Awaitable[Answer]]
Tell = Callable[[Row], None]


class MissingCallError(CopeError):
    """A run that may ask no model needs a call that is not in its record."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a model is, whether or not it is loaded."""

    name: str
    digest: str


@dataclass(slots=True)
class Tape:
    """The record, and what the trial at work took of it. It serves one trial at a time."""

    record: Record
    tell: Tell
    """Is told each new row at once."""
    is_closed: bool
    """Whether no model may be asked."""
    asked: str = ""
    """`Task.asked` of the task at work."""
    used: list[Call] = field(default_factory=list)
    """The calls of the trial at work, in order."""
    drafted_tokens: int = 0
    """Of the drafts that it looked at."""
    spent: Spent = field(default_factory=Spent)
    """By all trials together."""
    _writing: set["asyncio.Task[Call]"] = field(default_factory=set)
    _has_asked: bool = False
    """The large model."""

    def begin(self, asked: str) -> None:
        """Forget what the last trial used."""
        self.asked, self.used, self.drafted_tokens = asked, [], 0

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let something be looked at that the trial at work has not used."""
        used, tokens = list(self.used), self.drafted_tokens
        try:
            yield
        finally:
            self.used, self.drafted_tokens = used, tokens

    def known(self, role: Role, key: str) -> Call | None:
        """Return a call that was made before.

        Raises:
            MissingCallError: it was not, and none may be made.
        """
        call = self.record.calls.get(key)
        if call is None and self.is_closed:
            msg = f"a call of the {role} model, {key[:16]}"
            raise MissingCallError(msg)
        return call

    def write(self, row: Row) -> None:
        """Write a row down."""
        if self.record.add(row):
            self.tell(row)

    async def ask(self, who: Identity, question: Question, ask: Ask) -> Answer:
        """Answer a question to the large model, by asking it where it was never asked.

        When this is cancelled, what was sent is still waited for and written down: see `finish`.

        Raises:
            HostedFailedError: its answer holds no text, now or when it was asked.
            CopeError: it cannot be asked now; nothing was written down.
        """
        key = question_key(who.digest, question)
        call = self.known("large", key)
        if call is None:
            task = asyncio.create_task(self._asked(who, key, question, ask))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
            call = await asyncio.shield(task)
        self.used.append(call)
        if call.failure:
            raise HostedFailedError("no-plan", call.failure)
        (said,) = call.answers
        tokens = call.prompt_tokens, call.output_tokens
        return Answer(
            said.text, who.name, said.finish, call.reservation, call.nusd, call.nusd, *tokens, call.seconds
        )

    async def _asked(self, who: Identity, key: str, question: Question, ask: Ask) -> Call:
        began = time.monotonic()
        try:
            answer = await ask(question)
        except HostedRefusedError as error:
            # Here a refusal is no result: the trial would say that the method is worse than it is.
            msg = f"the large model cannot be asked: {error}"
            raise CopeError(msg) from error
        except HostedFailedError as error:
            msg = f"the large model failed ({error}); the same command goes on when it is well"
            raise CopeError(msg) from error
        self.spent.add("models", answer.seconds)
        if not self._has_asked:
            # Before its first question a process starts a stand-in, opens ledgers and loads an SDK.
            self._has_asked = True
            self.spent.add("start", time.monotonic() - began - answer.seconds)
        failure = "" if answer.text else "the answer holds no text"
        said = (Said(answer.text, answer.output_tokens, answer.stop_reason),) if answer.text else ()
        tokens = answer.input_tokens, 0, answer.output_tokens
        call = Call(
            key, "large", who.name, who.digest, self.asked, *tokens, answer.seconds, answer.cost_nusd, said,
            failure, answer.reservation, _size(question),
        )  # fmt: skip
        self.write(Row(call=call))
        return call

    async def finish(self) -> None:
        """Wait for what was sent and not answered yet."""
        await asyncio.gather(*self._writing, return_exceptions=True)


class TapedModel:
    """Implements `TextModel` for the small model. It loads the model behind it for what is new alone."""

    def __init__(self, who: Identity, model: TextModel, tape: Tape) -> None:
        self.who = who
        self.temperature = 0.8
        """Of generations that are not greedy, whatever they say."""
        self._model = model
        self._tape = tape

    @property
    def state(self) -> ModelState:
        """See `TextModel`."""
        return self._model.state

    async def info(self) -> ModelInfo:
        """See `TextModel`."""
        entrant = self._tape.record.entrants.get(self.who.digest)
        if entrant is None:
            if self._tape.is_closed:
                raise MissingCallError("what the small model says of itself")
            with self._tape.spent.on("start"):
                info = await self._model.info()
            entrant = Entrant(self.who.name, self.who.digest, info)
            self._tape.write(Row(entrant=entrant))
        return entrant.info

    async def generate(self, generation: Generation) -> AsyncGenerator[Sample | Usage, None]:
        """See `TextModel`.

        Samples come in the order in which a batch ends: the shortest first, whatever happened on the way.
        """
        wanted = self._as_asked(generation)
        key = generation_key(self.who.digest, wanted)
        call = self._tape.known("small", key) or await self._drawn(key, wanted)
        self._tape.used.append(call)
        for index, said in sorted(enumerate(call.answers), key=lambda each: (each[1].tokens, each[0])):
            self._tape.drafted_tokens += said.tokens
            yield Sample(index, said.text, said.tokens, _finish(said.finish), said.logprobs)
        yield Usage(call.prompt_tokens, call.cached_tokens, call.output_tokens, 0.0, call.seconds)

    async def close(self) -> None:
        """See `TextModel`."""
        await self._model.close()

    def _as_asked(self, generation: Generation) -> Generation:
        # Nobody waits at an editor: what a large model on a slow machine needs, it may take.
        generation = replace(generation, limits=replace(generation.limits, deadline_s=DEADLINE_S))
        if not generation.sampling.temperature:
            # A score needs them, and then the same call does for all who ask for one greedy draft.
            return replace(generation, logprobs=True)
        return replace(generation, sampling=replace(generation.sampling, temperature=self.temperature))

    async def _drawn(self, key: str, wanted: Generation) -> Call:
        if self._model.state != "ready":
            with self._tape.spent.on("start"):
                await self._model.info()
        started = time.monotonic()
        samples: dict[int, Sample] = {}
        usage = Usage(0, 0, 0, 0.0, 0.0)
        with self._tape.spent.on("models"):
            async with aclosing(self._model.generate(wanted)) as answers:
                async for answer in answers:
                    if isinstance(answer, Usage):
                        usage = answer
                    else:
                        samples[answer.index] = answer
        if len(samples) < wanted.samples or any(each.finish == "deadline" for each in samples.values()):
            msg = f"the small model took longer than {wanted.limits.deadline_s:.0f} s for its drafts"
            raise CopeError(msg)
        said = tuple(
            Said(each.text, each.tokens, each.finish, each.logprobs) for _, each in sorted(samples.items())
        )
        tokens = usage.prompt_tokens, usage.cached_tokens, usage.output_tokens
        seconds = time.monotonic() - started
        call = Call(key, "small", self.who.name, self.who.digest, self._tape.asked, *tokens, seconds, 0, said)
        self._tape.write(Row(call=call))
        return call


def _size(question: Question) -> int:
    return len(question.system.encode()) + len(question.text.text.encode())


def _finish(text: str) -> Finish:
    known: tuple[Finish, ...] = get_args(Finish)
    return next(each for each in known if each == text)
