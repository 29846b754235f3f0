"""`cope-lsp doctor`: what is set up, what is not, and the next step for it."""

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cope_lsp.assistant import Assistant
from cope_lsp.choice import CHOSEN
from cope_lsp.config import Config, Loaded, settings
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.key import find_key
from cope_lsp.engine.local_socket import NoSocketError, private_folder
from cope_lsp.engine.neighbours import engines
from cope_lsp.errors import CopeError, KeyStoreError, LedgerError
from cope_lsp.ledger.entries import usd
from cope_lsp.ledger.prices import PriceGap, PriceTable
from cope_lsp.loading import user_file
from cope_lsp.models import catalog
from cope_lsp.models.base import TextModel
from cope_lsp.models.llama_server import find_program
from cope_lsp.models.local import LocalModel, NoEngine, has_llama_cpp, model_from
from cope_lsp.models.remote import RemoteModel
from cope_lsp.models.store import Store
from cope_lsp.values import CompletionRequest, Document, ModelInfo, Silence
from cope_lsp.version import __version__

State = Literal["ok", "note", "broken"]

_STYLES: dict[State, str] = {"ok": "green", "note": "yellow", "broken": "bold red"}

_PROBE = Document("file:///probe.py", "python", "def add(a, b):\n    return ")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. Only `broken` means that the main job cannot run."""

    subject: str
    state: State
    fact: str
    next_step: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `doctor` takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Print the findings; exit 1 only if the main job cannot run."""
    findings = [*_machine(), *_configuration(loaded), *_pulled(loaded), *asyncio.run(_models(loaded))]
    if arguments.json:
        print(json.dumps({"version": __version__, "findings": [asdict(f) for f in findings]}))
    else:
        _print_table(findings)
    return int(any(finding.state == "broken" for finding in findings))


def _machine() -> Iterator[Finding]:
    yield Finding("cope-lsp", "ok", f"{__version__}, {sys.executable}")
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("machine", "ok", f"{system}, {os.cpu_count()} CPUs")


def _configuration(loaded: Loaded) -> Iterator[Finding]:
    path = user_file()
    fact = str(path) if path.exists() else f"none needed; it would be {path}"
    yield Finding("settings file", "ok", fact)
    for key, origin in loaded.origins.items():
        name = next(name for name, setting, _ in settings() if setting.key == key)
        yield Finding(f"setting {key}", "ok", f"{getattr(loaded.config, name)} ({origin})")
    for problem in loaded.problems:
        yield Finding("settings", "note", problem, "mend or remove it; until then it is ignored")


def _pulled(loaded: Loaded) -> Iterator[Finding]:
    """Tell where a model that `models pull` brought is from, and whether it is still as it came."""
    path, store = loaded.config.model_path, Store()
    if path is None or not path.is_relative_to(store.folder):
        return
    held = store.at(path)
    if held is None:
        step = "fetch it again: cope-lsp models pull"
        yield Finding("model file", "note", f"{path} is not as it came, or never came whole", step)
        return
    origin = f"{held.repository} at {held.hub}, commit {held.revision}" if held.hub else "this machine"
    fact = f"{held.file} of {origin}; to compare its sha256: cope-lsp models verify"
    yield Finding("model file", "ok", fact)


async def _models(loaded: Loaded) -> list[Finding]:
    assistant = Assistant.from_config(loaded.config)
    try:
        model = await _model(assistant, loaded)  # its engine runs until the assistant is closed
        return [*model, *await asyncio.to_thread(_engines), *await _hosted(assistant)]
    finally:
        await assistant.close()


async def _model(assistant: Assistant, loaded: Loaded) -> list[Finding]:
    config = assistant.config
    runner = model_from(config)  # as the assistant has it: nothing of it is started
    backend = _backend(config, runner)
    started = time.perf_counter()
    try:
        model = await assistant.model_info()
        loaded_s = time.perf_counter() - started
        gpu = [_gpu(model, config.gpu_layers)] if isinstance(runner, LocalModel) else []
        return [backend, *_facts(model, config, loaded_s), *gpu, await _probe(assistant, model)]
    except CopeError as error:
        return [backend, Finding("model", "broken", str(error), _other_model(loaded))]


def _backend(config: Config, runner: TextModel) -> Finding:
    """Tell what runs the model, and which other ways there are."""
    if isinstance(runner, RemoteModel):
        fact = f"the server at {config.model_endpoint}; text around the cursor is sent there: cope-lsp sent"
        return Finding("backend", "ok", fact)
    wanted = config.engine_backend
    ours, program = has_llama_cpp(), find_program()
    here = ", ".join([*(["llama-cpp-python"] if ours else []), *([program] if program else [])])
    if isinstance(runner, NoEngine):
        fact = f"{wanted}; here: {here or 'neither llama-cpp-python nor llama-server'}"
        step = "pip install llama-cpp-python, or put llama.cpp's llama-server on PATH"
        return Finding("backend", "broken", fact, step)
    used = "llama-cpp-python" if isinstance(runner, LocalModel) else program
    return Finding("backend", "ok", f"{wanted}; here: {here}; used: {used}")


def _engines() -> list[Finding]:
    """Tell which engines the windows of this user share now."""
    try:
        running = engines(private_folder()).values()
    except NoSocketError as error:
        return [Finding("shared engines", "note", f"none can be: {error}; each window has its own")]
    return [
        Finding(
            "shared engine",
            "ok",
            f"{each.model_path}: {each.clients} client{'' if each.clients == 1 else 's'}, "
            f"{each.memory_bytes / 1e6:.0f} MB, idle for {each.idle_s:.0f} s, process {each.pid}",
        )
        for each in running
    ]


def _other_model(loaded: Loaded) -> str:
    if loaded.config.model_endpoint:
        return "start the server, or use the model of the package: cope-lsp models use embedded"
    if loaded.origins.get("model.path", "").startswith(CHOSEN):
        return f"choose another: {CHOSEN} MODEL; that of the package: {CHOSEN} embedded"
    return "unset model.path to use the embedded model, or point it at a GGUF file"


def _facts(model: ModelInfo, config: Config, loaded_s: float) -> Iterator[Finding]:
    size = (
        f", {model.parameters / 1e6:.1f}M parameters, {model.bytes / 1e6:.1f} MB" if model.parameters else ""
    )
    place = config.model_endpoint or catalog.resolve(config.model_path)
    yield Finding("model", "ok", f"{model.name} ({model.description}){size}: {place}")
    took = f"{loaded_s * 1000:.0f} ms"
    fact = f"answered in {took}" if config.model_endpoint else f"loaded in {took} in a process of its own"
    yield Finding("engine", "ok", fact)
    for note in model.notes:
        yield Finding("draft model", "note", note, "see model.draft_path")
    if model.fim:
        yield Finding("fill in the middle", "ok", "the model has the tokens for it")
    else:
        step = "choose a code model with fill-in-the-middle tokens to have it see what follows"
        fact = "the model has no tokens for it and is used left to right"
        yield Finding("fill in the middle", "note", fact, step)
    if model.languages:
        fact = f"{', '.join(model.languages)}; silent in others"
        yield Finding("languages", "note", fact, "a larger model knows more: set model.path")
    else:
        yield Finding("languages", "ok", "the model names none: used in all")


def _gpu(model: ModelInfo, gpu_layers: int) -> Finding:
    if model.gpu:
        fact = f"this build of llama.cpp can use one; model.gpu_layers is {gpu_layers}"
        step = "" if gpu_layers else "set model.gpu_layers = -1 to run the whole model there"
        return Finding("GPU", "ok", fact, step)
    fact = "this build of llama.cpp runs on the CPU only"
    step = (
        'for a GPU: CMAKE_ARGS="-DGGML_CUDA=on" (Metal: on by itself on macOS; Vulkan: '
        "-DGGML_VULKAN=on) pip install --force-reinstall --no-binary :all: llama-cpp-python"
    )
    if gpu_layers:
        return Finding("GPU", "note", f"{fact}, so model.gpu_layers = {gpu_layers} is idle", step)
    return Finding("GPU", "ok", fact, step)


async def _probe(assistant: Assistant, model: ModelInfo) -> Finding:
    """Run the main job once."""
    language = model.languages[0] if model.languages else _PROBE.language
    document = Document(_PROBE.uri, language, _PROBE.text)
    started = time.perf_counter()
    completion = await assistant.complete(CompletionRequest(document, len(document.text), explicit=True))
    took = f"{(time.perf_counter() - started) * 1000:.0f} ms"
    if isinstance(completion, Silence):
        fact = f"nothing after {document.text!r} in {took} ({completion.reason}) {completion.detail}"
        broken = completion.reason == "model-unavailable"
        return Finding("ghost text", "broken" if broken else "note", fact)
    return Finding("ghost text", "ok", f"{completion.text!r} after {document.text!r} in {took}")


async def _hosted(assistant: Assistant) -> list[Finding]:
    """Tell what a hosted plan would need. None of it is needed for the main job."""
    config = assistant.config
    if config.offline:
        return [Finding("hosted model", "ok", "offline is on: none is asked, no connection is opened")]
    endpoint = endpoint_of(config.hosted_endpoint)
    return [
        _price(endpoint, config.hosted_model),
        await _key(endpoint),
        await _budget(assistant),
    ]


def _price(endpoint: str, model: str) -> Finding:
    price = PriceTable.load().find(endpoint, model, datetime.now(UTC).date())
    if isinstance(price, PriceGap):
        return Finding("hosted model", "note", price.reason, price.next_step)
    fact = f"{model} at {endpoint}, asked only with your consent: cope-lsp plan; price of {price.as_of}"
    return Finding("hosted model", "ok", fact)


async def _key(endpoint: str) -> Finding:
    try:
        key = await find_key(endpoint, os.environ)
    except KeyStoreError as error:
        return Finding("API key", "note", str(error))
    if key is None:
        return Finding("API key", "ok", "none, so no hosted model is asked", "to have one: cope-lsp auth set")
    return Finding("API key", "ok", f"from {key.origin}")


async def _budget(assistant: Assistant) -> Finding:
    try:
        summary = await assistant.budget()
    except LedgerError as error:
        return Finding("budget", "note", str(error))
    if summary.state != "open":
        return Finding("budget", "note", summary.reason, "cope-lsp budget")
    month = summary.month
    limit = "" if month.limit_nusd is None else f" of {usd(month.limit_nusd)}"
    return Finding("budget", "ok", f"{usd(month.spent_nusd)}{limit} spent this month")


def _print_table(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        style = _STYLES[finding.state]
        table.add_row(f"[{style}]{finding.state}[/]", finding.subject, escape(finding.fact))
        if finding.next_step:
            table.add_row("", "", f"[dim]-> {escape(finding.next_step)}[/]")
    Console().print(table)
