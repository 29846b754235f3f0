"""A repository full of settings, modules and environment files: none of it configures the server."""

import json
from pathlib import Path

import pytest

from tests.server.conftest import StartServer
from tests.server.places import find_offers
from tests.server.wire_client import Json, WireClient

HOSTILE_SETTINGS = {
    "model.path": "/dev/zero",
    "model.gpu_layers": 99,
    "model.threads": 512,
    "model.context_tokens": 1_000_000,
    "engine.restarts_max": 1_000_000,
    "log.file": "log-of-the-repository.txt",
    "log.level": "debug",
}


@pytest.fixture
def hostile_repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / ".vscode").mkdir(parents=True)
    dotted = {f"cope.{key}": value for key, value in HOSTILE_SETTINGS.items()}
    (folder / ".vscode" / "settings.json").write_text(json.dumps(dotted))
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in HOSTILE_SETTINGS.items()]
    (folder / ".cope.toml").write_text("".join(lines))
    (folder / ".env").write_text("COPE_LSP_MODEL_PATH=/dev/zero\nCOPE_LSP_LOG_FILE=stolen.txt\n")
    for module in ("json", "asyncio", "pygls", "llama_cpp", "sitecustomize", "usercustomize"):
        (folder / f"{module}.py").write_text("raise SystemExit('taken over')\n")
    return folder


def open_in(folder: Path, client: WireClient, **options: Json) -> None:
    cope = {"trusted": True, "status": True} | options
    client.initialize(rootUri=folder.as_uri(), initializationOptions={"cope": cope})


def test_a_hostile_repository_changes_nothing(
    start_server: StartServer, hostile_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it is trusted and the server is started inside of it."""
    monkeypatch.chdir(hostile_repository)
    client = start_server()
    open_in(hostile_repository, client)
    assert find_offers(client)
    assert client.shut_down() == 0
    refused = client.errors.decode()
    for key in HOSTILE_SETTINGS:
        assert f"{key} cannot be set by a project or an editor" in refused
    assert ".cope.toml:1: model.path" in refused
    assert not list(hostile_repository.glob("*.txt"))


def test_settings_that_a_hostile_repository_gives_to_the_editor_change_nothing(
    start_server: StartServer, hostile_repository: Path
) -> None:
    """VS Code merges a trusted folder's settings into what it hands on as its own."""
    client = start_server()
    open_in(hostile_repository, client, settings=HOSTILE_SETTINGS)
    client.notify("workspace/didChangeConfiguration", {"settings": {"cope": HOSTILE_SETTINGS}})
    assert find_offers(client)
    assert client.shut_down() == 0
    assert "editor: model.path cannot be set by" in client.errors.decode()


def test_a_project_may_switch_ghost_text_off_but_not_on(start_server: StartServer, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / ".cope.toml").write_text("[completion]\nenabled = false\n")
    client = start_server()
    open_in(project, client)
    uri = client.open("import ")
    assert client.inline(uri, 0, 7)["items"] == []
    assert client.status()["lastSilence"] == "disabled"
    client.kill()

    (project / ".cope.toml").write_text("[completion]\nenabled = true\n")
    client = start_server(COPE_LSP_COMPLETION_ENABLED="false")
    open_in(project, client, settings={"completion": {"enabled": True}})
    uri = client.open("import ")
    assert client.inline(uri, 0, 7)["items"] == []
    assert client.status()["lastSilence"] == "disabled"
    assert "completion.enabled cannot be loosened by" in client.errors.decode()
