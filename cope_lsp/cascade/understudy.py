"""The understudy: how a model without a chat template reads what the planner asks a hosted one."""

import ast

from cope_lsp.cascade import planner, prompts
from cope_lsp.models.standin import Asked, Reading, as_it_stands


def read(asked: Asked) -> Reading:
    """Read the planner's question as a function that lacks its guideline, any other as it stands."""
    if asked.system != planner.SYSTEM:
        return as_it_stands(asked)
    instruction, passage = _taken_apart(asked.text)
    parts = _parts(passage, instruction)
    if parts is None:
        return as_it_stands(asked)
    return Reading(prompts.plain(parts, "guideline"), stop=("\n",))


def _taken_apart(text: str) -> tuple[str, str]:
    """Return the instruction and the passage of `planner.guideline_question`."""
    head, _, rest = text.partition("\n\n")
    if head.startswith("Task: "):
        return head.removeprefix("Task: "), rest
    return "", text


def _parts(passage: str, instruction: str) -> prompts.Parts | None:
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
    return prompts.Parts("".join(above), _signature(last), " ".join(filter(None, (said, instruction))))


def _signature(function: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{' ' * function.col_offset}def {function.name}({ast.unparse(function.args)}){returns}:"
