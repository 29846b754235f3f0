"""Counts on disk: added by several at once, kept for a while, and never in anybody's way."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cope_lsp.feedback.counts import GROUPS_MAX, Group, Waiting, add, bucket_of, group_of, quantile_s
from cope_lsp.feedback.recorder import Recorder
from cope_lsp.feedback.store import DAYS_KEPT, Store
from tests.server.wire_client import _AS_A_USER

GROUP = group_of("python", "some-model", "model")


def waiting(number: int = 1, group: Group = GROUP, value: str = "shown") -> Waiting:
    return Waiting({(group, "outcome", value): number})


def total(store: Store, days: int = 1) -> dict[str, int]:
    return {count.value: count.number for count in store.counts(days)}


def days_ago(days: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


def test_counts_add_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert total(store) == {}
    assert store.add(waiting(2)) == store.add(waiting(3)) == ("written", "")
    assert store.add(waiting(-1)) == ("written", "")
    assert total(store) == {"shown": 4}


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    store.add(waiting())
    assert store.path.stat().st_mode & 0o077 == 0
    assert store.path.parent.stat().st_mode & 0o077 == 0


def test_a_question_about_some_days_is_answered_for_those(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for day in (0, 6, 7):
        store.add(waiting(1, Group(days_ago(day), "python", "m", "model")))
    assert [len(list(store.counts(days))) for days in (1, 7, 8)] == [1, 2, 3]


def test_old_days_are_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for day in (DAYS_KEPT + 1, DAYS_KEPT - 1):
        store.add(waiting(1, Group(days_ago(day), "python", "m", "model")))
    store.add(waiting())
    assert [count.group.day for count in store.counts(10 * DAYS_KEPT)] == [
        days_ago(DAYS_KEPT - 1),
        days_ago(0),
    ]


WRITER = """
import sys
from pathlib import Path
from cope_lsp.feedback.counts import Waiting, group_of
from cope_lsp.feedback.store import Store
store, written = Store(Path(sys.argv[1])), 0
while written < 50:
    written += store.add(Waiting({(group_of("python", "m", "model"), "outcome", "shown"): 1}))[0] == "written"
"""


def test_several_processes_add_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert total(Store(tmp_path)) == {"shown": 150}


def write_noise(path: Path) -> None:
    path.write_bytes(b"\x00\xff no database" * 500)


def write_other_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE counts (something TEXT)")
        database.commit()


def overwrite_a_page(path: Path) -> None:
    add_many(Store(path.parent))
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * 4096 + data[8192:])


def add_many(store: Store) -> None:
    store.add(
        Waiting(
            {
                (Group(GROUP.day, f"language-{number}", "m", "model"), "outcome", "shown"): 1
                for number in range(1000)
            }
        )
    )


@pytest.mark.parametrize("damage", [write_noise, write_other_tables, overwrite_a_page])
def test_a_damaged_file_is_moved_aside_and_another_begun(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    store = Store(tmp_path)
    damage(store.path)
    assert store.add(waiting())[0] == "damaged"
    assert store.path.with_suffix(".damaged").exists()
    assert store.add(waiting(7)) == ("written", "")
    assert total(store) == {"shown": 7}


def test_a_journal_of_a_damaged_file_does_not_reach_the_next_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_noise(store.path)
    journal = store.path.with_name(f"{store.path.name}-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\x00" * 1000)
    assert store.add(waiting())[0] == "damaged"
    assert not journal.exists() or not journal.stat().st_size


def test_a_file_that_cannot_be_read_says_how_to_go_on(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_noise(store.path)
    with pytest.raises(OSError, match="cope-lsp stats --reset"):
        list(store.counts(1))


@pytest.mark.parametrize("damage", [None, write_noise, write_other_tables])
def test_a_reset_forgets_everything(tmp_path: Path, damage: Callable[[Path], None] | None) -> None:
    store = Store(tmp_path)
    store.reset()
    store.add(waiting())
    if damage:
        store.path.unlink()
        damage(store.path)
    store.reset()
    assert total(store) == {}
    assert not store.path.with_suffix(".damaged").exists()
    assert store.add(waiting(2)) == ("written", "")
    assert total(store) == {"shown": 2}


def test_a_file_in_use_is_tried_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(waiting())
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.add(waiting())[0] == "busy"
    assert store.add(waiting()) == ("written", "")
    assert total(store) == {"shown": 2}


READER = """
import sys
from pathlib import Path
from cope_lsp.feedback.counts import Waiting, group_of
from cope_lsp.feedback.store import Store
store = Store(Path(sys.argv[1]))
print(store.add(Waiting({(group_of("python", "m", "model"), "outcome", "shown"): 1}))[0])
print([count.number for count in store.counts(1)])
"""


def test_a_file_that_may_only_be_read_is_read_and_counts_are_lost(tmp_path: Path) -> None:
    store = Store(tmp_path / "counts")
    store.add(waiting(5))
    store.path.chmod(0o400)
    store.path.parent.chmod(0o500)
    command = [*_AS_A_USER, sys.executable, "-c", READER, store.path.parent]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["lost", "[5]"]


def test_a_folder_that_cannot_be_made_loses_counts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    written, why = Store(tmp_path / "file" / "folder").add(waiting())
    assert written == "lost"
    assert why


# -- in memory ---------------------------------------------------------------------------------------------


async def test_what_was_counted_is_written_at_the_end(tmp_path: Path) -> None:
    recorder = Recorder(Store(tmp_path))
    recorder.count(GROUP, "outcome", "shown")
    recorder.count(GROUP, "outcome", "typed")
    recorder.count(GROUP, "outcome", "typed", -1)
    await recorder.close()
    await recorder.close()
    assert total(Store(tmp_path)) == {"shown": 1}


async def test_who_wants_no_statistics_has_none(tmp_path: Path) -> None:
    recorder = Recorder(Store(tmp_path / "counts"))
    recorder.enabled = False
    recorder.count(GROUP, "outcome", "shown")
    await recorder.close()
    assert not (tmp_path / "counts").exists()


async def test_trouble_is_told_once_and_counts_that_can_wait_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path / "file" / "folder")
    (tmp_path / "file").touch()
    recorder = Recorder(store)
    for _ in range(3):
        recorder.count(GROUP, "outcome", "shown")
        await recorder.close()
    assert len(caplog.messages) == 1
    assert "statistics were lost" in caplog.text


async def test_counts_wait_while_another_window_writes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(waiting())
    recorder = Recorder(store)
    recorder.count(GROUP, "outcome", "shown")
    with closing(sqlite3.connect(store.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        await asyncio.wait_for(recorder.close(), 20)
    assert total(store) == {"shown": 1}
    recorder.write_now()
    assert total(store) == {"shown": 2}


def test_an_editor_with_many_languages_does_not_fill_the_memory() -> None:
    counted = Waiting()
    for number in range(3 * GROUPS_MAX):
        add(counted, group_of(f"language-{number}", "m"), "silence", "language")
    assert sum(counted.values()) == 3 * GROUPS_MAX
    assert len(counted) <= GROUPS_MAX + 1


@pytest.mark.parametrize("name", ["", "x" * 100, "a\nb", "<script>"])
def test_a_name_that_is_none_is_another(name: str) -> None:
    assert group_of(name, name).language == group_of(name, name).model == "other"


# -- waiting times -----------------------------------------------------------------------------------------


def test_a_quantile_is_within_half_a_doubling_of_the_truth() -> None:
    times = [0.001 * 1.01**step for step in range(900)]
    buckets: dict[int, int] = {}
    for seconds in times:
        buckets[bucket_of(seconds)] = buckets.get(bucket_of(seconds), 0) + 1
    for share in (0.05, 0.5, 0.95, 1.0):
        found = quantile_s(buckets, share)
        true = times[round(share * (len(times) - 1))]
        assert found is not None
        assert true / 2**0.5 <= found <= true * 2**0.5
    assert quantile_s({}, 0.5) is None


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.001, 0), (0.002, 2), (1e9, 29)])
def test_no_time_is_too_short_or_too_long_for_a_bucket(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket
