"""`cope-lsp doctor`: what is set up, what is not, and what to do about it."""

from pathlib import Path
from typing import Any

import pytest

from cope_lsp.version import __version__
from tests.cli.conftest import Shell, is_clean
from tests.random_model import write_random_model

SUBJECTS = [
    "cope-lsp",
    "machine",
    "settings file",
    "model",
    "engine",
    "fill in the middle",
    "languages",
    "GPU",
    "ghost text",
]


def examine(shell: Shell, *arguments: str | Path, code: int = 0, **variables: str) -> dict[str, Any]:
    """Return the findings by subject."""
    report = shell.json("doctor", *arguments, code=code, **variables)
    assert report.keys() == {"version", "findings"}
    assert report["version"] == __version__
    assert all(found.keys() == {"subject", "state", "fact", "next_step"} for found in report["findings"])
    assert all(found["state"] in {"ok", "note", "broken"} for found in report["findings"])
    return {found["subject"]: found for found in report["findings"]}


def test_all_is_well_without_any_setting(shell: Shell) -> None:
    found = examine(shell)
    assert list(found) == SUBJECTS
    assert not any(finding["state"] == "broken" for finding in found.values())
    assert found["settings file"]["fact"].startswith("none needed; it would be ")
    assert found["model"]["fact"].startswith("cope-nano-v0 ")
    assert found["languages"]["fact"] == "python; silent in others"
    assert found["ghost text"]["state"] == "ok", found["ghost text"]


def test_the_report_is_a_table_for_people(shell: Shell) -> None:
    done = shell.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(subject in done.stdout for subject in SUBJECTS)
    assert "-> a larger model knows more: set model.path" in done.stdout


@pytest.mark.parametrize("kind", ["missing", "folder", "text"])
def test_a_model_that_cannot_be_loaded_is_broken_and_has_a_next_step(shell: Shell, kind: str) -> None:
    path = shell.folder / "[bold]model.gguf"  # a name that a terminal library could take for markup
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("this is no model")
    model = examine(shell, "--model", path, code=1)["model"]
    assert model["state"] == "broken"
    assert str(path) in model["fact"]
    assert model["next_step"] == "unset model.path to use the embedded model, or point it at a GGUF file"
    done = shell.run("doctor", "--model", path)
    assert done.returncode == 1
    assert path.name in done.stdout
    assert model["next_step"] in done.stdout
    assert is_clean(done.stderr)


def test_settings_are_shown_with_their_source(shell: Shell) -> None:
    (shell.folder / ".cope.toml").write_text("completion.fallback = 'never'\n")
    found = examine(shell, COPE_LSP_MODEL_THREADS="2")
    assert found["setting model.threads"]["fact"] == "2 (COPE_LSP_MODEL_THREADS)"
    place = f"{shell.folder / '.cope.toml'}:1"
    assert found["setting completion.fallback"]["fact"] == f"never ({place})"


def test_settings_that_cannot_be_used_are_noted_with_a_next_step(shell: Shell) -> None:
    (shell.folder / ".cope.toml").write_text("nonsense = 1\n")
    noted = examine(shell)["settings"]
    assert noted["state"] == "note"
    assert noted["fact"] == f"{shell.folder / '.cope.toml'}:1: there is no setting 'nonsense'"
    assert noted["next_step"]


def test_layers_for_a_gpu_are_explained(shell: Shell) -> None:
    without, wanted = examine(shell)["GPU"], examine(shell, COPE_LSP_MODEL_GPU_LAYERS="3")["GPU"]
    assert without["state"] == "ok"
    assert "model.gpu_layers" in wanted["fact"]
    assert "3" in wanted["fact"]
    assert (wanted["state"] == "note") == bool(wanted["next_step"])


def test_a_model_without_the_tokens_to_fill_in_is_noted(shell: Shell) -> None:
    path = write_random_model(shell.folder / "left-to-right.gguf", fim=False)
    found = examine(shell, "--model", path)
    assert found["fill in the middle"]["state"] == "note"
    assert found["fill in the middle"]["next_step"]
    assert found["languages"]["fact"] == "the model names none: used in all"
    assert found["ghost text"]["state"] in {"ok", "note"}


def test_ghost_text_that_is_switched_off_is_noted(shell: Shell) -> None:
    found = examine(shell, COPE_LSP_COMPLETION_ENABLED="false")
    assert found["ghost text"]["state"] == "note"
    assert "disabled" in found["ghost text"]["fact"]
