"""What a model is shown of a repository of 10,000 files: how long it takes to know it, and then to say it.

The files are the standard library's, copied with other names in them until there are enough; the places are
where calls stand in some of them. All is measured beside the build first, then after it.
"""

import asyncio
import itertools
import random
import re
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cope_lsp.context.related import AUTOMATIC_WAIT_S, Related
from cope_lsp.values import CompletionRequest, Document
from tests.benchmarks.measure import Measurement, median, p95

FILES = 10_000
FOLDER_FILES = 50
PLACES = 200
BUDGET_MS = 80.0
FILE_CHARACTERS_MAX = 9_000
"""A file of a real repository is smaller than one of the standard library; so 10,000 stay under 100 MB."""
BUILD_TIMEOUT_S = 600.0

_CALL = re.compile(r"\w\(")


def measure(_repetitions: int) -> list[Measurement]:
    """Measure one repository."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "repository"
        paths = write_repository(workspace, FILES)
        return asyncio.run(_measure(workspace, paths))


def write_repository(workspace: Path, files: int) -> list[Path]:
    """Write real code into so many files of packages, each time with other names; return their paths."""
    sources = itertools.cycle(_sources())
    paths = []
    for number in range(files):
        package = workspace / f"package_{number // FOLDER_FILES}"
        if number % FOLDER_FILES == 0:
            package.mkdir(parents=True)
        # Of each copy all longer names are others, as they would be in code that somebody wrote.
        text = re.sub(r"\b([a-z]\w{4,})\b", rf"\1_{number % 97}", next(sources))
        before = f"from package_{number // FOLDER_FILES}.module_{max(0, number - 1)} import *\n"
        path = package / f"module_{number}.py"
        path.write_text(before + text, "utf-8")
        paths.append(path)
    return paths


def _sources() -> list[str]:
    found = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "test" in path.parts or "site-packages" in path.parts or "idlelib" in path.parts:
            continue
        text = path.read_text("utf-8", "replace")
        if len(text) > 500:
            found.append(text[:FILE_CHARACTERS_MAX].rpartition("\n")[0] + "\n")
    return found


async def _measure(workspace: Path, paths: list[Path]) -> list[Measurement]:
    related = Related()
    rows = []
    try:
        started = time.perf_counter()
        beside = await _times(related, workspace, paths)
        await _built(related)
        wall_s = time.perf_counter() - started
        after = await _times(related, workspace, paths)
        (status,) = (await related.status()).values()
        what = f"index of {status.files} files"
        rows = [
            Measurement(f"{what}, processor", "s", status.build_s),
            Measurement(f"{what}, until it is complete", "s", wall_s),
            Measurement(f"{what}, memory", "MB", status.resident_bytes / 1e6),
            Measurement(f"{what}, definitions", "definitions", status.definitions),
        ]
        for when, times in (("beside the build", beside), ("after it", after)):
            rows.append(Measurement(f"excerpts {when}, median", "ms", median(times), "budget", BUDGET_MS))
            rows.append(Measurement(f"excerpts {when}, 95 of 100", "ms", p95(times), "budget", BUDGET_MS))
        rows.append(await _filled(related, workspace, paths))
    finally:
        await related.close()
    return rows


async def _built(related: Related) -> None:
    async with asyncio.timeout(BUILD_TIMEOUT_S):
        while True:
            statuses = (await related.status()).values()
            if any(each.complete or each.stopped for each in statuses):
                return
            await asyncio.sleep(0.5)


async def _times(related: Related, workspace: Path, paths: list[Path]) -> list[float]:
    """Return the milliseconds at each of `PLACES` places, each in a file that is opened for it."""
    times = []
    for document, offset in _places(paths):
        related.opened(document, workspace)
        started = time.perf_counter()
        await related.excerpts(CompletionRequest(document, offset))
        times.append(1000 * (time.perf_counter() - started))
        related.closed(document.uri)
        await asyncio.sleep(max(0.0, AUTOMATIC_WAIT_S - times[-1] / 1000))  # nobody types faster
    return times


async def _filled(related: Related, workspace: Path, paths: list[Path]) -> Measurement:
    """Return at how many places the index knew something to show."""
    filled = 0
    for document, offset in _places(paths):
        related.opened(document, workspace)
        filled += bool(await related.excerpts(CompletionRequest(document, offset, explicit=True)))
        related.closed(document.uri)
    return Measurement("places with excerpts", "of 100", 100 * filled / PLACES)


def _places(paths: list[Path]) -> Iterator[tuple[Document, int]]:
    choice = random.Random(1)
    for path in choice.sample(paths, PLACES):
        text = path.read_text("utf-8")
        calls = [match.end() for match in _CALL.finditer(text)] or [len(text)]
        yield Document(path.as_uri(), "python", text), choice.choice(calls)
