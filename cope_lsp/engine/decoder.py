"""Evaluates a batch: finds room for it, and lets something more urgent interrupt it."""

import time

from cope_lsp.engine.job import Job, Reading
from cope_lsp.engine.lanes import Lanes
from cope_lsp.engine.llama import InterruptedBatchError, LlamaContext, NoSpaceError
from cope_lsp.engine.portion import WORTH_FINISHING, WORTH_FINISHING_S


class Decoder:
    """Evaluates the batches of one context."""

    def __init__(self, context: LlamaContext, lanes: Lanes) -> None:
        self._context = context
        self._lanes = lanes
        self.reading: Reading | None = None
        """What is evaluated now and can be interrupted, for whoever may want to."""

    def decode(self, job: Job | None, expected_s: float) -> float:
        """Decode the batch and return the seconds it took.

        When there is no room, guesses are given up first, and then what idle lanes remember.

        Args:
            job: whose batch it is; None: nobody's.
            expected_s: how long it probably takes; 0: it is not interrupted, since to begin again would take
                as long.

        Raises:
            InterruptedBatchError: something more urgent came.
        """
        started = time.perf_counter()
        if job is not None and expected_s:
            done = max(WORTH_FINISHING * expected_s, expected_s - WORTH_FINISHING_S)
            begun = time.monotonic()
            self.reading = Reading(job.id, begun + done, begun + expected_s + WORTH_FINISHING_S)
        try:
            while True:
                try:
                    self._context.decode()
                    return time.perf_counter() - started
                except InterruptedBatchError:
                    if self.reading is not None:
                        raise
                    self._context.go_on()
                except NoSpaceError:
                    if not self._make_room(job):
                        raise
        finally:
            self.reading = None

    def _make_room(self, job: Job | None) -> bool:
        guessing = [draft for draft in job.drafts if draft.guesses] if job else []
        for draft in guessing:
            self._context.drop(len(draft.guesses))
            draft.guesses.clear()
        return bool(guessing) or self._lanes.make_room()
