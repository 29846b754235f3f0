"""Operations: what the functions of the family are made of, read from one TOML file per domain."""

import ast
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, TypeGuard, get_args

Kind = Literal["number", "numbers", "text", "texts", "table", "records", "day", "days", "truth"]
Parameter = int | str

OPERATIONS_DIR = Path(__file__).parent / "operations"
KINDS: tuple[Kind, ...] = get_args(Kind)
SAID_MIN, SAID_MAX = 6, 8

# Everything a small function may call; nothing that reads, writes, asks or runs text.
_CALLABLE_TEXT = """
    abs all any bool chr dict divmod enumerate filter float frozenset int isinstance iter len list map max min
    next ord pow range reversed round set sorted str sum tuple zip
"""
CALLABLE = frozenset(_CALLABLE_TEXT.split())
NAMESPACE = CALLABLE | {"date", "timedelta"}

_REQUIRED = ("name", "takes", "gives", "code", "goal", "how", "said")
_KEYS = frozenset(_REQUIRED) | {"parameter", "core"}


class OperationError(ValueError):
    """A file of operations says something that the generator cannot use; the message says where and what."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One step of a function: words and code, each with `{x}` for its input and `{k}` for its parameter.

    It is equal to itself only, which makes it a quick key of tables.
    """

    name: str
    takes: Kind
    gives: Kind
    code: str
    """An expression, or lines that assign `{y}`."""
    goal: str
    how: str
    said: tuple[str, ...]
    """Docstring wordings, the commonest and most explicit first."""
    parameters: tuple[Parameter, ...] = ()
    is_core: bool = False
    """Whether it is one of the common ones, which are the part of the family for the smallest models."""

    @property
    def is_expression(self) -> bool:
        """Whether the code is one expression."""
        return "{y}" not in self.code

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the code uses itself; no other variable beside it may have one of them."""
        return _names(self.tree) - {"x__", "y__"}

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed code, with its placeholders filled."""
        return ast.parse(
            filled(self.code, x="x__", y="y__", k=self.parameters[0] if self.parameters else None)
        )

    def steps(self) -> Iterator["Step"]:
        """Yield the operation with each of its parameters."""
        for parameter in self.parameters or (None,):
            yield Step(self, parameter)


@dataclass(frozen=True, slots=True)
class Step:
    """An operation whose parameter is chosen."""

    operation: Operation
    parameter: Parameter | None = None

    def fill(self, template: str, *, x: str, y: str = "") -> str:
        """Return a template of the operation with everything in its place."""
        return filled(template, x=x, y=y, k=self.parameter)


def filled(template: str, *, x: str, y: str = "", k: Parameter | None = None) -> str:
    """Return the template with its placeholders replaced, which other braces in code leave alone."""
    if k is not None:
        template = template.replace("{k}", str(k))
    return template.replace("{y}", y).replace("{x}", x)


@cache
def load(folder: Path = OPERATIONS_DIR) -> tuple[Operation, ...]:
    """Return the operations of all files in a folder, sorted by name.

    Raises:
        OperationError: a file cannot be read, an operation is not valid, or two share a name or wording.
    """
    found = [operation for path in sorted(folder.glob("*.toml")) for operation in _read(path)]
    if not found:
        raise OperationError(f"There is no operation in {folder}; put a .toml file with [[operation]] there.")
    _refuse_twins(found)
    return tuple(sorted(found, key=lambda operation: operation.name))


def parse(entry: Mapping[str, Any], place: str) -> Operation:
    """Return the operation that one TOML table describes; `place` begins each message.

    Raises:
        OperationError: something is missing, unknown, of the wrong type, or not as the format says.
    """
    name = entry.get("name")
    place = f"{place}, operation {name!r}"
    if missing := [key for key in _REQUIRED if key not in entry]:
        raise OperationError(f"{place}: add {', '.join(missing)}.")
    if unknown := sorted(entry.keys() - _KEYS):
        raise OperationError(f"{place}: remove {', '.join(unknown)}, which means nothing here.")
    operation = Operation(
        name=_text(entry, "name", place),
        takes=_kind(entry, "takes", place),
        gives=_kind(entry, "gives", place),
        code=_text(entry, "code", place),
        goal=_text(entry, "goal", place),
        how=_text(entry, "how", place),
        said=_said(entry["said"], place),
        parameters=_parameters(entry.get("parameter", []), place),
        is_core=_truth(entry.get("core", False), place),
    )
    for complaint in complaints(operation):
        raise OperationError(f"{place}: {complaint}.")
    return operation


def complaints(operation: Operation) -> Iterator[str]:
    """Yield what is wrong with an operation, each as a clause that says what to do."""
    if not operation.name.isidentifier() or operation.name != operation.name.lower():
        yield "give it a name in snake_case"
    yield from _complaints_of_words(operation)
    yield from _complaints_of_parameter(operation)
    yield from _complaints_of_code(operation)


def _complaints_of_words(operation: Operation) -> Iterator[str]:
    if operation.goal.count("{x}") != 1:
        yield "let the goal hold {x} exactly once"
    if not SAID_MIN <= len(operation.said) <= SAID_MAX:
        yield f"give {SAID_MIN} to {SAID_MAX} wordings in `said`, not {len(operation.said)}"
    for words in operation.said:
        if words.count("{x}") != 1:
            yield f"let the wording {words!r} hold {{x}} exactly once"
    for words in (operation.goal, operation.how, *operation.said):
        if words != words.strip() or "\n" in words or words.endswith(".") or '"' in words or "\\" in words:
            yield f"write {words!r} as one line without full stop, double quotes and backslashes"


def _complaints_of_parameter(operation: Operation) -> Iterator[str]:
    texts = {"code": operation.code, "the goal": operation.goal, "how": operation.how}
    texts |= {f"the wording {words!r}": words for words in operation.said}
    for where, text in texts.items():
        if "{k}" in text and not operation.parameters:
            yield f"add `parameter`, because {where} holds {{k}}"
    if operation.parameters and "{k}" not in operation.code:
        yield "use {k} in the code or remove `parameter`"


def _complaints_of_code(operation: Operation) -> Iterator[str]:
    if "{x}" not in operation.code:
        yield "use {x} in the code"
    try:
        tree = operation.tree
    except SyntaxError as error:
        yield f"correct its code, which does not parse ({error.msg})"
        return
    if operation.is_expression and not (len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr)):
        yield "let its code be one expression, or let its statements assign {y}"
    if unknown := sorted(_free_names(tree) - NAMESPACE):
        yield f"use no other names than its own and the allowed built-ins, not {', '.join(unknown)}"
    if any(isinstance(node, ast.Import | ast.ImportFrom | ast.Return | ast.While) for node in ast.walk(tree)):
        yield "write it without import, return and while"
    if any(isinstance(node, ast.Attribute) and node.attr.startswith("_") for node in ast.walk(tree)):
        yield "write it without private attributes"


def _names(tree: ast.AST) -> frozenset[str]:
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return frozenset(names | {node.arg for node in nodes if isinstance(node, ast.arg)})


def _free_names(tree: ast.AST) -> frozenset[str]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return _names(tree) - stored - arguments - {"x__"}


def _read(path: Path) -> Iterator[Operation]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperationError(f"{path.name} is not TOML in UTF-8: {error}.") from error
    entries = document.pop("operation", [])
    if document or not isinstance(entries, list):
        raise OperationError(f"{path.name}: write nothing but [[operation]] tables.")
    for entry in entries:
        yield parse(entry, path.name)


def _refuse_twins(operations: Iterable[Operation]) -> None:
    names: set[str] = set()
    wordings: dict[str, str] = {}
    for operation in operations:
        if operation.name in names:
            raise OperationError(f"Two operations are named {operation.name!r}; rename one.")
        names.add(operation.name)
        for words in operation.said:
            other = wordings.setdefault(words.lower(), operation.name)
            if other != operation.name or operation.said.count(words) > 1:
                raise OperationError(
                    f"{operation.name!r} and {other!r} share the wording {words!r}; change one."
                )


def _text(entry: Mapping[str, Any], key: str, place: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise OperationError(f"{place}: let {key} be a text that is not empty.")
    return value.strip("\n")


def _kind(entry: Mapping[str, Any], key: str, place: str) -> Kind:
    value = entry[key]
    if not _is_kind(value):
        raise OperationError(f"{place}: let {key} be one of {', '.join(KINDS)}, not {value!r}.")
    return value


def _is_kind(value: object) -> TypeGuard[Kind]:
    return value in KINDS


def _truth(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise OperationError(f"{place}: let core be true or false.")
    return value


def _said(value: object, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(words, str) for words in value):
        raise OperationError(f"{place}: let said be a list of texts.")
    return tuple(value)


def _parameters(value: object, place: str) -> tuple[Parameter, ...]:
    if not isinstance(value, list) or not all(type(item) in (int, str) for item in value):
        raise OperationError(f"{place}: let parameter be a list of whole numbers or texts.")
    if len(set(value)) != len(value):
        raise OperationError(f"{place}: name each parameter once.")
    return tuple(value)
