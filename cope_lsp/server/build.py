"""Assembles the server from its features."""

from cope_lsp.config import Loaded
from cope_lsp.server.features import (
    accept,
    budget,
    configuration,
    inline_completion,
    lifecycle,
    plan,
    sent,
    status,
)
from cope_lsp.server.server import CopeServer


def build_server(loaded: Loaded) -> CopeServer:
    """Return a server that is ready to speak; `completion` joins when a client needs it."""
    server = CopeServer(loaded)
    for feature in (lifecycle, configuration, inline_completion, accept, status, plan, budget, sent):
        feature.register(server)
    return server
