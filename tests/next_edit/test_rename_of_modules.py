"""Renames in modules of the standard library, walked to their end, mean what CPython's symbol tables say."""

import ast
import symtable
from itertools import accumulate, count
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.checks.syntax.tree import Untold
from cope_lsp.next_edit.history import CHANGES_MAX, History
from cope_lsp.next_edit.rules import next_edit

MODULES = ("compileall", "pty", "textwrap", "graphlib", "bisect", "fnmatch", "sched")
PATIENCE_S = 30.0
"""The machine may be busy."""
FRESH = "name_that_nothing_has"

Meaning = tuple[Any, ...]


def facts(symbol: symtable.Symbol) -> tuple[bool, ...]:
    return (
        symbol.is_parameter(),
        symbol.is_local(),
        symbol.is_free(),
        symbol.is_global(),
        symbol.is_referenced(),
        symbol.is_assigned(),
    )


def meaning(
    table: symtable.SymbolTable, old: str = "", owner: tuple[str, int] = ("", 0), *, is_seen: bool = False
) -> Meaning:
    """Return all names of a module and what they are, one of a function's names as if it were renamed."""
    known = table.get_identifiers()
    is_owner = (table.get_name(), table.get_lineno()) == owner and table.get_type() == "function"
    is_seen = is_owner or (is_seen and (old not in known or table.lookup(old).is_free()))
    symbols = sorted(
        (FRESH if is_seen and each.get_name() == old else each.get_name(), facts(each))
        for each in table.get_symbols()
    )
    inner = tuple(meaning(child, old, owner, is_seen=is_seen) for child in table.get_children())
    return (table.get_type(), table.get_lineno(), tuple(symbols), inner)


def renamed_to_the_end(text: str, start: int, old: str) -> str:
    """Rename one place and make every edit that is proposed."""
    history = History(count(step=10).__next__)
    history.add(start, old, FRESH)
    text, cursor = text[:start] + FRESH + text[start + len(old) :], start
    for _ in range(CHANGES_MAX):
        found = next_edit("python", text, history.changes, cursor, PATIENCE_S)
        if isinstance(found, Untold):
            return text
        history.add(found.start, text[found.start : found.end], found.text)
        text, cursor = text[: found.start] + found.text + text[found.end :], found.start
    raise AssertionError("it has no end")


def first_bindings(function: ast.FunctionDef) -> list[tuple[str, int, int]]:
    """Return (name, line, column) of parameters, and of variables that its own lines assign."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    found = [(each.arg, each.lineno, each.col_offset) for each in arguments if each.arg != "self"]
    targets = [line.targets[0] for line in function.body if isinstance(line, ast.Assign)]
    names = [each for each in targets if isinstance(each, ast.Name)]
    return found + [(each.id, each.lineno, each.col_offset) for each in names]


@pytest.mark.parametrize("module", MODULES)
def test_a_rename_is_whole_or_not_begun(module: str) -> None:
    text = Path(ast.__file__).with_name(f"{module}.py").read_text("utf-8")
    assert text.isascii(), "columns are bytes"
    starts = [0, *accumulate(map(len, text.splitlines(keepends=True)))]
    table = symtable.symtable(text, module, "exec")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    whole = 0
    for function in functions:
        for old, line, column in first_bindings(function):
            start = starts[line - 1] + column
            begun = text[:start] + FRESH + text[start + len(old) :]
            done = renamed_to_the_end(text, start, old)
            expected = meaning(table, old, (function.name, function.lineno))
            if meaning(symtable.symtable(done, module, "exec")) == expected:
                whole += 1
            else:
                assert done == begun, f"{function.name}: {old} was renamed in part"
    assert whole >= 5, "there is much to rename in it"
