"""Assembles the server from its features."""

from cope_lsp.config import Loaded
from cope_lsp.server.features import (
    accept,
    apply,
    budget,
    cancel,
    code_action,
    configuration,
    feedback,
    inline_completion,
    inline_edit,
    lifecycle,
    plan,
    sent,
    shutdown,
    snooze,
    solve,
    status,
    undo,
)
from cope_lsp.server.server import CopeServer

_WHILE_TYPING = (inline_completion, inline_edit, feedback)
_COMMANDS = (accept, status, plan, solve, apply, undo, cancel, budget, sent, snooze)


def build_server(loaded: Loaded) -> CopeServer:
    """Return a server that is ready to speak; `completion` and `code_lens` join when a client knows them."""
    server = CopeServer(loaded)
    for feature in (lifecycle, shutdown, configuration, *_WHILE_TYPING, code_action, *_COMMANDS):
        feature.register(server)
    return server
