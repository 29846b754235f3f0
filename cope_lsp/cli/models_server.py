"""`cope-lsp models use URL`: a server that runs the small model, agreed to once and looked at."""

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

from cope_lsp.cli.agree import asked
from cope_lsp.config import Config, Loaded, settings
from cope_lsp.egress import offline
from cope_lsp.egress.consent import ConsentStore
from cope_lsp.egress.endpoint import endpoint_of
from cope_lsp.egress.permit import consent_folder
from cope_lsp.errors import CopeError
from cope_lsp.loading import load
from cope_lsp.models import choose
from cope_lsp.models.remote import RemoteModel, base_of
from cope_lsp.setting import parse
from cope_lsp.values import ModelInfo


def is_url(name: str) -> bool:
    """Whether a name is meant as the address of a server."""
    return name.lower().startswith(("http://", "https://"))


def use(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Agree, look at the server, and use it from now on."""
    url = _checked(arguments.model)
    _agree(url, yes=arguments.yes)
    info = asyncio.run(_look(replace(loaded.config, model_endpoint=url)))
    choose.remember(None, arguments.workspace, endpoint=url)
    effective = load(project=arguments.workspace or Path.cwd())
    used = effective.config.model_endpoint or str(effective.config.model_path or "the embedded model")
    if arguments.json:
        print(json.dumps({"chosen": url, "used": used, "model": info.name, "fim": info.fim}))
        return 0
    where = f"in {arguments.workspace.resolve()}" if arguments.workspace else "wherever nothing else is said"
    print(f"{info.name} ({info.description}) at {url} is used from now on, {where}")
    if not info.fim:
        print("it is used left to right: no marks for the middle are known; set model.format to name them")
    if used != url:
        origin = effective.origins.get("model.endpoint") or effective.origins.get(
            "model.path", "the defaults"
        )
        print(f"but here {used} is used, because of: {origin}", file=sys.stderr)
    return 0


def _checked(url: str) -> str:
    setting = next(setting for _, setting, _ in settings() if setting.key == "model.endpoint")
    fault, _ = parse(url, "str", setting)
    if fault:
        msg = f"{url} is no address of a server: model.endpoint {fault}"
        raise CopeError(msg)
    return base_of(url)


def _agree(url: str, *, yes: bool) -> None:
    """Ask once for each server; without a terminal there is nobody to ask.

    Raises:
        CopeError: it may not be asked.
    """
    endpoint, consent = endpoint_of(url), ConsentStore()
    if offline.is_on():
        raise CopeError("offline is on, and a server is none of this machine's own; set offline = false")
    answer = consent.answer(consent_folder(), endpoint)
    if answer == "denied":
        change = f"cope-lsp consent allow --workspace {consent_folder()} --endpoint {endpoint}"
        raise CopeError(f"you denied sending text to {endpoint}; to allow it: {change}")
    if answer is None:
        if not yes and not _agreed(endpoint):
            raise CopeError(f"nothing was sent to {endpoint}, and nothing was chosen; --yes agrees to it")
        folder = consent_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        consent.record(folder, endpoint, "allowed")


def _agreed(endpoint: str) -> bool:
    said = (
        "At each pause of typing, and for each draft of `solve`, text around the cursor (some thousand\n"
        "characters before and after it) and, unless context.related is false, pieces of other files that\n"
        f"it uses are sent to {endpoint}, of every project in which it is used. Nothing of ignored\n"
        "files is sent, and what looks like a secret is taken out."
    )
    if endpoint.startswith("http://"):
        said += "\nThe connection is not encrypted: who is on the way can read it."
    return asked(said, "May it be sent there, now and later?")


async def _look(config: Config) -> ModelInfo:
    model = RemoteModel.from_config(config)
    try:
        return await model.info()
    finally:
        await model.close()
