"""What the benchmarks measure with: recorded keys, repeated code, and the picture of their ratios."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks import edits, keystrokes, plot
from tests.benchmarks.measure import Measurement


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
