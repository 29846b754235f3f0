"""The function that a test tests, in a document of its own."""

import asyncio
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cope_lsp.checks.suite.files import is_test
from cope_lsp.context.target import Place, target_named
from cope_lsp.context.tested import ModuleOfTests, Tested
from cope_lsp.errors import CopeError
from cope_lsp.server.asking import ask
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.guard import may_edit
from cope_lsp.server.outline import CHARACTERS_MAX
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import file_of, folders_of, project_of

CHOICES_MAX = 5
"""As many functions are offered when a test calls several."""

SHOW_WAIT_S = 10.0
"""How long an editor may take to open a file."""


async def tests_of(ls: CopeServer, uri: str) -> list[Place]:
    """Return where the tests of a document are; none where they are not run."""
    module = await _module(ls, uri)
    return module.tests if module else []


async def tests_of_stubs(ls: CopeServer, uri: str) -> list[Place]:
    """Return the tests of a document that must fail: a function that they call is still to be written."""
    module = await _module(ls, uri)
    if module is None:
        return []

    def calls_a_stub(test: Place) -> bool:
        return any(each.place.is_open for each in module.functions(test.line))

    return await asyncio.to_thread(lambda: [test for test in module.tests if calls_a_stub(test)])


async def function_under_test(ls: CopeServer, document: LspDocument, line: int) -> tuple[LspDocument, int]:
    """Return the document and the line of the function that the test at a line tests.

    The user is asked when there are several and not just one of them is still to be written. The editor is
    asked to open the file, so that it knows what is going to change.

    Raises:
        CopeError: there is none that may be written, or the user chose none; the message says so.
    """
    if not ls.client.trusted:
        msg = "a test says something only when it runs, and tests run only in a workspace that you trust"
        raise CopeError(msg)
    chosen = await _chosen(ls, document, line)
    opened = await _opened(ls, chosen.file)
    target = await asyncio.to_thread(target_named, opened.source, chosen.place.symbol)
    return opened, target.line


async def _module(ls: CopeServer, uri: str) -> ModuleOfTests | None:
    """Return what there is to know of a document with tests; None: it has none, or they are not run."""
    document = ls.document(uri)
    if (
        document is None
        or not ls.client.trusted
        or document.language_id != "python"
        or not uri.startswith("file:")
        or len(document.source) > CHARACTERS_MAX
        or not is_test((file := file_of(document)).name)
    ):
        return None
    return await asyncio.to_thread(ModuleOfTests, document.source, file, project_of(ls, file))


async def _chosen(ls: CopeServer, document: LspDocument, line: int) -> Tested:
    module, folders = await _module(ls, document.uri), folders_of(ls) or [file_of(document).parent]
    called = await asyncio.to_thread(module.functions, line) if module else []
    found = [each for each in called if not await asyncio.to_thread(may_edit, each.file.as_uri(), folders)]
    stubs = [each for each in found if each.place.is_open]
    if not found:
        msg = "no function of this project that may be changed is called by this test"
        raise CopeError(msg)
    if len(found) == 1 or len(stubs) == 1:
        return (stubs or found)[0]
    by_title = {f"{each.place.symbol} ({each.file.name})": each for each in found[:CHOICES_MAX]}
    title = await ask(ls, "Which function shall be mended so that the test passes?", *by_title)
    if title is None:
        msg = "the test calls several functions, and none was chosen"
        raise CopeError(msg)
    return by_title[title]


async def _opened(ls: CopeServer, file: Path) -> LspDocument:
    """Return the document of a file, which the editor opens if it is not open."""
    uri = file.as_uri()
    if ls.document(uri) is None and ls.client.shows_documents:
        shown = ls.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True))
        try:
            async with asyncio.timeout(SHOW_WAIT_S):
                await shown
                await ls.opening(uri)
        except (TimeoutError, JsonRpcException):
            pass
    if (document := ls.document(uri)) is None:
        msg = f"open {file.name}, in which the function is that this test tests"
        raise CopeError(msg)
    return document
