"""The schema of all settings: one field each, with its key, its help, its limits, and who may set it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from cope_lsp.setting import Setting

Fallback = Literal["auto", "always", "never"]
Backend = Literal["auto", "llama-cpp", "llama-server"]
Escalation = Literal["never", "ask", "auto"]


def _setting(default: Any, key: str, text: str, **more: Any) -> Any:
    return field(default=default, metadata={"setting": Setting(key, text, **more)})


_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_SERVER = rf"https?://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?(/[\w./~\-]*)?"
_PROXY = r"(https?://[^\s@]+)?"
_AREA = r"(?!([^*?\[]*[*?\[]){61})[^\s!#,\ud800-\udfff][^,\n\ud800-\udfff]{0,199}"
"""An entry must not take back another, as with `!`, nor have more wildcards than egress/globs takes."""


@dataclass(frozen=True, slots=True)
class Config:
    """The effective settings."""

    model_path: Path | None = _setting(
        None, "model.path", "A GGUF file to use instead of the embedded model."
    )
    model_draft_path: Path | None = _setting(
        None,
        "model.draft_path",
        "A small GGUF file with the same vocabulary as the model, which then guesses ahead of it.",
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
    engine_shared: bool = _setting(
        default=True,
        key="engine.shared",
        text="Let all windows that use the same model share one engine.",
    )
    engine_idle_s: int = _setting(
        1_800,
        "engine.idle_s",
        "Seconds without a request after which the model is unloaded; the next one loads it again. 0: never.",
        minimum=0,
        maximum=1_000_000,
    )
    engine_memory_mb: int = _setting(
        0,
        "engine.memory_mb",
        "Megabytes that all loaded models may take before the one not used for longest is unloaded; 0: half.",
        minimum=0,
        maximum=1 << 24,
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
    completion_back_off: Literal["never", "battery", "load", "both"] = _setting(
        "never",
        "completion.back_off",
        "When no ghost text is offered unasked: on battery, on a busy machine, in both cases, or never.",
        reach="tighten",
        choices=("both", "battery", "load", "never"),
    )
    completion_trigger: Literal["manual", "idle", "auto"] = _setting(
        "auto",
        "completion.trigger",
        "When ghost text comes: as you type (auto), after a pause (idle), or when you ask for it (manual).",
        reach="tighten",
        choices=("manual", "idle", "auto"),
    )
    completion_idle_ms: int = _setting(
        700,
        "completion.idle_ms",
        "Milliseconds without a key after which ghost text comes when completion.trigger is idle.",
        reach="any",
        minimum=100,
        maximum=60_000,
    )
    completion_manual_in: tuple[str, ...] = _setting(
        (),
        "completion.manual_in",
        "Where ghost text comes only when asked for: language ids and globs, such as markdown and tests/**.",
        reach="tighten",
        pattern=_AREA,
        shape="language ids and globs",
    )
    completion_off_in: tuple[str, ...] = _setting(
        (),
        "completion.off_in",
        "Where no ghost text comes at all: language ids and globs, such as yaml and *.env.",
        reach="tighten",
        pattern=_AREA,
        shape="language ids and globs",
    )
    context_related: bool = _setting(
        default=True, key="context.related", text="Show the model code of other files.", reach="tighten"
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
    stats_enabled: bool = _setting(
        default=True,
        key="stats.enabled",
        text="Count what becomes of suggestions, for `cope-lsp stats`; the counts stay on this machine.",
        reach="tighten",
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


def settings() -> Iterator[tuple[str, Setting, Any]]:
    """Yield the field name, the description and the default of every setting."""
    for entry in fields(Config):
        yield entry.name, entry.metadata["setting"], entry.default
