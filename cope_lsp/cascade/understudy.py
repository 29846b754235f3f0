"""The understudy: how a model without a chat template reads what the planner asks a hosted one."""

import ast
from dataclasses import replace

from cope_lsp.cascade import planner, prompts
from cope_lsp.cascade.executor import BODY_ENDS
from cope_lsp.models.standin import Asked, Reading, as_it_stands


def read(asked: Asked) -> Reading:
    """Read the planner's questions as a function without guideline or body, any other as it stands."""
    if asked.system not in (planner.SYSTEM, planner.DRAFT_SYSTEM):
        return as_it_stands(asked)
    sections, passage = _taken_apart(asked.text)
    parts = _parts(passage, sections)
    if parts is None:
        return as_it_stands(asked)
    if asked.system == planner.SYSTEM:
        # A guideline is asked for as if it were alone: it was trained so, and the goal may be wrong.
        return Reading(prompts.plain(replace(parts, goal=""), "guideline"), stop=("\n",))
    return Reading(prompts.plain(parts, "code"), stop=BODY_ENDS, opening=f"{parts.signature}\n")


def _taken_apart(text: str) -> tuple[dict[str, str], str]:
    """Return the sections of a planner's question by their heads, and its passage."""
    sections: dict[str, str] = {}
    while head := next((head for head in planner.HEADS if text.startswith(f"{head} ")), ""):
        section, _, text = text.partition("\n\n")
        sections[head] = section.removeprefix(head).strip()
    return sections, text


def _parts(passage: str, sections: dict[str, str]) -> prompts.Parts | None:
    """Return what is known of the last function in a passage of Python; None when there is none."""
    try:
        tree = ast.parse(passage)
    except (SyntaxError, ValueError):
        return None
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    if not functions:
        return None
    last = max(functions, key=lambda node: node.lineno)
    said = prompts.one_line((ast.get_docstring(last) or "").partition("\n\n")[0])
    above = passage.splitlines(keepends=True)[: last.lineno - 1]
    return prompts.Parts(
        context="".join(above),
        signature=_signature(last),
        docstring=" ".join(filter(None, (said, sections.get("Task:", "")))),
        goal=sections.get("Goal:", ""),
        guideline=sections.get("Guideline:", ""),
    )


def _signature(function: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{' ' * function.col_offset}def {function.name}({ast.unparse(function.args)}){returns}:"
