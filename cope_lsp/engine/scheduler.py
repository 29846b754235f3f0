"""Which tokens go into the next batch: many jobs, one context, interactive work first.

A job is one prompt and the drafts drawn from it. Its prompt is evaluated once, in the lane (a sequence of
the context) whose memory has most of it already; draft 0 goes on in that lane, the others in copies that
share the prompt's cells. Every call of `step` evaluates one small batch, so that a cancellation or a
newer request waits for one batch at most.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace

from cope_lsp.engine.decoder import Decoder
from cope_lsp.engine.draft_model import DraftModel
from cope_lsp.engine.guesser import Guesser
from cope_lsp.engine.job import Draft, Job, Reading
from cope_lsp.engine.lanes import Lane, Lanes
from cope_lsp.engine.llama import DecodeError, InterruptedBatchError, LlamaContext, LlamaModel, NoSpaceError
from cope_lsp.engine.patience import Patience
from cope_lsp.engine.portion import PREFILL_TOKENS_MIN, Portion
from cope_lsp.engine.prompting import prompt_tokens
from cope_lsp.engine.sampler import Sampler, log_probability
from cope_lsp.engine.speculation import Lookup
from cope_lsp.engine.transcript import Transcript
from cope_lsp.engine.wire import Drawn, EngineSettings, Finished
from cope_lsp.values import Finish, Generation, Limits, Sample

RESERVE_SHARE = 4
"""Batch jobs leave one cell in so many to interactive ones, which would find no room otherwise."""


READ_AHEAD = 0
"""The id of the job that nobody submitted."""


class Scheduler:
    """Runs jobs on one context. Not thread-safe: one thread submits, cancels and steps."""

    def __init__(
        self,
        model: LlamaModel,
        context: LlamaContext,
        settings: EngineSettings,
        send: Callable[[Drawn | Finished], None],
        draft_model: DraftModel | None = None,
    ) -> None:
        self._model = model
        self._context = context
        self._send = send
        self._lanes = Lanes(context, settings.sequences, settings.parked_bytes_max)
        self._jobs: dict[int, Job] = {}
        self._ahead: Job | None = None
        self._portion = Portion(interruptible=model.forgets_ends)
        self._patience = Patience(self._portion)
        self._speculates = settings.speculation != "never" and model.forgets_ends
        self._guesser = Guesser(draft_model, always=settings.speculation == "always")
        self._decoder = Decoder(context, self._lanes)
        self._calibrate()

    @property
    def reading(self) -> Reading | None:
        """What is evaluated now and can be interrupted, for whoever may want to."""
        return self._decoder.reading

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._jobs and self._ahead is None

    def submit(self, job_id: int, generation: Generation) -> None:
        """Take a job; its drafts and its end are sent as they come."""
        deadline = time.monotonic() + generation.limits.deadline_s
        job = Job(job_id, generation, deadline, waiting=list(range(generation.samples)))
        self._jobs[job_id] = job
        self._stop_reading_ahead()

    def cancel(self, job_id: int) -> None:
        """End a job without its unfinished drafts; an unknown or finished one is left alone."""
        if job := self._jobs.get(job_id):
            self._end(job)

    def step(self) -> None:
        """Evaluate one batch for the most urgent job, or for what the next one is likely to show."""
        if self._ahead is not None and not self._jobs:
            self._read_ahead(self._ahead)
        for job in [job for job in self._jobs.values() if time.monotonic() >= job.deadline]:
            self._finish_all(job, "deadline")
        any(self._advance(job) for job in self._by_urgency())

    def _by_urgency(self) -> list[Job]:
        """Interactive before batch; among interactive ones the newest first, among batch ones the oldest."""
        jobs = list(self._jobs.values())
        interactive = [job for job in jobs if job.generation.priority == "interactive"]
        return interactive[::-1] + [job for job in jobs if job.generation.priority == "batch"]

    def _advance(self, job: Job) -> bool:
        """Evaluate one batch for the job; False when it must wait for a lane."""
        try:
            if job.lane is None and not self._start(job):
                return False
            if job.evaluated < len(job.prompt) - 1:
                self._prefill(job)
                return True
            return self._grow(job)
        except (DecodeError, NoSpaceError, ValueError) as error:
            self._context.drop()
            job.waiting.clear()  # nothing is copied any more from a prompt that nobody remembers now
            self._forget_lanes_of(job)
            self._end(job, str(error))
        return True

    # -- the prompt ---------------------------------------------------------------------------

    def _start(self, job: Job) -> bool:
        """Give the job a lane; False while other jobs hold them all."""
        mark = self._model.fim_token("suffix")
        job.prompt = self._fitting(job, mark)
        limit = self._context.context_tokens
        if len(job.prompt) + job.generation.limits.output_tokens_max > limit:
            msg = f"a prompt of {len(job.prompt)} tokens and its answer do not fit into {limit}"
            raise ValueError(msg)
        lane = self._lanes.choose(job.prompt, mark)
        if lane is None:
            return False
        self._lanes.occupy(lane)
        job.lane = lane
        self._lanes.park_idle()
        job.moved = self._lanes.keep(lane, job.prompt, mark)
        job.evaluated = job.cached = len(lane.tokens)
        self._insert_moved(job)
        return True

    def _fitting(self, job: Job, mark: int | None) -> list[int]:
        """Return the tokens of a job's prompt; fewer of them where somebody waits and the network is slow."""
        wanted = job.generation
        tokens = prompt_tokens(wanted.prompt, self._model)
        if (patience_s := wanted.limits.patience_s) is None:
            return tokens
        unread = len(tokens) - self._lanes.known(tokens, mark)
        shorter = self._patience.shorter(wanted.prompt, len(tokens), unread, patience_s)
        most = self._patience.output_tokens(wanted.limits.output_tokens_max, unread, patience_s)
        job.generation = replace(wanted, limits=replace(wanted.limits, output_tokens_max=most))
        job.is_shortened = shorter is not None
        return tokens if shorter is None else prompt_tokens(shorter, self._model)

    def _insert_moved(self, job: Job) -> None:
        """Use what was set aside as soon as all that stands before it is evaluated."""
        if job.moved is not None and job.evaluated == job.moved.start:
            assert job.lane is not None
            self._lanes.insert(job.lane, job.prompt, job.moved)
            job.cached += job.moved.end - job.moved.start
            job.evaluated, job.moved = job.moved.end, None

    def _prefill(self, job: Job) -> None:
        """Evaluate the next piece of the prompt, all but its last token.

        The last token is the first one of each draft. When it fits into the same batch and there is but one
        draft, it goes along: a warm request then costs one batch.
        """
        assert job.lane is not None
        last = job.moved.start if job.moved else len(job.prompt) - 1
        unhurried = job.id != READ_AHEAD and job.generation.limits.patience_s is None
        end = min(job.evaluated + min(self._portion.tokens(unhurried=unhurried), self._context.room), last)
        for position in range(job.evaluated, end):
            self._context.add(job.prompt[position], position, job.lane.sequence, logits=False)
        begin, job.evaluated = job.evaluated, end
        job.lane.tokens = job.prompt[:end]
        complete = end == len(job.prompt) - 1
        draws = complete and job.generation.samples == 1 and self._context.room > 0
        if draws:
            self._begin_drafts(job)
            self._queue(job.drafts)
        try:
            took = self._decoder.decode(job, self._portion.seconds(end - begin))
        except InterruptedBatchError:
            self._context.drop()
            self._context.forget(job.lane.sequence, begin)
            job.lane.tokens, job.evaluated = job.prompt[:begin], begin
            return
        job.prefill_s += took
        self._portion.learn(end - begin, took)
        self._insert_moved(job)
        if draws and job.drafts:
            self._sample(job)

    def _calibrate(self) -> None:
        """Learn how fast the network reads and writes here, which also brings its weights into memory."""
        token, (lane, *_) = self._model.closing_token(), self._lanes.idle()
        for tokens in (1, min(PREFILL_TOKENS_MIN, self._context.room), 1):
            for position in range(tokens):
                self._context.add(token, position, lane.sequence, logits=position == tokens - 1)
            took = self._decoder.decode(None, 0.0)
            self._portion.learn(tokens, took)
            self._lanes.forget(lane)
        self._patience.learn(took)

    # -- reading ahead ------------------------------------------------------------------------

    def _read_ahead(self, job: Job) -> None:
        """Evaluate a piece of a whole prompt that was shortened: the next key finds it read."""
        try:
            if job.lane is None and not self._start(job):
                self._ahead = None
            elif job.evaluated < len(job.prompt) - 1:
                self._prefill(job)
            else:
                self._stop_reading_ahead()
        except (DecodeError, NoSpaceError, ValueError):
            self._context.drop()
            self._forget_lanes_of(job)
            self._stop_reading_ahead()

    def _stop_reading_ahead(self) -> None:
        if self._ahead is not None:
            self._free(self._ahead)
            self._ahead = None

    # -- the drafts ---------------------------------------------------------------------------

    def _grow(self, job: Job) -> bool:
        """Draw a token for every draft of the job, and those that were guessed; False: it must wait."""
        self._begin_drafts(job)
        if not job.drafts:
            return False
        started = time.perf_counter()
        self._queue(job.drafts)
        alone = job.drafts[0] if job.generation.samples == 1 else None
        if alone is not None:
            self._guess(alone, job.generation.limits)
        try:
            took = self._decoder.decode(job, job.step_s if alone is None else 0.0)
        except InterruptedBatchError:
            self._context.drop()  # the drafts are as they were
            return True
        job.decode_s += time.perf_counter() - started
        job.step_s = took
        before = job.output_tokens
        self._sample(job)
        if alone is not None:
            if not alone.guesses:
                self._patience.learn(took)
            self._guesser.learn(len(alone.guesses), took, job.output_tokens - before - 1)
            alone.guesses.clear()
        return True

    def _guess(self, draft: Draft, limits: Limits) -> None:
        """Put tokens that may follow behind the last one of a draft."""
        left = limits.output_tokens_max - draft.transcript.tokens - 1
        draft.guesses = self._guesser.guess(draft.lookup, min(left, self._context.room), left)
        start = len(draft.lane.tokens) + 1
        for position, token in enumerate(draft.guesses, start):
            self._context.add(token, position, draft.lane.sequence, logits=True)

    def _begin_drafts(self, job: Job) -> None:
        """Start as many waiting drafts as there are lanes and cells; batch work leaves some of both free."""
        is_batch = job.generation.priority == "batch"
        cells = self._context.context_tokens - len(job.prompt)
        reserve = self._context.context_tokens // RESERVE_SHARE if is_batch else 0
        at_once = max(1, (cells - reserve) // job.generation.limits.output_tokens_max)
        while job.waiting and len(job.drafts) < at_once:
            lane = self._lane_for_draft(job, spare=1 if is_batch else 0)
            if lane is None:
                return
            index = job.waiting.pop(0)
            sampler = Sampler(job.generation.sampling, index)
            transcript = Transcript(job.generation.limits)
            last, lookup = job.prompt[-1], Lookup(job.prompt) if self._can_guess(job) else None
            job.drafts.append(Draft(index, lane, sampler, transcript, last, lookup))

    def _can_guess(self, job: Job) -> bool:
        """Whether the text of a job is certain, and grows alone: of many drafts a batch is full anyway."""
        wanted = job.generation
        certain = wanted.samples == 1 and wanted.sampling.temperature <= 0
        return certain and self._speculates and self._guesser.is_worthwhile

    def _lane_for_draft(self, job: Job, spare: int) -> Lane | None:
        """Return a lane that remembers the prompt; None while others hold them all.

        One draft takes the job's own lane. A state that is carried along could not be brought back to the
        prompt for those that follow, so there none does where there are several.
        """
        assert job.lane is not None
        has_own = self._model.forgets_ends or job.generation.samples == 1
        if has_own and job.waiting[0] == 0:
            return job.lane
        if len(self._lanes.idle()) > spare:
            return self._lanes.copy(job.lane, job.prompt[:-1])
        return job.lane if has_own and not job.drafts else None

    def _queue(self, drafts: list[Draft]) -> None:
        for draft in drafts:
            lane = draft.lane
            draft.row = self._context.add(draft.last, len(lane.tokens), lane.sequence, logits=True)

    def _sample(self, job: Job) -> None:
        """Read the logits of the batch decoded last, and send the drafts that end with their tokens."""
        finishes = [(draft, self._read(job, draft)) for draft in job.drafts]
        for draft, finish in finishes:
            if finish is not None:
                self._complete(job, draft, finish)
        if not job.drafts and not job.waiting:
            self._end(job)

    def _read(self, job: Job, draft: Draft) -> Finish | None:
        """Take the next token of a draft, and one more for each guess that was right."""
        for row, guess in enumerate([*draft.guesses, None], draft.row):
            draft.lane.tokens.append(draft.last)
            draft.last = draft.sampler.draw(self._context, row)
            job.output_tokens += 1
            if draft.lookup is not None:
                draft.lookup.add(draft.last)
            if job.generation.logprobs:
                draft.logprobs.append(log_probability(self._context.logits(row), draft.last))
            if (finish := self._finish_of(draft)) is not None or draft.last != guess:
                break
        if draft.guesses and not self._context.forget(draft.lane.sequence, len(draft.lane.tokens)):
            self._speculates = False
            raise DecodeError("the model cannot forget what was guessed")
        return finish

    def _finish_of(self, draft: Draft) -> Finish | None:
        if self._model.is_end(draft.last):
            return "eog"
        return draft.transcript.push(self._model.piece(draft.last))

    def _complete(self, job: Job, draft: Draft, finish: Finish) -> None:
        job.drafts.remove(draft)
        self._release(draft, job)
        text, tokens = draft.transcript.text, draft.transcript.tokens
        logprobs = tuple(draft.logprobs[:tokens]) if job.generation.logprobs else None
        self._send(Drawn(job.id, Sample(draft.index, text, tokens, finish, logprobs)))

    def _finish_all(self, job: Job, finish: Finish) -> None:
        for draft in list(job.drafts):
            self._complete(job, draft, finish)
        self._end(job)

    # -- the end ------------------------------------------------------------------------------

    def _release(self, draft: Draft, job: Job) -> None:
        draft.sampler.close()
        if draft.lane is job.lane:
            # Its prompt is still copied for waiting drafts, which need the cells of its text.
            if job.waiting and self._context.forget(draft.lane.sequence, len(job.prompt) - 1):
                draft.lane.tokens = job.prompt[:-1]
            return
        self._lanes.release(draft.lane)

    def _end(self, job: Job, error: str = "") -> None:
        for draft in job.drafts:
            self._release(draft, job)
        self._free(job)
        del self._jobs[job.id]
        if job.is_shortened and not error:
            limits = replace(job.generation.limits, patience_s=None)
            self._ahead = Job(READ_AHEAD, replace(job.generation, limits=limits), deadline=math.inf)
        self._send(Finished(job.id, job.usage, error))

    def _free(self, job: Job) -> None:
        if job.moved is not None:
            self._lanes.release(job.moved.lane)
        if job.lane is not None:
            job.lane.busy = False

    def _forget_lanes_of(self, job: Job) -> None:
        """After a failed batch nobody knows what these sequences hold."""
        if job.lane is not None:
            self._lanes.forget(job.lane)
        for draft in job.drafts:
            self._lanes.forget(draft.lane)
