"""Pictures: sound files in which no label covers another one, for eyes and ears, in light and dark."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from cope_lsp.evaluation.findings import Findings, findings
from cope_lsp.evaluation.labels import Box, Label, placed
from cope_lsp.evaluation.pictures import accuracy_cost, pictures
from cope_lsp.evaluation.svg import Scale, around, shortened, text_width, ticks
from tests.evaluation.synthetic import RECIPES, Recipe, trials

SVG = "{http://www.w3.org/2000/svg}"
AREA = Box(0, 0, 900, 500)


@pytest.fixture(scope="module")
def found() -> Findings:
    return findings(trials(120))


def boxes(texts: Sequence[ET.Element], *, bold: float = 1.1) -> list[Box]:
    """Where the lines of text are, at most."""
    made = []
    for text in texts:
        size = int(text.get("font-size", "12"))
        width = text_width(text.text or "", size) * (bold if text.get("font-weight") else 1)
        left = float(text.attrib["x"]) - width * {"middle": 0.5, "end": 1.0}.get(
            text.get("text-anchor", ""), 0.0
        )
        y = float(text.attrib["y"])
        made.append(Box(left, y - 0.8 * size, left + width, y + 0.1 * size))
    return made


def assert_apart(found: Sequence[Box], names: Sequence[str]) -> None:
    for index, box in enumerate(found):
        for other in range(index):
            assert not box.overlaps(found[other]), (names[index], names[other])


@pytest.mark.parametrize("name", ["accuracy-cost.svg", "reliability-agreement.svg", "reliability-tests.svg"])
def test_no_text_covers_another_one_or_leaves_the_picture(found: Findings, name: str) -> None:
    picture = ET.fromstring(pictures(found)[name])
    texts = list(picture.iter(f"{SVG}text"))
    places = boxes(texts)
    assert_apart(places, [text.text or "" for text in texts])
    paper = Box(0, 0, float(picture.attrib["width"]), float(picture.attrib["height"]))
    assert all(paper.holds(place) for place in places)


def test_every_method_has_a_point_and_a_label_and_the_baseline_is_a_square(found: Findings) -> None:
    picture = ET.fromstring(accuracy_cost(found))
    labels = [text.text for text in picture.iter(f"{SVG}text") if "halo" in text.get("class", "")]
    assert labels == [row.label for row in found.rows]
    titles = [title.text or "" for mark in picture for title in mark.iter(f"{SVG}title") if mark is not title]
    assert [title.split(": ")[0] for title in titles] == labels
    squares = [rect for rect in picture.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    assert [(square.find(f"{SVG}title").text or "").split(": ")[0] for square in squares] == ["large-alone"]  # type: ignore[union-attr]


def test_a_point_stands_where_its_numbers_say(found: Findings) -> None:
    circles = list(ET.fromstring(accuracy_cost(found)).iter(f"{SVG}circle"))
    rows = [row for row in found.rows if not row.is_baseline]
    xs, ys = ([float(circle.attrib[key]) for circle in circles] for key in ("cx", "cy"))
    assert xs == sorted(xs), "the rows come from the cheapest to the dearest"
    by_height = sorted(range(len(rows)), key=lambda index: -ys[index])
    heights = [rows[index].accuracy.value for index in by_height]
    assert heights == sorted(heights)


def _judged(found: Findings, name: str) -> set[str]:
    return {one.label for one in found.judgements if one.estimator in name}


def test_a_picture_can_be_read_aloud(found: Findings) -> None:
    for name, text in pictures(found).items():
        picture = ET.fromstring(text)
        assert picture.get("role") == "img"
        ids = picture.attrib["aria-labelledby"].split()
        named = {part.get("id"): part.text or "" for part in picture if part.get("id")}
        assert [len(named[part]) > 10 for part in ids] == [True, True], name
        drawn = {row.label for row in found.rows} if "cost" in name else _judged(found, name)
        assert all(label in named[ids[1]] for label in drawn)


def test_a_picture_has_colours_for_light_and_for_dark(found: Findings) -> None:
    text = accuracy_cost(found)
    light, dark = text.split("@media (prefers-color-scheme:dark)")
    used = {name for names in re.findall(r'class="([^"]+)"', dark) for name in names.split()}
    for name in used:
        assert f".{name}{{" in light, name
        assert f".{name}{{" in dark, name


def test_names_are_text_and_no_markup() -> None:
    made = [replace(trial, method="<b>&", estimator="tests") for trial in trials(5, recipes=RECIPES[-1:])]
    for text in pictures(findings(made)).values():
        ET.fromstring(text)
        assert "<b>" not in text


def test_equal_findings_make_equal_pictures() -> None:
    assert pictures(findings(trials(30))) == pictures(findings(trials(30)[::-1]))


def test_methods_that_cost_nothing_can_be_drawn() -> None:
    found = findings(trials(5, recipes=[Recipe("small-alone", 1.0)]))
    ET.fromstring(accuracy_cost(found))


def test_thirty_methods_find_room() -> None:
    recipes = [
        replace(recipe, method=f"{recipe.method}-{index}", nusd=recipe.nusd // 40 * (40 - index))
        for index in range(3)
        for recipe in RECIPES[:10]
    ]
    picture = ET.fromstring(accuracy_cost(findings(trials(60, recipes=recipes))))
    texts = [text for text in picture.iter(f"{SVG}text") if "halo" in text.get("class", "")]
    assert len(texts) == 30
    assert_apart(boxes(texts), [text.text or "" for text in texts])


@pytest.mark.parametrize("spread", [0.0, 5.0, 60.0, 400.0])
def test_labels_of_crowded_points_keep_apart(spread: float) -> None:
    for seed in range(10):
        rng = random.Random(seed)
        wanted = [
            Label(450 + rng.uniform(-spread, spread), 250 + rng.uniform(-0.6, 0.6) * spread, 120, 15)
            for _ in range(25)
        ]
        found = placed(wanted, AREA)
        assert_apart(found, [str(index) for index in range(25)])
        assert all(AREA.holds(box) for box in found)
        for box in found:
            assert not any(box.left < one.x < box.right and box.top < one.y < box.bottom for one in wanted)


def test_a_label_is_beside_its_point_where_there_is_room() -> None:
    (box,) = placed([Label(100, 100, 50, 15)], AREA)
    assert (round(box.left), box.top) == (111, 92.5)
    (box,) = placed([Label(890, 100, 50, 15)], AREA)
    assert box.right <= 890


def test_a_label_goes_around_a_bar() -> None:
    bar = Box(105, 0, 300, 500)
    (box,) = placed([Label(100, 100, 50, 15)], AREA, [bar])
    assert not box.overlaps(bar)


def test_where_there_is_no_room_a_label_is_placed_all_the_same() -> None:
    assert len(placed([Label(5, 5, 50, 15)] * 3, Box(0, 0, 10, 10))) == 3


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 6, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 2.3, 6, [0, 0.5, 1, 1.5, 2]),
        (0.4, 1, 8, [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        (0, 7e-6, 5, [0, 2e-6, 4e-6, 6e-6]),
    ],
)
def test_ticks_are_round(low: float, high: float, most: int, expected: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(expected)


def test_the_bounds_of_a_scale_are_round() -> None:
    assert around(0.43, 0.97, 8) == pytest.approx((0.4, 1.0))
    assert around(0.4, 1.0, 8) == pytest.approx((0.4, 1.0))


def test_what_is_outside_of_a_scale_is_on_its_edge() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-1, 0, 5, 11)] == [100, 100, 150, 200]


def test_a_long_label_ends_with_dots() -> None:
    assert shortened("short", 200) == "short"
    cut = shortened("cope-checks:samples=4" * 5, 200)
    assert cut.endswith("...")
    assert text_width(cut) <= 200
