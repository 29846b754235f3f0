"""`python -m training.family FILE`: write tasks of the family as JSON lines, for the evaluation."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from rich.progress import track

from training.family.generator import tasks
from training.family.task import Part, Split


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tasks; a kill leaves no half of them."""
    asked = _parser().parse_args(arguments)
    if asked.file.exists() and not asked.file.is_file():
        print(f"{asked.file} is no file; name one that may be replaced", file=sys.stderr)
        return 1
    drawn = tasks(asked.split, asked.tasks, asked.seed, part=asked.part)
    fresh = asked.file.with_name(f"{asked.file.name}.new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            for task in track(drawn, f"{asked.split} tasks", asked.tasks):
                file.write(json.dumps(asdict(task)) + "\n")
        fresh.replace(asked.file)
    except OSError as error:
        print(f"{asked.file} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.family", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="where the tasks go")
    parser.add_argument("--tasks", type=int, default=1_000, metavar="N")
    parser.add_argument("--seed", type=int, default=2, help="training and its own measurements use seed 1")
    parser.add_argument("--split", choices=get_args(Split), default="held-out")
    parser.add_argument("--part", choices=get_args(Part), default="core", help="of the operations")
    return parser


if __name__ == "__main__":
    sys.exit(main())
