"""Which grammar reads which language: LSP language ids and the packages of tree-sitter that know them.

A grammar is a shared library of 0.1 to 5 MB. None is loaded before a file of its language is parsed.
"""

import importlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loads native code, see `parser`
    from tree_sitter import Language, Parser

_GRAMMARS: dict[str, Callable[[], object]] = {
    "c": lambda: importlib.import_module("tree_sitter_c").language(),
    "cpp": lambda: importlib.import_module("tree_sitter_cpp").language(),
    "csharp": lambda: importlib.import_module("tree_sitter_c_sharp").language(),
    "css": lambda: importlib.import_module("tree_sitter_css").language(),
    "go": lambda: importlib.import_module("tree_sitter_go").language(),
    "html": lambda: importlib.import_module("tree_sitter_html").language(),
    "java": lambda: importlib.import_module("tree_sitter_java").language(),
    "javascript": lambda: importlib.import_module("tree_sitter_javascript").language(),
    "javascriptreact": lambda: importlib.import_module("tree_sitter_javascript").language(),
    "json": lambda: importlib.import_module("tree_sitter_json").language(),
    "lua": lambda: importlib.import_module("tree_sitter_lua").language(),
    "php": lambda: importlib.import_module("tree_sitter_php").language_php(),
    "python": lambda: importlib.import_module("tree_sitter_python").language(),
    "ruby": lambda: importlib.import_module("tree_sitter_ruby").language(),
    "rust": lambda: importlib.import_module("tree_sitter_rust").language(),
    "shellscript": lambda: importlib.import_module("tree_sitter_bash").language(),
    "typescript": lambda: importlib.import_module("tree_sitter_typescript").language_typescript(),
    "typescriptreact": lambda: importlib.import_module("tree_sitter_typescript").language_tsx(),
}

LANGUAGES = frozenset(_GRAMMARS)
"""The LSP ids of all languages that have a grammar."""

LANGUAGE_OF_SUFFIX = {
    ".bash": "shellscript",
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".css": "css",
    ".cxx": "cpp",
    ".go": "go",
    ".h": "c",
    ".hh": "cpp",
    ".hpp": "cpp",
    ".html": "html",
    ".java": "java",
    ".js": "javascript",
    ".json": "json",
    ".jsx": "javascriptreact",
    ".lua": "lua",
    ".mjs": "javascript",
    ".php": "php",
    ".py": "python",
    ".pyi": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".sh": "shellscript",
    ".ts": "typescript",
    ".tsx": "typescriptreact",
}
"""The LSP ids of files, by the ends of their names."""


def parser(language: str) -> "Parser | None":
    """Return a fresh parser for an LSP language id.

    The first one of a language loads its grammar, which takes 10 to 40 ms. A parser is for one thread.

    Returns:
        None: there is no grammar for this language, or its package does not load on this machine.
    """
    known = _grammar(language)
    # Not imported at the top: a server that checks nothing should not load native code.
    return None if known is None else importlib.import_module("tree_sitter").Parser(known)


@cache
def _grammar(language: str) -> "Language | None":
    load = _GRAMMARS.get(language)
    if load is None:
        return None
    try:
        made: Language = importlib.import_module("tree_sitter").Language(load())
    except (ImportError, ValueError):  # ValueError: it was generated for another version of tree-sitter
        return None
    return made
