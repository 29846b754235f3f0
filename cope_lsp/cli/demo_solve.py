"""The second half of `cope-lsp demo`: three functions, solved by the commands that a user would type.

They run in a folder and with settings of their own, which are gone afterwards: neither the user's budget nor
their record of what was sent knows of it.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from cope_lsp.cascade import understudy
from cope_lsp.egress import offline
from cope_lsp.engine.child import kill_child
from cope_lsp.engine.wire import EngineSettings
from cope_lsp.models import catalog
from cope_lsp.models.local import LocalModel
from cope_lsp.models.standin import StandIn

FILE = "shop.py"
TESTS = "test_shop.py"
COMMAND_TIMEOUT_S = 100.0

_PRICE = """\
[[price]]
endpoint = "{url}"
model = "*"
as_of = {today}
input = "2"
output = "10"
cache_write_5m = "2.5"
cache_write_1h = "4"
cache_read = "0.1"
"""
"""What the stand-in is said to cost, in USD per million tokens: as much as a hosted model of today."""


def _tested_by(name: str) -> tuple[str, str]:
    return "--tests", f"python -m unittest test_shop.{name}"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the story, and what to say before it."""

    said: str
    arguments: tuple[str, ...]
    needs_hosted: bool = False


_HOSTED = ("--escalate", "auto", "--yes")

STEPS = (
    Step(
        "A function that the local model can write alone. Each draft is run against its tests, in a sandbox; "
        "the first that passes is the last.",
        ("solve", FILE, "--symbol", "evaluate_stock_count", *_tested_by("StockTest")),
    ),
    Step(
        "One that it cannot. A hosted model is asked for a plan, a sentence, and the local one tries again.",
        ("solve", FILE, "--symbol", "consonants_other_signs", *_tested_by("SignsTest"), *_HOSTED),
        needs_hosted=True,
    ),
    Step("What left the machine.", ("sent",), needs_hosted=True),
    Step(
        "A budget that is too small for another plan ...",
        ("budget", "set", "--day", "0.001"),
        needs_hosted=True,
    ),
    Step(
        "... so nothing is asked, more is tried here, and it says so.",
        ("solve", FILE, "--symbol", "make_report", *_tested_by("ReportTest"), *_HOSTED),
        needs_hosted=True,
    ),
)


async def run(console: Console, folder: Path, model: Path | None, *, quiet: bool) -> list[dict[str, Any]]:
    """Tell the story with a local model, None for the embedded one.

    Returns:
        of each command its words, its exit status and, when it is `quiet`, the JSON that it printed.
    """
    project = folder / "project"
    project.mkdir()
    for name in (FILE, TESTS):
        shutil.copy(str(resources.files("cope_lsp.cli") / "sample" / name), project / name)
    large = catalog.standin_path()
    _introduce(console, large)
    if large is None or offline.is_on():
        local = [step for step in STEPS if not step.needs_hosted]
        return await _steps(console, local, project, _environment(folder, "", model), quiet=quiet)
    player = LocalModel(large, EngineSettings(), restarts_max=1)
    standin = StandIn(player, large.stem, understudy.read)
    try:
        url = await standin.start()
        (folder / "config" / "cope-lsp").mkdir(parents=True)
        prices = _PRICE.format(url=url, today=datetime.now(UTC).date())
        (folder / "config" / "cope-lsp" / "prices.toml").write_text(prices)
        return await _steps(console, STEPS, project, _environment(folder, url, model), quiet=quiet)
    finally:
        await standin.close()
        await player.close()


def _introduce(console: Console, large: Path | None) -> None:
    console.print("[bold]Solve[/] writes whole functions, on a project made for this demonstration.\n")
    if offline.is_on():
        console.print(
            "Offline is on, and then not even a server on loopback is started that could stand in for a "
            "hosted model; so only what needs none is shown.\n"
        )
        return
    if large is None:
        console.print(
            "A stand-in for the hosted model is missing here, so only what needs none is shown. It is "
            f"{catalog.STANDIN}, which the repository has in training/nano-large and this package has not; "
            "put it into the folder that `cope-lsp models list` names.\n"
        )
        return
    console.print(
        f"No hosted model is asked: {escape(large.stem)}, a tiny model on this machine too, "
        "[bold]stands in[/] for one, behind a server on loopback that speaks the same protocol. Consent, "
        "prices and budget work as always, in a folder that is thrown away.\n"
    )


def _environment(folder: Path, url: str, model: Path | None) -> dict[str, str]:
    """Return the environment of the commands: a home of their own, and a hosted model on loopback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COPE_LSP_")}
    mine = {
        "HOME": str(folder / "home"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "COPE_LSP_TESTS_PYTHON": sys.executable,
    }
    hosted = {"COPE_LSP_HOSTED_ENDPOINT": url, "COPE_LSP_HOSTED_MODEL": Path(catalog.STANDIN).stem}
    local = {"COPE_LSP_MODEL_PATH": str(model.absolute())} if model else {}
    local |= {"COPE_LSP_OFFLINE": "true"} if offline.is_on() else {}
    return kept | mine | local | (hosted if url else {})


async def _steps(
    console: Console, steps: Sequence[Step], project: Path, environment: Mapping[str, str], *, quiet: bool
) -> list[dict[str, Any]]:
    return [await _step(console, step, project, environment, quiet=quiet) for step in steps]


async def _step(
    console: Console, step: Step, project: Path, environment: Mapping[str, str], *, quiet: bool
) -> dict[str, Any]:
    """Run one command as a user would, in view of the user."""
    if step.said:
        console.print(step.said)
    shown = " ".join(f'"{each}"' if " " in each else each for each in step.arguments)
    console.print(f"[bold]$ cope-lsp {escape(shown)}[/]", highlight=False)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "cope_lsp", *step.arguments, *(["--json"] if quiet else []),
        cwd=project, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None, stderr=subprocess.DEVNULL if quiet else None,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), COMMAND_TIMEOUT_S)
    finally:
        kill_child(process)
    console.print()
    printed = json.loads(output) if quiet else None
    return {"command": list(step.arguments), "status": process.returncode, "printed": printed}
