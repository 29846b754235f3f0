"""Which files are read: real folders with links, pipes, huge files and much too many names."""

import os
import sys
from pathlib import Path

import pytest

from cope_lsp.context.index import files
from cope_lsp.context.index.files import FILE_BYTES_MAX, language_of, read, seen, source_files
from cope_lsp.context.index.table import module_of


def write(path: Path, text: str = "x = 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def paths(workspace: Path) -> list[str]:
    return [file.path for file in source_files(workspace) if file]


def test_files_near_to_the_root_come_first(tmp_path: Path) -> None:
    for name in ("b/c/d.py", "b/a.py", "z.py", "README.md", "a.GO"):
        write(tmp_path / name)
    assert paths(tmp_path) == ["a.GO", "z.py", "b/a.py", "b/c/d.py"]


def test_what_is_hidden_fetched_or_made_is_left_out(tmp_path: Path) -> None:
    for name in (
        ".git/a.py",
        ".hidden.d/a.py",
        "node_modules/x/a.js",
        "env/lib/a.py",
        "build/a.py",
        "a.min.js",
    ):
        write(tmp_path / name)
    write(tmp_path / "env" / "pyvenv.cfg")
    write(tmp_path / "src" / "a.py")
    write(tmp_path / "empty.py", "")
    assert paths(tmp_path) == ["src/a.py"]
    assert seen(tmp_path, "src/a.py")
    for name in (".git/a.py", "node_modules/x/a.js", "a.min.js", "empty.py", "gone.py", "src", "", "\0.py"):
        assert seen(tmp_path, name) is None, name


@pytest.mark.skipif(sys.platform == "win32", reason="makes links and pipes")
def test_no_link_is_followed_and_no_pipe_is_waited_for(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    write(outside / "secret.py")
    write(inside / "real" / "a.py")
    (inside / "loop").symlink_to(inside)
    (inside / "real" / "loop").symlink_to("..")
    (inside / "out").symlink_to(outside)
    (inside / "out.py").symlink_to(outside / "secret.py")
    (inside / "self.py").symlink_to("self.py")
    os.mkfifo(inside / "pipe.py")
    (inside / "folder.py").mkdir()
    assert paths(inside) == ["real/a.py"]
    for name in ("out/secret.py", "out.py", "self.py", "pipe.py", "folder.py", "loop/real/a.py"):
        assert seen(inside, name) is None, name
        assert name == "out/secret.py" or name.startswith("loop") or read(inside, name) is None, name


def test_a_huge_file_that_is_all_holes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.py").open("wb") as file:
        file.truncate(2 << 30)
    write(tmp_path / "limit.py", "#" * FILE_BYTES_MAX)
    write(tmp_path / "over.py", "#" * (FILE_BYTES_MAX + 1))
    assert paths(tmp_path) == ["limit.py"]
    assert read(tmp_path, "huge.py") is None
    assert read(tmp_path, "over.py") is None
    assert len(read(tmp_path, "limit.py") or b"") == FILE_BYTES_MAX


def test_a_binary_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = 1\n\0")
    assert read(tmp_path, "a.py") is None
    assert read(tmp_path, "gone.py") is None


def test_too_many_names_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ENTRIES_MAX", 20)
    for number in range(12):
        write(tmp_path / f"{number}.txt")
        write(tmp_path / "sub" / f"{number}.py")
    with pytest.raises(OverflowError, match="more than 20 names"):
        paths(tmp_path)


@pytest.mark.parametrize(
    ("path", "language", "module"),
    [
        ("a/b.py", "python", "a/b"),
        ("a/__init__.py", "python", "a"),
        ("__init__.py", "python", "__init__"),
        ("web/index.tsx", "typescriptreact", "web"),
        ("src/net/mod.rs", "rust", "src/net"),
        ("x/Y.JAVA", "java", "x/Y"),
        ("notes.txt", "", "notes"),
    ],
)
def test_a_name_tells_the_language_and_how_it_is_imported(path: str, language: str, module: str) -> None:
    assert (language_of(path), module_of(path)) == (language, module)
