"""The answer that a draft in Python comes down to: its syntax tree, without the names that nobody sees.

Two drafts agree when they do the same in the same way: formatting, comments and the names of local variables
do not count; parameters, globals, attributes, keywords and literals do. `return max(xs)` is not
`return min(xs)`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

OBSERVERS = frozenset({"locals", "vars", "dir", "eval", "exec"})
"""A function that calls one of these may see the names of its variables."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Scoped = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def python_answer(module: str, name: str) -> str | None:
    """Return what the function called `name` of a module comes down to.

    Args:
        module: source text that holds a draft.
        name: of the function, "Class.method" for a method; of several the last one, as at run time.

    Returns:
        a text to compare with others; None: the module does not parse, or has no such function.
    """
    try:
        return _answer(ast.parse(module), name.split("."))
    except (
        SyntaxError,
        ValueError,
        RecursionError,
        MemoryError,
    ):  # what nests too deep does not parse either
        return None


def _answer(tree: ast.Module, path: list[str]) -> str | None:
    function = _find(tree, path)
    if function is None:
        return None
    _drop_docstring(function)
    if not any(isinstance(node, ast.Name) and node.id in OBSERVERS for node in ast.walk(function)):
        _Renamer().rename(function)
    return ast.dump(function)


def _find(tree: ast.Module, path: list[str]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    found: ast.AST | None = tree
    for name in path:
        bodies = [
            node
            for node in getattr(found, "body", [])
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name
        ]
        found = bodies[-1] if bodies else None
    return found if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) else None


def _drop_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    if ast.get_docstring(function, clean=False) is not None:
        function.body = function.body[1:]


@dataclass(slots=True)
class _Scope:
    """One scope of names; a class's names are attributes and keep theirs."""

    parent: "_Scope | None"
    is_class: bool = False
    kept: set[str] = field(default_factory=set)
    """Bound here, and seen from outside: parameters, and what is declared global."""
    local: set[str] = field(default_factory=set)
    """Bound here, and seen by nobody else."""
    outer: set[str] = field(default_factory=set)
    """Declared nonlocal."""


class _Renamer:
    """Gives local variables numbers, in the order in which they appear."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, str], str] = {}
        self._scopes: list[_Scope] = []

    def rename(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Change the names inside of a function; its own is its caller's matter."""
        self._enter(function, None)

    def _enter(self, node: _Scoped, parent: _Scope | None) -> None:
        """Rename in a function or class whose name and defaults belong to the scope around it."""
        scope = _Scope(parent, is_class=isinstance(node, ast.ClassDef))
        self._scopes.append(scope)  # keeps it alive: its identity is part of the keys
        if not isinstance(node, ast.ClassDef):
            scope.kept |= set(_parameters(node))
        body = node.body if isinstance(node.body, list) else [node.body]
        for statement in body:
            _bind(statement, scope)
        if scope.is_class:
            scope.kept |= scope.local
        scope.local -= scope.kept | scope.outer
        for statement in body:
            self._visit(statement, scope)

    def _visit(self, node: ast.AST, scope: _Scope) -> None:
        """Rename in a node; what opens a scope of its own is entered after its outer parts."""
        if isinstance(node, _COMPREHENSIONS):
            self._comprehension(node, scope)
            return
        for name in _NAMES.get(type(node), ()):
            value = getattr(node, name)
            if isinstance(value, str):
                setattr(node, name, self._named(value, scope))
            elif isinstance(value, list):
                setattr(node, name, [self._named(each, scope) for each in value])
        if isinstance(node, ast.alias):
            self._alias(node, scope)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            for part in _outer_parts(node):
                self._visit(part, scope)
            self._enter(node, scope)
        else:
            for child in ast.iter_child_nodes(node):
                self._visit(child, scope)

    def _comprehension(self, node: ast.expr, scope: _Scope) -> None:
        """A comprehension is a scope, except for the first thing that it goes through."""
        inner = _Scope(scope)
        self._scopes.append(inner)
        generators: list[ast.comprehension] = getattr(node, "generators")  # noqa: B009  # of four classes
        self._visit(generators[0].iter, scope)
        for generator in generators:
            _bind(generator.target, inner)
        for number, generator in enumerate(generators):
            self._visit(generator.target, inner)
            for part in ([] if number == 0 else [generator.iter]) + generator.ifs:
                self._visit(part, inner)
        for result in (getattr(node, name, None) for name in ("key", "value", "elt")):
            if isinstance(result, ast.AST):
                self._visit(result, inner)

    def _alias(self, node: ast.alias, scope: _Scope) -> None:
        """`import json` binds a name that can be another one: `import json as name`."""
        bound = node.asname or node.name
        if "." not in bound:
            renamed = self._named(bound, scope)
            node.asname = renamed if renamed != bound or node.asname else None

    def _named(self, name: str, scope: _Scope) -> str:
        owner = _owner(name, scope)
        if owner is None:
            return name
        key = (id(owner), name)
        # A blank cannot be part of a name: no number is anybody's name.
        return self._numbers.setdefault(key, f"local {len(self._numbers)}")


def _owner(name: str, scope: _Scope) -> _Scope | None:
    """Return the scope whose local variable a name is; None: it is something that counts."""
    at: _Scope | None = scope
    while at is not None:
        if at.is_class and at is not scope:  # what a class binds is not seen from its methods
            at = at.parent
            continue
        if name in at.local:
            return at
        if name in at.kept:
            return None
        at = at.parent
    return None


def _bind(node: ast.AST, scope: _Scope) -> None:
    """Collect what a statement binds in its scope, without the scopes inside of it."""
    if isinstance(node, ast.Global):
        scope.kept |= set(node.names)
    elif isinstance(node, ast.Nonlocal):
        scope.outer |= set(node.names)
    elif isinstance(node, ast.alias):
        scope.local.add((node.asname or node.name).partition(".")[0])
        if not node.asname and "." in node.name:  # `import a.b` binds a, which cannot be renamed there
            scope.kept.add(node.name.partition(".")[0])
    elif isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            scope.local.add(node.id)
    else:
        scope.local |= {
            value for name in _NAMES.get(type(node), ()) if isinstance(value := getattr(node, name), str)
        }
    for child in _same_scope(node):
        _bind(child, scope)


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children whose names are bound in the scope of their parent."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        yield from _outer_parts(node)
    elif isinstance(node, _COMPREHENSIONS):
        # Only what := binds is the outer scope's.
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                yield inner.target
    else:
        yield from ast.iter_child_nodes(node)


def _outer_parts(node: _Scoped) -> Iterator[ast.AST]:
    """Yield what a definition evaluates in the scope around it."""
    if isinstance(node, ast.ClassDef):
        yield from (*node.decorator_list, *node.bases, *node.keywords)
        return
    if not isinstance(node, ast.Lambda):
        yield from node.decorator_list
        if node.returns is not None:
            yield node.returns
    arguments = node.args
    yield from (*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None))
    yield from (each.annotation for each in _all_arguments(arguments) if each.annotation is not None)


def _parameters(node: _Function) -> Iterator[str]:
    yield from (each.arg for each in _all_arguments(node.args))


def _all_arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (each for each in (arguments.vararg, arguments.kwarg) if each is not None)


# Where nodes hold names as texts. Attributes, keywords and parameters are not among them: they count.
_NAMES: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Name: ("id",),
    ast.FunctionDef: ("name",),
    ast.AsyncFunctionDef: ("name",),
    ast.ClassDef: ("name",),
    ast.ExceptHandler: ("name",),
    ast.MatchAs: ("name",),
    ast.MatchStar: ("name",),
    ast.MatchMapping: ("rest",),
    ast.Nonlocal: ("names",),
}
