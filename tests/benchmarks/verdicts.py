"""What the checks say of known solutions: `python -m tests.benchmarks.verdicts sanitized-mbpp.json`.

MBPP (Austin et al. 2021, CC BY 4.0) is not part of the repository; the file is the published one of 427
tasks. Three questions: are the reference solutions accepted, are changed ones that fail their tests refused,
and does a solution that was cut at any byte pass the syntax check only where CPython compiles it.
"""

import ast
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from cope_lsp.cascade.code import CodeFamily, CodeTask
from cope_lsp.cascade.family import Draft
from cope_lsp.checks.assertions import Assertions
from cope_lsp.checks.base import Check
from cope_lsp.checks.cage.sandbox import Sandbox
from cope_lsp.checks.syntax.check import Syntax
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.config import Config
from cope_lsp.context.target import target_named
from cope_lsp.models.local import LocalModel

MUTANTS = 1_000
CUTS_PER_TASK = 10
TIMEOUT_S = 10

say = Console(highlight=False, markup=False, soft_wrap=True).print


@dataclass(frozen=True)
class Solution:
    """A task of MBPP with its reference solution."""

    number: int
    code: str
    name: str
    """The function that its tests call."""
    tests: tuple[str, ...]
    setup: str

    def body(self, code: str) -> str:
        """Return the body of the tested function, as a draft."""
        return "".join(f"    {line}\n" for line in ast.unparse(self.function(code).body).split("\n"))

    def function(self, code: str) -> Any:
        return [node for node in ast.parse(code).body if getattr(node, "name", "") == self.name][-1]

    def passes(self, code: str) -> bool:
        """Run the tests without any of our own checks, in a process of its own."""
        program = f"{self.setup}\n{code}\n" + "\n".join(self.tests)
        with contextlib.suppress(subprocess.TimeoutExpired), tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-I", "-c", program],
                cwd=folder,
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            return done.returncode == 0
        return False


def solutions(path: Path) -> list[Solution]:
    """Read the published file."""
    found = []
    for row in json.loads(path.read_text("utf-8")):
        names = {node.name for node in ast.parse(row["code"]).body if isinstance(node, ast.FunctionDef)}
        called = [
            node.func.id
            for test in row["test_list"]
            for node in ast.walk(ast.parse(test))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
        ]
        code = row["code"].replace("\r\n", "\n")
        setup = "\n".join(row["test_imports"])
        found.append(Solution(row["task_id"], code, called[0], tuple(row["test_list"]), setup))
    return found


class Mutator(ast.NodeTransformer):
    """Changes one place of a function: an operator, a comparison, a number, a condition or a result."""

    OPERATORS: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
    COMPARISONS: tuple[type[ast.cmpop], ...] = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)

    def __init__(self, place: int, dice: random.Random) -> None:
        self.left = place
        self.dice = dice

    def visit(self, node: ast.AST) -> Any:
        changes = isinstance(node, ast.BinOp | ast.Compare | ast.If | ast.While | ast.Return) or (
            isinstance(node, ast.Constant) and type(node.value) in (int, bool)
        )
        if changes:
            self.left -= 1
            if self.left == -1:
                return self.changed(node)
        return self.generic_visit(node)

    def changed(self, node: Any) -> Any:
        if isinstance(node, ast.BinOp):
            node.op = self.dice.choice(self.OPERATORS)()
        elif isinstance(node, ast.Compare):
            node.ops[0] = self.dice.choice(self.COMPARISONS)()
        elif isinstance(node, ast.If | ast.While):
            node.test = ast.UnaryOp(ast.Not(), node.test)
        elif isinstance(node, ast.Return):
            result: Any = node.value
            node.value = self.dice.choice([ast.Constant(None), ast.Tuple([result], ast.Load())])
        else:
            number: Any = getattr(node, "value")  # noqa: B009 - of a constant that is a number
            return ast.Constant(self.dice.choice([number + 1, number - 1, -number - 2]))
        return ast.fix_missing_locations(node)


def mutants(found: list[Solution]) -> Iterator[tuple[Solution, str]]:
    """Yield changed solutions that fail their tests, by the word of a process without our checks."""
    dice = random.Random(1)
    while True:
        solution = dice.choice(found)
        tree = ast.parse(solution.code)
        function = solution.function(solution.code)
        places = sum(
            isinstance(node, ast.BinOp | ast.Compare | ast.If | ast.Return) for node in ast.walk(function)
        )
        index = next(i for i, node in enumerate(tree.body) if ast.dump(node) == ast.dump(function))
        tree.body[index] = Mutator(dice.randrange(places + 2), dice).visit(function)
        code = ast.unparse(tree)
        if ast.dump(ast.parse(code)) != ast.dump(ast.parse(solution.code)) and not solution.passes(code):
            yield solution, code


async def accepted(
    solution: Solution, code: str, sandbox: Sandbox, reader: SyntaxReader, model: LocalModel
) -> str:
    """Return what the checks of the product say of a solution: "" when they accept it."""
    stub = solution.code.replace(
        ast.get_source_segment(solution.code, solution.function(solution.code)) or "",
        f"def {solution.name}({ast.unparse(solution.function(solution.code).args)}):\n    pass",
    )
    task = CodeTask(target_named(stub, solution.name), stub, Path("/p/a.py"), Path("/p"))
    checks: list[Check] = [
        Syntax(reader, "python", stub),
        Assertions(sandbox, solution.tests, solution.name, solution.setup, timeout_s=TIMEOUT_S),
    ]
    assessed = await CodeFamily(task, model, checks).assess(Draft(solution.body(code)))
    judged = assessed.judged
    return (
        "" if judged.answer is not None and judged.tests == "passed" else assessed.complaint or judged.tests
    )


def compiles(text: str) -> bool:
    try:
        compile(text, "a.py", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


async def main(path: Path) -> None:
    found = solutions(path)
    sandbox, reader = Sandbox(), SyntaxReader()
    model = LocalModel.from_config(Config())
    counts: Counter[str] = Counter()
    try:
        for solution in track(found, "reference solutions"):
            said = await accepted(solution, solution.code, sandbox, reader, model)
            counts["references accepted"] += not said
            if said:
                say(f"  not accepted: {solution.number}: {said}")
        source = mutants(found)
        for _ in track(range(MUTANTS), "mutants"):
            solution, code = await asyncio.to_thread(next, source)
            said = await accepted(solution, code, sandbox, reader, model)
            counts["mutants accepted"] += not said
            if not said:
                say(f"  accepted: {solution.number}:\n{code}")
        dice = random.Random(2)
        for solution in track(found, "cuts"):
            for _ in range(CUTS_PER_TASK):
                cut = solution.code.encode()[: dice.randrange(len(solution.code.encode()))].decode(
                    "utf-8", "ignore"
                )
                verdict = await Syntax(reader, "python", "").judge(cut)
                counts["cuts"] += 1
                counts["cuts that CPython rejects"] += not compiles(cut)
                counts["missed cuts"] += verdict.judgement != "failed" and not compiles(cut)
                counts["sound cuts refused"] += verdict.judgement == "failed" and compiles(cut)
    finally:
        await sandbox.close()
        await reader.close()
        await model.close()
    say(f"{counts['references accepted']} of {len(found)} reference solutions are accepted")
    say(f"{counts['mutants accepted']} of {MUTANTS} mutants that fail their tests are accepted")
    rejected = counts["cuts that CPython rejects"]
    say(f"{counts['missed cuts']} of {rejected} cuts that CPython rejects are missed")
    say(f"{counts['sound cuts refused']} of {counts['cuts'] - rejected} other cuts are refused")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
