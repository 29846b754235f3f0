"""The places that follow when a local variable was renamed, in languages whose scopes are blocks.

A grammar is described by tables. What they do not name is no declaration, so that nothing is proposed for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from cope_lsp.next_edit import macros
from cope_lsp.next_edit.hunks import Renamed
from cope_lsp.next_edit.source import Path, Place, Source, Step

Fields = frozenset[str | None]
_ANY: Fields = frozenset()


@dataclass(frozen=True, slots=True)
class Grammar:
    """The types of a grammar's nodes, and the fields of their children, that say what a name is."""

    functions: frozenset[str]
    blocks: frozenset[str]
    declares: Mapping[str, Fields]
    """Where a name is declared: known from the end of what is named here, or of its child."""
    wholes: frozenset[str]
    """Those of them that end before the name is known, as `x = f()` does."""
    loops: frozenset[str]
    """Those whose name is known in their body alone."""
    patterns: Mapping[str, Fields]
    """What may stand between a declaration and its name."""
    no_names: Mapping[str, Fields]
    """Where an identifier is no variable; no fields: everywhere."""
    unclear: frozenset[str]
    """Where it may declare one or not."""
    tags: frozenset[str] = frozenset()
    """Where a name that begins with a small letter is no variable, and another may be one."""
    hoists: frozenset[str] = frozenset()
    """Where a declaration is known outside of its block as well, and therefore unclear."""
    modifiers: frozenset[str] = frozenset()
    """Beside these a declaration is one of a field as well, and therefore unclear."""
    shorthands: Mapping[str, str] = field(default_factory=dict)
    """Where a name stands for a field as well; and what stands between both when they differ."""


def _in(*fields: str | None) -> Fields:
    return frozenset(fields)


_SCRIPT = Grammar(
    functions=frozenset(
        {
            "function_declaration",
            "function_expression",
            "arrow_function",
            "method_definition",
            "generator_function",
            "generator_function_declaration",
        }
    ),
    blocks=frozenset(
        {"statement_block", "for_statement", "for_in_statement", "catch_clause", "switch_body", "class_body"}
    ),
    declares={
        "variable_declarator": _in("name"),
        "formal_parameters": _in(None),
        "arrow_function": _in("parameter"),
        "catch_clause": _in("parameter"),
        "required_parameter": _in("pattern"),
        "optional_parameter": _in("pattern"),
    },
    wholes=frozenset({"variable_declarator"}),
    loops=frozenset(),
    patterns={
        "assignment_pattern": _in("left"),
        "rest_pattern": _in(None),
        "array_pattern": _in(None),
        "object_pattern": _in(None),
        "pair_pattern": _in("value"),
        "object_assignment_pattern": _in("left"),
    },
    no_names={"nested_identifier": _ANY},
    unclear=frozenset(
        {
            "for_in_statement",
            "function_declaration",
            "generator_function_declaration",
            "class_declaration",
            "import_specifier",
            "export_specifier",
            "import_clause",
            "namespace_import",
            "enum_declaration",
        }
    ),
    tags=frozenset({"jsx_opening_element", "jsx_closing_element", "jsx_self_closing_element"}),
    hoists=frozenset({"variable_declaration"}),
    modifiers=frozenset({"accessibility_modifier", "readonly", "override_modifier"}),
    shorthands={"shorthand_property_identifier": ": "},
)

_GO = Grammar(
    functions=frozenset({"function_declaration", "method_declaration", "func_literal"}),
    blocks=frozenset(
        {
            "block",
            "if_statement",
            "for_statement",
            "expression_switch_statement",
            "type_switch_statement",
            "expression_case",
            "type_case",
            "default_case",
            "communication_case",
        }
    ),
    declares={
        "parameter_declaration": _in("name"),
        "variadic_parameter_declaration": _in("name"),
        "short_var_declaration": _in("left"),
        "range_clause": _in("left"),
        "var_spec": _in("name"),
        "const_spec": _in("name"),
    },
    wholes=frozenset({"short_var_declaration", "range_clause", "var_spec", "const_spec"}),
    loops=frozenset(),
    patterns={"expression_list": _in(None)},
    no_names={},
    unclear=frozenset({"literal_element", "receive_statement", "type_switch_statement"}),
)

_RUST = Grammar(
    functions=frozenset({"function_item", "closure_expression"}),
    blocks=frozenset({"block", "for_expression", "match_arm", "if_expression", "while_expression"}),
    declares={
        "parameter": _in("pattern"),
        "let_declaration": _in("pattern"),
        "closure_parameters": _in(None),
        "for_expression": _in("pattern"),
    },
    wholes=frozenset({"let_declaration"}),
    loops=frozenset({"for_expression"}),
    patterns={
        "tuple_pattern": _in(None),
        "mut_pattern": _in(None),
        "ref_pattern": _in(None),
        "reference_pattern": _in(None),
        "slice_pattern": _in(None),
    },
    no_names={
        "scoped_identifier": _ANY,
        "macro_invocation": _in("macro"),
        "enum_variant": _ANY,
        "lifetime": _ANY,
        "label": _ANY,
    },
    unclear=frozenset(
        {
            "match_pattern",
            "tuple_struct_pattern",
            "struct_pattern",
            "field_pattern",
            "captured_pattern",
            "or_pattern",
            "let_condition",
            "function_item",
            "const_item",
            "static_item",
            "scoped_use_list",
            "use_list",
            "use_declaration",
            "use_as_clause",
        }
    ),
    shorthands={"shorthand_field_initializer": ": "},
)

_JAVA = Grammar(
    functions=frozenset(
        {
            "method_declaration",
            "constructor_declaration",
            "compact_constructor_declaration",
            "lambda_expression",
        }
    ),
    blocks=frozenset(
        {
            "block",
            "constructor_body",
            "for_statement",
            "enhanced_for_statement",
            "try_with_resources_statement",
            "catch_clause",
            "switch_block",
            "class_body",
        }
    ),
    declares={
        "formal_parameter": _in("name"),
        "variable_declarator": _in("name"),
        "enhanced_for_statement": _in("name"),
        "catch_formal_parameter": _in("name"),
        "resource": _in("name"),
        "inferred_parameters": _in(None),
        "lambda_expression": _in("parameters"),
    },
    wholes=frozenset({"variable_declarator", "resource"}),
    loops=frozenset({"enhanced_for_statement"}),
    patterns={},
    no_names={
        "method_invocation": _in("name"),
        "field_access": _in("field"),
        "method_declaration": _in("name"),
        "constructor_declaration": _in("name"),
        "class_declaration": _in("name"),
        "labeled_statement": _ANY,
        "break_statement": _ANY,
        "continue_statement": _ANY,
        "element_value_pair": _in("key"),
        "marker_annotation": _ANY,
        "annotation": _in("name"),
        "scoped_identifier": _ANY,
    },
    unclear=frozenset(
        {"method_reference", "switch_label", "instanceof_expression", "record_pattern_component"}
    ),
)

_C = Grammar(
    functions=frozenset({"function_definition"}),
    blocks=frozenset({"compound_statement", "for_statement"}),
    declares={"parameter_declaration": _in("declarator"), "declaration": _in("declarator")},
    wholes=frozenset(),
    loops=frozenset(),
    patterns={
        "pointer_declarator": _in("declarator"),
        "array_declarator": _in("declarator"),
        "parenthesized_declarator": _in(None),
        "init_declarator": _in("declarator"),
    },
    no_names={"function_declarator": _in("declarator")},
    unclear=frozenset({"enumerator", "preproc_def", "preproc_function_def", "preproc_params"}),
)

_GRAMMARS: Mapping[str, Grammar] = {
    "javascript": _SCRIPT,
    "javascriptreact": _SCRIPT,
    "typescript": _SCRIPT,
    "typescriptreact": _SCRIPT,
    "go": _GO,
    "rust": _RUST,
    "java": _JAVA,
    "c": _C,
}

LANGUAGES = frozenset(_GRAMMARS)
"""LSP ids."""

Role = Literal["use", "declaration", "unclear"]


class Mention(NamedTuple):
    """Where a variable's name stands, and the shorthand that it is written in, if it is in one."""

    start: int
    end: int
    role: Role
    known_from: int
    """Of a declaration: where those begin that mean it."""
    joint: str
    path: Path


def follow_local_rename(language: str, source: Source, renamed: Renamed, latest: int) -> list[Place]:
    """Return the uses of a local variable or parameter that still have its old name.

    Only for one that is declared once where it is known, and whose declaration was changed.

    Args:
        language: one of `LANGUAGES`.
        source: the text now.
        renamed: which word became which, at which offsets in bytes.
        latest: which of these was changed last.

    Raises:
        TooMuchError: one of the names stands at too many places.
    """
    grammar = _GRAMMARS[language]
    new = list(_mentions(source, grammar, renamed.new))
    changed = [each for each in new if each.start in renamed.starts]
    old = list(_mentions(source, grammar, renamed.old))
    home = _declaration(grammar, changed, latest)
    if home is None:
        return []
    start, end = _scope(grammar, home.path)
    here = [each for each in (*changed, *old) if each is not home and start <= each.start < end]
    others = [each for each in new if each not in changed and start <= each.start < end]
    if others or any(each.role != "use" for each in here):
        return []
    if grammar is _RUST and macros.is_in_format(source, renamed.old, start, end):
        return []
    left = [each for each in here if each not in changed and each.start >= home.known_from]
    # A field keeps its name where a variable of the same name is put into it.
    return [Place(each.start, each.end, _written(each, renamed)) for each in left]


def _written(mention: Mention, renamed: Renamed) -> str:
    return f"{renamed.old}{mention.joint}{renamed.new}" if mention.joint else renamed.new


def _declaration(grammar: Grammar, changed: list[Mention], latest: int) -> Mention | None:
    """Return the changed declaration of what was changed last."""
    touched = next((each for each in changed if each.start == latest), None)
    around = [
        each
        for each in changed
        if each.role == "declaration"
        and touched
        and _scope(grammar, each.path)[0] <= touched.start < _scope(grammar, each.path)[1]
    ]
    return around[-1] if around and _is_in_function(grammar, around[-1].path) else None


def _mentions(source: Source, grammar: Grammar, name: str) -> Iterator[Mention]:
    for start, end in source.words(name):
        path = source.path(start, end)
        leaf = path[-1].node
        joint = grammar.shorthands.get(leaf.type, "")
        is_name = leaf.type == "identifier" or joint or leaf.type == "shorthand_property_identifier_pattern"
        if not is_name or (leaf.start_byte, leaf.end_byte) != (start, end):
            continue
        if len(path) > 1 and not _is_no_name(source, grammar, path):
            joint = joint or grammar.shorthands.get(path[-2].type, "")
            role, known_from = _role(grammar, path)
            yield Mention(start, end, role, known_from, joint, path)


def _is_no_name(source: Source, grammar: Grammar, path: Path) -> bool:
    around, leaf = path[-2], path[-1]
    fields = grammar.no_names.get(around.type)
    if fields is not None and (not fields or leaf.field in fields):
        return True
    if around.type in grammar.tags and leaf.field == "name":
        return source.text(leaf.node)[:1].islower()
    return around.type == macros.TOKENS and macros.is_label(leaf.node)


def _role(grammar: Grammar, path: Path) -> tuple[Role, int]:
    index = len(path) - 2
    while index > 0 and path[index + 1].field in grammar.patterns.get(path[index].type, _ANY):
        index -= 1
    around, child = path[index], path[index + 1]
    if around.type == macros.TOKENS:
        return ("unclear" if macros.may_be_more(child.node) else "use"), 0
    if child.field in grammar.declares.get(around.type, _ANY):
        is_more = path[index - 1].type in grammar.hoists or any(
            each.type in grammar.modifiers for each in around.node.children
        )
        return ("unclear", 0) if is_more else ("declaration", _known_from(grammar, around, child))
    is_unclear = around.type in grammar.unclear | grammar.tags
    return "unclear" if is_unclear and child.field not in {"body", "value", "right"} else "use", 0


def _known_from(grammar: Grammar, around: Step, child: Step) -> int:
    body = around.node.child_by_field_name("body") if around.type in grammar.loops else None
    if body is not None:
        return body.start_byte
    return around.node.end_byte if around.type in grammar.wholes else child.node.end_byte


def _scope(grammar: Grammar, path: Path) -> tuple[int, int]:
    """Return where what is declared at the end of a path is known."""
    kinds = grammar.functions | grammar.blocks
    found = next((step.node for step in reversed(path[:-1]) if step.type in kinds), path[0].node)
    return found.start_byte, found.end_byte


def _is_in_function(grammar: Grammar, path: Path) -> bool:
    return any(step.type in grammar.functions for step in path)
