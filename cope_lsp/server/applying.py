"""Edits reach the editor: only if they fit, and believed only when the document says so.

Neovim 0.12 answers `workspace/applyEdit` with applied: true when it skipped an edit; what counts is the text
that `didChange` brings.
"""

import asyncio
import difflib

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cope_lsp.server.asking import ask, tell
from cope_lsp.server.documents import LspDocument
from cope_lsp.server.edits import Edit, workspace_edit
from cope_lsp.server.outline import refusal
from cope_lsp.server.server import CopeServer

APPLY_WAIT_S = 300.0
"""An editor may show its user the edit first."""

TEXT_WAIT_S = 2.0

_APPLY, _SHOW, _DISCARD = "Apply", "Show", "Discard"
_REJECTED = "the edit was not accepted"


async def apply(ls: CopeServer, edit: Edit, *, confirm: bool = False) -> str:
    """Let the editor apply an edit (LSP 3.18, "Applies a WorkspaceEdit").

    Args:
        ls: the server.
        edit: the edit.
        confirm: whether the user has not seen it yet, and the editor, which can, shall ask them.

    Returns:
        why it is not in the document now; "" when it is.
    """
    document = ls.document(edit.uri)
    if document is None:
        return "the document is not open any more"
    if reason := await refusal(ls, document):
        return reason
    if not ls.client.applies_edits:
        return "the editor takes no edits from a server"
    if not edit.fits(document.source):
        return "the document has changed since"
    said = await _request(ls, document, edit, confirm=confirm)
    if await document.becomes(edit.is_in, TEXT_WAIT_S) and ls.document(edit.uri) is document:
        return ""
    if edit.fits(document.source):
        return said or _REJECTED
    return "the document is not what it should be with this edit; look at it, and undo what is wrong"


async def _request(ls: CopeServer, document: LspDocument, edit: Edit, *, confirm: bool) -> str:
    """Send an edit; return what the editor says of it, which is no proof."""
    change = workspace_edit(
        edit, document.buffer, document.version, versioned=ls.client.versions_edits, annotated=confirm
    )
    request = ls.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(change, edit.label))
    try:
        answer = await asyncio.wait_for(request, APPLY_WAIT_S)
    except TimeoutError:
        return "the editor did not answer"
    except JsonRpcException:
        return "the editor could not apply it"
    return "" if answer.applied else answer.failure_reason or ""


async def apply_if_wanted(ls: CopeServer, edit: Edit) -> str:
    """Apply an edit after the user has agreed, in the way that the editor knows; returns as `apply`."""
    if ls.client.confirms_edits:
        return await apply(ls, edit, confirm=True)
    question = f"{edit.label}: {edit.summary}. Apply it?"
    chosen = await ask(ls, question, _APPLY, _SHOW, _DISCARD)
    if chosen == _SHOW:
        tell(ls, _as_diff(edit))
        chosen = await ask(ls, question, _APPLY, _DISCARD)
    return await apply(ls, edit) if chosen == _APPLY else "you did not want it"


def _as_diff(edit: Edit) -> str:
    lines = difflib.unified_diff(edit.old.splitlines(), edit.new.splitlines(), n=0, lineterm="")
    return "\n".join([*lines][3:])
