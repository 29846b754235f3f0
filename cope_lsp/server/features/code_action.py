"""`textDocument/codeAction`: implement, rewrite or fix a function (LSP 3.18, "Code Action Request")."""

from collections.abc import Iterator, Sequence

from lsprotocol import types

from cope_lsp.context.target import Place
from cope_lsp.server.features import solve
from cope_lsp.server.features.code_lens import FIX_TEST
from cope_lsp.server.features.code_lens import TITLE as IMPLEMENT
from cope_lsp.server.outline import outline_of
from cope_lsp.server.server import CopeServer
from cope_lsp.server.under_test import tests_of
from cope_lsp.text import without_hidden

PLANNED = "Implement with a plan from the hosted model"
REWRITE, FIX = "Rewrite with cope", "Fix this with cope"
MESSAGE_CHARACTERS_MAX = 300

_QUICK_FIX, _REWRITES = types.CodeActionKind.QuickFix, types.CodeActionKind.RefactorRewrite


def register(server: CopeServer) -> None:
    """Add the handler to `server`."""

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[_QUICK_FIX, _REWRITES], resolve_provider=False),
    )
    async def actions(
        ls: CopeServer, params: types.CodeActionParams
    ) -> list[types.CodeAction] | list[types.Command]:
        uri, context = params.text_document.uri, params.context
        places = await outline_of(ls, uri)
        tests = await tests_of(ls, uri)
        found = [
            *_for_tests(uri, tests, params.range, context.only),
            *_for_diagnostics(uri, places, context),
            *_for_range(ls, uri, places, params.range, context.only),
        ]
        if ls.client.takes_code_actions:
            return found
        return [action.command for action in found if action.command]


def _for_diagnostics(
    uri: str, places: Sequence[Place], context: types.CodeActionContext
) -> Iterator[types.CodeAction]:
    if not _wanted(_QUICK_FIX, context.only):
        return
    for diagnostic in context.diagnostics:
        place = _around(places, diagnostic.range)
        if place is not None and not place.is_open:
            # It comes from another server, and may quote what a stranger wrote.
            said = " ".join(without_hidden(diagnostic.message).split())[:MESSAGE_CHARACTERS_MAX]
            command = solve.command(FIX, uri, place.line, instruction=f"Fix this: {said}")
            yield types.CodeAction(FIX, _QUICK_FIX, diagnostics=[diagnostic], command=command)


def _for_range(
    ls: CopeServer,
    uri: str,
    places: Sequence[Place],
    where: types.Range,
    only: Sequence[types.CodeActionKind | str] | None,
) -> Iterator[types.CodeAction]:
    place = _around(places, where)
    if place is None:
        return
    title, kinds = (IMPLEMENT, (_QUICK_FIX, _REWRITES)) if place.is_open else (REWRITE, (_REWRITES,))
    for kind in [kind for kind in kinds if _wanted(kind, only)][:1]:
        yield types.CodeAction(title, kind, command=solve.command(title, uri, place.line))
        if place.is_open and ls.loaded.config.cascade_escalate != "never":
            command = solve.command(PLANNED, uri, place.line, withPlan=True)
            yield types.CodeAction(PLANNED, kind, command=command)


def _for_tests(
    uri: str, tests: Sequence[Place], where: types.Range, only: Sequence[types.CodeActionKind | str] | None
) -> Iterator[types.CodeAction]:
    test = _around(tests, where)
    if test is not None and _wanted(_QUICK_FIX, only):
        command = solve.command(FIX_TEST, uri, test.line, test=True)
        yield types.CodeAction(FIX_TEST, _QUICK_FIX, command=command)


def _around(places: Sequence[Place], where: types.Range) -> Place | None:
    """Return the innermost function that a range lies in."""
    around = [each for each in places if each.first <= where.start.line and where.end.line <= each.end_line]
    return max(around, key=lambda each: each.line, default=None)


def _wanted(kind: types.CodeActionKind, only: Sequence[types.CodeActionKind | str] | None) -> bool:
    """Whether a client wants actions of a kind; "refactor" includes "refactor.rewrite", "" includes all."""
    if only is None:
        return True
    names = [each.value if isinstance(each, types.CodeActionKind) else each for each in only]
    return any(name == "" or f"{kind.value}.".startswith(f"{name}.") for name in names)
