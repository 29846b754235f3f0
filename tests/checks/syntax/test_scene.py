"""What stands at the cursor: golden cases in scenes.toml, and what holds for every text."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.checks.syntax.errors import Original
from cope_lsp.checks.syntax.languages import LANGUAGES
from cope_lsp.checks.syntax.quotes import open_at_end
from cope_lsp.checks.syntax.reader import SyntaxReader
from cope_lsp.checks.syntax.scene import Scene, scene
from cope_lsp.checks.syntax.tree import Untold
from tests.checks.syntax.snippets import SNIPPETS
from tests.checks.syntax.test_proof import PIECES
from tests.conftest import scaled

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("scenes.toml").read_text("utf-8"))[
    "case"
]
NOT_LOOKED_AT = {"name", "text", "language"}


def scene_at(language: str, text: str, offset: int) -> Scene:
    original = Original(language, text)
    assert not isinstance(original.parsed, Untold)
    return scene(original.parsed, language, text, offset)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_case(case: dict[str, Any]) -> None:
    text = case["text"]
    came = scene_at(case.get("language", "python"), text.replace("◆", ""), text.index("◆"))
    expected = {key: value for key, value in case.items() if key not in NOT_LOOKED_AT}
    assert {key: getattr(came, key) for key in expected} == expected


def test_no_two_golden_cases_have_one_name() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


def test_line_ends_of_windows_change_nothing() -> None:
    for case in CASES:
        language, text = case.get("language", "python"), case["text"]
        windows = text.replace("\n", "\r\n")
        assert scene_at(language, windows.replace("◆", ""), windows.index("◆")) == scene_at(
            language, text.replace("◆", ""), text.index("◆")
        ), case["name"]


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_in_the_hole_of_a_file_there_is_code(language: str) -> None:
    snippet = SNIPPETS[language]
    assert scene_at(language, snippet.filled(""), snippet.file.index("◆")).kind == "code"


COMMENTS = {
    "c": "/* one ◆ */",
    "cpp": "// one ◆",
    "csharp": "// one ◆",
    "css": "/* one ◆ */",
    "go": "// one ◆",
    "html": "<!-- one ◆ -->",
    "java": "// one ◆",
    "javascript": "// one ◆",
    "javascriptreact": "// one ◆",
    "lua": "-- one ◆",
    "php": "# one ◆",
    "python": "# one ◆",
    "ruby": "# one ◆",
    "rust": "// one ◆",
    "shellscript": "# one ◆",
    "typescript": "// one ◆",
    "typescriptreact": "// one ◆",
}


@pytest.mark.parametrize("language", sorted(COMMENTS))
def test_a_comment_is_known_in_every_language_also_when_the_rest_does_not_parse(language: str) -> None:
    for snippet in (SNIPPETS[language], SNIPPETS[language].broken_elsewhere()):
        text = snippet.filled(COMMENTS[language] + "\n")
        assert scene_at(language, text.replace("◆", ""), text.index("◆")).kind == "comment"


@settings(max_examples=scaled(200, 3_000), deadline=None)
@given(st.sampled_from(sorted(LANGUAGES)), st.lists(PIECES, max_size=30).map("".join), st.data())
def test_any_text_has_a_scene(language: str, text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    came = scene_at(language, text, offset)
    assert came.indent >= 0
    assert not (came.opens_block and came.ends_statement)
    if came.kind != "code":
        assert not came.opens_block
        assert not came.ends_statement


@pytest.mark.parametrize(
    ("language", "text", "kind"),
    [
        ("python", "x = 1", None),
        ("python", "x = 'a' # b", "comment"),
        ("python", "x = '#'", None),
        ("python", "x = 'a\\'", "string"),
        ("python", "'''a\n'b'", "string"),
        ("python", "'''a'''\n", None),
        ("python", "x = 'a\ny = 1", None),
        ("javascript", "a = `b\n", "string"),
        ("javascript", "a /* b */ + 'c", "string"),
        ("go", "a // b\nc", None),
        ("rust", "fn f<'a>(b: &'a str", None),
        ("lua", "a --[[ b\nc", "comment"),
        ("html", "it's <!-- one", "comment"),
        ("css", "a { /* b", "comment"),
        ("json", '{"a', "string"),
    ],
)
def test_what_is_open_is_told_by_its_marks(language: str, text: str, kind: str | None) -> None:
    assert open_at_end(language, text) == kind


async def test_the_process_answers_what_is_told_here() -> None:
    reader = SyntaxReader()
    text = "def f(a):\n    'é😀 \ud83d'\n    \n"
    assert await reader.scene("python", text, len(text) - 1) == scene_at("python", text, len(text) - 1)
    assert await reader.scene("cobol", "x", 0) is None
    assert await reader.scene("python", "x" * 1_000_001, 0) is None
    assert await reader.scene("python", "é" * 600_000, 0) is None
    await reader.close()
