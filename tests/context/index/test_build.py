"""The index of real folders: what is found, what is not read, where it stops, and how it stays true."""

import os
from pathlib import Path

import pytest

from cope_lsp.context.index.build import Bounds, Build


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def built(workspace: Path, bounds: Bounds | None = None) -> Build:
    made = Build(workspace, bounds)
    while made.step():
        pass
    return made


def texts(build: Build, *names: str, modules: tuple[str, ...] = (), path: str = "main.py") -> list[str]:
    return [f"{each.path}: {each.text}" for each in build.find(names, modules, path)]


def test_what_is_imported_is_found_among_many_of_the_same_name(tmp_path: Path) -> None:
    for number in range(100):
        write(tmp_path / f"p{number}" / "tools.py", f"def run(n{number}): ...\n")
    build = built(tmp_path)
    assert build.is_complete
    assert (build.table.files, build.table.definitions) == (100, 100)
    assert texts(build, "run", modules=("p7/tools", "os")) == ["p7/tools.py: def run(n7):"]
    assert texts(build, "run", modules=("p8",)) == ["p8/tools.py: def run(n8):"]
    assert texts(build, "run", modules=("os",)) == []


def test_a_rare_name_is_found_without_an_import(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "def unusual(x): ...\ndef f(): ...\n")
    write(tmp_path / "b.py", "def twice(): ...\n")
    build = built(tmp_path)
    assert texts(build, "unusual", "f", "nothing") == ["a.py: def unusual(x):"]


def test_what_the_file_itself_defines_is_not_shown_to_it(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "def unusual(x): ...\n")
    write(tmp_path / "b.py", "def unusual(y): ...\n")
    build = built(tmp_path)
    assert texts(build, "unusual", path="a.py") == []
    assert texts(build, "unusual", path="a.py", modules=("b",)) == ["b.py: def unusual(y):"]


def test_what_an_ignore_file_names_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore", "/private/\n")
    write(tmp_path / ".copeignore", "*_secret.py\n")
    for name in ("private/a.py", "the_secret.py", ".env.py"):
        write(tmp_path / name, "def unusual(): ...\n")
    build = built(tmp_path)
    assert build.table.files == 0
    build.changed(["private/a.py", "the_secret.py", "../out.py"])
    assert build.table.files == 0


def test_what_is_ignored_later_is_not_shown_any_more(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "def unusual(): ...\n")
    build = built(tmp_path, Bounds(judged_s=0.0))
    assert texts(build, "unusual")
    write(tmp_path / ".gitignore", "a.py\n")
    assert texts(build, "unusual") == []


def test_a_file_that_changed_is_read_again_when_it_is_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "def unusual(x): ...\ndef other_name(): ...\n")
    build = built(tmp_path)
    write(file, "def unusual(x, y): ...\n")
    assert texts(build, "unusual") == ["a.py: def unusual(x, y):"]
    assert texts(build, "other_name") == []
    file.unlink()
    assert texts(build, "unusual") == []
    assert build.table.files == 0


def test_a_file_that_was_not_there_is_read_when_it_changes(tmp_path: Path) -> None:
    build = built(tmp_path)
    write(tmp_path / "new.py", "def unusual(x): ...\n")
    assert texts(build, "unusual") == []
    build.changed(["new.py"])
    assert texts(build, "unusual") == ["new.py: def unusual(x):"]


def test_the_workspace_is_looked_through_again_after_a_while(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "def unusual(x): ...\n")
    build = built(tmp_path, Bounds(again_s=0.0))
    write(tmp_path / "b.py", "def another(x): ...\n")
    assert texts(build, "another") == []
    while build.step():
        pass
    assert texts(build, "another") == ["b.py: def another(x):"]


@pytest.mark.parametrize(
    ("bounds", "files", "reason"),
    [
        (Bounds(files_max=5), 5, "it has read 5 files"),
        (Bounds(bytes_max=100), 5, "it has read 100 bytes"),
        (Bounds(definitions_max=3), 3, "it has found 3 definitions"),
        (Bounds(cpu_s_max=0.0), 0, "it has worked for 0 s"),
        (Bounds(resident_bytes_max=-(1 << 40)), 0, "it takes -1099511627776 bytes of memory"),
    ],
)
def test_it_stops_at_each_bound_and_says_so(tmp_path: Path, bounds: Bounds, files: int, reason: str) -> None:
    for number in range(10):
        write(tmp_path / f"f{number}.py", "def unusual(x): ...\n")  # 20 bytes
    build = built(tmp_path, bounds)
    assert (build.table.files, build.stopped, build.is_complete) == (files, reason, False)


def test_a_workspace_that_just_fits_is_complete(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / f"f{number}.py", "def unusual(x): ...\n")
    assert built(tmp_path, Bounds(files_max=5, bytes_max=100, definitions_max=5)).is_complete


def test_names_that_no_text_can_hold_are_left_out(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no such names")
    for name in (b"bad\xff.py", b"new\nline.py", b"good.py"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("def unusual(): ...\n")
    assert texts(built(tmp_path), "unusual") == ["good.py: def unusual():"]


def test_a_file_that_moves_keeps_no_old_definitions(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "def unusual(x): ...\n")
    build = built(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    build.changed(["a.py", "b.py"])
    assert texts(build, "unusual") == ["b.py: def unusual(x):"]
    assert (build.table.files, build.table.definitions) == (1, 1)


def test_names_that_no_table_holds_mean_nothing_and_harm_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "def unusual(x): ...\n")
    build = built(tmp_path)
    assert texts(build, "unusual", modules=("half\ud800",)) == []
    assert texts(build, "half\ud800") == []
    build.changed(["half\ud800.py"])
    assert texts(build, "unusual") == ["a.py: def unusual(x):"]


def test_each_look_has_all_the_time_of_the_processor(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "def unusual(x): ...\n")
    build = built(tmp_path, Bounds(again_s=0.0, cpu_s_max=5.0))
    build.build_s = 6.0  # as after many looks
    write(tmp_path / "b.py", "def another(x): ...\n")
    assert texts(build, "another") == []
    while build.step():
        pass
    assert (build.is_complete, build.stopped) == (True, "")
    assert texts(build, "another") == ["b.py: def another(x):"]
    assert build.build_s > 6.0


def test_one_that_stopped_looks_again_after_a_while_and_forgets_what_is_gone(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"f{number}.py", f"def unusual_{number}(x): ...\n")
    build = built(tmp_path, Bounds(again_s=0.0, files_max=2))
    assert build.stopped
    for number in range(2):
        (tmp_path / f"f{number}.py").unlink()
    assert texts(build, "unusual_2") == []
    assert build.stopped == ""
    while build.step():
        pass
    assert build.is_complete
    assert build.table.files == 1
    assert texts(build, "unusual_2") == ["f2.py: def unusual_2(x):"]


def test_it_says_what_it_reads_and_leaves_out_what_it_is_told_to(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / f"{name}.py", f"def unusual_{name}(x): ...\n")
    told: list[str] = []
    build = Build(tmp_path, skip=["b.py"], reading=told.append)
    while build.step():
        pass
    build.changed(["b.py"])
    assert told == ["a.py", "", "c.py", ""]
    assert build.is_complete
    assert texts(build, "unusual_b") == []
