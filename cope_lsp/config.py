"""Settings: one schema, one loader, and for every value where it came from.

Sources, each stronger than the one before: defaults, the model that `models use` chose for the user, the
user's file, the model that it chose for the project, the project's `.cope.toml`, the environment, the command
line. A project's file and an editor's settings arrive with a repository that may
be hostile: they may set only what its `Setting` allows them, and never a path, a key, a limit or a command.
A mistake that may hide what the user wants of the network counts as `offline = true` until it is mended.
"""

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path

from cope_lsp.choice import read_choice
from cope_lsp.setting import Setting, parse, refused
from cope_lsp.settings_file import line_of, lines_of, text_of

PROJECT_FILE = ".cope.toml"
PROBLEMS_MAX = 20
SHOWN_CHARACTERS_MAX = 80
KEY_PARTS_MAX = 4

Fallback = Literal["auto", "always", "never"]
Backend = Literal["auto", "llama-cpp", "llama-server"]
Escalation = Literal["never", "ask", "auto"]


def _setting(default: Any, key: str, text: str, **more: Any) -> Any:
    return field(default=default, metadata={"setting": Setting(key, text, **more)})


_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_SERVER = rf"https?://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?(/[\w./~\-]*)?"
_PROXY = r"(https?://[^\s@]+)?"


@dataclass(frozen=True, slots=True)
class Config:
    """The effective settings."""

    model_path: Path | None = _setting(
        None, "model.path", "A GGUF file to use instead of the embedded model."
    )
    model_endpoint: str = _setting(
        "",
        "model.endpoint",
        "A server for the small model (llama-server, vLLM, any with /v1/completions); empty: our own engine.",
        pattern=f"({_SERVER})?",
        shape="a URL such as http://127.0.0.1:8080, without user, password or query",
    )
    model_served_as: str = _setting(
        "",
        "model.served_as",
        "The name under which that server knows the model; empty: the first that it names.",
        pattern=r"[\w.:/@\- ]{0,200}",
        shape="the name of a model",
    )
    model_format: str = _setting(
        "",
        "model.format",
        "The family whose fill-in-the-middle marks that model was trained on; empty: told by its name.",
        pattern=r"[\w.\- ]{0,60}",
        shape="the name of a family, such as Qwen2.5-Coder",
    )
    gpu_layers: int = _setting(
        0,
        "model.gpu_layers",
        "Layers to run on the GPU; -1: all. Needs a llama-cpp-python built for it.",
        minimum=-1,
        maximum=10_000,
    )
    threads: int = _setting(
        0, "model.threads", "CPU threads; 0: chosen for the machine.", minimum=0, maximum=1024
    )
    context_tokens: int = _setting(
        4096, "model.context_tokens", "Tokens that the engine keeps in memory.", minimum=512, maximum=1 << 20
    )
    engine_backend: Backend = _setting(
        "auto",
        "engine.backend",
        "What runs a model file: llama-cpp-python, a llama-server on PATH, or whichever is there.",
        choices=("auto", "llama-cpp", "llama-server"),
    )
    restarts_max: int = _setting(
        3,
        "engine.restarts_max",
        "How often a dead engine is started again within five minutes.",
        minimum=0,
        maximum=1_000_000,
    )
    completion_enabled: bool = _setting(
        default=True, key="completion.enabled", text="Offer ghost text.", reach="tighten"
    )
    completion_fallback: Fallback = _setting(
        "auto",
        "completion.fallback",
        "Offer ghost text as ordinary completions: to editors without ghost text, always, or never.",
        reach="any",
        choices=("auto", "always", "never"),
    )
    offline: bool = _setting(
        default=False,
        key="offline",
        text="Open no internet connection at all; hosted models are then never asked.",
        reach="tighten",
        tightest=True,
    )
    hosted_endpoint: str = _setting(
        "https://api.anthropic.com",
        "hosted.endpoint",
        "Where plans are asked for: any server or gateway that speaks the Messages API.",
        pattern=_SERVER,
        shape="a URL such as https://api.anthropic.com, without user, password or query",
    )
    hosted_model: str = _setting(
        "claude-sonnet-5-5",
        "hosted.model",
        "The hosted model that writes plans.",
        pattern=r"[\w.:/@\-]{1,200}",
        shape="the name of a model",
    )
    hosted_effort: str = _setting(
        "none",
        "hosted.effort",
        "How much thought the hosted model is asked for; none: the request does not say.",
        choices=("none", "low", "medium", "high", "xhigh", "max"),
    )
    hosted_output_tokens_max: int = _setting(
        200,
        "hosted.output_tokens_max",
        "Tokens that a hosted answer may have; they bound its price.",
        reach="tighten",
        minimum=1,
        maximum=20_000,
    )
    hosted_draft_tokens_max: int = _setting(
        1_000,
        "hosted.draft_tokens_max",
        "Tokens that a hosted answer may have when a whole function is asked for, after plans did not help.",
        reach="tighten",
        minimum=1,
        maximum=20_000,
    )
    hosted_timeout_s: int = _setting(
        60, "hosted.timeout_s", "Seconds that a hosted call may take in all.", minimum=1, maximum=600
    )
    hosted_proxy: str = _setting(
        "",
        "hosted.proxy",
        "An HTTP proxy for hosted calls; those of the environment are not used.",
        pattern=_PROXY,
        shape="a URL such as http://proxy.example:3128",
    )
    hosted_keep_sent: bool = _setting(
        default=False,
        key="hosted.keep_sent",
        text="Keep the last requests to hosted models on disk, to look at with `cope-lsp sent`.",
    )
    cascade_escalate: Escalation = _setting(
        "ask",
        "cascade.escalate",
        "Whether `solve` may ask the hosted model when local drafts fail: never, after asking, by itself.",
        reach="tighten",
        choices=("never", "ask", "auto"),
    )
    cascade_when_hopeless: Literal["go-on", "stop"] = _setting(
        "go-on",
        "cascade.when_hopeless",
        "When no draft works under the hosted model's plan: let it write the function itself, or stop.",
        choices=("stop", "go-on"),
        reach="tighten",
    )
    cascade_extra_rounds: int = _setting(
        1,
        "cascade.extra_rounds",
        "How many times more drafts are drawn locally before something dearer is tried.",
        reach="tighten",
        minimum=0,
        maximum=20,
    )
    tests_command: str = _setting(
        "",
        "tests.command",
        "What runs a project's tests, such as `make test`; empty: pytest, on tests that a change touches.",
        pattern=r"[^\n]{0,1000}",
        shape="a program and its arguments",
    )
    tests_python: str = _setting(
        "",
        "tests.python",
        "The Python of a project's tests; empty: that of its .venv.",
        pattern=r"[^\n]{0,1000}",
        shape="a path, or the name of a program",
    )
    tests_timeout_s: int = _setting(
        60, "tests.timeout_s", "Seconds that the tests may take for one draft.", minimum=1, maximum=3_600
    )
    models_hub: str = _setting(
        "https://huggingface.co",
        "models.hub",
        "Where models are fetched from: any server that speaks the API of the Hugging Face hub.",
        pattern=_SERVER,
        shape="a URL such as https://huggingface.co, without user, password or query",
    )
    models_proxy: str = _setting(
        "",
        "models.proxy",
        "An HTTP proxy for fetching models; those of the environment are not used.",
        pattern=_PROXY,
        shape="a URL such as http://proxy.example:3128",
    )
    models_timeout_s: int = _setting(
        30, "models.timeout_s", "Seconds that a hub may be silent.", minimum=1, maximum=600
    )
    log_file: Path | None = _setting(None, "log.file", "Write a log to this file.")
    log_level: str = _setting(
        "warning", "log.level", "How much to log.", choices=("error", "warning", "info", "debug")
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """Effective settings, the source of each that is not a default, and what could not be used."""

    config: Config
    origins: Mapping[str, str]
    problems: tuple[str, ...]
    overrides: Mapping[str, object]
    """What the command line gave, so that the sources can be read again for another project."""


def user_file() -> Path:
    """Return the path of the user's own settings file."""
    return user_config_path("cope-lsp", appauthor=False) / "config.toml"


def settings() -> Iterator[tuple[str, Setting, Any]]:
    """Yield the field name, the description and the default of every setting."""
    for entry in fields(Config):
        yield entry.name, entry.metadata["setting"], entry.default


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
        if not trusted and (refusal := refused(setting, parsed, getattr(self._config, name))):
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
