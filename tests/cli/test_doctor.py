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
    "backend",
    "model",
    "engine",
    "fill in the middle",
    "languages",
    "GPU",
    "ghost text",
    "shared engine",
    "hosted model",
    "API key",
    "budget",
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
    assert found["model"]["fact"].startswith("cope-nano-v1 ")
    assert found["languages"]["fact"] == "python; silent in others"
    assert found["ghost text"]["state"] == "ok", found["ghost text"]
    assert "cope-nano-v1.gguf: 1 client, " in found["shared engine"]["fact"]


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


# -- the hosted model ----------------------------------------------------------------------------------


def test_what_a_hosted_plan_needs_is_told_and_none_of_it_is_missed(shell: Shell) -> None:
    found = examine(shell)
    assert "asked only with your consent" in found["hosted model"]["fact"]
    assert found["API key"]["next_step"] == "to have one: cope-lsp auth set"
    assert found["budget"]["fact"] == "0.00 USD of 5.00 USD spent this month"
    assert {found[subject]["state"] for subject in ("hosted model", "API key", "budget")} == {"ok"}


def test_a_model_without_a_price_is_named_with_the_command_that_sets_it(shell: Shell) -> None:
    found = examine(shell, COPE_LSP_HOSTED_MODEL="model-of-tomorrow", COPE_LSP_API_KEY="secret-key")
    assert "model-of-tomorrow" in found["hosted model"]["fact"]
    assert "cope-lsp budget price" in found["hosted model"]["next_step"]
    assert "COPE_LSP_API_KEY" in found["API key"]["fact"]
    assert "secret-key" not in str(found)


def test_offline_there_is_nothing_to_be_said_of_a_hosted_model(shell: Shell) -> None:
    found = examine(shell, COPE_LSP_OFFLINE="true")
    assert "no connection is opened" in found["hosted model"]["fact"]
    assert not {"API key", "budget"} & found.keys()


def test_a_ledger_that_is_damaged_is_no_reason_to_stop_working(shell: Shell) -> None:
    ledger = Path(shell.environment["XDG_DATA_HOME"]) / "cope-lsp" / "ledger"
    ledger.mkdir(parents=True)
    (ledger / "ledger.db").write_bytes(b"\0" * 8192)
    found = examine(shell)
    assert found["budget"]["state"] == "note"
    assert "cope-lsp" in found["budget"]["fact"]
    assert found["ghost text"]["state"] == "ok"
