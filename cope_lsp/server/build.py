"""Assembles the server from its features."""

from cope_lsp.config import Loaded
from cope_lsp.server.features import (
    accept,
    apply,
    budget,
    cancel,
    code_action,
    configuration,
    inline_completion,
    lifecycle,
    plan,
    sent,
    shutdown,
    solve,
    status,
    undo,
)
from cope_lsp.server.server import CopeServer

_COMMANDS = (accept, status, plan, solve, apply, undo, cancel, budget, sent)


def build_server(loaded: Loaded) -> CopeServer:
    """Return a server that is ready to speak; `completion` and `code_lens` join when a client knows them."""
    server = CopeServer(loaded)
    for feature in (lifecycle, shutdown, configuration, inline_completion, code_action, *_COMMANDS):
        feature.register(server)
    return server
