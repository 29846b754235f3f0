"""What stands at the cursor: code or prose, the beginning of a block, the end of a statement.

Kinds and statements are told by the tree of tree-sitter, for all grammars by what the names of their nodes
have in common; blocks by lines (`blocks`), which hold where a text does not parse.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cope_lsp.checks.syntax.blocks import Lines, head_at, indent_at, is_empty_block
from cope_lsp.checks.syntax.quotes import open_at_end
from cope_lsp.checks.syntax.tree import Parsed

if TYPE_CHECKING:  # native code, loaded by `languages.parser` when it is first needed
    from tree_sitter import Node

Kind = Literal["code", "comment", "string"]

_STRING = re.compile(
    r"(?!concatenated|string_array)(?:\w*string\w*|char_literal|character_literal|rune_literal|heredoc_body)"
)
_CODE_IN_STRING = re.compile(r"\w*interpolation|\w*substitution|\w*expansion")
_COMMENT_ENDS = {b"/*": b"*/", b"--[": b"]", b"<!--": b"-->", b"=begin": b"=end"}
_CONTAINER = re.compile(
    r"\w*(?:block|body|suite|_list|compound_statement|program|source_file|translation_unit|module|chunk|compilation_unit)"
    r"|stylesheet|do_group|then|else|do_statement|\w*clause|decorator|switch\w*"
)
"""What holds statements, whatever a grammar calls it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What stands at a place in a text."""

    kind: Kind
    """A comment of one line counts up to the end of its line; a string from quote to quote."""
    opens_block: bool
    """A block begins here that has no statement yet: behind its first line, or in a blank one below that."""
    indent: int
    """The column of the innermost block in which new lines belong; a line further to the left ends it."""
    ends_statement: bool
    """The cursor is at the end of a line, and nothing more is expected in it."""


def scene(parsed: Parsed, language: str, text: str, offset: int) -> Scene:
    """Return what stands at a place of a text.

    Args:
        parsed: the text, as tree-sitter reads it.
        language: its LSP language id.
        text: of which `parsed` may lack what no file can hold.
        offset: in code points.
    """
    at = len(text[:offset].encode("utf-8", "surrogatepass"))
    lines = Lines.around(language, text, offset)
    kind = _kind(parsed, at)
    if kind == "code" and parsed.broken:
        kind = open_at_end(language, text[:offset]) or "code"
    is_code = kind == "code"
    opens_block = is_code and is_empty_block(lines)
    return Scene(
        kind=kind,
        opens_block=opens_block,
        indent=indent_at(lines),
        ends_statement=is_code and not opens_block and _ends_statement(parsed, lines, at),
    )


def _kind(parsed: Parsed, at: int) -> Kind:
    """Return what a byte offset lies in."""
    node = parsed.tree.root_node.descendant_for_byte_range(at - 1, at) if at else None
    while node is not None:
        if node.is_named:
            if _CODE_IN_STRING.fullmatch(node.type) and node.start_byte < at < node.end_byte:
                return "code"
            if "comment" in node.type and (at < node.end_byte or not _is_closed(parsed, node)):
                return "comment"
            if _STRING.fullmatch(node.type) and (at < node.end_byte or _lacks_its_end(node)):
                return "string"
        node = node.parent
    return "code"


def _is_closed(parsed: Parsed, node: "Node") -> bool:
    """Whether a comment has an end of its own, after which there is code again."""
    text = parsed.data[node.start_byte : node.end_byte]
    return text.endswith(b"\n") or any(
        text.startswith(start) and text.endswith(end) for start, end in _COMMENT_ENDS.items()
    )


def _lacks_its_end(node: "Node") -> bool:
    last = node.children[-1] if node.child_count else None
    return last is not None and last.is_missing


def _ends_statement(parsed: Parsed, lines: Lines, at: int) -> bool:
    """Whether a line that ends at the cursor ends a statement, or opens a block that is there already."""
    written = lines.before.rstrip()
    if not written or not lines.at_end:
        return False
    if head_at(lines):
        return True
    end = at - (len(lines.before) - len(written))  # blanks are one byte each
    node = parsed.tree.root_node.descendant_for_byte_range(end - 1, end)
    while node is not None and node.parent is not None and node.end_byte == end:
        if node.is_named and _CONTAINER.fullmatch(node.parent.type) and not node.has_error:
            return True
        node = node.parent
    return False
