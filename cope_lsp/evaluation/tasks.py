"""Tasks: one record for what a model is given and how its answer is scored, and readers of usual files."""

import ast
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from cope_lsp.errors import TaskFileError

Kind = Literal["function", "infilling"]

FILE_BYTES_MAX = 200_000_000


@dataclass(frozen=True, slots=True)
class Task:
    """One task. Other kinds bring what they need as further fields with defaults."""

    id: str
    """Unique in its file."""
    kind: Kind
    name: str = ""
    """The function that the tests call."""
    context: str = ""
    """The code above; for infilling everything before the gap."""
    signature: str = ""
    docstring: str = ""
    goal: str = ""
    """The plans of the one who wrote the task; a method may use them as perfect ones."""
    guideline: str = ""
    suffix: str = ""
    """For infilling: everything after the gap."""
    reference: str = ""
    """A right answer in the form of a draft, where one is known; no method sees it."""
    setup: str = ""
    """What the tests import."""
    visible_tests: tuple[str, ...] = ()
    """Those that a check may run."""
    hidden_tests: tuple[str, ...] = ()
    """Those that only the score sees."""
    wording: str = ""
    """How the docstring says it, for tables by wording."""

    @property
    def digest(self) -> str:
        """Return what changes when anything in the task does."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def asked(self) -> str:
        """Return what is the same for all tasks that may tell one of the models the same.

        The small one is shown no more than the signature, the first paragraph and what is imported.
        """
        told = json.dumps([self.kind, self.signature, self.docstring.strip().partition("\n\n")[0]])
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def program(self, draft: str) -> str:
        """Return the module that a draft makes of the task."""
        if self.kind == "infilling":
            return f"{self.context}{draft}\n{self.suffix}"
        return f"{self.context}{self.signature}\n{draft}"


def read(path: Path) -> list[Task]:
    """Return the tasks of a file: sanitized MBPP, HumanEval single-line infilling, or our own JSON lines.

    Raises:
        TaskFileError: it cannot be read, or is none of these.
    """
    try:
        rows = list(_rows(path))
    except (OSError, EOFError, ValueError) as error:
        msg = (
            f"{path} cannot be read as tasks ({error}); it should be MBPP, HumanEval-Infilling or JSON lines"
        )
        raise TaskFileError(msg) from error
    try:
        tasks = [_task(row) for row in rows]
    except (KeyError, TypeError, ValueError, StopIteration, SyntaxError) as error:
        msg = f"{path} holds a task that is not understood: {type(error).__name__} {error}"
        raise TaskFileError(msg) from error
    if len({task.id for task in tasks}) != len(tasks):
        msg = f"{path} holds two tasks with one id; give each its own"
        raise TaskFileError(msg)
    return tasks


def write(path: Path, tasks: Iterable[Task]) -> None:
    """Write tasks as JSON lines, to be read by `read`."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(task)) + "\n" for task in tasks)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    data = path.read_bytes()[:FILE_BYTES_MAX]
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    if text.lstrip().startswith("["):
        yield from json.loads(text)
    else:
        yield from (json.loads(line) for line in text.splitlines() if line.strip())


def _task(row: dict[str, Any]) -> Task:
    if "test_list" in row:
        return _mbpp(row)
    if "canonical_solution" in row:
        return _infilling(row) if "suffix" in row else _humaneval(row)
    return _own(row)


def _mbpp(row: dict[str, Any]) -> Task:
    """The signature is the reference solution's: MBPP's tests call a name that its texts do not give."""
    tree = ast.parse(row["code"])
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    tested = next(name for name in _called(row["test_list"]) if name in functions)
    return Task(
        id=f"mbpp:{row['task_id']}",
        kind="function",
        name=tested,
        signature=f"def {tested}({ast.unparse(functions[tested].args)}):",
        docstring=row["prompt"],
        setup="\n".join(row["test_imports"]),
        hidden_tests=tuple(row["test_list"]),
    )


def _called(tests: Iterable[str]) -> Iterator[str]:
    for test in tests:
        for node in ast.walk(ast.parse(test)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield node.func.id


def _humaneval(row: dict[str, Any]) -> Task:
    """The prompt is a module that ends with the function's signature and docstring."""
    prompt, name = row["prompt"], row["entry_point"]
    (function,) = (
        node
        for node in ast.parse(f"{prompt}    pass\n").body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    lines = prompt.splitlines(keepends=True)
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return Task(
        id=row["task_id"],
        kind="function",
        name=name,
        context="".join(lines[: function.lineno - 1]),
        signature=f"def {name}({ast.unparse(function.args)}){returns}:",
        docstring=ast.get_docstring(function) or "",
        reference=row["canonical_solution"],
        hidden_tests=(f"{row['test']}\n\ncheck({name})\n",),
    )


def _infilling(row: dict[str, Any]) -> Task:
    return Task(
        id=row["task_id"],
        kind="infilling",
        name=row["entry_point"],
        context=row["prompt"],
        suffix=row["suffix"],
        reference=row["canonical_solution"].rstrip("\n"),
        hidden_tests=(f"{row['test']}\n\ncheck({row['entry_point']})\n",),
    )


_OTHER_NAMES = {"preamble": "context", "body": "reference"}
"""What the generator of the family calls some fields."""

_FIELDS = {field.name for field in fields(Task)}


def _own(row: dict[str, Any]) -> Task:
    named = {_OTHER_NAMES.get(key, key): value for key, value in row.items()}
    known = {key: _frozen(value) for key, value in named.items() if key in _FIELDS}
    task = Task(**{"kind": "function", **known})
    if task.kind == "function" and not (task.signature.startswith("def ") and task.hidden_tests):
        msg = f"task {task.id} has no signature or no hidden tests"
        raise ValueError(msg)
    # The tests of a family task use the dates that its code imports.
    name = task.name or task.signature.removeprefix("def ").partition("(")[0]
    return Task(**{**_shallow(task), "name": name, "setup": task.setup or _imports(task.context)})


def _shallow(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in _FIELDS}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _imports(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if line.startswith(("import ", "from ")))
