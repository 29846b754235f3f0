"""The exercises: functions to write in the plain format, as pieces of text that each have a weight."""

import ast
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from textwrap import dedent, indent

from cope_lsp.cascade.prompts import GOAL, GUIDELINE, INDENT, Parts, one_line, plain
from training.family.task import FamilyTask
from training.recipe import Diet

DOCSTRING_CHARS_MAX = 200
BODY_CHARS_MAX = 900
GOAL_CHARS_MAX = 100
WRONG_GOAL_SHARE = 0.3
"""Of the exercises with both plans. A goal is a small model's own guess and often wrong; one who reads it
together with a guideline must learn to trust the guideline."""

# Which plans stand in an exercise, and whether it goes on to the code. The marks themselves are never learnt:
# a model writes a plan when the prompt ends with its mark, and code when it does not.
KINDS: tuple[tuple[str, float], ...] = (
    ("code", 0.22),
    ("goal code", 0.30),
    ("guideline code", 0.14),
    ("goal guideline code", 0.20),
    ("goal guideline", 0.09),
    ("guideline", 0.05),
)
KIND_NAMES = tuple(name for name, _ in KINDS)
KIND_SHARES = tuple(share for _, share in KINDS)
ARGUMENT = re.compile(r"\((\w+)")


@dataclass(frozen=True)
class Exercise:
    """A function with its plans and its body, whose lines are indented by four."""

    parts: Parts
    body: str


Piece = tuple[str, float]
"""A text and the weight of its tokens as targets; pieces are tokenised each for itself, as prompts are."""


def pieces(rng: random.Random, exercise: Exercise, others: Sequence[Exercise], diet: Diet) -> list[Piece]:
    """Return an exercise of a kind drawn by chance; `others` are where a wrong goal may come from."""
    (kind,) = rng.choices(KIND_NAMES, KIND_SHARES)
    parts = exercise.parts
    words = kind.split()
    is_wrong = kind == "goal guideline code" and rng.random() < WRONG_GOAL_SHARE
    goal = _foreign_goal(parts, rng.choice(others).parts) if is_wrong else parts.goal
    found = [(plain(replace(parts, goal="", guideline=""), "code"), diet.head_weight)]
    if "goal" in words and goal:
        found += [(f"{INDENT}{GOAL}", 0.0), (f" {goal}\n", 0.0 if is_wrong else diet.answer_weight)]
    if "guideline" in words and parts.guideline:
        found += [(f"{INDENT}{GUIDELINE}", 0.0), (f" {parts.guideline}\n", diet.answer_weight)]
    if "code" in words or not parts.guideline:
        found.append((exercise.body, diet.answer_weight))
    return found


def of_task(task: FamilyTask) -> Exercise:
    """Return the exercise of a family task."""
    parts = Parts(task.preamble, task.signature, task.docstring, task.goal, task.guideline)
    return Exercise(parts, task.body)


def in_module(text: str) -> Iterator[Exercise]:
    """Yield the documented functions of a module that are short enough.

    The docstring's first sentence is the goal. They have no guideline: nobody wrote one.
    """
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and len(node.body) > 1:
            exercise = _of_function(node, lines)
            if exercise is not None:
                yield exercise


def save(exercises: Iterable[Exercise], path: Path) -> None:
    """Write exercises as JSON lines; a kill leaves no half of them."""
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(exercise)) + "\n" for exercise in exercises)
    fresh.replace(path)


def load(path: Path) -> list[Exercise]:
    """Read what `save` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [Exercise(Parts(**read["parts"]), read["body"]) for read in map(json.loads, lines)]


def _foreign_goal(parts: Parts, other: Parts) -> str:
    """Return the goal of another exercise about this one's argument, as a mistaken reader would write it."""
    own, foreign = ARGUMENT.search(parts.signature), ARGUMENT.search(other.signature)
    if not (own and foreign and other.goal):
        return parts.goal
    return re.sub(rf"\b{foreign[1]}\b", own[1], other.goal)


def _of_function(node: ast.FunctionDef, lines: Sequence[str]) -> Exercise | None:
    docstring = ast.get_docstring(node)
    first, second = node.body[:2]
    if (
        not docstring
        or len(docstring) > DOCSTRING_CHARS_MAX
        or first.end_lineno is None
        or node.end_lineno is None
    ):
        return None
    signature = dedent("\n".join(lines[node.lineno - 1 : first.lineno - 1]))
    body = dedent("\n".join(lines[first.end_lineno : node.end_lineno])).strip("\n")
    goal = one_line(docstring).partition(". ")[0].rstrip(".")
    if not signature.endswith(":") or second.lineno <= first.end_lineno:
        return None
    if not 0 < len(body) <= BODY_CHARS_MAX or not 0 < len(goal) <= GOAL_CHARS_MAX:
        return None
    shown = indent(docstring, INDENT).strip()
    return Exercise(Parts("", signature, shown, goal), f"{indent(body, INDENT)}\n")
