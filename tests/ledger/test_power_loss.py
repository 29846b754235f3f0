"""What was acknowledged is still there after the power went at any moment."""

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.ledger.conftest import Run
from tests.ledger.disk import Call, Disk, read_log
from tests.ledger.samples import lost

Scale = Callable[[int, int], int]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder for images; in memory where there is such a place, since nothing there can be lost."""
    return Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path  # a name is made below it


def crashes(
    disk: Disk, calls: Sequence[Call], points: int, images: int, chance: random.Random
) -> Iterator[tuple[list[str], float]]:
    """Replay the calls; stop at `points` of them, `images` times: (acknowledged, share of pending)."""
    stops = set(chance.sample(range(len(calls)), min(points, len(calls))))
    said: list[str] = []
    for number, call in enumerate(calls):
        if call.name == "say":
            said.append(call.path)
        disk.apply(call)
        if number in stops:
            for share in (0.0, 1.0, *(chance.choice((0.2, 0.5, 0.8)) for _ in range(images - 2))):
                yield said, share


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_when_the_power_goes(
    disk: str, run: Run, tmp_path: Path, place: Path, scale: Scale
) -> None:
    root, log = tmp_path / "root", tmp_path / "log"
    root.mkdir()
    run("record", root, scale(14, 30), LD_PRELOAD=disk, DISK_FOLDER=str(root), DISK_LOG=str(log))
    calls, chance = list(read_log(log)), random.Random(1)
    assert sum(call.name == "say" for call in calls) >= scale(20, 45)
    replayed, images = Disk(str(root)), 0
    for said, share in crashes(replayed, calls, scale(80, 100_000), scale(6, 8), chance):
        images += 1
        image = place / f"{tmp_path.name}-{tmp_path.stat().st_ino}-{images}"
        replayed.image(image, chance, share)
        assert lost(image / "data" / "ledger", said) == [], f"image {images}, {share} of what was pending"
        shutil.rmtree(image)
    assert images >= scale(450, 4000)


def test_sqlite_with_its_defaults_does_lose_rows_in_the_same_simulation(
    disk: str, run: Run, tmp_path: Path, scale: Scale
) -> None:
    root, log = tmp_path / "root", tmp_path / "log"
    root.mkdir()
    with closing(sqlite3.connect(root / "plain.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE spent (number INTEGER)")
    replayed = Disk(str(root), root)
    run("record_defaults", root, 10, LD_PRELOAD=disk, DISK_FOLDER=str(root), DISK_LOG=str(log))
    chance, losses = random.Random(1), 0
    stops = crashes(replayed, list(read_log(log)), scale(40, 400), 6, chance)
    for number, (said, share) in enumerate(stops):
        image = tmp_path / f"image-{number}"
        replayed.image(image, chance, share)
        with closing(sqlite3.connect(image / "plain.db")) as connection:
            rows = {str(row[0]) for row in connection.execute("SELECT number FROM spent")}
        losses += any(line not in rows for line in said)
    assert losses > 0, "the simulation finds nothing, so it proves nothing"


@pytest.mark.timeout(300)
def test_one_copy_may_be_older_than_the_other(
    disk: str, run: Run, tmp_path: Path, place: Path, scale: Scale
) -> None:
    root, log = tmp_path / "root", tmp_path / "log"
    root.mkdir()
    run("record", root, scale(8, 25), LD_PRELOAD=disk, DISK_FOLDER=str(root), DISK_LOG=str(log))
    states: list[tuple[list[str], Path]] = []
    replayed, said, chance = Disk(str(root)), [], random.Random(2)
    base = place / f"{tmp_path.name}-{tmp_path.stat().st_ino}-states"
    base.mkdir()
    for call in read_log(log):
        replayed.apply(call)
        if call.name == "say":
            said.append(call.path)
            state = base / str(len(said))
            replayed.image(state, chance, 0.0)
            states.append((list(said), state / "data" / "ledger"))
    for number in range(scale(60, 600)):
        (said, newer), (_, older) = chance.choice(states), chance.choice(states)
        if len(_) > len(said):
            (said, newer), older = (_, older), newer
        mixed = base / f"mixed-{number}"
        shutil.copytree(newer, mixed)
        names = ("ledger.jsonl",) if chance.random() < 0.5 else ("ledger.db", "ledger.db-journal")
        for name in names:
            (mixed / name).unlink(missing_ok=True)
            if (older / name).exists():
                shutil.copy(older / name, mixed / name)
        assert lost(mixed, said) == [], f"{names} of {older} beside {newer}"
    shutil.rmtree(base)
