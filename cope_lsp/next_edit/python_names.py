"""What a name in a file of Python means where it stands: which scopes see it, and whether it is bound there.

The rules are those of "Naming and binding" in the reference of the language (section 4.2).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cope_lsp.next_edit.source import Path, Source

Kind = Literal["module", "function", "class", "comprehension"]

Role = Literal[
    "use",
    "update",
    "binding",
    "parameter",
    "definition",
    "import",
    "global",
    "nonlocal",
    "keyword",
    "none",
    "unclear",
]
"""`update` needs a binding elsewhere, as `+=` does; `keyword` names a parameter of what is called; `none` is
no name of a variable; `unclear` may bind one."""

BINDING_ROLES = frozenset({"binding", "parameter", "definition", "import"})

_BINDING_OR_UPDATE = frozenset({*BINDING_ROLES, "update"})
COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
)
_PATTERNS = frozenset(
    {
        "pattern_list",
        "tuple_pattern",
        "list_pattern",
        "list_splat_pattern",
        "dictionary_splat_pattern",
        "tuple",
        "list",
        "typed_parameter",
    }
)
_TARGETS: dict[tuple[str, str | None], Role] = {
    ("assignment", "left"): "binding",
    ("augmented_assignment", "left"): "update",
    ("for_statement", "left"): "binding",
    ("for_in_clause", "left"): "binding",
    ("as_pattern_target", None): "binding",
    ("except_clause", "alias"): "binding",
    ("named_expression", "name"): "binding",
    ("parameters", None): "parameter",
    ("lambda_parameters", None): "parameter",
    ("default_parameter", "name"): "parameter",
    ("typed_default_parameter", "name"): "parameter",
    ("function_definition", "name"): "definition",
    ("class_definition", "name"): "definition",
    ("aliased_import", "alias"): "binding",
    ("global_statement", None): "global",
    ("nonlocal_statement", None): "nonlocal",
    ("keyword_argument", "name"): "keyword",
    ("attribute", "attribute"): "none",
    ("keyword_pattern", None): "none",
    ("type_parameter", None): "unclear",
}


class Scope(NamedTuple):
    """Where names are known; offsets in bytes."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a name stands, the scopes that it stands in, outermost first, and what it does there."""

    start: int
    end: int
    scopes: tuple[Scope, ...]
    role: Role


class Meanings:
    """The mentions of one name in a file, and which scope each of them means."""

    def __init__(self, mentions: Iterable[Mention]) -> None:
        self.mentions = tuple(mentions)
        self._bound = {each.scopes[-1] for each in self.mentions if each.role in _BINDING_OR_UPDATE}
        self._global = {each.scopes[-1] for each in self.mentions if each.role == "global"}
        self._nonlocal = {each.scopes[-1] for each in self.mentions if each.role == "nonlocal"}

    def scope_of(self, mention: Mention) -> Scope | None:
        """Return the scope whose name is meant; None when no scope of the file binds it."""
        return self.seen_from(mention.scopes)

    def seen_from(self, scopes: tuple[Scope, ...]) -> Scope | None:
        """Return the scope whose name is seen from the innermost of some scopes; None: there is none."""
        for scope in reversed(scopes):
            if scope.kind == "class" and scope is not scopes[-1]:
                continue  # what is in it does not see the names of a class
            if scope in self._global:
                return scopes[0]
            if scope in self._bound and scope not in self._nonlocal:
                return scope
        return None


def mentions(source: Source, name: str) -> Iterator[Mention]:
    """Yield where a name stands in code, in order.

    Raises:
        TooMuchError: it stands at too many places, or too deep.
    """
    for start, end in source.words(name):
        path = source.path(start, end)
        leaf = path[-1].node
        if leaf.type == "identifier" and (leaf.start_byte, leaf.end_byte) == (start, end):
            yield Mention(start, end, scopes(path), role(path))


def scopes(path: Path) -> tuple[Scope, ...]:
    """Return the scopes that the last node of a path stands in, the module first."""
    found = [Scope("module", 0, path[0].node.end_byte)]
    for index, (node, _) in enumerate(path[:-1]):
        kind = _kind(path, index)
        if kind:
            found.append(Scope(kind, node.start_byte, node.end_byte))
    return tuple(found)


def _kind(path: Path, index: int) -> Kind | None:
    """Return the scope that a node of a path is to what follows it on the path; None: it is none."""
    here, below = path[index].type, path[index + 1]
    if here in {"function_definition", "lambda"}:
        if below.field == "parameters":
            return None if _is_outside_of_parameters(path, index + 2) else "function"
        return "function" if below.field == "body" else None
    if here == "class_definition":
        return "class" if below.field == "body" else None
    if here in COMPREHENSIONS:
        clauses = [child for child in path[index].node.children if child.type == "for_in_clause"]
        is_first = bool(clauses) and below.node == clauses[0]
        is_iterable = is_first and len(path) > index + 2 and path[index + 2].field == "right"
        # `:=` binds outside of comprehensions.
        return None if is_iterable or _binds_by_walrus(path) else "comprehension"
    return None


def _is_outside_of_parameters(path: Path, index: int) -> bool:
    """Whether a path leads to a default or an annotation, which are read where the function is defined."""
    return any(step.field in {"value", "type"} for step in path[index : index + 2])


def _binds_by_walrus(path: Path) -> bool:
    return path[-2].type == "named_expression" and path[-1].field == "name"


def role(path: Path) -> Role:
    """Return what the name at the end of a path does there."""
    if any(step.type == "case_clause" for step in path):
        return _role_in_case(path)
    if path[-2].type == "dotted_name":
        return _role_in_import(path)
    return _role_of_target(path)


def _role_of_target(path: Path) -> Role:
    index = len(path) - 2
    while index > 0 and path[index].type in _PATTERNS and path[index + 1].field != "type":
        index -= 1
    container, child = path[index], path[index + 1]
    found = _TARGETS.get((container.type, child.field))
    return found or "use"


def _role_in_case(path: Path) -> Role:
    """Patterns of `case` bind names or name constants, which is not told apart here."""
    index = max(n for n, step in enumerate(path) if step.type == "case_clause")
    return _role_of_target(path) if path[index + 1].field in {"consequence", "guard"} else "unclear"


def _role_in_import(path: Path) -> Role:
    """`import a.b` binds a; `from a import b` binds b; `import a as b` is no dotted name but for a."""
    around, dotted = path[-3], path[-2]
    if around.type not in {"import_statement", "import_from_statement"} or dotted.field != "name":
        return "none"
    return "import" if path[-1].node.start_byte == dotted.node.start_byte else "none"
