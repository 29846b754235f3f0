"""What the documents show is true: commands run, settings exist, links lead somewhere."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cope_lsp.config import _flatten, settings
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


@pytest.mark.parametrize("command", commands(ROOT / "README.md"))
def test_a_command_of_the_readme_runs(command: str, tmp_path: Path) -> None:
    source = tmp_path / "FILE.py"
    source.write_text("class A:\n" + "    x = 1\n" * 20)
    model = tmp_path / "some-code-model.gguf"
    model.symlink_to(embedded_path())
    done = subprocess.run(
        [COPE_LSP, *command.split()[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("target", ["demo", "test", "setup", "check", "prove", "bench", "lock"])
def test_a_make_target_that_is_documented_exists(target: str) -> None:
    documented = [d for d in DOCUMENTS if re.search(rf"\bmake {target}\b", d.read_text("utf-8"))]
    assert documented
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_the_settings_that_the_readme_shows_exist() -> None:
    known = {setting.key for _, setting, _ in settings()}
    shown = [key for block in blocks(ROOT / "README.md", "toml") for key, _ in _flatten(tomllib.loads(block))]
    assert shown
    assert set(shown) <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_is_well_formed(document: Path) -> None:
    for block in blocks(document, "toml"):
        tomllib.loads(block)
    for block in blocks(document, "json"):
        json.loads(block)
    for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
        assert (document.parent / link).exists(), f"{document.name} links to {link}"
