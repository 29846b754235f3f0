"""What the documents show is true: commands run, settings exist, links lead somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cope_lsp.config import settings
from cope_lsp.loading import _flatten
from cope_lsp.models.catalog import embedded_path

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("editors/*/README.md")]
COPE_LSP = Path(sys.executable).with_name("cope-lsp")


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", document.read_text("utf-8"), re.DOTALL)


def commands(document: Path) -> list[str]:
    """Return the lines of plain blocks that call cope-lsp, without their comments."""
    lines = "".join(blocks(document, "")).splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith("cope-lsp ")]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that a document shows, as somebody who has no settings yet."""
    stub = 'def A(stock_count):\n    """Find twice the stock count."""\n'
    (folder / "FILE.py").write_text(stub + "    x = 1\n" * 20)
    (folder / "some-code-model.gguf").symlink_to(embedded_path())
    home = folder.with_name(f"{folder.name}-home")
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COPE_LSP_")}
    mine = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data")}
    return subprocess.run(
        [COPE_LSP, *shlex.split(command)[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        input="sk-the-key-of-nobody\n",
        env=kept | mine,
        check=False,
    )


@pytest.mark.parametrize("command", commands(ROOT / "README.md"))
def test_a_command_of_the_readme_runs(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


PAGES = (ROOT / "docs" / "hosted.md", ROOT / "docs" / "engines.md")


@pytest.mark.parametrize("command", [command for page in PAGES for command in commands(page)])
def test_a_command_of_a_page_is_understood(command: str, tmp_path: Path) -> None:
    # Without consent, or without a keyring, some end with a sentence: 1. A mistake on the page would be a 2.
    done = run(command, tmp_path)
    assert done.returncode in {0, 1}, done.stderr
    assert done.stdout or done.stderr.startswith("cope-lsp: ")


@pytest.mark.parametrize("target", ["demo", "test", "setup", "check", "prove", "bench", "lock"])
def test_a_make_target_that_is_documented_exists(target: str) -> None:
    documented = [d for d in DOCUMENTS if re.search(rf"\bmake {target}\b", d.read_text("utf-8"))]
    assert documented
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_the_settings_that_are_shown_exist() -> None:
    known = {setting.key for _, setting, _ in settings()}
    pages = (ROOT / "README.md", *PAGES)
    tables = [tomllib.loads(block) for page in pages for block in blocks(page, "toml")]
    shown = [key for table in tables for key, _ in _flatten(table)]
    assert len(shown) > 5
    assert set(shown) <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_is_well_formed(document: Path) -> None:
    for block in blocks(document, "toml"):
        tomllib.loads(block)
    for block in blocks(document, "json"):
        json.loads(block)
    for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
        assert (document.parent / link).exists(), f"{document.name} links to {link}"
