"""The engine at work: loads the model of an `Open`, then serves generations until the process ends."""

import queue
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cope_lsp.engine.llama import LlamaContext, LlamaModel, start_backend
from cope_lsp.engine.scheduler import Scheduler
from cope_lsp.engine.wire import (
    WIRE_VERSION,
    Cancel,
    Generate,
    Message,
    Open,
    Ready,
    Refused,
)
from cope_lsp.errors import ModelFileError


def serve(opening: Open, inbox: queue.SimpleQueue[Message], send: Callable[[Message], None]) -> None:
    """Answer `opening`, then work through the inbox; returns only when the model cannot be loaded."""
    start_backend()
    try:
        model = LlamaModel(Path(opening.model_path), opening.settings.gpu_layers)
        context = LlamaContext(model, opening.settings)
    except ModelFileError as error:
        send(Refused(str(error)))
        return
    context_tokens = min(model.info.context_tokens, context.context_tokens)
    send(Ready(WIRE_VERSION, replace(model.info, context_tokens=context_tokens)))
    scheduler = Scheduler(model, context, opening.settings, send)
    while True:
        while scheduler.idle or not inbox.empty():
            _apply(inbox.get(), scheduler)
        scheduler.step()


def _apply(message: Message, scheduler: Scheduler) -> None:
    if isinstance(message, Generate):
        scheduler.submit(message.id, message.generation)
    elif isinstance(message, Cancel):
        scheduler.cancel(message.id)
