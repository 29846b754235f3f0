"""What a name among the tokens of a macro of Rust may be: the grammar does not tell."""

import re
from typing import TYPE_CHECKING

from cope_lsp.next_edit.source import Source

if TYPE_CHECKING:  # native code
    from tree_sitter import Node

TOKENS = "token_tree"
"""The type of the node that they are in."""


def is_label(name: "Node") -> bool:
    """Whether a token is a field behind a dot or the name of an argument, as in `info!(user = user)`."""
    before, after = _beside(name)
    return before == "." or (before in {"(", ","} and after == "=")


def may_be_more(name: "Node") -> bool:
    """Whether a token may name a field, or what is bound or assigned there."""
    before, after = _beside(name)
    braced = name.parent is not None and name.parent.children[0].type == "{"
    return after in {"=", ":"} or (braced and before in {"{", ","} and after in {"}", ","})


def is_in_format(source: Source, name: str, start: int, end: int) -> bool:
    """Whether a text in a macro has a variable in braces, as `{name:?}` and `{:name$}` do.

    Args:
        source: the file.
        name: of the variable.
        start: where to look, in bytes.
        end: where that ends.

    Raises:
        TooMuchError: the text is too deep.
    """
    word = re.escape(name.encode())
    braces = re.compile(rb"\{\s*+%b(?!\w)|\{[^{}]*?(?<![A-Za-z_])%b\$" % (word, word))
    for found in braces.finditer(source.data, start, end):
        types = [step.type for step in source.path(found.end() - 1, found.end())]
        if TOKENS in types and "string" in types[-1]:
            return True
    return False


def _beside(name: "Node") -> tuple[str, str]:
    before, after = name.prev_sibling, name.next_sibling
    return before.type if before else "", after.type if after else ""
