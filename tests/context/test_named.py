"""What is named near a cursor, and what its file imports: texts of several languages."""

import pytest

from cope_lsp.context.named import LINES_AFTER, LINES_BEFORE, NAMES_MAX, lines_around, named_near


def names(marked: str) -> tuple[str, ...]:
    before, after = marked.split("‸")
    return named_near(before + after, len(before)).names


def modules(text: str) -> tuple[str, ...]:
    return named_near(text, len(text)).modules


def test_what_is_imported_comes_first_and_then_what_is_near() -> None:
    text = "from pack.tools import Ledger\n\nfar = 1\n\nledger = Ledger(budget)\nledger.‸\n"
    found = names(text)
    assert found[0] == "Ledger"
    assert found.index("ledger") < found.index("budget") < found.index("far")


def test_a_name_is_that_under_which_it_was_defined() -> None:
    assert names("from a import reserve as take\n\ntake(‸)\n")[0] == "reserve"
    assert "reserve" in names("import { reserve as take } from './bank'\n\ntake(‸)\n")


def test_the_word_that_is_being_written_is_none_yet() -> None:
    assert "reser" not in names("x = reser‸\n")
    assert "reserve" not in names("x = reser‸ve\n")
    assert "reserve" in names("x = reserve(‸)\n")


def test_only_some_lines_around_the_cursor_count_and_so_many_names() -> None:
    lines = [f"name_{n} = 1" for n in range(200)]
    text = "\n".join(lines)
    found = named_near(text, text.index("name_100 ")).names
    assert set(found) <= {f"name_{n}" for n in range(100 - LINES_BEFORE, 101 + LINES_AFTER)}
    assert f"name_{100 - LINES_BEFORE}" in found
    assert len(named_near(" ".join(f"word{n}" for n in range(500)), 0).names) == NAMES_MAX


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from a.b import cat, dog as pet\n", {"a/b", "a/b/cat", "a/b/dog"}),
        ("from ..tools.text import (\n    split,\n    join as glue,\n)\n", {"tools/text/split"}),
        ("from . import views\n", {"views"}),
        ("import pack.mod as m\n", {"pack/mod"}),
        ("import { area, box } from '../lib/util.js'\n", {"lib/util", "lib/util/area"}),
        ("export * from './shapes'\n", {"shapes"}),
        ("const { run } = require('./jobs')\n", {"jobs", "jobs/run"}),
        ("import java.util.List;\nimport com.acme.Store;\n", {"java/util/List", "com/acme/Store"}),
        ('#include "net/socket.h"\n#include <stdio.h>\n', {"net/socket", "stdio"}),
        ("use crate::store::{Entry, Key};\nuse std::io;\n", {"store", "store/Entry", "store/Key", "std/io"}),
        ('import (\n\t"fmt"\n\tx "github.com/a/b/store"\n)\n', {"fmt", "github.com/a/b/store"}),
        ("require_relative 'lib/store'\n", {"lib/store"}),
        ("use App\\Models\\User;\n", {"App/Models/User"}),
        ("using Acme.Stores;\n", {"Acme/Stores"}),
        ('local M = require("pack.store")\n', {"pack/store"}),
    ],
)  # fmt: skip
def test_imports_of_many_languages_become_paths(text: str, expected: set[str]) -> None:
    assert expected <= set(modules(text))


def test_a_file_without_imports_has_none() -> None:
    assert modules("x = 1\n# from here on it is important\n") == ()
    assert named_near("", 0).names == ()


def test_lines_around_a_place_are_whole() -> None:
    text = "a\nbb\nccc\ndd\ne"
    assert lines_around(text, 6, 1, 1) == (2, 12)
    assert lines_around(text, 0, 5, 0) == (0, 2)
    assert lines_around(text, len(text), 0, 5) == (12, 13)
    assert lines_around("", 0, 1, 1) == (0, 0)
