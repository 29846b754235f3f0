"""The benchmarks: what the corpus must not contain, recognised by runs of words."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RUN_WORDS = 13
WORD = re.compile(r"\w+")


class Benchmarks:
    """Every run of 13 words of some benchmarks' tasks, solutions and tests."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._runs = {run for text in texts for run in runs_of(text)}

    def overlap(self, text: str) -> bool:
        """Tell whether a text shares a run of 13 words with a benchmark."""
        return bool(self._runs) and any(run in self._runs for run in runs_of(text))

    def __len__(self) -> int:
        """Return the number of different runs; 0: nothing is looked for."""
        return len(self._runs)


def load(folder: Path | None) -> Benchmarks:
    """Read the files `*.json`, `*.jsonl` and `*.jsonl.gz` of a folder; None: no benchmarks."""
    return Benchmarks(_texts(folder) if folder else iter(()))


def runs_of(text: str) -> Iterator[int]:
    """Yield a number for each run of 13 words, small and capital letters alike."""
    words = WORD.findall(text.lower())
    for start in range(len(words) - RUN_WORDS + 1):
        yield hash(tuple(words[start : start + RUN_WORDS]))


def _texts(folder: Path) -> Iterator[str]:
    """Yield the text of each task: its fields one after the other, and each alone."""
    for path in sorted(folder.iterdir()):
        for record in _records(path):
            fields = [text for value in record.values() for text in _strings(value)]
            yield from fields
            # The parts of an infilling task are one text only when they are joined.
            yield "".join(str(record.get(key, "")) for key in ("prompt", "canonical_solution", "suffix"))
            yield "\n".join(fields)


def _strings(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return [value] if isinstance(value, str) else []


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if path.name.endswith(".json"):
        yield from json.loads(path.read_text(encoding="utf-8"))
    elif path.name.endswith(".jsonl"):
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())
    elif path.name.endswith(".jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
