"""Which files may be edited: names as a hostile client, repository or model would make them, on a disk."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from cope_lsp.server.guard import may_edit

OUTSIDE = [
    "../outside.py",
    "src/../../outside.py",
    "src/./../../outside.py",
    "src/%2e%2e/%2e%2e/outside.py",
    "src/%2E./a.py",
    "src/%252e%252e/%252e%252e/outside.py",
    "src/..%2f..%2foutside.py",
    "src/..%5c..%5coutside.py",
    "src/%c0%ae%c0%ae/outside.py",
    "src/a.py%00.txt",
    "src/a%00.py",
    "src/a.py%0a",
    "src/a%0d.py",
    "src/%1b[31m.py",
    "src/a.py%20",
    "src/a.py.",
    "src./a.py",
    "src%20/a.py",
    "src//a.py",
    "src/a.py/",
    "src",
    "",
    "src/CON",
    "src/nul.py",
    "src/Aux.Py",
    "src/com1.txt",
    "src/LPT%C2%B9.py",
    "src/conout$",
    "src/a.py:stream",
    "src/a.py::$DATA",
    "src/git~1",
    "GIT~1/config",
    "C:/Windows/win.ini",
    "C%3A/Windows/win.ini",
    "src/a%3F.py",
    "src/%ff.py",
    "src/a.py?x=1",
    "src/a.py#part",
    "no/such/folder/a.py",
    "out/secret.py",
    "out-file.py",
    "src/out-deep/secret.py",
    "dangling-out.py",
    "loop/a.py",
    "loop.py",
    "pipe.py",
    "src/" + "a" * 300 + ".py",
    "src/" + "a/" * 2_500 + "a.py",
]
"""Below the workspace, as a client writes it."""

PROTECTED = [
    ".git/config",
    ".GIT/hooks/pre-commit",
    ".Git/config",
    "sub/.git/config",
    "%EF%BC%8Egit/config",
    ".g%E2%80%8Cit/config",
    "%E2%80%8D.git/config",
    ".cope.toml",
    ".COPE.toml",
    ".vscode/settings.json",
    ".vscode/tasks.json",
    ".nvim.lua",
    ".exrc",
    ".nvimrc",
    ".envrc",
    ".github/workflows/ci.yml",
    "link-to-git-config.py",
    "link-to-git/hooks.py",
    "evil.pth",
    "src/EVIL.PTH",
    "sitecustomize.py",
    "src/SiteCustomize.py",
    "%EF%BD%93itecustomize.py",
    "usercustomize.py",
    "setup.py",
    "pyproject.toml",
    "package.json",
    "Makefile",
    "conftest.py",
    "src/Conftest.py",
    "test_a.py",
    "src/a_test.py",
    "src/a.test.ts",
    "tests/helpers.py",
    "Tests/helpers.py",
    "src/tests/deep/helpers.py",
    "link-to-tests.py",
    "pytest.ini",
    "tox.ini",
]

ELSEWHERE = [
    "/etc/passwd",
    "../outside.py",
    "C:\\Windows\\win.ini",
    "\\\\host\\share\\a.py",
    "file://host/share/a.py",
    "file:////host/share/a.py",
    "file:///etc/passwd",
    "file:///proc/self/environ",
    "file:///dev/null",
    "file:///",
    "file:",
    "untitled:Untitled-1",
    "https://example.com/a.py",
    "vscode-remote://wsl/home/a.py",
    "git:/ws/a.py",
    "javascript:alert(1)",
    "",
]

GOOD = [
    "a.py",
    "new.py",
    "src/a.py",
    "src/new.py",
    "a b.py",
    "src/ leading.py",
    "src/a  b/c d.py",
    "ünïcode.py",
    "u\u0308nfd.py",
    "漢字/関数.py",
    "emoji😀.py",
    "العربية.py",
    "नमस्ते/ध्वनि.py",
    "src/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p.py",
    "percent%41.py",
    "hash#tag.py",
    "plus+minus-.py",
    "at@sign.py",
    "comma,semi;colon.py",
    "equals=and&.py",
    "paren(1)[2]{3}.py",
    "tilde~.py",
    "tilde~x.py",
    "quote's.py",
    "$dollar.py",
    "file.with.many.dots.py",
    "console.py",
    "auxiliary.py",
    "nullable.py",
    "com10.py",
    "contest.py",
    "latest.py",
    "testimony.py",
    "attests/a.py",
    "gitignore.py",
    "github/workflows/a.py",
    "vscode/settings.json",
    "a.pth.py",
    "a.PY",
    "link-inside.py",
    "linked-folder/a.py",
    "x" * 200 + ".py",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace beside which lies what must not be touched, with links of all kinds."""
    root = tmp_path / "ws"
    for folder in (
        "src/tests/deep",
        ".git/hooks",
        "sub/.git",
        "tests",
        "Tests",
        ".vscode",
        ".github/workflows",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside.py").write_text("secret = 1\n")
    (tmp_path / "outside" / "secret.py").write_text("secret = 1\n")
    (root / ".git" / "config").write_text("[core]\n")
    (root / "src" / "a.py").write_text("a = 1\n")
    (root / "tests" / "test_a.py").write_text("assert 1\n")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out-file.py").symlink_to(tmp_path / "outside.py")
    (root / "src" / "out-deep").symlink_to("../../outside")
    (root / "dangling-out.py").symlink_to(tmp_path / "outside" / "not-yet.py")
    (root / "loop").symlink_to("loop")
    (root / "loop.py").symlink_to("loop.py")
    os.mkfifo(root / "pipe.py")
    (root / "link-to-git-config.py").symlink_to(".git/config")
    (root / "link-to-git").symlink_to(".git")
    (root / "link-to-tests.py").symlink_to("tests/test_a.py")
    (root / "link-inside.py").symlink_to("src/a.py")
    (root / "linked-folder").symlink_to("src")
    return root


def uri(root: Path, below: str) -> str:
    return f"{root.as_uri()}/{below}"


@pytest.mark.parametrize("below", OUTSIDE)
def test_a_name_that_may_lead_elsewhere_is_refused(root: Path, below: str) -> None:
    assert may_edit(uri(root, below), [root])


@pytest.mark.parametrize("below", PROTECTED)
def test_a_file_that_tools_or_tests_obey_is_refused_under_any_name(root: Path, below: str) -> None:
    file = root / unquote(below)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert re.search("tools|tests", may_edit(uri(root, below), [root]))


@pytest.mark.parametrize("address", ELSEWHERE)
def test_what_is_no_file_of_the_workspace_is_refused(root: Path, address: str) -> None:
    assert may_edit(address, [root])


def test_enough_hostile_and_good_names_are_tried() -> None:
    assert len(OUTSIDE) + len(PROTECTED) + len(ELSEWHERE) >= 100
    assert len(GOOD) >= 40


@pytest.mark.parametrize("below", GOOD)
def test_a_good_name_is_not_refused(root: Path, below: str) -> None:
    file = root / below
    file.parent.mkdir(parents=True, exist_ok=True)
    if not below.endswith("new.py"):
        file.touch()
    assert may_edit(uri(root, quote(below)), [root]) == ""


def test_a_reason_names_no_path(root: Path) -> None:
    reasons = {may_edit(uri(root, below), [root]) for below in [*OUTSIDE, *PROTECTED]}
    assert len(reasons) >= 5
    assert not [reason for reason in reasons if "/" in reason]


def test_a_workspace_may_be_opened_through_a_link_or_lie_in_a_hidden_folder(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(root)
    assert may_edit(uri(tmp_path / "link", "src/a.py"), [tmp_path / "link"]) == ""
    assert may_edit(uri(root, "src/a.py"), [tmp_path / "link"]) == ""
    (tmp_path / ".config" / "tests").mkdir(parents=True)
    assert may_edit(uri(tmp_path / ".config" / "tests", "a.py"), [tmp_path / ".config" / "tests"]) == ""


def test_of_two_folders_the_inner_one_counts(root: Path) -> None:
    inside = root / "tests"
    assert may_edit(uri(inside, "helpers.py"), [root])
    assert may_edit(uri(inside, "helpers.py"), [root, inside]) == ""


def test_a_folder_whose_name_begins_alike_is_another(root: Path, tmp_path: Path) -> None:
    (tmp_path / "ws-other").mkdir()
    (tmp_path / "WS").mkdir(exist_ok=True)
    assert may_edit(uri(tmp_path / "ws-other", "a.py"), [root])
    assert may_edit(uri(tmp_path / "WS", "a.py"), [root])


def test_a_name_in_another_form_is_another_folder(tmp_path: Path) -> None:
    composed, decomposed = tmp_path / "caf\u00e9", tmp_path / "cafe\u0301"
    composed.mkdir()
    assert may_edit(uri(composed, "a.py"), [composed]) == ""
    assert may_edit(uri(decomposed, "a.py"), [composed])


def test_a_file_that_becomes_a_link_meanwhile_is_refused_from_then_on(root: Path, tmp_path: Path) -> None:
    file = root / "src" / "a.py"
    assert may_edit(file.as_uri(), [root]) == ""
    file.unlink()
    file.symlink_to(tmp_path / "outside.py")
    assert may_edit(file.as_uri(), [root])
    (root / "src" / "deep").mkdir()
    assert may_edit(uri(root, "src/deep/b.py"), [root]) == ""
    (root / "src" / "deep").rmdir()
    (root / "src" / "deep").symlink_to(tmp_path / "outside")
    assert may_edit(uri(root, "src/deep/b.py"), [root])


def test_without_folders_nothing_is_inside(root: Path) -> None:
    assert may_edit(uri(root, "src/a.py"), [])
