"""What a file defines, as a model should see it: how a thing is used, and the first line on what it is for.

Runs in the index's own process: grammars are native code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # native code, loaded by `languages.parser` when it is first needed
    from tree_sitter import Node, Parser, Tree

DEFINITIONS_MAX = 500
"""Of one file."""
TEXT_CHARACTERS_MAX = 900
SIGNATURE_CHARACTERS_MAX = 300
DOC_CHARACTERS_MAX = 120
MEMBERS_MAX = 16
NAME_CHARACTERS_MAX = 100
DEPTH_MAX = 8
PARSE_TIMEOUT_S = 1.0

_CHUNK_BYTES = 65_536

_FUNCTIONS = frozenset(
    """
    function_definition function_declaration generator_function_declaration function_signature
    method_definition method_signature abstract_method_signature method_declaration constructor_declaration
    function_item function_signature_item macro_definition method singleton_method preproc_function_def
    """.split()  # noqa: SIM905  # a list of names reads best as one text
)
_TYPES = frozenset(
    """
    class_definition class_declaration abstract_class_declaration interface_declaration enum_declaration
    record_declaration struct_declaration trait_declaration type_alias_declaration struct_item enum_item
    union_item trait_item type_item struct_specifier class_specifier union_specifier enum_specifier class
    module type_spec type_alias type_definition
    """.split()  # noqa: SIM905  # a list of names reads best as one text
)
_VALUES = frozenset(["assignment", "variable_declarator", "const_item", "static_item", "const_spec"])
_PROTOTYPES = frozenset({"declaration", "field_declaration"})
"""Of C, which may declare a function."""
_OUTER = frozenset(
    """
    ERROR export_statement decorated_definition namespace_definition namespace_declaration
    file_scoped_namespace_declaration internal_module impl_item mod_item declaration_list template_declaration
    linkage_specification preproc_ifdef preproc_if preproc_else type_declaration ambient_declaration
    lexical_declaration variable_declaration const_declaration statement_block if_statement try_statement
    else_clause except_clause expression_statement block compound_statement enum_body_declarations
    """.split()  # noqa: SIM905  # a list of names reads best as one text
)
"""They define nothing themselves and hold what does."""
_LEADING = frozenset(["export_statement", "template_declaration", "lexical_declaration", "type_declaration"])
"""Of these the words in front belong to the definition."""
_COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
_BINDINGS = ("property", "classmethod", "staticmethod")


@dataclass(frozen=True, slots=True)
class Definition:
    """One name that a file gives to others, and what a model is shown of it."""

    name: str
    text: str


class Reader:
    """Reads the definitions of files of one language."""

    def __init__(self, language: str, parser: "Parser") -> None:
        self._is_python = language == "python"
        self._parser = parser

    def definitions(self, data: bytes) -> list[Definition]:
        """Return what a text defines at its top and in its types, in its order, `DEFINITIONS_MAX` at most.

        Nothing is found in a text that takes longer than `PARSE_TIMEOUT_S` to parse.
        """
        tree = self._parsed(data)
        if tree is None:
            return []
        found: list[Definition] = []
        for definition in _Text(data, self._is_python).below(tree.root_node, "", 0):
            if definition.text and 0 < len(definition.name) <= NAME_CHARACTERS_MAX:
                found.append(definition)
            if len(found) == DEFINITIONS_MAX:
                break
        return found

    def _parsed(self, data: bytes) -> "Tree | None":
        deadline = monotonic() + PARSE_TIMEOUT_S
        view, pieces = memoryview(data), list[memoryview]()

        def read(offset: int, _: object) -> memoryview:
            pieces.append(view[offset : offset + _CHUNK_BYTES])
            return pieces[-1]

        try:
            return self._parser.parse(read, progress_callback=lambda _offset, _error: monotonic() > deadline)
        except ValueError:  # what a callback that says stop leads to
            self._parser.reset()
            return None
        finally:
            for piece in pieces:  # tree-sitter 0.26.1 for Python never lets go of them, and so of the text
                piece.release()


@dataclass(frozen=True, slots=True)
class _Text:
    """A text in UTF-8, and how what stands in its nodes is shown."""

    data: bytes
    is_python: bool

    def below(
        self, node: "Node", owner: str, depth: int, first: "Node | None" = None
    ) -> Iterator[Definition]:
        """Yield what stands below a node.

        Args:
            node: holds it.
            owner: the first line of the type around it; "": there is none.
            depth: of the node.
            first: the outermost node that begins with what is defined here, where that is another.
        """
        if depth > DEPTH_MAX:
            return
        for child in node.named_children:
            kind = child.type
            if kind in _TYPES:
                yield from self._type(child, owner, depth, first or child)
            elif kind in _FUNCTIONS or (kind in _PROTOTYPES and _declares_function(child)):
                lines = self._head(child, first or child)
                yield Definition(self._name(child), _inside(owner, lines))
            elif kind in _VALUES and not owner:
                yield from self._value(child, first or child)
            elif kind in _OUTER:
                leads = kind in _LEADING and child.named_child_count <= 2
                around = self._signature(child, child) if kind == "impl_item" else owner
                yield from self.below(child, around, depth + 1, (first or child) if leads else None)

    def _type(self, node: "Node", owner: str, depth: int, first: "Node") -> Iterator[Definition]:
        body = _body(node)
        if body is None and node.type.endswith("_specifier"):
            return  # of C: it is used here and defined elsewhere
        members = [*self._members(body)] if body else []
        if members or body is None or self.is_python:
            lines = [*self._head(node, first), *(f"    {line}" for line in members)]
        else:
            source = self._slice(first.start_byte, node.end_byte).splitlines()[: MEMBERS_MAX + 2]
            lines = [*self._comment_above(first), *source]
        if node.type in {"type_spec", "type_alias"} and first is node:
            lines = [f"type {line}" if line.startswith(self._name(node)) else line for line in lines]
        yield Definition(self._name(node), _inside(owner, lines))
        if body:
            yield from self.below(body, self._signature(node, first), depth + 1)

    def _members(self, body: "Node") -> Iterator[str]:
        """Yield a line for each thing that can be used of a type, `MEMBERS_MAX` at most."""
        left = MEMBERS_MAX
        for child in body.named_children:
            node, binding = child, ""
            if child.type == "decorated_definition":
                node = child.child_by_field_name("definition") or child
                binding = self._binding(child)
            if line := self._member(node):
                left -= 1
                yield f"{binding}{line}"
            if left == 0:
                return

    def _member(self, node: "Node") -> str:
        if node.type in _FUNCTIONS or (node.type in _PROTOTYPES and _declares_function(node)):
            name = self._name(node)
            is_private = self.is_python and name.startswith("_") and name != "__init__"
            return "" if is_private else self._signature(node, node)
        if self.is_python and node.type == "expression_statement" and node.named_child_count:
            inner = node.named_children[0]
            if inner.type == "assignment" and not self._name(inner).startswith("_"):
                return _short(self._slice(inner.start_byte, inner.end_byte).partition("\n")[0])
        return ""

    def _binding(self, decorated: "Node") -> str:
        for child in decorated.named_children:
            name = self._slice(child.start_byte, child.end_byte).lstrip("@").strip()
            if child.type == "decorator" and name in _BINDINGS:
                return f"@{name} "
        return ""

    def _value(self, node: "Node", first: "Node") -> Iterator[Definition]:
        value = node.child_by_field_name("value")
        left = node.child_by_field_name("name") or node.child_by_field_name("left")
        if left is None or "identifier" not in left.type:
            return
        body = _body(value) if value and "function" in value.type else None
        if body:
            shown = " ".join(self._slice(first.start_byte, body.start_byte).split())
        else:
            shown = self._slice(first.start_byte, node.end_byte).partition("\n")[0].rstrip()
        lines = [*self._comment_above(first), _short(shown)] if body else [_short(shown)]
        yield Definition(self._slice(left.start_byte, left.end_byte), _inside("", lines))

    def _name(self, node: "Node") -> str:
        found = node.child_by_field_name("name") or node.child_by_field_name("left")
        inner: Node | None = node
        while found is None and inner is not None:  # C hides the name in what it is declared to be
            inner = inner.child_by_field_name("declarator")
            if inner is not None and inner.type.endswith(("identifier", "_name")):
                found = inner
        if found is None:
            return ""
        return re.split(r"[.:\\]+", self._slice(found.start_byte, found.end_byte))[-1].strip()

    def _head(self, node: "Node", first: "Node") -> list[str]:
        """Return the signature, and what its own words say that it is for, in the order of the language."""
        signature = self._signature(node, first)
        if self.is_python:
            doc = self._docstring(node)
            return [signature, f'    """{doc}"""'] if doc else [signature]
        return [*self._comment_above(first), signature]

    def _signature(self, node: "Node", first: "Node") -> str:
        """Return what stands before the body, on one line."""
        body = _body(node)
        ends = [child.start_byte for child in node.named_children if child.type in _COMMENTS]
        end = min([*ends, body.start_byte if body else node.end_byte])
        text = self._slice(first.start_byte, end)
        if body is None and node.type not in _FUNCTIONS | _PROTOTYPES:
            text = text.partition("\n")[0]
        shown = re.sub(r"(?<=[(\[]) | ?,? (?=[)\]])", "", " ".join(text.split()))
        return _short(shown.removesuffix("{").rstrip())

    def _docstring(self, node: "Node") -> str:
        body = _body(node)
        children = body.named_children if body else []
        if not children:
            return ""
        found = children[0]
        if found.type == "expression_statement" and found.named_child_count:
            found = found.named_children[0]
        if found.type != "string":
            return ""
        return _first_line(self._slice(found.start_byte, found.end_byte).lstrip("rRuUbB").strip("\"'"))

    def _comment_above(self, first: "Node") -> list[str]:
        above, below = first.prev_named_sibling, first
        if above is None and first.parent is not None and first.parent.type == "body_statement":
            above = first.parent.prev_named_sibling  # of Ruby: it stands before the body, not in it
        while above is not None and above.type in _COMMENTS:
            if below.start_point.row - above.end_point.row > 1:
                break
            below, above = above, above.prev_named_sibling
        if below is first or self.is_python:
            return []
        text = self._slice(below.start_byte, below.end_byte)
        mark = next((mark for mark in ("--", "#") if text.startswith(mark)), "//")
        words = _first_line(re.sub(r"(?m)^\s*(/\*+|/{2,}!?|#+|--+|\*)", "", text).replace("*/", ""))
        return [f"{mark} {words}"] if words else []

    def _slice(self, start: int, end: int) -> str:
        # A little more than is ever shown: a body of many kilobytes need not be decoded.
        return self.data[start : min(end, start + 4 * TEXT_CHARACTERS_MAX)].decode("utf-8", "ignore")


def _body(node: "Node") -> "Node | None":
    found = node.child_by_field_name("body")
    if found is None and node.type in {"type_spec", "type_alias", "type_definition"}:
        inner = node.child_by_field_name("type")
        if inner is not None and node.type == "type_definition":
            return inner.child_by_field_name("body")
        return inner if inner is not None and inner.named_child_count else None
    return found


def _declares_function(node: "Node") -> bool:
    inner: Node | None = node
    while inner is not None:
        if inner.type == "function_declarator":
            return True
        inner = inner.child_by_field_name("declarator")
    return False


def _inside(owner: str, lines: list[str]) -> str:
    """Return lines below the first line of the type that they stand in, `TEXT_CHARACTERS_MAX` at most."""
    lines = [owner, *(f"    {line}" for line in lines)] if owner else lines
    kept: list[str] = []
    left = TEXT_CHARACTERS_MAX
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line.rstrip())
    return "\n".join(kept)


def _first_line(text: str) -> str:
    shown = (line.strip() for line in text.splitlines())
    return _short(next((line for line in shown if line), ""), DOC_CHARACTERS_MAX)


def _short(text: str, most: int = SIGNATURE_CHARACTERS_MAX) -> str:
    """Return a text up to its last blank before a limit: a word that were cut might be half of a secret."""
    return text if len(text) <= most else text[:most].rpartition(" ")[0]
