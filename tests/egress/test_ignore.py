"""What may be sent: against git's own verdicts, and against everything that could go wrong on disk."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cope_lsp.egress.globs import globs
from cope_lsp.egress.ignore import FILE_BYTES_MAX, PATTERNS_MAX, IgnoreRules, denied
from tests.server.wire_client import COMMAND

ROOT = Path(__file__).parents[2]
HANGS_AFTER_S = 60


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def git(folder: Path, *arguments: str, text: str = "") -> str:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


class Forest:
    """Random trees and random ignore files, made of few names so that they meet."""

    NAMES = tuple("a|b|ab|a.c|b.c|.d|a b|é|a[b|x!|-|A|a*|\a|abab|#a".split("|"))
    GLOBS = (
        *NAMES,
        *r"* ? ** *** *.c a* *b [ab] [!a] [^a]* [a-c] []a] [[:alpha:]] [[:upper:]]* [[:no:]]".split(),
        *r"[a [z-a]".split(),
        *r"\a \* \#a \!x a\ a? *a*b ?? a**b [a-] [\]a] [/] a[!/]c *[.]c [--a]".split(),
    )

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def plant(self, folder: Path) -> list[str]:
        """Fill `folder`; return the paths of its files."""
        files = []
        folders = [""]
        for _ in range(self._random.randint(4, 24)):
            parent = self._random.choice(folders)
            path = parent + self._random.choice(self.NAMES)
            if (folder / path).exists():
                continue
            if self._random.random() < 0.4:
                (folder / path).mkdir()
                folders.append(path + "/")
            else:
                write(folder / path)
                files.append(path)
        for parent in self._random.sample(folders, k=min(len(folders), self._random.randint(1, 3))):
            write(folder / parent / ".gitignore", self._ignore_file())
        if self._random.random() < 0.3:
            write(folder / ".git" / "info" / "exclude", self._ignore_file())
        return files

    def _ignore_file(self) -> str:
        end = self._random.choice(["\n", "\n", "\r\n"])
        start = self._random.choice(["", "", "", "\ufeff"])
        lines = (self._line() for _ in range(self._random.randint(1, 6)))
        return start + end.join(lines) + self._random.choice(["", end])

    def _line(self) -> str:
        parts = [self._random.choice(self.GLOBS) for _ in range(self._random.choice([1, 1, 1, 2, 2, 3, 4]))]
        line = "/".join(parts)
        line = (
            self._random.choice(["", "", "", "/"])
            + line
            + self._random.choice(["", "", "/", " ", "\\ ", "\t"])
        )
        return self._random.choice(["", "", "!", "# "]) + line if self._random.random() < 0.6 else line


def test_a_gitignore_is_understood_as_git_understands_it(
    tmp_path: Path, scale: Callable[[int, int], int]
) -> None:
    judged = ignored = 0
    for seed in range(scale(60, 2_000)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        git(folder, "init", "-q")
        files = Forest(seed).plant(folder)
        theirs = set(
            git(folder, "check-ignore", "--no-index", "-z", "--stdin", text="\0".join(files)).split("\0")
        )
        rules = IgnoreRules(folder)
        for file in files:
            ours = rules.may_send(Path(file))
            assert bool(ours) == (file in theirs), f"seed {seed}: {file}: {ours!r}"
        judged += len(files)
        ignored += len(theirs & set(files))
    assert judged // 10 < ignored < judged, "the trees must hold files of both kinds"


@given(st.text("ab*?[]!^-\\/.:", max_size=40), st.text("ab/.-", min_size=1, max_size=300))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_pattern_that_can_be_tried(pattern: str, path: str) -> None:
    for glob in globs(pattern):
        glob.matches(path, folder=False)


HOSTILE = {
    "stars": "*a" * 60 + "b",
    "double stars": "**/a/" * 30 + "b",
    "both": "**/*a*a*a*a*a/" * 10 + "b",
    "brackets": "[[:alpha:]" * 60,
    "questions": "*?" * 30 + "b",
    "many": "\n".join(f"*a*{i}*b*c*d" for i in range(PATTERNS_MAX)),
}


@pytest.mark.parametrize("pattern", HOSTILE.values(), ids=HOSTILE)
def test_no_pattern_makes_it_hang(tmp_path: Path, pattern: str) -> None:
    write(tmp_path / ".gitignore", pattern)
    path = "/".join(["a" * 200] * 15) + "/a"
    program = (
        "import sys; from cope_lsp.egress.ignore import *\n"
        "print(IgnoreRules(Path()).may_send(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, path]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, timeout=HANGS_AFTER_S, capture_output=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_ignore_files_of_other_tools_count_and_none_lifts_what_another_refuses(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore", "!kept.py\n")
    write(tmp_path / ".copeignore", "\n# ours\n*.log\n")
    write(tmp_path / "in" / ".cursorignore", "*.txt\n!good.txt\n")
    write(tmp_path / ".codeiumignore", "kept.py\n")
    write(tmp_path / ".aiignore", "/only-here\n")
    rules = IgnoreRules(tmp_path)
    assert rules.may_send(Path("x/a.log")) == "matched by .copeignore line 3: *.log"
    assert rules.may_send(Path("in/a.txt")) == "matched by in/.cursorignore line 1: *.txt"
    assert not rules.may_send(Path("in/good.txt"))
    assert not rules.may_send(Path("a.txt"))
    assert rules.may_send(Path("kept.py")) == "matched by .codeiumignore line 1: kept.py"
    assert rules.may_send(Path("only-here"))
    assert not rules.may_send(Path("x/only-here"))


@pytest.mark.parametrize("text", ["", "\n\n# nothing\n", "!a.py\n"])
def test_an_aiexclude_without_patterns_refuses_its_whole_folder(tmp_path: Path, text: str) -> None:
    write(tmp_path / "in" / ".aiexclude", text)
    rules = IgnoreRules(tmp_path)
    assert rules.may_send(Path("in/deep/a.py")).startswith("in/.aiexclude has no patterns")
    assert not rules.may_send(Path("a.py"))


def test_an_aiexclude_allows_nothing_again(tmp_path: Path) -> None:
    write(tmp_path / ".aiexclude", "*.py\n!a.py\n")
    assert IgnoreRules(tmp_path).may_send(Path("a.py")) == "matched by .aiexclude line 1: *.py"
    assert not IgnoreRules(tmp_path).may_send(Path("a.c"))


DENIED = """.env .env.local .env.production.local config/.env a/.ENV prod.env server.pem tls/My.KEY id_rsa
    id_rsa.old id_ed25519 .ssh/config .ssh/known_hosts a/.gnupg/pubring.kbx .aws/config .aws/credentials
    .kube/config .docker/config.json .git/config .git/hooks/pre-commit sub/.git .netrc .npmrc .pypirc
    .git-credentials store.p12 store.PFX vault.kdbx app.keystore terraform.tfstate terraform.tfstate.backup
    prod.tfvars prod.auto.tfvars.json .terraform/x ledger.sqlite data.db secrets.yaml SECRETS.toml
    secrets/a.txt .azure/accessTokens.json gcloud/credentials.db application_default_credentials.json
    credentials.json service-account-prod.json .bash_history kubeconfig .pgpass .htpasswd
    .vault-token .envrc""".split()
SENT = """a.py src/environment.py .env.example .env.sample .env.template .envs.md keys.py key.py token.py
    monkey.js src/credentials.py secret_santa.py .github/workflows/ci.yml .gitignore Makefile data.sql
    docs/id.md pem.py git/x.py environments/a.txt database.py public.crt""".split()


@pytest.mark.parametrize("path", DENIED)
def test_what_may_hold_secrets_by_its_name_is_refused_whatever_an_ignore_file_says(
    tmp_path: Path, path: str
) -> None:
    write(tmp_path / ".gitignore", "!*\n")
    write(tmp_path / ".copeignore", f"!{path}\n!*/\n")
    assert "built-in rule" in IgnoreRules(tmp_path).may_send(Path(path))


@pytest.mark.parametrize("path", [".env.", ".env ", ".env::$DATA", "id_rsa. .", ".EnV"])
def test_a_denied_name_in_the_spelling_of_another_system_is_denied(path: str) -> None:
    assert denied(path)


@pytest.mark.parametrize("path", SENT)
def test_ordinary_files_may_be_sent(tmp_path: Path, path: str) -> None:
    assert IgnoreRules(tmp_path).may_send(tmp_path / path) == ""


@pytest.mark.parametrize(
    "path", ["../a.py", "/etc/passwd", "", ".", "in/../../a.py", "a\0b", "../work-evil/a", "\udc80/\ud800"]
)
def test_a_path_that_is_not_a_file_in_the_workspace_is_refused(tmp_path: Path, path: str) -> None:
    work = tmp_path / "work"
    write(work / "in" / "a.py")
    write(tmp_path / "work-evil" / "a")
    assert IgnoreRules(work).may_send(Path(path))


def test_links_are_followed_before_they_are_judged(tmp_path: Path) -> None:
    work = tmp_path / "work"
    write(work / ".gitignore", "hidden.py\n/ignored/\n")
    for name in ("hidden.py", ".env", "ignored/a.py", "fine.py"):
        write(work / name)
    write(tmp_path / "outside.py")
    links = {
        "to-hidden.py": "hidden.py",
        "to-env.py": ".env",
        "out.py": "../outside.py",
        "folder": "ignored",
        "loop.py": "loop.py",
        "good.py": "fine.py",
        "id_rsa": "fine.py",
    }
    for name, target in links.items():
        (work / name).symlink_to(target)
    rules = IgnoreRules(work)
    verdicts = {name: rules.may_send(work / name) for name in links}
    assert not verdicts["good.py"]
    assert "hidden.py" in verdicts["to-hidden.py"]
    assert "built-in rule .env" in verdicts["to-env.py"].replace("*.env", ".env")
    assert "not in the workspace" in verdicts["out.py"]
    assert "ignored" in rules.may_send(work / "folder" / "a.py")
    assert verdicts["loop.py"]
    assert "id_rsa" in verdicts["id_rsa"], "the name that was asked for counts too"


def test_a_workspace_reached_by_a_link_has_the_rules_of_the_real_one(tmp_path: Path) -> None:
    write(tmp_path / "real" / ".gitignore", "a.py\n")
    (tmp_path / "link").symlink_to("real")
    for root in (tmp_path / "real", tmp_path / "link"):
        rules = IgnoreRules(root)
        for path in (Path("a.py"), tmp_path / "real" / "a.py", tmp_path / "link" / "a.py"):
            assert rules.may_send(path) == "matched by .gitignore line 1: a.py"
        assert not rules.may_send(tmp_path / "link" / "b.py")


def test_a_file_that_was_never_saved_is_judged_by_its_name(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore", "*.tmp\n")
    rules = IgnoreRules(tmp_path)
    assert not rules.may_send(Path("new/folder/a.py"))
    assert rules.may_send(Path("new/folder/a.tmp"))


def test_a_change_of_an_ignore_file_counts_at_once(tmp_path: Path) -> None:
    rules = IgnoreRules(tmp_path)
    assert not rules.may_send(Path("a.py"))
    file = write(tmp_path / ".gitignore", "a.py\n")
    assert rules.may_send(Path("a.py"))
    write(file, "b.py\n")
    assert not rules.may_send(Path("a.py"))
    file.unlink()
    assert not rules.may_send(Path("b.py"))


def huge(file: Path) -> None:
    file.write_bytes(b"#" * (FILE_BYTES_MAX + 1))


def binary(file: Path) -> None:
    file.write_bytes(b"a\0b")


def too_many(file: Path) -> None:
    file.write_text("\n".join(map(str, range(PATTERNS_MAX + 1))))


def too_starry(file: Path) -> None:
    file.write_text("*a" * 1000)


def looping(file: Path) -> None:
    file.symlink_to(file.name)


@pytest.mark.parametrize("name", [".gitignore", ".copeignore", ".aiexclude"])
@pytest.mark.parametrize("spoil", [huge, binary, too_many, too_starry, looping, Path.mkdir, os.mkfifo])
def test_an_ignore_file_that_cannot_be_used_refuses_its_folder(
    tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    (tmp_path / "in").mkdir()
    spoil(tmp_path / "in" / name)
    rules = IgnoreRules(tmp_path)
    assert rules.may_send(Path("in/a.py")).startswith(
        f"in/{name} cannot be used, so nothing in its folder is sent"
    )
    assert not rules.may_send(Path("a.py"))


def test_an_ignore_file_that_may_not_be_read_refuses_its_folder(tmp_path: Path) -> None:
    """In a process that permissions hold back, also when root runs the tests."""
    write(tmp_path / ".gitignore").chmod(0)
    as_a_user = COMMAND[: COMMAND.index(sys.executable)]
    program = "from cope_lsp.egress.ignore import *; print(IgnoreRules(Path()).may_send(Path('a.py')))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*as_a_user, sys.executable, "-c", program],
        capture_output=True, check=True, timeout=HANGS_AFTER_S, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert b"cannot be used" in done.stdout


def test_a_workspace_inside_a_repository_has_the_rules_of_the_whole(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path / ".gitignore", "/work/a.py\n")
    write(tmp_path / ".git" / "info" / "exclude", "b.py\n")
    rules = IgnoreRules(tmp_path / "work")
    assert rules.may_send(Path("a.py")) == "matched by ../.gitignore line 1: /work/a.py"
    assert rules.may_send(Path("b.py")) == "matched by ../.git/info/exclude line 1: b.py"


def test_lists_above_the_workspace_count_without_a_repository_too(tmp_path: Path) -> None:
    inner = tmp_path / "project" / "src"
    inner.mkdir(parents=True)
    (tmp_path / "project" / ".copeignore").write_text("hidden.py\n")
    (tmp_path / "project" / ".gitignore").write_text("other.py\n")  # git's own end with the repository
    rules = IgnoreRules(inner)
    assert ".copeignore" in rules.may_send(inner / "hidden.py")
    assert rules.may_send(inner / "other.py") == ""


@pytest.mark.parametrize("path", [".kube/config", ".aws/config", ".ssh/config", "secrets/a.py", ".git/a.py"])
def test_a_folder_of_secrets_is_one_when_it_is_the_workspace(tmp_path: Path, path: str) -> None:
    file = tmp_path / path
    file.parent.mkdir()
    file.write_text("a\n")
    assert "built-in rule" in IgnoreRules(file.parent).may_send(file)


def test_a_worktree_has_the_excludes_of_its_repository(tmp_path: Path) -> None:
    main, tree = tmp_path / "main", tmp_path / "tree"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x")
    git(main, "worktree", "add", "-q", str(tree))
    write(main / ".git" / "info" / "exclude", "b.py\n")
    assert "exclude line 1" in IgnoreRules(tree).may_send(Path("b.py"))


def test_what_this_program_keeps_for_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert (
        IgnoreRules(tmp_path).may_send(Path("data/cope-lsp/consent.json")) == "it belongs to cope-lsp itself"
    )


def test_a_reason_can_be_shown_in_a_terminal(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore", "a\x1b[31m*" + "b" * 200 + "\n*.py\x07*\n")
    reason = IgnoreRules(tmp_path).may_send(Path("x.py\x07x"))
    assert reason.isprintable()
    assert "line 2" in reason
