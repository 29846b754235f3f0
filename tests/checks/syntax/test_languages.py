"""Every language has a grammar that loads when it is wanted, and not before."""

import json
import subprocess
import sys

import pytest

from cope_lsp.checks.syntax.languages import LANGUAGE_OF_SUFFIX, LANGUAGES, parser
from tests.checks.syntax.snippets import SNIPPETS

NATIVE = """
import json, sys
from cope_lsp.checks.syntax.languages import parser

for language in json.loads(sys.argv[1]):
    parser(language)
print(json.dumps(sorted(name for name in sys.modules if name.startswith("tree_sitter") and "." not in name)))
"""

ASKED = """
import asyncio, sys
from cope_lsp.checks.syntax.reader import SyntaxReader

async def main():
    reader = SyntaxReader()
    print(await reader.new_errors("json", "1", "2"), any(name.startswith("tree_sitter") for name in sys.modules))
    await reader.close()

asyncio.run(main())
"""


def loaded(*languages: str) -> list[str]:
    """Return the packages that a fresh Python has loaded once it has parsers of some languages."""
    command = [sys.executable, "-c", NATIVE, json.dumps(languages)]
    names: list[str] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return names


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_grammar_reads_a_file_of_its_language(language: str) -> None:
    made = parser(language)
    assert made is not None
    text = SNIPPETS[language].filled(SNIPPETS[language].right)
    assert not made.parse(text.encode()).root_node.has_error


def test_a_language_without_a_grammar_has_no_parser() -> None:
    assert parser("cobol") is None


def test_each_parser_is_a_fresh_one() -> None:
    assert parser("json") is not parser("json")


def test_the_command_line_names_no_language_without_a_grammar() -> None:
    assert set(LANGUAGE_OF_SUFFIX.values()) == LANGUAGES


def test_nothing_native_is_loaded_before_it_is_wanted() -> None:
    assert loaded() == []
    assert loaded("cobol") == []
    assert loaded("json", "csharp") == ["tree_sitter", "tree_sitter_c_sharp", "tree_sitter_json"]


def test_the_process_that_asks_loads_no_grammar() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout == "() False\n"
