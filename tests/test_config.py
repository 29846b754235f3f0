"""Settings: every source, which one wins, and what becomes of values that cannot be used."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cope_lsp.config import Config, Loaded, settings
from cope_lsp.loading import PROJECT_FILE, for_project, is_offline, load, user_file, with_editor_settings
from cope_lsp.setting import Setting, refused
from cope_lsp.settings_file import FILE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Files:
    """The two places where settings files lie, both empty at first."""

    user: Path
    project_root: Path

    @property
    def project(self) -> Path:
        return self.project_root / PROJECT_FILE

    def load(
        self,
        *,
        user: str | bytes | None = None,
        project: str | bytes | None = None,
        environment: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
    ) -> Loaded:
        """Write what is given and load all of it."""
        for path, text in ((self.user, user), (self.project, project)):
            if text is not None:
                path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load(project=self.project_root, environment=environment or {}, overrides=overrides)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "project").mkdir()
    user_file().parent.mkdir(parents=True)
    assert user_file().is_relative_to(tmp_path)
    return Files(user_file(), tmp_path / "project")


def test_without_any_source_the_defaults_hold(files: Files) -> None:
    for loaded in (files.load(), load(environment={})):
        assert loaded.config == Config()
        assert not loaded.origins
        assert not loaded.problems


def test_every_field_is_a_setting_that_is_described() -> None:
    described = list(settings())
    assert [name for name, _, _ in described] == list(Config.__slots__)
    assert all(setting.help.endswith(".") for _, setting, _ in described)
    assert all(getattr(Config(), name) == default for name, _, default in described)
    assert len({setting.environment for _, setting, _ in described}) == len(described)


VALUES: list[tuple[str, str, str, Any]] = [
    # key, in a file, in the environment, the value
    ("model.path", '"/models/a.gguf"', "/models/a.gguf", Path("/models/a.gguf")),
    ("model.draft_path", '"/models/b.gguf"', "/models/b.gguf", Path("/models/b.gguf")),
    ("model.endpoint", '"http://gpu:8000/v1"', "http://gpu:8000/v1", "http://gpu:8000/v1"),
    ("model.served_as", '"org/small"', "org/small", "org/small"),
    ("model.format", '"Qwen2.5-Coder"', "Qwen2.5-Coder", "Qwen2.5-Coder"),
    ("model.gpu_layers", "-1", "-1", -1),
    ("model.threads", "3", "3", 3),
    ("model.context_tokens", "1_024", "1_024", 1024),
    ("engine.backend", '"llama-server"', "llama-server", "llama-server"),
    ("engine.shared", "false", "false", False),
    ("engine.idle_s", "0", "0", 0),
    ("engine.memory_mb", "2_000", "2_000", 2000),
    ("engine.restarts_max", "0", "0", 0),
    ("completion.enabled", "false", "false", False),
    ("completion.fallback", '"never"', "never", "never"),
    ("completion.back_off", '"battery"', "battery", "battery"),
    ("completion.trigger", '"idle"', "idle", "idle"),
    ("completion.idle_ms", "1_000", "1_000", 1000),
    ("completion.manual_in", '["markdown", "tests/**"]', "markdown, tests/**", ("markdown", "tests/**")),
    ("completion.off_in", '["*.env"]', "*.env", ("*.env",)),
    ("context.related", "false", "false", False),
    ("offline", "true", "true", True),
    ("hosted.endpoint", '"http://127.0.0.1:8080"', "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("hosted.model", '"some/model-1:free"', "some/model-1:free", "some/model-1:free"),
    ("hosted.effort", '"low"', "low", "low"),
    ("hosted.output_tokens_max", "100", "100", 100),
    ("hosted.draft_tokens_max", "500", "500", 500),
    ("hosted.timeout_s", "30", "30", 30),
    ("hosted.proxy", '"http://proxy:3128"', "http://proxy:3128", "http://proxy:3128"),
    ("hosted.keep_sent", "true", "true", True),
    ("cascade.escalate", '"never"', "never", "never"),
    ("cascade.when_hopeless", '"stop"', "stop", "stop"),
    ("cascade.extra_rounds", "0", "0", 0),
    ("tests.command", '"make test"', "make test", "make test"),
    ("tests.python", '"python3"', "python3", "python3"),
    ("tests.timeout_s", "9", "9", 9),
    ("models.hub", '"https://hub.example/hf"', "https://hub.example/hf", "https://hub.example/hf"),
    ("models.proxy", '"http://proxy:3128"', "http://proxy:3128", "http://proxy:3128"),
    ("models.timeout_s", "5", "5", 5),
    ("stats.enabled", "false", "false", False),
    ("log.file", '"/tmp/cope.log"', "/tmp/cope.log", Path("/tmp/cope.log")),
    ("log.level", '"debug"', "debug", "debug"),
]
A_PROJECTS = {
    "completion.back_off",
    "completion.idle_ms",
    "completion.manual_in",
    "completion.off_in",
    "completion.trigger",
    "cascade.escalate",
    "cascade.extra_rounds",
    "cascade.when_hopeless",
    "completion.enabled",
    "completion.fallback",
    "context.related",
    "hosted.draft_tokens_max",
    "hosted.output_tokens_max",
    "offline",
    "stats.enabled",
}
FIELDS = {setting.key: (name, setting) for name, setting, _ in settings()}


def value_of(loaded: Loaded, key: str) -> Any:
    return getattr(loaded.config, FIELDS[key][0])


def test_every_setting_is_in_the_table() -> None:
    assert [key for key, *_ in VALUES] == list(FIELDS)


@pytest.mark.parametrize(("key", "text", "_variable", "value"), VALUES)
def test_the_users_file_sets_everything(
    files: Files, key: str, text: str, _variable: str, value: object
) -> None:
    table, _, name = key.rpartition(".")
    header = f"[{table}]" if table else ""
    loaded = files.load(user=f"# mine\n\n{header}\n{name} = {text}\n")
    assert value_of(loaded, key) == value
    assert loaded.origins == {key: f"{files.user}:4"}
    assert not loaded.problems


@pytest.mark.parametrize(("key", "_text", "variable", "value"), VALUES)
def test_the_environment_sets_everything(
    files: Files, key: str, _text: str, variable: str, value: object
) -> None:
    name = FIELDS[key][1].environment
    loaded = files.load(environment={name: variable, "COPE_LSP": "x", "PATH": "/bin", "COPE_LSP_TEST": "1"})
    assert value_of(loaded, key) == value
    assert loaded.origins == {key: name}
    assert not loaded.problems


@pytest.mark.parametrize(("key", "_text", "_variable", "value"), VALUES)
def test_the_command_line_sets_everything(
    files: Files, key: str, _text: str, _variable: str, value: object
) -> None:
    given = str(value) if isinstance(value, Path) else value
    loaded = files.load(overrides={key: given})
    assert value_of(loaded, key) == value
    assert loaded.origins == {key: "command line"}


@pytest.mark.parametrize(("key", "text", "_variable", "value"), VALUES)
def test_a_project_sets_only_what_is_a_projects_to_set(
    files: Files, key: str, text: str, _variable: str, value: object
) -> None:
    """A repository may be hostile: no path, no resource and no log of the user's is its business."""
    loaded = files.load(project=f"{key} = {text}")
    if key in A_PROJECTS:
        assert value_of(loaded, key) == value
        assert loaded.origins == {key: f"{files.project}:1"}
        assert not loaded.problems
    else:
        assert loaded.config == Config()
        assert not loaded.origins
        where = f"{files.user} or {FIELDS[key][1].environment}"
        refusal = f"{key} cannot be set by a project or an editor; use {where}"
        assert loaded.problems == (f"{files.project}:1: {refusal}",)


@pytest.mark.parametrize(("key", "_text", "_variable", "value"), VALUES)
def test_an_editor_sets_only_what_a_project_may_set(
    files: Files, key: str, _text: str, _variable: str, value: object
) -> None:
    given = str(value) if isinstance(value, Path) else value
    loaded = with_editor_settings(files.load(), {key: given})
    if key in A_PROJECTS:
        assert value_of(loaded, key) == value
        assert loaded.origins == {key: "editor"}
    else:
        assert loaded.config == Config()
        assert loaded.problems[0].startswith(f"editor: {key} cannot be set by a project or an editor")


def test_what_the_user_switched_off_stays_off(files: Files) -> None:
    loaded = files.load(user="completion.enabled = false", project="completion.enabled = true")
    loaded = with_editor_settings(loaded, {"completion": {"enabled": True}})
    assert not loaded.config.completion_enabled
    assert loaded.origins == {"completion.enabled": f"{files.user}:1"}
    assert loaded.problems == tuple(
        f"{origin}: completion.enabled cannot be loosened by a project or an editor; "
        f"use {files.user} or COPE_LSP_COMPLETION_ENABLED"
        for origin in (f"{files.project}:1", "editor")
    )


def test_the_user_may_loosen_what_a_project_tightened(files: Files) -> None:
    variable = {"COPE_LSP_COMPLETION_ENABLED": "true"}
    loaded = files.load(project="completion.enabled = false", environment=variable)
    assert loaded.config.completion_enabled
    assert not loaded.problems


@pytest.mark.parametrize(
    ("setting", "current", "smaller", "larger"),
    [
        (Setting("a.flag", "", reach="tighten"), True, False, None),
        (Setting("a.number", "", reach="tighten"), 5, 4, 6),
        (Setting("a.choice", "", reach="tighten", choices=("none", "some", "all")), "some", "none", "all"),
        (Setting("a.list", "", reach="tighten"), ("a",), ("a", "b"), ()),
    ],
    ids=lambda value: value.key if isinstance(value, Setting) else "",
)
def test_tighter_is_off_or_a_lower_number_or_an_earlier_choice_or_a_longer_list(
    setting: Setting, current: object, smaller: object, larger: object
) -> None:
    assert not refused(setting, current, current)
    assert not refused(setting, smaller, current)
    assert larger is None or refused(setting, larger, current) == "cannot be loosened by"


@pytest.mark.parametrize("key", ["completion.manual_in", "completion.off_in"])
def test_a_project_and_an_editor_add_to_a_list_and_take_nothing_away(files: Files, key: str) -> None:
    loaded = files.load(user=f"{key} = ['markdown', '*.env']", project=f"{key} = ['tests/**', '*.env']")
    assert value_of(loaded, key) == ("markdown", "*.env", "tests/**")
    loaded = with_editor_settings(loaded, {key: []})
    assert value_of(loaded, key) == ("markdown", "*.env", "tests/**")
    loaded = with_editor_settings(loaded, {key: "yaml"})
    assert value_of(loaded, key) == ("markdown", "*.env", "tests/**", "yaml")
    assert not loaded.problems


def test_the_user_replaces_a_list(files: Files) -> None:
    variable = {"COPE_LSP_COMPLETION_OFF_IN": " yaml,*.env ,, "}
    loaded = files.load(user="completion.off_in = ['markdown']", environment=variable)
    assert loaded.config.completion_off_in == ("yaml", "*.env")


def test_a_list_of_a_project_is_not_endless(files: Files) -> None:
    many = [f"*.{n}" for n in range(100)]
    loaded = files.load(user="completion.off_in = ['markdown']", project=f"completion.off_in = {many}")
    assert loaded.config.completion_off_in == ("markdown", *many[:99])
    loaded = files.load(project=f"completion.off_in = {[*many, 'x']}")
    assert loaded.problems[0].startswith(
        f"{files.project}:1: completion.off_in takes 100 entries at most, not ["
    )
    assert loaded.config.completion_off_in == ("markdown",)


# -- which source wins -------------------------------------------------------------------------------


def test_each_source_is_stronger_than_the_one_before(files: Files) -> None:
    levels = ['"always"', '"never"']
    user, project = (f"[completion]\nfallback = {level}\n" for level in levels)
    variable = {"COPE_LSP_COMPLETION_FALLBACK": "auto"}
    assert files.load(user=user).config.completion_fallback == "always"
    assert files.load(project=project).config.completion_fallback == "never"
    loaded = files.load(environment=variable)
    assert (loaded.config.completion_fallback, loaded.origins) == (
        "auto",
        {"completion.fallback": "COPE_LSP_COMPLETION_FALLBACK"},
    )
    loaded = files.load(environment=variable, overrides={"completion.fallback": "never"})
    assert loaded.config.completion_fallback == "never"
    loaded = with_editor_settings(loaded, {"completion": {"fallback": "always"}})
    assert (loaded.config.completion_fallback, loaded.origins) == (
        "always",
        {"completion.fallback": "editor"},
    )


def test_a_value_that_cannot_be_used_leaves_the_weaker_one(files: Files) -> None:
    loaded = files.load(user="model.threads = 2", environment={"COPE_LSP_MODEL_THREADS": "many"})
    assert loaded.config.threads == 2
    assert loaded.problems == ("COPE_LSP_MODEL_THREADS: model.threads takes a whole number, not 'many'",)


@pytest.mark.parametrize(
    "sources",
    [
        {"user": 'offline = "yes"'},
        {"user": "hosted.endpoint = 'my server'"},
        {"user": "hosted.proxy = 5"},
        {"user": "offline = "},
        {"project": "offline = 'yes'"},
        {"project": b"\xff"},
        {"environment": {"COPE_LSP_OFFLINE": "1"}},
        {"environment": {"COPE_LSP_HOSTED_ENDPOINT": "http://[::1"}},
        {"user": "offline = 'yes'", "environment": {"COPE_LSP_OFFLINE": "false"}},
    ],
)
def test_a_mistake_about_the_network_is_offline_until_it_is_mended(
    files: Files, sources: dict[str, Any]
) -> None:
    loaded = files.load(**sources)
    assert len(loaded.problems) == 1
    assert loaded.config.offline
    assert loaded.origins["offline"] == "until a mistake in the settings is mended"
    assert is_offline(files.project_root, sources.get("environment", {}))


def test_an_editors_mistake_about_the_network_is_offline_too(files: Files) -> None:
    assert with_editor_settings(files.load(), {"offline": "yes"}).config.offline


@pytest.mark.parametrize("text", ["model.threads = 'many'", "nonsense = 1", "[hosted]\nmodel = 'claude'"])
def test_other_mistakes_leave_the_network_alone(files: Files, text: str) -> None:
    """In a project's file: it may not choose the hosted model, which is no mistake of the user's."""
    loaded = files.load(project=text)
    assert loaded.problems
    assert not loaded.config.offline
    assert not is_offline(files.project_root, {})


def test_settings_of_several_sources_stand_beside_each_other(files: Files) -> None:
    loaded = files.load(
        user='[model]\nthreads = 2\n[log]\nlevel = "info"\n',
        project="[completion]\nenabled = false\n",
        environment={"COPE_LSP_MODEL_GPU_LAYERS": "8"},
        overrides={"model.context_tokens": 512},
    )
    assert loaded.config == Config(
        threads=2, log_level="info", completion_enabled=False, gpu_layers=8, context_tokens=512
    )
    assert loaded.origins == {
        "model.threads": f"{files.user}:2",
        "log.level": f"{files.user}:4",
        "completion.enabled": f"{files.project}:2",
        "model.gpu_layers": "COPE_LSP_MODEL_GPU_LAYERS",
        "model.context_tokens": "command line",
    }


# -- values that cannot be used ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("model.path = 5", "model.path takes a path, not 5"),
        ("model.path = ['a']", "model.path takes a path, not ['a']"),
        ("model.threads = 'two'", "model.threads takes a whole number, not 'two'"),
        ("model.threads = 2.0", "model.threads takes a whole number, not 2.0"),
        ("model.threads = true", "model.threads takes a whole number, not True"),
        ("model.threads = -1", "model.threads is at least 0, not -1"),
        ("model.gpu_layers = -2", "model.gpu_layers is at least -1, not -2"),
        ("model.context_tokens = 511", "model.context_tokens is at least 512, not 511"),
        ("completion.enabled = 1", "completion.enabled takes true or false, not 1"),
        ("completion.enabled = 'yes'", "completion.enabled takes true or false, not 'yes'"),
        ("completion.fallback = 'maybe'", "completion.fallback is one of auto, always, never, not 'maybe'"),
        ("completion.fallback = []", "completion.fallback is one of auto, always, never, not []"),
        ("log.level = 'loud'", "log.level is one of error, warning, info, debug, not 'loud'"),
        ("log.level = 2024-01-01", "log.level is one of error, warning, info, debug, not datetime.date"),
        ("completion.off_in = 5", "completion.off_in takes a list of language ids and globs, not 5"),
        ("completion.off_in = [5]", "completion.off_in takes a list of language ids and globs, not [5]"),
        ("completion.off_in = {a = 1}", "there is no setting 'completion.off_in.a'"),
        (
            "completion.off_in = ['!a']",
            "completion.off_in takes a list of language ids and globs, not ['!a']",
        ),
        (f"completion.off_in = ['{'*' * 61}']", "completion.off_in takes a list of language ids and globs"),
        (f"completion.off_in = ['{'a' * 201}']", "completion.off_in takes a list of language ids and globs"),
        ("model = 1", "there is no setting 'model'"),
        ("threads = 1", "there is no setting 'threads'"),
        ("model.thread = 1", "there is no setting 'model.thread'"),
        ("model.threads.x = 1", "there is no setting 'model.threads.x'"),
        ("'model.threads' = 1", ""),  # a quoted key with a dot means the same
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_line(files: Files, line: str, problem: str) -> None:
    loaded = files.load(user=f"# mine\n{line}\n")
    if not problem:
        assert not loaded.problems
        return
    (told,) = loaded.problems
    assert told.startswith(f"{files.user}:2: {problem}")
    assert loaded.config == Config()
    assert not loaded.origins


@pytest.mark.parametrize(
    ("key", "value"),
    [("model.threads", 10**12), ("model.gpu_layers", 2**31), ("model.context_tokens", 10**13)],
)
def test_a_number_that_no_machine_has_is_a_problem(files: Files, key: str, value: int) -> None:
    """The engine takes 32 bits: the rest would be cut off in silence, or it would hang on what is left."""
    loaded = files.load(user=f"{key} = {value}")
    assert loaded.config == Config()
    assert len(loaded.problems) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[completion]\nenabled = true\nnonsense = 1\n", 3),
        ("[completion]\nenabled = true\nenabled_too = 1\n", 3),  # its beginning is the name of another
        ("a10 = 1\n", 1),
        ("completion.enabled = true\ncompletion.nonsense = 1\n", 2),
        ("[completion]\nenabled = true\n\n[other]\n  nonsense = 1\n", 5),
        ("# nonsense = 1\n[completion] # [other]\nnonsense = 1\n", 3),
        ("\n[ completion ]\n'nonsense' = 1\n", 3),
        ('\n[completion]\n"nonsense" = 1\n', 3),
        ("\ncompletion = {enabled = true, nonsense = 1}\n", 2),
        ("\n\ncompletion . nonsense = 1\n", 3),
        ('\n\n"completion"."nonsense" = 1\n', 3),
        ("\n['completion']\nnonsense = 1\n", 3),
        ("[completion]\r\nenabled = true\r\nnonsense = 1\r\n", 3),
        ("# \u2028 \x85\n\nnonsense = 1\n", 3),
        ("\n[[nonsense]]\na = 1\n", 2),
        ("x-y_z = 1\n", 1),
    ],
)
def test_the_line_of_an_unknown_key_is_told(files: Files, text: str, line: int) -> None:
    problems = files.load(project=text.encode()).problems
    (told,) = [problem for problem in problems if problem.startswith(f"{files.project}:")]
    assert told.startswith(f"{files.project}:{line}: there is no setting ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),  # a variable that is set to nothing is not set
        ("/a b/c.gguf", Path("/a b/c.gguf")),
        ("2024-01-01", Path("2024-01-01")),
        ("1e5", Path("1e5")),
        ("true", Path("true")),
        ("a\nb", Path("a\nb")),
        ("x]\n[y", Path("x]\n[y")),
        ("[" * 5000, Path("[" * 5000)),
    ],
)
def test_a_path_in_the_environment_may_look_like_anything(
    files: Files, text: str, value: Path | None
) -> None:
    loaded = files.load(environment={"COPE_LSP_MODEL_PATH": text})
    assert loaded.config.model_path == value
    assert not loaded.problems


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("COPE_LSP_MODEL_THREADS", " 4 ", 4),
        ("COPE_LSP_MODEL_THREADS", "0x10", 16),
        ("COPE_LSP_MODEL_THREADS", "", 0),
        ("COPE_LSP_COMPLETION_ENABLED", "true", True),
        ("COPE_LSP_LOG_LEVEL", "'info'", "info"),
    ],
)
def test_other_values_in_the_environment_are_written_as_in_a_file(
    files: Files, variable: str, text: str, value: object
) -> None:
    loaded = files.load(environment={variable: text})
    key = next(key for key, (_, setting) in FIELDS.items() if setting.environment == variable)
    assert value_of(loaded, key) == value
    assert not loaded.problems


@pytest.mark.parametrize("text", ["1", "yes", "True", "inf", "["])
def test_a_truth_in_the_environment_is_written_true_or_false(files: Files, text: str) -> None:
    loaded = files.load(environment={"COPE_LSP_COMPLETION_ENABLED": text})
    assert loaded.config == Config()
    assert loaded.problems[0].startswith(
        "COPE_LSP_COMPLETION_ENABLED: completion.enabled takes true or false, not "
    )


def test_a_tilde_is_the_users_home(files: Files) -> None:
    loaded = files.load(user="model.path = '~/a.gguf'", environment={"COPE_LSP_LOG_FILE": "~/b.log"})
    home = Path(os.environ["HOME"])
    assert (loaded.config.model_path, loaded.config.log_file) == (home / "a.gguf", home / "b.log")


def test_a_home_that_nobody_has_is_a_problem_and_no_crash(files: Files) -> None:
    loaded = files.load(user="model.path = '~nobody-of-this-name/a.gguf'")
    assert loaded.config == Config()
    assert len(loaded.problems) == 1


def test_an_unknown_key_of_the_command_line_is_a_problem(files: Files) -> None:
    loaded = files.load(overrides={"model.nonsense": 1})
    assert loaded.problems == ("command line: there is no setting 'model.nonsense'",)


# -- files that cannot be used -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[completion", "cannot be read: "),
        (b"enabled = true\nenabled = true\n", "cannot be read: Cannot overwrite a value (at line 2"),
        (b"x = 1 y", "cannot be read: "),
        (b"# caf\xe9\n", "cannot be read: 'utf-8' codec can't decode byte 0xe9"),
        (b"\x00\x01\x02", "cannot be read: "),
        (b"# " + b"x" * FILE_BYTES_MAX, f"larger than {FILE_BYTES_MAX} bytes"),
    ],
)
@pytest.mark.parametrize("whose", ["user", "project"])
def test_a_file_that_cannot_be_used_is_named(files: Files, whose: str, text: bytes, problem: str) -> None:
    loaded = files.load(**{whose: text})  # type: ignore[arg-type]  # two keywords of one type
    (told,) = loaded.problems
    assert told.startswith(f"{getattr(files, whose)}: ")
    assert problem in told
    assert loaded.config == Config(offline=True)


def test_a_file_of_just_the_limit_is_read(files: Files) -> None:
    line = "completion.enabled = false\n"
    loaded = files.load(user=line + "#" * (FILE_BYTES_MAX - len(line)))
    assert not loaded.problems
    assert not loaded.config.completion_enabled


@pytest.mark.parametrize("whose", ["user", "project"])
def test_a_directory_in_place_of_a_file_is_named(files: Files, whose: str) -> None:
    path: Path = getattr(files, whose)
    path.mkdir()
    (told,) = files.load().problems
    assert told.startswith(f"{path}: ")


@pytest.mark.parametrize("whose", ["user", "project"])
def test_a_file_that_cannot_be_opened_is_named(files: Files, whose: str) -> None:
    """A link to itself cannot be opened by anybody, root included."""
    path: Path = getattr(files, whose)
    path.symlink_to(path)
    (told,) = files.load().problems
    assert told.startswith(f"{path}: cannot be read: ")


def test_a_home_that_is_no_directory_has_no_settings(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Services run with HOME=/dev/null."""
    monkeypatch.setenv("HOME", os.devnull)
    monkeypatch.setenv("XDG_CONFIG_HOME", os.devnull)
    loaded = files.load()
    assert loaded.config == Config()
    assert not loaded.problems


def test_one_broken_file_does_not_spoil_the_other(files: Files) -> None:
    loaded = files.load(user="[", project="completion.enabled = false")
    assert not loaded.config.completion_enabled
    assert len(loaded.problems) == 1


# -- hostile repositories ----------------------------------------------------------------------------

LOAD = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from cope_lsp.config import Config
from cope_lsp.loading import load
loaded = load(project=Path(sys.argv[1]), environment={})
assert loaded.config in (Config(), Config(offline=True)), loaded.config
print(len(loaded.problems), sum(map(len, loaded.problems)))
"""


def load_in_a_small_process(project: Path) -> tuple[int, int]:
    """Load with 1 GiB of memory and in 20 s; return how many problems there are, and of what length."""
    with subprocess.Popen(
        [sys.executable, "-c", LOAD, project], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        watch = threading.Timer(20, process.kill)
        watch.start()
        told = process.stdout.read()  # its own input stays open: who reads from it waits
        watch.cancel()
    assert process.returncode == 0, process.returncode
    problems, characters = map(int, told.split())
    return problems, characters


DEVICES: dict[str, Callable[[Path], object]] = {
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "input": lambda path: path.symlink_to("/dev/stdin"),
    "pipe": os.mkfifo,
}


@pytest.mark.parametrize("kind", DEVICES)
def test_a_project_file_that_is_none_is_not_read(files: Files, kind: str) -> None:
    """A link is all that a repository needs to make a reader of a file wait or read for ever."""
    DEVICES[kind](files.project)
    problems, _ = load_in_a_small_process(files.project_root)
    assert problems == 1


FILL: dict[str, Callable[[int], str]] = {
    "arrays": lambda room: "x=" + "[" * (room // 2 - 1) + "]" * (room // 2 - 1),
    "tables": lambda room: "x=" + "{a=" * (room // 4 - 2) + "1" + "}" * (room // 4 - 2),
    "dotted-key": lambda room: "a." * (room // 2 - 2) + "a=1",
    "dotted-table": lambda room: "[" + "a." * (room // 2 - 2) + "a]",
    "many-keys": lambda room: "".join(f"k{n:06}=1\n" for n in range(room // 10)),
    "many-tables": lambda room: "".join(f"[t{n:06}]\nx=1\n" for n in range(room // 14)),
    "long-key": lambda room: "x" * (room - 2) + "=1",
    "long-value": lambda room: "completion.fallback='" + "x" * (room - 22) + "'",
    "long-list": lambda room: "completion.fallback=[" + "1," * (room // 2 - 11) + "]",
}


@pytest.mark.parametrize("kind", FILL)
def test_a_project_file_full_of_nonsense_takes_little_time_and_room(files: Files, kind: str) -> None:
    text = FILL[kind](FILE_BYTES_MAX)
    assert 0.9 * FILE_BYTES_MAX < len(text) <= FILE_BYTES_MAX
    files.project.write_text(text)
    problems, characters = load_in_a_small_process(files.project_root)
    assert problems <= 100
    assert characters <= 50_000


def test_of_many_problems_the_first_are_told(files: Files) -> None:
    loaded = files.load(project="".join(f"k{n}=1\n" for n in range(1000)))
    assert loaded.problems[0] == f"{files.project}:1: there is no setting 'k0'"
    assert len(loaded.problems) <= 100


# -- what an editor sends ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"completion": {"enabled": False, "fallback": None}},
        {"completion.enabled": False},
        {"completion.enabled": False, "model": {}, "log": {"level": None}},
    ],
)
def test_an_editors_settings_may_be_nested_or_dotted(files: Files, values: object) -> None:
    loaded = with_editor_settings(files.load(user="model.threads = 2"), values)
    assert loaded.config == Config(threads=2, completion_enabled=False)
    assert loaded.origins == {"model.threads": f"{files.user}:1", "completion.enabled": "editor"}
    assert not loaded.problems


@pytest.mark.parametrize("values", [None, [], "completion.enabled", 5, True, {}])
def test_an_editor_that_sends_no_settings_changes_nothing(files: Files, values: object) -> None:
    loaded = files.load(user="model.threads = 2")
    assert with_editor_settings(loaded, values) == loaded


def test_an_editors_problems_come_after_the_files(files: Files) -> None:
    loaded = with_editor_settings(files.load(user="nonsense = 1"), {"completion": {"nonsense": []}})
    assert loaded.problems == (
        f"{files.user}:1: there is no setting 'nonsense'",
        "editor: there is no setting 'completion.nonsense'",
    )


def test_settings_that_were_loaded_do_not_change(files: Files) -> None:
    loaded = files.load()
    with_editor_settings(loaded, {"completion": {"enabled": False, "nonsense": 1}})
    assert loaded == files.load()


def test_the_sources_can_be_read_again_for_another_project(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server is started before it knows its project."""
    monkeypatch.setenv("COPE_LSP_LOG_LEVEL", "info")
    files.project.write_text("completion.enabled = false")
    started = load(overrides={"model.threads": 2})
    there = for_project(started, files.project_root)
    assert started.config == Config(threads=2, log_level="info")
    assert there.config == Config(threads=2, log_level="info", completion_enabled=False)
    assert for_project(there, None) == started
