"""The function that a test tests, in a document of its own."""

import asyncio
from pathlib import Path

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cope_lsp.checks.suite.files import is_test
from cope_lsp.context.target import Place, target_named
from cope_lsp.context.tested import ModuleOfTests, Project, Tested
from cope_lsp.egress.permit import path_of
from cope_lsp.errors import CopeError
from cope_lsp.server.asking import ask
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.guard import may_edit
from cope_lsp.server.server import CopeServer
from cope_lsp.server.wish import file_of, folders_of, project_of

TESTS_MAX = 200
"""As many tests of a document are looked at for stubs that they call."""

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
    project = _project(ls, module.file)

    def calls_a_stub(test: Place) -> bool:
        return any(each.place.is_open for each in module.functions(test.line, project))

    tests = module.tests[:TESTS_MAX]
    return await asyncio.to_thread(lambda: [test for test in tests if calls_a_stub(test)])


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
    project = project_of(ls, file_of(document))
    chosen = await _chosen(ls, document, line, project)
    opened = await _opened(ls, chosen.file, project)
    target = await asyncio.to_thread(target_named, opened.source, chosen.place.symbol)
    return opened, target.line


async def _module(ls: CopeServer, uri: str) -> ModuleOfTests | None:
    """Return what there is to know of a document with tests; None: it has none, or they are not run."""
    document, file = ls.document(uri), path_of(uri)
    if (
        document is None
        or file is None
        or not ls.client.trusted
        or document.language_id != "python"
        or not is_test(file.name)
    ):
        return None
    return await ls.tests.of(document, lambda text: asyncio.to_thread(ModuleOfTests, text, file))


def _project(ls: CopeServer, file: Path) -> Project:
    """Return the project around a file, as the editor has it: what is on the disk may be older."""
    opened = {name: each.source for each in ls.documents() if (name := path_of(each.uri)) is not None}
    return Project(project_of(ls, file), opened)


async def _chosen(ls: CopeServer, document: LspDocument, line: int, project: Path) -> Tested:
    found = await _that_may_change(ls, document, line)
    stubs = [each for each in found if each.place.is_open]
    if not found:
        msg = "no function of this project that may be changed is called by this test"
        raise CopeError(msg)
    if len(found) == 1 or len(stubs) == 1:
        return (stubs or found)[0]
    by_title = {f"{each.place.symbol} ({_shown(each.file, project)})": each for each in found[:CHOICES_MAX]}
    title = await ask(ls, "Which function shall be mended so that the test passes?", *by_title)
    if title is None:
        msg = "the test calls several functions, and none was chosen"
        raise CopeError(msg)
    return by_title[title]


async def _that_may_change(ls: CopeServer, document: LspDocument, line: int) -> list[Tested]:
    """Return the functions that the test at a line calls and a draft may be written for."""
    module = await _module(ls, document.uri)
    if module is None:
        return []
    project, folders = _project(ls, module.file), folders_of(ls) or [module.file.parent]

    def found() -> list[Tested]:
        called = module.functions(line, project)
        return [each for each in called if not may_edit(each.file.as_uri(), folders)]

    return await asyncio.to_thread(found)


async def _opened(ls: CopeServer, file: Path, project: Path) -> LspDocument:
    """Return the document of a file, which the editor opens if it is not open."""
    uri = file.as_uri()
    if ls.document(uri) is None and ls.client.shows_documents:
        shown = ls.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True))
        try:
            async with asyncio.timeout(SHOW_WAIT_S):
                if (await shown).success:
                    await ls.opening(uri)
        except (TimeoutError, JsonRpcException):
            pass
    if (document := ls.document(uri)) is None:
        msg = f"open {_shown(file, project)}, in which the function is that this test tests"
        raise CopeError(msg)
    return document


def _shown(file: Path, project: Path) -> str:
    """Return how people name a file, of which a project may have several with one name."""
    return file.relative_to(project).as_posix()
