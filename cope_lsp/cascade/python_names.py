"""The names that a function of Python uses and nothing in its file defines: each is a `NameError` to come."""

import ast
import builtins
import symtable
from collections.abc import Iterator

_DYNAMIC = frozenset(
    {"*", "NameError", "builtins", "__builtins__", "modules", "__dict__", "setattr", "_convert_"}
    | {"globals", "locals", "vars", "eval", "exec"}
)
"""Where a file names one of these, its names may come from where nobody can read them."""


def undefined_names(module: str, name: str) -> list[str]:
    """Return the names that a function uses and nothing defines, sorted; none where that cannot be told.

    What the rest of the file uses as well is taken to come from somewhere, such as a notebook.

    Args:
        module: source text.
        name: of the function, "Class.method" for a method; of several the last one, as at run time.
    """
    try:
        tree, top = ast.parse(module), symtable.symtable(module, "module", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    function = _find(top, name.split("."))
    if function is None or not _DYNAMIC.isdisjoint(_words(tree)):
        return []
    inside = list(_below(function))
    used = {each.get_name() for table in inside for each in table.get_symbols() if _is_used(each)}
    unknown = used - _known(top, inside) - _in_annotations(tree)
    return sorted(name for name in unknown if not _is_special(name))


def _find(top: symtable.SymbolTable, path: list[str]) -> symtable.SymbolTable | None:
    found: symtable.SymbolTable | None = top
    for name in path:
        named = [each for each in _definitions(found) if each.get_name() == name] if found else []
        found = named[-1] if named else None
    return found


def _definitions(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """Yield the functions and classes in a scope; those with type parameters have a scope around them."""
    for child in table.get_children():
        if child.get_type() in {"function", "class"}:
            yield child
        else:
            yield from _definitions(child)


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    waiting = [table]
    while waiting:
        table = waiting.pop()
        yield table
        waiting += table.get_children()


def _is_used(symbol: symtable.Symbol) -> bool:
    """Whether a name is looked up in the module when the code runs."""
    is_made_here = symbol.is_declared_global() and symbol.is_assigned()
    return symbol.is_global() and symbol.is_referenced() and not is_made_here


def _known(top: symtable.SymbolTable, inside: list[symtable.SymbolTable]) -> set[str]:
    """Return the builtins, the names of the module, and what functions elsewhere look up in it."""
    own = {table.get_id() for table in inside}
    elsewhere = (table for table in _below(top) if table.get_id() not in own)
    return {
        symbol.get_name()
        for table in elsewhere
        for symbol in table.get_symbols()
        if table is top or symbol.is_global()
    }.union(dir(builtins))


def _in_annotations(tree: ast.Module) -> set[str]:
    """Return the names in annotations, most of which are never evaluated."""
    nodes = list(ast.walk(tree))
    roots = [each.annotation for each in nodes if isinstance(each, ast.arg | ast.AnnAssign)]
    roots += [each.returns for each in nodes if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {each.id for root in roots if root for each in ast.walk(root) if isinstance(each, ast.Name)}


def _words(tree: ast.Module) -> Iterator[str]:
    """Yield the names, attributes and imported names of a file."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(word) | ast.Attribute(attr=word) | ast.alias(word):
                yield word


def _is_special(name: str) -> bool:
    """Whether a name is put into modules by Python itself, or by gettext."""
    return name == "_" or (name.startswith("__") and name.endswith("__"))
