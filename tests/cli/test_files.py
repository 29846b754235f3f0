"""Files of the command line."""

from pathlib import Path

import pytest

from cope_lsp.cli.files import UnreadableFileError, language_of, read_text


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.py", "python"),
        ("a.pyi", "python"),
        ("a.test.ts", "typescript"),
        ("a.tsx", "typescriptreact"),
        ("A.PY", "python"),
        (".py", "plaintext"),
        ("py", "plaintext"),
        ("a.", "plaintext"),
        ("a.cobol", "plaintext"),
    ],
)
def test_a_file_has_the_language_of_its_suffix(name: str, language: str) -> None:
    assert language_of(Path("/some/folder.py") / name) == language


def test_a_text_keeps_its_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("a\r\nb\rc\né\u2028".encode())
    assert read_text(tmp_path / "a") == "a\r\nb\rc\né\u2028"


def test_a_file_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="cannot be read: No such file"):
        read_text(tmp_path / "a")
