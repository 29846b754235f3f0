"""Real histories typed again: `python -m tests.benchmarks.replay --repository PATH` replays one of your own.

Each change of a file in the history of a git repository becomes keys: go to the place, take the old text
away, type the new one, with errors that are taken back and with line ends that bring their indentation. After
each key ghost text is asked for, as editors do; some keys come before the answer to the one before. What
agrees with what is typed next is now and then accepted: all of it, or its first word.

No answer may be stale: see `typist.fits`. The keys are pressed as fast as answers come.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.history import changes
from tests.benchmarks.measure import Measurement, median, p95
from tests.benchmarks.typist import Counts, Typist, Wire
from tests.server.conftest import clean_environment

ROOT = Path(__file__).resolve().parents[2]

KEYS = 10_000
REPETITIONS_FOR_ALL = 5
"""With fewer repetitions fewer keys are pressed."""

KEYS_PER_CHANGE = 200
"""So that the keys come from many commits; what is left of a longer change is not typed."""


def measure(repetitions: int) -> list[Measurement]:
    """Replay the history of this project."""
    keys = KEYS * min(repetitions, REPETITIONS_FOR_ALL) // REPETITIONS_FOR_ALL
    counts = replay(ROOT, keys)
    sys.stderr.writelines(f"{line}\n" for line in counts.wrong)
    return rows(counts)


def replay(repository: Path, keys: int, seed: int = 1) -> Counts:
    """Type so many keys of a repository's history; fewer, if it has not as many."""
    with tempfile.TemporaryDirectory(prefix="cope") as folder:
        client = Wire(environment(Path(folder)), Path(folder))
        try:
            client.initialize(encoding="utf-32")
            typist = Typist(client, seed)
            for change in changes(repository, seed):
                if typist.counts.keys >= keys:
                    break
                typist.write(change, min(KEYS_PER_CHANGE, keys - typist.counts.keys))
            client.shut_down()
        finally:
            client.kill()
    return typist.counts


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a user without settings, data or engines."""
    places = dict.fromkeys(("XDG_RUNTIME_DIR", "XDG_STATE_HOME"), str(folder))
    return clean_environment(folder) | places | {"PYTHONPATH": str(ROOT)}


def rows(counts: Counts) -> list[Measurement]:
    """Return the counts as rows."""
    answered = counts.modelled + counts.remembered
    numbers = [
        ("keys", f"of {counts.changes} changes", counts.keys),
        ("questions", f"for {counts.keys} keys", counts.questions),
        ("answered with nothing, as the user had gone on", f"of {counts.questions}", counts.left),
        ("suggestions shown", f"of {counts.questions}", counts.shown),
        ("shown behind what had been typed meanwhile", f"of {counts.shown}", counts.typed_through),
        ("answered from memory", f"of {answered}", counts.remembered),
        ("answered from memory", "%", 100 * counts.remembered / max(1, answered)),
        ("accepted", f"of {counts.shown}", counts.accepted),
        ("accepted, the first word only", f"of {counts.accepted}", counts.words),
        ("accepted and whole at the end of the change", f"of {counts.accepted}", counts.kept),
        (
            "accepted characters there at the end of the change",
            "%",
            100 * counts.kept_characters / max(1, counts.accepted_characters),
        ),
        ("stale answers", f"of {counts.questions}", len(counts.stale)),
        ("answers that were errors", f"of {counts.questions}", len(counts.errors)),
    ]
    return [
        *(Measurement(f"replay: {what}", unit, value) for what, unit, value in numbers),
        *_waits("answers from memory", counts.memory_ms),
        *_waits("answers of the model", counts.model_ms),
    ]


def _waits(what: str, milliseconds: Sequence[float]) -> list[Measurement]:
    if len(milliseconds) < 2:
        return []
    return [
        Measurement(f"replay: {what}, median", "ms", median(milliseconds)),
        Measurement(f"replay: {what}, 95 of 100", "ms", p95(milliseconds)),
    ]


def main() -> None:
    """Replay what the command line says; exit 1 when an answer was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.replay", description=__doc__)
    parser.add_argument("--repository", type=Path, default=ROOT, metavar="PATH")
    parser.add_argument("--keys", type=int, default=KEYS, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    arguments = parser.parse_args()
    counts = replay(arguments.repository, arguments.keys, arguments.seed)
    for row in rows(counts):
        sys.stdout.write(f"{row.what}: {row.value:.4g} {row.unit}\n")
    sys.stdout.writelines(f"{line}\n" for line in counts.wrong)
    sys.exit(bool(counts.wrong))


if __name__ == "__main__":
    main()
