"""Holes in real projects that nobody here wrote: `python -m tests.benchmarks.projects --folder FOLDER`.

Their source distributions are fetched by pip, by version and hash, and unpacked into the folder; `cope-lsp
eval holes` then fills holes in them, with and without code of other files, and their own tests judge. None of
them is in the training set: training/manifest.json says so. What was answered is kept in the folder.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cope_lsp.config import Config
from cope_lsp.evaluation.holes import report
from cope_lsp.evaluation.holes.fill import Filler, Way
from cope_lsp.evaluation.holes.scored import Record, Scored
from tests.checks.suite.repository import build_python

MANIFEST = Path(__file__).parents[2] / "training" / "manifest.json"
TIMEOUT_S = 30


@dataclass(frozen=True)
class Project:
    """A source distribution: small, without dependencies, with quick tests of its own."""

    name: str
    version: str
    sha256: str

    @property
    def pin(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


PROJECTS = (
    Project("toolz", "1.0.0", "2c86e3d9a04798ac556793bced838816296a2f085017664e4995cb40a1047a02"),
    Project("sqlparse", "0.5.1", "bb6b4df465655ef332548e24f08e205afc81b9ab86cb1c45657a7ff173a3a00e"),
    Project("pathspec", "0.12.1", "a482d51503a1ab33b1c67a6c3813a26953dbdc71c31dacaef9a838c4e29f5712"),
    Project("inflection", "0.5.1", "1a29730d366e996aaacffb2f1f1cb9593dc38e2ddd30c91250c6dde09ea9b417"),
)


def fetch(project: Project, folder: Path) -> Path:
    """Return the unpacked distribution; pip brings it where it is not there yet."""
    unpacked = folder / project.name
    if not unpacked.exists():
        pins = folder / f"{project.name}.txt"
        pins.write_text(f"{project.pin}\n")
        wanted = ("download", "--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes")
        subprocess.run(
            [sys.executable, "-m", "pip", *wanted, "-r", pins, "--dest", folder / "fetched"], check=True
        )
        (archive,) = (folder / "fetched").glob(f"{project.name.replace('-', '[-_]')}-*.tar.gz")
        with tarfile.open(archive) as file:
            top = file.getnames()[0].split("/")[0]
            file.extractall(folder / "unpacked", filter="data")
        (folder / "unpacked" / top).rename(unpacked)
    return unpacked


def trained_on() -> set[str]:
    """Return the names of what the embedded model was trained on."""
    return {source["name"] for source in json.loads(MANIFEST.read_text("utf-8"))["sources"]}


def fill(project: Path, out: Path, python: Path, arguments: argparse.Namespace, *more: str) -> None:
    """Run `cope-lsp eval holes` on one project."""
    given = ("--limit", str(arguments.limit), "--seed", str(arguments.seed), "--trigger", arguments.trigger)
    model = ("--model", str(arguments.model)) if arguments.model else ()
    environment = os.environ | {
        "COPE_LSP_TESTS_PYTHON": str(python),
        "COPE_LSP_TESTS_TIMEOUT_S": str(TIMEOUT_S),
    }
    subprocess.run(
        [sys.executable, "-m", "cope_lsp", "eval", "holes", project, *given, *model, "--out", out, *more],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def compared(outs: Sequence[Path], arguments: argparse.Namespace) -> list[Scored]:
    """Return the answers of some projects that all ways have."""
    ways: tuple[Way, ...] = ("automatic", "explicit")
    shown = [way for way in ways if arguments.trigger in {way, "both"}]
    with_others = Filler(Config(model_path=arguments.model))
    alone = Filler(Config(model_path=arguments.model, context_related=False))
    labels = [report.RAW, *(filler.label(way) for way in shown for filler in (with_others, alone))]
    rows = [row for out in outs for row in Record(out).rows]
    return report.comparable(rows, with_others.digest, labels)


def main() -> None:
    """Measure each project and all together."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.projects", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where projects and answers are kept")
    parser.add_argument("--model", type=Path, metavar="GGUF")
    parser.add_argument("--limit", type=int, default=60, metavar="N", help="holes of each project")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trigger", choices=("automatic", "explicit", "both"), default="automatic")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    assert not {project.name for project in PROJECTS} & trained_on()
    folder: Path = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "python" / "bin" / "python"
    if not python.exists():
        build_python(folder / "python")
    outs = {project: folder / f"{project.name}.jsonl" for project in PROJECTS}
    for project, out in outs.items():
        unpacked = fetch(project, folder)
        fill(unpacked, out, python, arguments)
        fill(unpacked, out, python, arguments, "--no-related")
    console = Console(width=160)
    tables = {
        f"{project.name} {project.version}": compared([out], arguments) for project, out in outs.items()
    }
    tables["all together"] = compared(list(outs.values()), arguments)
    for title, found in tables.items():
        for table in report.as_tables(found, title):
            console.print(table)
    if arguments.json:
        documents = {title: report.as_json(found) for title, found in tables.items()}
        arguments.json.write_text(json.dumps(documents, indent=1))


if __name__ == "__main__":
    main()
