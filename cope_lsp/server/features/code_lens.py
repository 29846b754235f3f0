"""`textDocument/codeLens`: above each function that waits to be written, and above each test of one.

LSP 3.18, "Code Lens Request".
"""

from lsprotocol import types

from cope_lsp.context.target import Place
from cope_lsp.server.convert import empty_range
from cope_lsp.server.features import solve
from cope_lsp.server.outline import outline_of
from cope_lsp.server.server import CopeServer
from cope_lsp.server.under_test import tests_of_stubs

TITLE = "Implement with cope"
FIX_TEST = "Fix this failing test with cope"


def register(server: CopeServer) -> None:
    """Add the handler to `server`; called while `initialize` of a client with lenses is being answered."""

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=False))
    async def lenses(ls: CopeServer, params: types.CodeLensParams) -> list[types.CodeLens]:
        uri = params.text_document.uri
        stubs = [place for place in await outline_of(ls, uri) if place.is_open]
        tests = await tests_of_stubs(ls, uri)
        return [
            *(_lens(place, solve.command(TITLE, uri, place.line)) for place in stubs),
            *(_lens(test, solve.command(FIX_TEST, uri, test.line, test=True)) for test in tests),
        ]


def _lens(place: Place, command: types.Command) -> types.CodeLens:
    return types.CodeLens(empty_range(types.Position(place.line, 0)), command)
