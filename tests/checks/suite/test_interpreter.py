"""Which interpreter is the user's, and what of the system it shows to drafts."""

import os
import sys
from pathlib import Path

import pytest

from cope_lsp.checks.suite.interpreter import Interpreter, find

BASE = Path(sys.base_prefix)


def installation(folder: Path) -> Path:
    """Make what looks like an installation of Python."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / "python3.11").mkdir(parents=True)
    (folder / "lib" / "python3.11" / "os.py").touch()
    (folder / "bin" / "python3").touch()
    return folder


def environment(folder: Path, base: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = {base}/bin\nversion = 3.11\n")
    (folder / "bin" / "python").symlink_to(base / "bin" / "python3")
    return folder


def shown(found: Interpreter | str) -> list[str]:
    assert isinstance(found, Interpreter), found
    return [str(path) for path, _ in found.folders]


def test_an_environment_is_shown_with_the_installation_that_it_stands_on(tmp_path: Path) -> None:
    base = installation(tmp_path / "base")
    work = environment(tmp_path / "work" / ".venv", base).parent
    found = find(work, "")
    assert shown(found) == [str(base), str(work / ".venv")]
    assert isinstance(found, Interpreter)
    assert found.path == work / ".venv" / "bin" / "python"
    assert find(work, ".venv/bin/python") == find(work, str(found.path)) == found


def test_a_folder_that_is_a_link_is_shown_under_both_names(tmp_path: Path) -> None:
    base = installation(tmp_path / "base-3.11.7")
    (tmp_path / "base-3.11").symlink_to(base.name)
    work = environment(tmp_path / "work" / "venv", tmp_path / "base-3.11").parent
    found = find(work, "")
    assert shown(found) == [str(tmp_path / "base-3.11"), str(base), str(work / "venv")]
    assert isinstance(found, Interpreter)
    assert dict(found.folders)[tmp_path / "base-3.11"] == base


def test_an_active_environment_counts_if_it_lies_in_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = installation(tmp_path / "base")
    work = environment(tmp_path / "work" / "env", base).parent
    other = environment(tmp_path / "other", base)
    monkeypatch.setenv("VIRTUAL_ENV", str(other))
    assert find(work, "") == f"{work} has no .venv or venv; name the interpreter of the tests in the settings"
    monkeypatch.setenv("VIRTUAL_ENV", str(work / "env"))
    assert shown(find(work, "")) == [str(base), str(work / "env")]


def test_a_program_on_the_path_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = installation(tmp_path / "base")
    (base / "bin" / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", str(base / "bin"))
    assert shown(find(tmp_path / "work", "python3")) == [str(base)]
    assert "there is no Python at python9" in str(find(tmp_path / "work", "python9"))


def test_what_the_system_shows_anyway_is_not_shown_twice() -> None:
    assert os.path.realpath("/usr/bin/env")
    for path in Path("/usr/bin").glob("python3"):
        assert shown(find(Path("/tmp"), str(path))) == []


@pytest.mark.parametrize("secret", [".ssh", ".aws", "."])
def test_a_repository_cannot_have_folders_of_the_home_shown(tmp_path: Path, secret: str) -> None:
    """Its environment may be a lie: a home that is no installation, and a link to anything."""
    home = tmp_path / "home"
    (home / secret / "bin").mkdir(parents=True)
    (home / secret / "bin" / "python3").touch()
    work = environment(home / "work" / ".venv", home / secret).parent
    found = find(work, "", home=home)
    assert isinstance(found, str) or shown(found) == [str(work / ".venv")]


def test_an_installation_that_is_the_home_itself_is_refused(tmp_path: Path) -> None:
    home = installation(tmp_path / "home")
    (home / "work").mkdir()
    assert "would show all of" in str(find(home / "work", str(home / "bin" / "python3"), home=home))


def test_the_interpreter_of_these_tests_is_found() -> None:
    found = find(Path("/nowhere"), sys.executable)
    assert isinstance(found, Interpreter)
    assert {str(BASE)} <= {*shown(found), str(BASE) if BASE.is_relative_to("/usr") else ""}
