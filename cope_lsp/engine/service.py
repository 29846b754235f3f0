"""The engine at work: loads the model of an `Open`, then serves all clients until the process ends."""

import itertools
import os
import queue
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from cope_lsp.engine.connection import Letter, Sender
from cope_lsp.engine.draft_model import DraftModel
from cope_lsp.engine.llama import LlamaContext, LlamaModel, start_backend
from cope_lsp.engine.neighbours import resident_bytes
from cope_lsp.engine.scheduler import READ_AHEAD, Scheduler
from cope_lsp.engine.wire import (
    WIRE_VERSION,
    Cancel,
    Drawn,
    EngineSettings,
    EngineStatus,
    Finished,
    Generate,
    Inquire,
    Message,
    Open,
    Ready,
    Refused,
    Unload,
)
from cope_lsp.errors import ModelFileError

Leave = Callable[[str], NoReturn]


class Service:
    """One model at work for all clients. Whatever they send is taken by one thread, between two batches."""

    def __init__(self, opening: Open, count_clients: Callable[[], int]) -> None:
        """Load the model.

        Args:
            opening: what the first client wants; others must want the same.
            count_clients: tells how many there are.

        Raises:
            ModelFileError: llama.cpp cannot load it.
        """
        start_backend()
        self._opening = opening
        self._count_clients = count_clients
        model = LlamaModel(Path(opening.model_path), opening.settings.gpu_layers)
        context = LlamaContext(model, opening.settings)
        tokens = min(model.info.context_tokens, context.context_tokens)
        draft, notes = _load_draft(model, opening.settings)
        self._info = replace(model.info, context_tokens=tokens, notes=notes)
        self._context = context
        self._scheduler = Scheduler(model, context, opening.settings, self._answer, draft)
        self._ids = itertools.count(1)
        self._owners: dict[int, tuple[Sender, int]] = {}
        self._asked = time.monotonic()

    def run(self, first: Letter, inbox: queue.Queue[Letter], leave: Leave) -> NoReturn:
        """Serve; `leave` is called with the reason for which this engine ends."""
        self._take(first, leave)
        while True:
            self._context.go_on()  # what was interrupted for is in the inbox
            while self._scheduler.idle or not inbox.empty():
                self._take(self._next(inbox, leave), leave)
            self._scheduler.step()

    def glance(self, letter: Letter) -> None:
        """Look at a letter that waits in the inbox: what a prompt being read must not keep waiting.

        For the threads that bring letters. Where they are late or early, a batch is evaluated in vain, or to
        its end.
        """
        reading = self._scheduler.reading
        if reading is None or reading.is_nearly_done(time.monotonic()):
            return
        owner = self._owners.get(reading.job_id)
        match letter.message:
            case Generate(generation=generation):
                urgent = reading.job_id == READ_AHEAD or generation.priority == "interactive"
            case Cancel(id=client_id):
                urgent = owner == (letter.sender, client_id)
            case None:
                urgent = owner is not None and owner[0] is letter.sender
            case _:
                urgent = False
        if urgent:
            self._context.interrupt()

    def _next(self, inbox: queue.Queue[Letter], leave: Leave) -> Letter:
        idle_s = self._opening.settings.idle_s
        if not idle_s:
            return inbox.get()
        left = idle_s if self._owners else self._asked + idle_s - time.monotonic()
        try:
            return inbox.get(timeout=max(0.0, left))
        except queue.Empty:
            leave(f"nothing was asked for {idle_s:.0f} s")

    def _take(self, letter: Letter, leave: Leave) -> None:
        match letter.message:
            case Open() as opening:
                letter.sender.send(self._reply_to(opening))
            case Generate(id=client_id, generation=generation):
                self._asked = time.monotonic()
                job_id = next(self._ids)
                self._owners[job_id] = (letter.sender, client_id)
                self._scheduler.submit(job_id, generation)
            case Cancel(id=client_id):
                self._cancel(lambda owner: owner == (letter.sender, client_id))
            case None:
                self._cancel(lambda owner: owner[0] is letter.sender)
            case Unload() if not self._owners:
                leave("another model needs its memory")
            case Unload() | Inquire():
                letter.sender.send(self._status())

    def _reply_to(self, opening: Open) -> Message:
        if opening == self._opening:
            return Ready(WIRE_VERSION, self._info)
        return Refused("this engine was started for another model, or with other settings")

    def _cancel(self, concerns: Callable[[tuple[Sender, int]], bool]) -> None:
        for job_id in [job_id for job_id, owner in self._owners.items() if concerns(owner)]:
            self._scheduler.cancel(job_id)

    def _answer(self, message: Drawn | Finished) -> None:
        sender, client_id = self._owners[message.id]
        if isinstance(message, Finished):
            del self._owners[message.id]
        sender.send(replace(message, id=client_id))

    def _status(self) -> EngineStatus:
        idle_s = 0.0 if self._owners else time.monotonic() - self._asked
        running = (os.getpid(), self._opening.model_path, self._count_clients(), len(self._owners))
        return EngineStatus(*running, resident_bytes(), idle_s)


def _load_draft(model: LlamaModel, settings: EngineSettings) -> tuple[DraftModel | None, tuple[str, ...]]:
    """Return the draft model, and what is to be said of it: without one the model writes the same text."""
    if not settings.draft_path or settings.speculation == "never":
        return None, ()
    try:
        return DraftModel(Path(settings.draft_path), model, settings), ()
    except ModelFileError as error:
        return None, (f"the draft model is not used: {error}",)
