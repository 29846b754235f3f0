"""The calls that follow when a function of Python got or lost a parameter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cope_lsp.next_edit.calls import Call, calls_of
from cope_lsp.next_edit.python_names import BINDING_ROLES, Meanings, mentions, scopes
from cope_lsp.next_edit.rename import function_at
from cope_lsp.next_edit.source import Path, Place, Source

if TYPE_CHECKING:  # native code
    from tree_sitter import Node, Parser


_FRAMES = frozenset({"module", "function"})
"""Scopes whose lines may run later; those of a class or a comprehension run where they stand."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between a text and an earlier one; offsets are bytes of the text now."""

    start: int
    end: int
    old: bytes


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function."""

    name: str
    has_default: bool
    by_keyword_only: bool
    by_position_only: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A parameter that came or went, and its number among those of the list that has it."""

    parameter: Parameter
    index: int
    is_new: bool


def follow_signature(source: Source, differences: Sequence[Difference], parser: "Parser") -> list[Place]:
    """Return what calls need after one parameter came or went; calls that were changed are left alone.

    A new parameter gets the variable of its name where there is one, else `...` by keyword, which is for the
    user to fill in; one with a default asks for nothing.

    Args:
        source: the text now.
        differences: all that was changed: in the parameters of one function, and in calls of it.
        parser: of Python.

    Raises:
        TooMuchError: the function's name stands at too many places.
    """
    found = [(each, function_at(source.path(each.start, each.end))) for each in differences]
    function = next((path for _, path in found if path), None)
    node = function[-1].node.child_by_field_name("parameters") if function else None
    if function is None or node is None or node.has_error:
        return []
    inside = [each for each, path in found if path and path[-1].node == function[-1].node]
    calls = list(calls_of(source, function))
    elsewhere = [each for each in differences if each not in inside]
    if not all(any(_touches(each, call.arguments) for call in calls) for each in elsewhere):
        return []
    now = _parameters(source.data[node.start_byte : node.end_byte], parser)
    then = _parameters(_earlier(source.data, node, inside), parser)
    turn = None if now is None or then is None else _turn(then, now)
    if turn is None or then is None:
        return []
    free = [call for call in calls if not any(_touches(each, call.arguments) for each in differences)]
    variables = Meanings(mentions(source, turn.parameter.name))
    places = (_place(source, call, turn, then, variables) for call in free)
    return [place for place in places if place]


def _touches(difference: Difference, node: "Node") -> bool:
    return node.start_byte <= difference.end and difference.start <= node.end_byte


def _earlier(data: bytes, node: "Node", inside: Sequence[Difference]) -> bytes:
    """Return what the parameters were."""
    parts, start = [], node.start_byte
    for each in inside:
        parts += [data[start : each.start], each.old]
        start = each.end
    return b"".join([*parts, data[start : node.end_byte]])


def _parameters(text: bytes, parser: "Parser") -> list[Parameter] | None:
    """Return the parameters in parentheses; None: they are broken, or take any number of arguments."""
    data = b"def f" + text + b": pass\n"
    root = parser.parse(data).root_node
    function = root.children[0] if root.children else None
    node = function.child_by_field_name("parameters") if function else None
    if node is None or root.has_error or node.end_byte != len(data) - len(b": pass\n"):
        return None
    found: list[Parameter] = []
    is_late = False
    for child in node.named_children:
        if child.type == "keyword_separator":
            is_late = True
        elif child.type == "positional_separator":
            found = [replace(each, by_position_only=True) for each in found]
        elif child.type != "comment":
            name = _name_of(child)
            if name is None:
                return None
            has_default = child.type in {"default_parameter", "typed_default_parameter"}
            found.append(Parameter(data[name.start_byte : name.end_byte].decode(), has_default, is_late))
    return found


def _name_of(node: "Node") -> "Node | None":
    """Return the name of a parameter; None for `*args` and the like."""
    name = node.child_by_field_name("name") or (node if node.type == "identifier" else None)
    if name is None and node.type == "typed_parameter":
        name = node.named_children[0]
    return name if name is not None and name.type == "identifier" else None


def _turn(then: list[Parameter], now: list[Parameter]) -> Turn | None:
    """Return the one parameter that came or went; None: nothing did, or more than that."""
    longer, shorter = (now, then) if len(now) > len(then) else (then, now)
    if len(longer) != len(shorter) + 1:
        return None
    index = next((n for n, each in enumerate(shorter) if each != longer[n]), len(shorter))
    if longer[index + 1 :] != shorter[index:]:
        return None
    return Turn(longer[index], index, longer is now)


def _place(
    source: Source, call: Call, turn: Turn, then: Sequence[Parameter], variables: Meanings
) -> Place | None:
    """Return what a call needs; None: nothing, or nobody can tell. `variables`: of the parameter's name."""
    given = _given(call)
    if call.arguments.has_error or any(child.type in {"list_splat", "dictionary_splat"} for child in given):
        return None
    plain = [child for child in given if child.type != "keyword_argument"]
    known = then[call.is_bound :]
    names = [_keyword(source, child) for child in given if child.type == "keyword_argument"]
    may_be_plain = sum(not each.by_keyword_only for each in known)
    index = turn.index - call.is_bound
    by_keyword = {each.name for each in known if not each.by_position_only}
    if index < 0 or len(plain) > may_be_plain or not set(names) <= by_keyword:
        return None  # not a call of the function as it was
    if turn.is_new:
        return _added(call, turn.parameter, index, is_known=_is_known(call, variables))
    if turn.parameter.name in names:
        gone = next(child for child in given if _keyword(source, child) == turn.parameter.name)
    elif not turn.parameter.by_keyword_only and index < len(plain):
        gone = plain[index]
    else:
        return None
    return _without(call, given, gone)


def _is_known(call: Call, variables: Meanings) -> bool:
    """Whether a variable has a value where a call stands, as far as the order of the lines tells."""
    around = scopes(call.path)
    scope = variables.seen_from(around)
    frame = next(index for index in reversed(range(len(around))) if around[index].kind in _FRAMES)
    if scope is None or scope.kind == "comprehension" or scope not in around[frame:]:
        return scope is not None  # a function that is called later sees what is bound below it
    bindings = [each for each in variables.mentions if each.role in BINDING_ROLES]
    here = [each for each in bindings if variables.scope_of(each) == scope]
    start = _statement_start(call.path)
    return any(each.role == "parameter" or each.start < start for each in here)


def _statement_start(path: Path) -> int:
    """Return where the innermost statement around the end of a path begins."""
    inner = (path[n] for n in range(len(path) - 1, 0, -1) if path[n - 1].type in {"module", "block"})
    return next(inner, path[0]).node.start_byte


def _keyword(source: Source, argument: "Node") -> str:
    name = argument.child_by_field_name("name") if argument.type == "keyword_argument" else None
    return source.text(name) if name else ""


def _added(call: Call, parameter: Parameter, index: int, *, is_known: bool) -> Place | None:
    """Return the argument that a new parameter needs; `is_known`: there is a variable of its name."""
    if parameter.has_default:
        return None
    given = _given(call)
    plain = sum(child.type != "keyword_argument" for child in given)
    if not parameter.by_keyword_only and plain >= index:
        if is_known:
            return _inserted(call, given, index, parameter.name)
        if plain > index:
            return None  # what follows cannot stand behind a keyword
    if parameter.by_position_only:
        return None
    return _inserted(call, given, len(given), f"{parameter.name}={parameter.name if is_known else '...'}")


def _given(call: Call) -> list["Node"]:
    return [child for child in call.arguments.named_children if child.type != "comment"]


def _inserted(call: Call, given: Sequence["Node"], index: int, text: str) -> Place:
    if index < len(given):
        start = given[index].start_byte
        return Place(start, start, f"{text}, ")
    if given:
        end = given[-1].end_byte
        return Place(end, end, f", {text}")
    start = call.arguments.start_byte + 1
    return Place(start, start, text)


def _without(call: Call, given: Sequence["Node"], gone: "Node") -> Place:
    """Return the removal of an argument with one of the commas beside it."""
    index = given.index(gone)
    if index + 1 < len(given):
        return Place(gone.start_byte, given[index + 1].start_byte, "")
    if index:
        return Place(given[index - 1].end_byte, gone.end_byte, "")
    return Place(call.arguments.start_byte + 1, call.arguments.end_byte - 1, "")
