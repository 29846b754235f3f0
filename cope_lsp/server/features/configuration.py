"""`workspace/configuration` and `workspace/didChangeConfiguration`: the editor's settings."""

import logging
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cope_lsp.egress.permit import path_of
from cope_lsp.loading import for_project, with_editor_settings
from cope_lsp.server.features import status
from cope_lsp.server.server import CopeServer

SECTION = "cope"

log = logging.getLogger(__name__)


def register(server: CopeServer) -> None:
    """Add the handlers to `server`."""

    @server.feature(types.INITIALIZED)
    async def initialized(ls: CopeServer, _params: types.InitializedParams) -> None:
        status.publish(ls, "Normal", "")
        if ls.client.knows_configuration:
            await _pull(ls)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change(ls: CopeServer, params: types.DidChangeConfigurationParams) -> None:
        if ls.client.knows_configuration:
            await _pull(ls)
        elif isinstance(params.settings, dict):
            load(ls, params.settings.get(SECTION))


def load(ls: CopeServer, editor_settings: Any) -> None:
    """Read all settings again: the files of the user and the project, and what the editor sent."""
    root = ls.workspace.root_uri
    path = path_of(root) if root else None
    loaded = with_editor_settings(for_project(ls.loaded, Path(path) if path else None), editor_settings)
    for problem in set(loaded.problems) - set(ls.loaded.problems):
        log.warning("%s", problem)
    ls.use(loaded)


async def _pull(ls: CopeServer) -> None:
    item = types.ConfigurationItem(section=SECTION)
    try:
        values = await ls.workspace_configuration_async(types.ConfigurationParams([item]))
    except JsonRpcException:
        log.warning("the editor did not answer workspace/configuration")
        return
    load(ls, values[0] if values else None)
