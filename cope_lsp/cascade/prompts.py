"""Prompts: how a model is asked for a plan or a draft, and how its answer is read.

One module for the product, the training and the evaluation, so that all three write the same text. `plain` is
the format of models without a chat template: a task is an unfinished function, and plans are comments at the
top of its body. A format for chat models is a second function from the same `Parts`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

INDENT = "    "
GOAL = "# Goal:"
GUIDELINE = "# Guideline:"

Ask = Literal["code", "goal-and-code", "guideline-and-code", "goal", "guideline"]
"""What is wanted: a draft under the plans of the parts, an own plan with its draft, or one plan alone."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is known of the function to write; everything but the signature may be empty."""

    context: str
    """Code above the signature: imports, signatures around it."""
    signature: str
    """The `def` line or lines, indented as in its file, without the last line's end."""
    docstring: str = ""
    """The text between the quotes."""
    goal: str = ""
    guideline: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote, taken apart; a part that was not asked for is empty."""

    goal: str = ""
    guideline: str = ""
    draft: str = ""
    """Whole lines, indented as they stand in the file."""


def plain(parts: Parts, ask: Ask) -> str:
    """Return the text that a model without a chat template goes on with."""
    match ask:
        case "code":
            return _until_body(parts)
        case "goal-and-code" | "goal":
            return f"{_until_body(replace(parts, goal='', guideline=''))}{_indent(parts)}{GOAL}"
        case "guideline" | "guideline-and-code":
            return f"{_until_body(replace(parts, guideline=''))}{_indent(parts)}{GUIDELINE}"


def read(parts: Parts, ask: Ask, text: str) -> Answer:
    """Take apart what a model wrote after `plain(parts, ask)`."""
    line, _, rest = text.partition("\n")
    match ask:
        case "code":
            return Answer(draft=_draft(parts, text))
        case "goal-and-code":
            return Answer(goal=one_line(line), draft=_draft(parts, rest))
        case "guideline-and-code":
            return Answer(guideline=one_line(line), draft=_draft(parts, rest))
        case "goal":
            return Answer(goal=one_line(line))
        case "guideline":
            return Answer(guideline=one_line(line))


def is_finished(parts: Parts, ask: Ask, text: str) -> bool:
    """Return whether an answer has gone past its end, so that no more of it needs to be drawn."""
    if ask in ("goal", "guideline"):
        return "\n" in text
    code = text if ask == "code" else text.partition("\n")[2]
    return any(_is_outside(parts, line) for line in code.split("\n"))


def plan_lines(parts: Parts) -> str:
    """Return the comments that state the plans of the parts, each line with its end."""
    plans = ((GOAL, parts.goal), (GUIDELINE, parts.guideline))
    return "".join(f"{_indent(parts)}{mark} {one_line(plan)}\n" for mark, plan in plans if plan.strip())


def one_line(text: str) -> str:
    """Return a text on one line, with single blanks."""
    return " ".join(text.split())


def _until_body(parts: Parts) -> str:
    return f"{parts.context}{parts.signature}\n{_docstring(parts)}{plan_lines(parts)}"


def _docstring(parts: Parts) -> str:
    if not parts.docstring.strip():
        return ""
    text = parts.docstring.strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if text.endswith('"'):
        text = text[:-1] + '\\"'
    return f'{_indent(parts)}"""{text}"""\n'


def _draft(parts: Parts, text: str) -> str:
    """Return the lines that belong to the body, without blank ones at the end."""
    kept = "\n".join(_body_lines(parts, text)).rstrip()
    return f"{kept}\n" if kept else ""


def _body_lines(parts: Parts, text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if _is_outside(parts, line):
            return
        yield line


def _is_outside(parts: Parts, line: str) -> bool:
    """Return whether a line stands no deeper than the signature: there the function ends."""
    return bool(line.strip()) and _depth(line) <= _depth(parts.signature)


def _indent(parts: Parts) -> str:
    return " " * _depth(parts.signature) + INDENT


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
