"""What the benchmarks measure with: recorded keys, repeated code, and the picture of their ratios."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks import edits, history, keystrokes, large_file, plot, replay
from tests.benchmarks.measure import Measurement
from tests.benchmarks.typist import State, fits, position


def test_all_keys_of_a_recording_write_the_source_again() -> None:
    source = Path(keystrokes.__file__).read_text("ascii")
    recording = keystrokes.record(source)
    *_, (_, text) = recording.states()
    assert recording.text != source
    assert text == source


def test_the_recording_has_every_kind_of_key_early() -> None:
    recording = keystrokes.read()
    assert len(recording.keys) == keystrokes.KEYS
    early = recording.keys[: keystrokes.KEYS * 2 // 5]
    assert {key.kind for key in early} == {"insert", "delete", "jump", "accept"}


def test_an_edit_ends_inside_of_a_second_function_with_another_name() -> None:
    for text in edits.edits(20, characters_max=1200):
        original, _, copy = text.partition("_other(")
        assert len(text) <= 1200
        assert original.count("def ") >= 2
        assert 0 < copy.count("\n") < original.count("\n")


@pytest.mark.parametrize(
    ("unit", "value", "colour"),
    [
        ("ms", 2.0, plot.WORSE),
        ("ms", 0.5, plot.BETTER),
        ("tokens/s", 2.0, plot.BETTER),
        ("tokens/s", 0.5, plot.WORSE),
        ("ms", 1e6, plot.WORSE),
    ],
)
def test_a_bar_goes_from_one_to_the_ratio(unit: str, value: float, colour: str) -> None:
    rows = [Measurement("a < b", unit, value, "peer", 1.0), Measurement("alone", unit, 1.0)]
    picture = ET.fromstring(plot.svg(rows))
    _, bar = picture.iter("{http://www.w3.org/2000/svg}rect")
    start, end = float(bar.attrib["x"]), float(bar.attrib["x"]) + float(bar.attrib["width"])
    one = plot._x(1)
    assert bar.attrib["fill"] == colour
    assert (start if value > 1 else end) == pytest.approx(one, abs=0.2)
    assert 0 < start < end <= float(picture.attrib["width"])


# -- a history that is typed again ----------------------------------------------------------------------

VERSIONS = (
    "def area(width, height):\n    return width * height\n",
    "import math\n\n\ndef area(width, height=0):\n    return width * (height or width)\n\n\nNAME = 'é 😀'\n",
    "import math\n\n\ndef circle(radius):\n    return math.pi * radius**2\n\n\nNAME = 'é 😀'\n",
)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, "-C", folder, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository in which a file has several versions, beside files that nobody types."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init")
    (folder / "link.py").symlink_to("a.py")
    (folder / "data.py").write_bytes(b"\xff\xfe")
    (folder / "note.txt").write_text("a note\n")
    for version in VERSIONS:
        (folder / "a.py").write_text(version, "utf-8")
        git(folder, "add", ".")
        git(folder, "commit", "-m", "a change")
    return folder


def test_the_changes_of_a_history_lead_from_version_to_version(repository: Path) -> None:
    found = list(history.changes(repository, seed=1))
    steps = set(zip(("", *VERSIONS), VERSIONS, strict=False))
    assert {(change.before, change.after) for change in found} == steps
    assert {change.path for change in found} == {"a.py"}


def test_nothing_that_a_repository_configures_is_run(repository: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "program.sh"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o700)
    (repository / ".gitattributes").write_text("*.py diff=own filter=own\n")
    for name in ("core.fsmonitor", "diff.external", "diff.own.command", "diff.own.textconv"):
        git(repository, "config", name, str(program))
    assert len(list(history.changes(repository, seed=1))) == len(VERSIONS)
    assert not ran.exists()


def test_a_replay_writes_the_history_and_shows_nothing_stale(repository: Path) -> None:
    counts = replay.replay(repository, keys=150)
    assert counts.wrong == []
    assert counts.keys >= 150
    assert 0 < counts.questions < counts.keys
    assert counts.left > 0, "some keys came before the answer to the one before"
    assert counts.modelled > 0
    assert {row.value for row in replay.rows(counts) if "stale" in row.what} == {0}


ASKED = State(1, "a = \nb = 2\n", 4)


def item(text: str, then: str, offset: int, length: int = 0) -> dict[str, object]:
    where = {"start": position(then, offset), "end": position(then, offset + length)}
    return {"insertText": text, "range": where}


@pytest.mark.parametrize(
    ("what", "offered", "then", "is_fit"),
    [
        ("at the cursor", item("f(x)", ASKED.text, 4), ASKED.text, True),
        ("without a text", item("", ASKED.text, 4), ASKED.text, False),
        ("before the cursor", item("f(x)", ASKED.text, 3), ASKED.text, False),
        ("on what stands there", item("f(x)", ASKED.text, 3, 1), ASKED.text, False),
        ("on the line below", item("f(x)", ASKED.text, 5), ASKED.text, False),
        ("behind what was typed", item("(x)", "a = f\nb = 2\n", 5), "a = f\nb = 2\n", True),
        ("before what was typed", item("f(x)", "a = f\nb = 2\n", 4), "a = f\nb = 2\n", False),
        ("behind a line that was typed", item("x", "a = f(\n\nb = 2\n", 7), "a = f(\n\nb = 2\n", True),
        ("after something else was deleted", item("f(x)", "a =\nb = 2\n", 3), "a =\nb = 2\n", False),
        ("after something was typed above", item("f(x)", "# a = \nb = 2\n", 6), "# a = \nb = 2\n", False),
        ("after something was typed below", item("f(x)", "a = \nb = 23\n", 4), "a = \nb = 23\n", False),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value and "=" not in value else "",
)
def test_an_item_is_fit_only_for_the_text_with_what_was_typed_at_its_place(
    what: str, offered: dict[str, object], then: str, *, is_fit: bool
) -> None:
    assert fits(offered, ASKED, State(2, then, 0)) == is_fit, what


def test_the_large_file_is_large_and_compiles() -> None:
    text = large_file.large_text()
    assert text.count("\n") >= large_file.LINES
    compile(text, "large.py", "exec", dont_inherit=True)
