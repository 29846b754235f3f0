"""What is named near a cursor, and what its file imports: texts of several languages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.context.index.files import LANGUAGE_OF
from cope_lsp.context.named import (
    AROUND_CHARACTERS,
    LINES_AFTER,
    LINES_BEFORE,
    MODULES_MAX,
    NAMES_MAX,
    lines_around,
    named_near,
)


def names(marked: str, language: str = "python") -> tuple[str, ...]:
    before, after = marked.split("‸")
    return named_near(language, before + after, len(before)).names


def modules(language: str, text: str) -> tuple[str, ...]:
    return named_near(language, text, len(text)).modules


def test_what_is_imported_comes_first_and_then_what_is_near() -> None:
    text = "from pack.tools import Ledger\n\nfar = 1\n\nledger = Ledger(budget)\nledger.‸\n"
    found = names(text)
    assert found[0] == "Ledger"
    assert found.index("ledger") < found.index("budget") < found.index("far")


def test_a_name_is_that_under_which_it_was_defined() -> None:
    assert names("from a import reserve as take\n\ntake(‸)\n")[0] == "reserve"
    assert "reserve" in names("import { reserve as take } from './bank'\n\ntake(‸)\n", "typescript")


def test_the_word_that_is_being_written_is_none_yet() -> None:
    assert "reser" not in names("x = reser‸\n")
    assert "reserve" not in names("x = reser‸ve\n")
    assert "reserve" in names("x = reserve(‸)\n")


def test_only_some_lines_around_the_cursor_count_and_so_many_names() -> None:
    lines = [f"name_{n} = 1" for n in range(200)]
    text = "\n".join(lines)
    found = named_near("python", text, text.index("name_100 ")).names
    assert set(found) <= {f"name_{n}" for n in range(100 - LINES_BEFORE, 101 + LINES_AFTER)}
    assert f"name_{100 - LINES_BEFORE}" in found
    assert len(named_near("c", " ".join(f"word{n}" for n in range(500)), 0).names) == NAMES_MAX


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("python", "from a.b import cat, dog as pet\n", {"a/b", "a/b/cat", "a/b/dog"}),
        ("python", "from ..tools.text import (\n    split,\n    join as glue,\n)\n", {"tools/text/split"}),
        ("python", "from . import views\n", {"views"}),
        ("python", "import pack.mod as m\n", {"pack/mod"}),
        ("javascript", "import { area, box } from '../lib/util.js'\n", {"lib/util", "lib/util/area"}),
        ("typescriptreact", "export * from './shapes'\n", {"shapes"}),
        ("javascript", "const { run } = require('./jobs')\n", {"jobs", "jobs/run"}),
        ("java", "import java.util.List;\nimport com.acme.Store;\n", {"java/util/List", "com/acme/Store"}),
        ("c", '#include "net/socket.h"\n#include <stdio.h>\n', {"net/socket", "stdio"}),
        ("rust", "use crate::store::{Entry, Key};\nuse std::io;\n", {"store", "store/Entry", "store/Key"}),
        ("rust", "use std::io;\n", {"std/io"}),
        ("go", 'import (\n\t"fmt"\n\tx "github.com/a/b/store"\n)\n', {"fmt", "github.com/a/b/store"}),
        ("ruby", "require_relative 'lib/store'\n", {"lib/store"}),
        ("php", "use App\\Models\\User;\n", {"App/Models/User"}),
        ("csharp", "using Acme.Stores;\n", {"Acme/Stores"}),
        ("lua", 'local M = require("pack.store")\n', {"pack/store"}),
    ],
)  # fmt: skip
def test_imports_of_many_languages_become_paths(language: str, text: str, expected: set[str]) -> None:
    assert expected <= set(modules(language, text))


def test_a_file_without_imports_has_none() -> None:
    assert modules("python", "x = 1\n# from here on it is important\n") == ()
    assert named_near("python", "", 0).names == ()


def test_lines_around_a_place_are_whole() -> None:
    text = "a\nbb\nccc\ndd\ne"
    assert lines_around(text, 6, 1, 1) == (2, 12)
    assert lines_around(text, 0, 5, 0) == (0, 2)
    assert lines_around(text, len(text), 0, 5) == (12, 13)
    assert lines_around("", 0, 1, 1) == (0, 0)


def test_imports_are_those_of_the_language() -> None:
    assert modules("python", "const a = require('b')\nexport * from './c'\n") == ()
    assert modules("javascript", "from b import c\nuse d;\n") == ()
    assert modules("html", "import b from 'c'\n") == ()


def test_what_begins_no_import_is_none() -> None:
    assert modules("javascript", "const a = f('export')\nconst b = {a}.from('c')\n") == ()
    assert modules("typescript", "export const a = 'b'\nimport c from 'd'\n") == ("d",)


def test_an_import_of_half_a_surrogate_pair_is_left_out() -> None:
    assert modules("typescript", "import a from './b\ud800'\nimport c from './d'\n") == ("d",)


def test_of_a_line_as_long_as_a_file_only_the_middle_counts() -> None:
    blanks = " " * AROUND_CHARACTERS
    assert names(f"distant{blanks}nearer(‸)closer{blanks}remote") == ("nearer", "closer")


LONG = 50_000


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("language", "text", "end"),
    [
        ("javascript", "import" + " " * LONG, "'a'"),
        ("javascript", "import\n" * (LONG // 7), "import b from 'a'"),
        ("javascript", "const {" * (LONG // 7), "import b from 'a'"),
        ("javascript", "const x = require" + " " * LONG, "('a')"),
        ("python", "from b import " + "a" * LONG, ""),
    ],
)
def test_a_text_that_repeats_itself_is_read_once(language: str, text: str, end: str) -> None:
    """A pattern that goes back over such a text needs seconds each time, or longer than anybody lives."""
    for _ in range(20):
        found = named_near(language, f"{text}{end}\nnear = 1\n", len(text) + len(end) + 1)
    assert "near" in found.names


PIECES = st.sampled_from(
    [
        *("import", "export", "from", "const", "require", "use", "using", "include", "as"),
        *("a", "é", "\ud800", "_1", "::"),
        *" \t\n{}()[]'\":;,.#=<>\\/*",
        " from '",
        "import {",
    ]
)


@given(
    st.sampled_from(sorted({*LANGUAGE_OF.values()})),
    st.lists(
        st.tuples(st.lists(PIECES, min_size=1, max_size=4).map("".join), st.integers(1, 4_000)), max_size=4
    ),
    st.integers(0),
)
@settings(max_examples=200)
def test_of_any_text_what_is_named_stands_in_it_and_can_be_asked_for(
    language: str, repeated: list[tuple[str, int]], place: int
) -> None:
    text = "".join(piece * times for piece, times in repeated)
    found = named_near(language, text, place % (len(text) + 1))
    assert all(name in text and name.isidentifier() for name in found.names)
    assert len(found.names) <= NAMES_MAX
    assert len(found.modules) <= MODULES_MAX
    for module in found.modules:
        assert module.isprintable()
        assert not module.startswith(("/", "."))
