"""`cope-lsp config`: what holds, why, and what can be set."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.config import settings
from cope_lsp.setting import Setting, parse
from tests.cli.conftest import Shell


@pytest.fixture
def configured(shell: Shell) -> Shell:
    """Return a shell whose user and project have settings."""
    file = Path(shell.run("config", "path").stdout.strip())
    file.parent.mkdir(parents=True)
    file.write_text("[model]\nthreads = 2\n")
    (shell.folder / ".cope.toml").write_text("[completion]\nenabled = false\n")
    return shell


def test_each_value_is_shown_with_where_it_came_from(configured: Shell) -> None:
    done = configured.run("config", "--json", COPE_LSP_LOG_LEVEL="debug")
    shown = {each["key"]: each for each in json.loads(done.stdout)["settings"]}
    assert set(shown) == {setting.key for _, setting, _ in settings()}
    assert (shown["model.threads"]["value"], shown["model.threads"]["origin"][-13:]) == (2, "config.toml:2")
    assert shown["completion.enabled"]["value"] is False
    assert shown["completion.enabled"]["origin"].endswith(".cope.toml:2")
    assert shown["log.level"] == {"key": "log.level", "value": "debug", "origin": "COPE_LSP_LOG_LEVEL"}
    assert shown["offline"]["origin"] == "default"
    text = configured.run("config").stdout
    assert "model.threads" in text
    assert "config.toml:2" in text


def test_mistakes_are_named_and_the_rest_is_shown(configured: Shell) -> None:
    (configured.folder / ".cope.toml").write_text("[hosted]\nmodel = 'evil'\n[model]\nthread = 1\n")
    done = configured.run("config", "show", "--json")
    assert done.returncode == 0
    problems = json.loads(done.stdout)["problems"]
    assert len(problems) == 2
    assert all(problem in done.stderr for problem in problems)


def test_the_path_is_the_users_own_file(shell: Shell) -> None:
    before = json.loads(shell.run("config", "path", "--json").stdout)
    assert before["exists"] is False
    assert before["path"].startswith(shell.environment["HOME"])


def test_the_schema_says_of_every_setting_what_the_loader_knows(shell: Shell) -> None:
    found = json.loads(shell.run("config", "schema", "--json").stdout)["settings"]
    entries = {each["key"]: each for each in found}
    for _, setting, default in settings():
        check_entry(entries.pop(setting.key), setting, default)
    assert not entries
    text = shell.run("config", "schema").stdout
    assert "hosted.endpoint" in text
    assert "One of auto, always, never." in text


def check_entry(entry: dict[str, Any], setting: Setting, default: object) -> None:
    assert (entry["help"], entry["reach"]) == (setting.help, setting.reach)
    assert entry["environment"] == setting.environment
    assert (entry.get("minimum"), entry.get("maximum")) == (setting.minimum, setting.maximum)
    assert tuple(entry.get("choices", ())) == setting.choices
    kinds = {"boolean": bool, "integer": int, "string": str, "path": type(None), "list": tuple}
    assert type(default) is kinds[entry["type"]]
    assert entry["default"] == (list(default) if isinstance(default, tuple) else default)
    if default is not None:
        written = tomllib.loads(f"value = {json.dumps(default)}")["value"]
        assert parse(written, type(default).__name__, setting)[0] == "", "it takes its default"
