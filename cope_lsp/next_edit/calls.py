"""Functions of a file of Python and the calls that certainly call them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cope_lsp.next_edit.python_names import BINDING_ROLES, Meanings, Mention, mentions, scopes
from cope_lsp.next_edit.source import Path, Source

if TYPE_CHECKING:  # native code
    from tree_sitter import Node

_HARMLESS = frozenset(
    {"staticmethod", "classmethod", "cache", "lru_cache", "abstractmethod", "override", "final"}
)
"""Decorators that leave the parameters as they are."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call with parentheses."""

    path: Path
    """To what is called."""
    arguments: "Node"
    is_bound: bool
    """Whether the first parameter is filled by what stands before the dot, or by the new object."""


def calls_of(source: Source, function: Path) -> Iterator[Call]:
    """Yield the calls of a function in its file, in order.

    They are those by its name, where that means it; for a method, those by `self` or `cls` in its class. None
    are found for a function that is defined twice, or whose decorator may change its parameters.

    Args:
        source: the file.
        function: leads to its `function_definition`.

    Raises:
        TooMuchError: the name stands at too many places.
    """
    name = function[-1].node.child_by_field_name("name")
    if name is None or not _is_plain(source, function):
        return
    where = source.path(name.start_byte, name.end_byte)
    around = scopes(where)[-1]
    if around.kind != "class":
        yield from _by_name(source, source.text(name), (name.start_byte, name.end_byte), is_bound=False)
    elif source.text(name) == "__init__":
        yield from _of_class(source, function)
    else:
        yield from _by_self(source, function, name, is_static="staticmethod" in _decorators(source, function))


def _by_name(source: Source, name: str, defined: tuple[int, int], *, is_bound: bool) -> Iterator[Call]:
    meanings = Meanings(mentions(source, name))
    definition = _at(meanings, defined)
    scope = meanings.scope_of(definition) if definition else None
    here = [each for each in meanings.mentions if scope and meanings.scope_of(each) == scope]
    if any(each is not definition and each.role in {*BINDING_ROLES, "update", "unclear"} for each in here):
        return
    for each in here:
        if call := _called(source.path(each.start, each.end), is_bound=is_bound):
            yield call


def _of_class(source: Source, function: Path) -> Iterator[Call]:
    """Yield the calls of a class, for its `__init__`."""
    owner = _class_of(function)
    name = owner.child_by_field_name("name") if owner else None
    if name is not None and owner is not None and _is_only_one(source, owner, "__init__"):
        yield from _by_name(source, source.text(name), (name.start_byte, name.end_byte), is_bound=True)


def _by_self(source: Source, function: Path, name: "Node", *, is_static: bool) -> Iterator[Call]:
    owner = _class_of(function)
    if owner is None or not _is_only_one(source, owner, source.text(name)):
        return
    for start, end in source.words(source.text(name)):
        path = source.path(start, end)
        is_attribute = path[-1].field == "attribute" and path[-2].type == "attribute"
        if not is_attribute or _owner_here(path) != owner:
            continue
        before = path[-2].node.child_by_field_name("object")
        is_self = before is not None and source.text(before) in {"self", "cls"}
        call = _called(path[:-1], is_bound=not is_static) if is_self else None
        if call:
            yield call


def _called(path: Path, *, is_bound: bool) -> Call | None:
    """Return the call of what a path leads to; None when it is not called, or with a generator alone."""
    if len(path) < 2 or path[-2].type != "call" or path[-1].field != "function":
        return None
    arguments = path[-2].node.child_by_field_name("arguments")
    is_list = arguments is not None and arguments.type == "argument_list"
    return Call(path, arguments, is_bound) if is_list and arguments is not None else None


def _at(meanings: Meanings, where: tuple[int, int]) -> Mention | None:
    return next((each for each in meanings.mentions if (each.start, each.end) == where), None)


def _class_of(function: Path) -> "Node | None":
    """Return the class whose body a definition stands in."""
    return next((step.node for step in reversed(function[:-1]) if step.type == "class_definition"), None)


def _owner_here(path: Path) -> "Node | None":
    """Return the class that `self` is of, where it is the method's own: not in a function within a method."""
    kinds = [step for step in path if step.type in {"class_definition", "function_definition"}]
    if len(kinds) < 2 or [step.type for step in kinds[-2:]] != ["class_definition", "function_definition"]:
        return None
    return kinds[-2].node


def _is_only_one(source: Source, owner: "Node", name: str) -> bool:
    """Whether a class defines a name once."""
    body = owner.child_by_field_name("body")
    scope = (owner.start_byte, owner.end_byte)
    found = [
        each
        for each in mentions(source, name)
        if each.scopes[-1].kind == "class" and each.scopes[-1][1:] == scope and each.role != "use"
    ]
    return body is not None and len(found) == 1


def _is_plain(source: Source, function: Path) -> bool:
    return _decorators(source, function) <= _HARMLESS


def _decorators(source: Source, function: Path) -> frozenset[str]:
    """Return the last words of the decorators of a function, without what they are called with."""
    if len(function) < 2 or function[-2].type != "decorated_definition":
        return frozenset()
    marks = [child for child in function[-2].node.children if child.type == "decorator"]
    texts = [source.text(mark).removeprefix("@").partition("(")[0].strip() for mark in marks]
    return frozenset(text.rpartition(".")[2] for text in texts)
