"""How a chat model is asked for a plan or a draft of a function, and how its answer is read.

The second format beside `prompts.plain`, from the same parts. Hosted models are asked in it, too: `planner`.
"""

import ast
import re
import textwrap

from cope_lsp.cascade.prompts import INDENT, Answer, Ask, Parts, one_line, plain

_CODE = "Answer with the complete function in one code block of Python, and nothing after it."

SYSTEMS: dict[Ask, str] = {
    "code": f"You write one Python function. {_CODE}",
    "goal-and-code": (
        "You write one Python function. First write one line that begins with 'Goal:' and says in a sentence "
        f"what the function should achieve. {_CODE}"
    ),
    "guideline-and-code": (
        "You write one Python function. First write one line that begins with 'Guideline:' and says in a "
        f"sentence how to do it. {_CODE}"
    ),
    "goal": "Say in one sentence what the function at the end should achieve. No code, no introduction.",
    "guideline": (
        "You advise a small code model that writes one function. In one or two sentences, say how to do it: "
        "the decisive steps, the edge cases that are easily missed. No code, no introduction, no list."
    ),
}
"""The instructions for each thing that can be asked for."""

_BLOCK = re.compile(r"```[\w+-]*[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_PLAN = re.compile(r"\A\W*(?:goal|guideline)\W*:?\W*(.+)", re.IGNORECASE)


def question(parts: Parts, more: str = "") -> str:
    """Return what a chat model is shown: the function, its plans as comments, and `more` below it."""
    shown = plain(parts, "code").rstrip()
    return f"{shown}\n{INDENT}...\n" + (f"\n{more.strip()}\n" if more.strip() else "")


def read(parts: Parts, ask: Ask, text: str) -> Answer:
    """Take apart what a chat model answered to `question(parts)` under `SYSTEMS[ask]`."""
    if ask in ("goal", "guideline"):
        said = one_line(_BLOCK.sub("", text))
        return Answer(goal=said) if ask == "goal" else Answer(guideline=said)
    block = _BLOCK.search(text)
    code = block[1] if block else text if ask == "code" else _without_plan(text)
    before = text[: block.start()] if block else text
    stated = _PLAN.match(before.strip()) if ask != "code" else None
    plan, draft = one_line(stated[1]) if stated else "", body_of(parts, code)
    return Answer(guideline=plan, draft=draft) if ask == "guideline-and-code" else Answer(plan, draft=draft)


def body_of(parts: Parts, code: str) -> str:
    """Return the body of the function that a model wrote out, indented as a draft of `parts`.

    What it imports goes along into the body, since a draft is the body and nothing else. Code that does not
    hold the function is taken for its body.
    """
    depth = len(parts.signature) - len(parts.signature.lstrip(" ")) + len(INDENT)
    name = parts.signature.partition("(")[0].split()[-1]
    try:
        tree = ast.parse(textwrap.dedent(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _indented(_below_signature(code, name), depth)
    lines = textwrap.dedent(code).split("\n")
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    if not functions:
        return _indented("\n".join(lines), depth)
    function = functions[-1]
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    if not body:
        return ""
    imports = [
        ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and ast.unparse(node) not in parts.context
    ]
    first, last = body[0], function.end_lineno
    if first.lineno == function.lineno:
        written = [ast.unparse(node) for node in body]
    else:
        written = textwrap.dedent("\n".join(lines[first.lineno - 1 : last])).split("\n")
    return _indented("\n".join([*imports, *written]), depth)


def _without_plan(text: str) -> str:
    line, _, rest = text.lstrip().partition("\n")
    return rest if _PLAN.match(line) else text


def _below_signature(code: str, name: str) -> str:
    """Return what stands under the signature in code that does not parse; all of it where there is none."""
    signature = rf"^[ \t]*(?:async[ \t]+)?def[ \t]+{re.escape(name)}\b.*?:[ \t]*\n"
    start = re.search(signature, code, re.DOTALL | re.MULTILINE)
    return code[start.end() :] if start else code


def _indented(code: str, depth: int) -> str:
    kept = textwrap.indent(textwrap.dedent(code.expandtabs(4)).strip("\n"), " " * depth).rstrip()
    return f"{kept}\n" if kept.strip() else ""
