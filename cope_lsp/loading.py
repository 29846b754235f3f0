"""The single loader of settings, and for every value where it came from.

Sources, each stronger than the one before: defaults, the model that `models use` chose for the user, the
user's file, the model that it chose for the project, the project's `.cope.toml`, the environment, the command
line. A project's file and an editor's settings arrive with a repository that may
be hostile: they may set only what its `Setting` allows them, and never a path, a key, a limit or a command.
A mistake that may hide what the user wants of the network counts as `offline = true` until it is mended.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from cope_lsp.choice import read_choice
from cope_lsp.config import Config, Loaded, settings
from cope_lsp.setting import added, parse, refused
from cope_lsp.settings_file import line_of, lines_of, text_of

PROJECT_FILE = ".cope.toml"
PROBLEMS_MAX = 20
SHOWN_CHARACTERS_MAX = 80
KEY_PARTS_MAX = 4


def user_file() -> Path:
    """Return the path of the user's own settings file."""
    return user_config_path("cope-lsp", appauthor=False) / "config.toml"


def load(
    *,
    project: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """Read all sources. A value that cannot be used is left out and named in `problems`.

    Args:
        project: the root of the project, whose `.cope.toml` is read.
        environment: where `COPE_LSP_*` variables are looked up.
        overrides: values by key from the command line.
    """
    loading = _Loading(Loaded(Config(), {}, (), overrides or {}))
    loading.read_choice(None)
    loading.read_file(user_file(), trusted=True)
    if project is not None:
        loading.read_choice(project)
        loading.read_file(project / PROJECT_FILE, trusted=False)
    loading.read_environment(environment)
    loading.begin()
    for key, value in (overrides or {}).items():
        loading.take(key, value, "command line", trusted=True)
    return loading.result()


def for_project(loaded: Loaded, project: Path | None) -> Loaded:
    """Read all sources again, with the `.cope.toml` of `project`."""
    return load(project=project, overrides=loaded.overrides)


def is_offline(folder: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the user, the environment or a project around `folder` wants no connection, as of now."""
    loading = _Loading(Loaded(Config(), {}, (), {}))
    loading.read_file(user_file(), trusted=True)
    for around in (folder, *folder.parents):
        loading.read_file(around / PROJECT_FILE, trusted=False)
    loading.read_environment(environment)
    return loading.result().config.offline


def with_editor_settings(loaded: Loaded, values: object) -> Loaded:
    """Return `loaded` with the settings that an editor sent, as nested or as dotted keys."""
    loading = _Loading(loaded)
    if isinstance(values, Mapping):
        for key, value in _flatten(values):
            if value is not None:
                loading.take(key, value, "editor", trusted=False)
    return loading.result()


class _Loading:
    """Collects values from one source after another."""

    def __init__(self, start: Loaded) -> None:
        self._config = start.config
        self._origins = dict(start.origins)
        self._problems = list(start.problems)
        self._overrides = start.overrides
        self._fields = {setting.key: (name, setting) for name, setting, _ in settings()}
        self._types = {entry.name: entry.type for entry in fields(Config)}
        self._is_unsure = False
        self.begin()

    def begin(self) -> None:
        """Go on with another source."""
        self._named: set[str] = set()

    def read_file(self, path: Path, *, trusted: bool) -> None:
        try:
            text = text_of(path)
            values = tomllib.loads(text)
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError, RecursionError) as error:  # not UTF-8 and not TOML are ValueErrors
            self._complain(f"{path}: cannot be read: {error}")
            self._is_unsure = True
            return
        lines = lines_of(text)
        self.begin()
        for key, value in _flatten(values):
            self.take(key, value, f"{path}:{line_of(key, lines)}", trusted=trusted)

    def read_choice(self, workspace: Path | None) -> None:
        if (chosen := read_choice(workspace)) is not None:
            self.begin()
            self.take(*chosen.setting, chosen.origin, trusted=True)

    def read_environment(self, environment: Mapping[str, str]) -> None:
        self.begin()
        by_variable = {setting.environment: key for key, (_, setting) in self._fields.items()}
        for variable, text in environment.items():
            if variable in by_variable and text:
                key = by_variable[variable]
                name, setting = self._fields[key]
                is_text = setting.pattern or "Path" in str(self._types[name])
                self.take(key, text if is_text else _from_text(text), variable, trusted=True)

    def take(self, key: str, value: object, origin: str, *, trusted: bool) -> None:
        if key not in self._fields:
            self._complain(f"{origin}: there is no setting {_shown(key)}")
            return
        name, setting = self._fields[key]
        fault, parsed = parse(value, str(self._types[name]), setting)
        if fault:
            self._complain(f"{origin}: {key} {fault}, not {_shown(value)}")
            self._is_unsure |= key.startswith(("offline", "hosted."))
            return
        current = getattr(self._config, name)
        if not trusted and isinstance(parsed, tuple):
            parsed = added(parsed, current)
        if not trusted and (refusal := refused(setting, parsed, current)):
            where = f"{user_file()} or {setting.environment}"
            self._complain(f"{origin}: {key} {refusal} a project or an editor; use {where}")
            return
        self._config = replace(self._config, **{name: parsed})
        self._origins[key] = origin
        self._named.add(key)
        # A file outdoes the server that a weaker source names.
        if key == "model.path" and "model.endpoint" not in self._named:
            self._config = replace(self._config, model_endpoint="")
            self._origins.pop("model.endpoint", None)

    def _complain(self, problem: str) -> None:
        if len(self._problems) < PROBLEMS_MAX:
            self._problems.append(problem)

    def result(self) -> Loaded:
        if self._is_unsure:
            self._config = replace(self._config, offline=True)
            self._origins["offline"] = "until a mistake in the settings is mended"
        return Loaded(self._config, self._origins, tuple(self._problems), self._overrides)


def _flatten(
    values: Mapping[str, Any], prefix: str = "", parts: int = KEY_PARTS_MAX
) -> Iterable[tuple[str, Any]]:
    """Yield dotted keys; what lies deeper than any setting is one value."""
    for name, value in values.items():
        if isinstance(value, Mapping) and parts > 1:
            yield from _flatten(value, f"{prefix}{name}.", parts - 1)
        else:
            yield f"{prefix}{name}", value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}..."


def _from_text(text: str) -> object:
    """Read an environment variable as TOML would: a number, true or false, or else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
